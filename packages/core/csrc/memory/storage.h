// A piece of memory on one device, shared by reference count. Tensors are values: nobody writes into a storage that
// somebody else can see.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/ref.h"
#include "device/device.h"
#include "tensor/dtype.h"

namespace penstock {

class PENSTOCK_API Storage final : public RefCounted {
 public:
  // Uninitialised memory from the device's (caching) allocator. Throws kMemory.
  static Ref<Storage> allocate(int64_t bytes, const Device& device = host_device());
  // String elements (penstock_string) whose bytes this storage owns.
  static Ref<Storage> allocate_strings(int64_t count);
  // Memory of somebody else: `on_destroy` gives it back.
  static Ref<Storage> wrap(void* data, int64_t bytes, const Device& device,
                           std::function<void()> on_destroy, bool writable);

  // What the statistics count for allocate(bytes) and allocate_strings(count) on the host.
  static int64_t counted_bytes(int64_t bytes);
  static int64_t counted_string_bytes(int64_t count);

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  const Device& device() const { return *device_; }
  bool writable() const { return writable_; }
  void set_string(int64_t i, const char* bytes, uint64_t size);

 private:
  // kHostBlock: this object and its data are one block of host memory.
  enum class Owner : uint8_t { kHostBlock, kDevice, kStrings, kForeign };
  Storage(void* data, int64_t bytes, const Device& device, Owner owner)
      : data_(data), bytes_(bytes), device_(&device), owner_(owner) {}
  ~Storage() override = default;
  void destroy() override;

  void* data_;
  int64_t bytes_;
  const Device* device_;
  std::unique_ptr<std::function<void()>> on_destroy_;
  Owner owner_;
  bool writable_ = true;
};

struct MemoryStats {
  int64_t live_bytes, cached_bytes, peak_bytes, num_allocations, limit;
};
PENSTOCK_API MemoryStats host_memory_stats();
// Forgets earlier peaks: the peak is what is in use now.
PENSTOCK_API void reset_host_memory_peak();
// Gives cached, unused host memory back to the system.
PENSTOCK_API void release_cached_memory();
// Allocations beyond this many live bytes fail; 0 means no limit. From PENSTOCK_MEMORY_LIMIT at start.
PENSTOCK_API void set_host_memory_limit(int64_t bytes);

// The caching host allocator, 64-byte aligned. nullptr when the system has no more.
PENSTOCK_API void* host_allocate(int64_t bytes);
// What the statistics count for a block of that size: sizes are rounded up to classes.
PENSTOCK_API int64_t host_block_bytes(int64_t bytes);
PENSTOCK_API void host_free(void* memory, int64_t bytes);

}  // namespace penstock
