#include "memory/storage.h"

#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "base/error.h"
#include "tensor/shape.h"

namespace penstock {
namespace {

// The data begins at the next cache line after the object.
constexpr int64_t kHeader = (sizeof(Storage) + 63) / 64 * 64;

[[noreturn]] void out_of_memory(int64_t bytes, const Device& device) {
  std::string details;
  if (device.is_host()) {
    MemoryStats stats = host_memory_stats();
    details = " (" + std::to_string(stats.live_bytes) + " bytes are in use" +
              (stats.limit > 0 ? ", the limit is " + std::to_string(stats.limit) : "") + ")";
  }
  fail(ErrorKind::kMemory, "cannot allocate ", bytes, " bytes on ", device.name(), details,
       "; use a smaller batch, or free tensors first");
}

}  // namespace

Ref<Storage> Storage::allocate(int64_t bytes, const Device& device) {
  if (!device.is_host()) {
    const penstock_device_def& def = *device.def;
    void* data = def.allocate(def.context, device.index, static_cast<size_t>(bytes), nullptr);
    if (!data && bytes > 0) out_of_memory(bytes, device);
    return Ref<Storage>(new Storage(data, bytes, device, Owner::kDevice));
  }
  void* block = host_allocate(bytes + kHeader);
  if (!block) out_of_memory(bytes, device);
  void* data = static_cast<char*>(block) + kHeader;
  return Ref<Storage>(new (block) Storage(data, bytes, device, Owner::kHostBlock));
}

Ref<Storage> Storage::allocate_strings(int64_t count) {
  int64_t bytes = dim_mul(count, static_cast<int64_t>(sizeof(penstock_string)));
  void* data = host_allocate(bytes);
  if (!data) out_of_memory(bytes, host_device());
  std::memset(data, 0, static_cast<size_t>(bytes));
  return Ref<Storage>(new Storage(data, bytes, host_device(), Owner::kStrings));
}

int64_t Storage::counted_bytes(int64_t bytes) { return host_block_bytes(bytes + kHeader); }

int64_t Storage::counted_string_bytes(int64_t count) {
  return host_block_bytes(dim_mul(count, static_cast<int64_t>(sizeof(penstock_string))));
}

Ref<Storage> Storage::wrap(void* data, int64_t bytes, const Device& device,
                           std::function<void()> on_destroy, bool writable) {
  Ref<Storage> storage(new Storage(data, bytes, device, Owner::kForeign));
  if (on_destroy)
    storage->on_destroy_ = std::make_unique<std::function<void()>>(std::move(on_destroy));
  storage->writable_ = writable;
  return storage;
}

void Storage::set_string(int64_t i, const char* bytes, uint64_t size) {
  auto* element = static_cast<penstock_string*>(data_) + i;
  delete[] element->data;
  char* copy = new char[size + 1];
  std::memcpy(copy, bytes, size);
  copy[size] = 0;
  *element = {copy, size};
}

void Storage::destroy() {
  switch (owner_) {
    case Owner::kStrings:
      for (int64_t i = 0; i < bytes_ / static_cast<int64_t>(sizeof(penstock_string)); ++i)
        delete[] static_cast<penstock_string*>(data_)[i].data;
      host_free(data_, bytes_);
      break;
    case Owner::kHostBlock: {
      int64_t block_bytes = bytes_ + kHeader;
      this->~Storage();
      host_free(this, block_bytes);
      return;
    }
    case Owner::kDevice:
      if (data_)
        device_->def->free(device_->def->context, device_->index, data_,
                           static_cast<size_t>(bytes_), nullptr);
      break;
    case Owner::kForeign:
      if (on_destroy_) (*on_destroy_)();
      break;
  }
  delete this;
}

}  // namespace penstock
