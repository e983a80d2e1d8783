// Which kernel runs an op on a device for given dtypes. Rows come from plugins, the lowest from core's references.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/device.h"
#include "ops/op.h"

namespace penstock {

// Rows at or below this priority are references: Python, on the host, correct and slow.
constexpr int kReferencePriority = -1000;

struct PENSTOCK_API KernelRow {
  penstock_kernel_def def;
  std::string provider;  // "kernels-cpu", "reference"
  std::string op, device, dtypes, isa;
  std::vector<int8_t> inplace;
  bool is_reference() const { return def.priority <= kReferencePriority; }
  bool is_python = false;     // takes the GIL
  mutable std::mutex serial;  // held while a PENSTOCK_CAP_SERIAL kernel runs
  bool may_alias(int output, int input) const;
};

class PENSTOCK_API KernelRows {
 public:
  // The best row, or nullptr. Fast after the first time for the same dtypes.
  const KernelRow* find(const Op& op, const Device& device, const DType* in, int num_in,
                        const DType* out, int num_out);
  void add(std::unique_ptr<KernelRow> row);
  void remove_provider(const std::string& provider);
  std::vector<const KernelRow*> rows();

 private:
  struct Cache;
  const KernelRow* resolve(const Op& op, const Device& device, const DType* in, int num_in,
                           const DType* out, int num_out);
  std::mutex mutex_;
  std::deque<std::unique_ptr<KernelRow>> rows_;
  std::deque<std::unique_ptr<KernelRow>> removed_;  // plans may still point at them
  std::deque<std::unique_ptr<Cache>> caches_;       // the published one and its predecessors
  std::atomic<Cache*> cache_{nullptr};
};

KernelRows* new_kernel_rows();
void delete_kernel_rows(KernelRows*);

// Copies and checks a definition. Throws for unknown ops or dtypes, and for another ABI major.
PENSTOCK_API std::unique_ptr<KernelRow> make_kernel(const penstock_kernel_def& def,
                                                    const std::string& provider,
                                                    bool is_python = false);
PENSTOCK_API void add_kernel(std::unique_ptr<KernelRow> row);
// Both at once.
PENSTOCK_API void add_kernel(const penstock_kernel_def& def, const std::string& provider,
                             bool is_python = false);
// Takes a provider's rows out again: a plugin that failed halfway leaves nothing behind.
PENSTOCK_API void remove_kernels(const std::string& provider);

// The row that runs the op, after giving plugins the chance to load; throws an error that names what there is.
PENSTOCK_API const KernelRow& kernel_for(Op& op, const Device& device, const DType* in, int num_in,
                                         const DType* out, int num_out);
// The same, or nullptr.
PENSTOCK_API const KernelRow* try_kernel_for(Op& op, const Device& device, const DType* in,
                                             int num_in, const DType* out, int num_out);

// Changes whenever any row is added or removed.
PENSTOCK_API uint64_t kernel_version();

// A number for the native kernels of a device type: the same wherever the same ones are there. Whoever keeps what was
// made for them, such as a fused graph, keeps it too. Plugins must have been loaded.
PENSTOCK_API uint64_t kernels_fingerprint(const std::string& device);

// Called with the device type before its first kernel is looked up: the place where plugins load themselves.
using ActivationHook = void (*)(const char* device_type);
PENSTOCK_API void set_activation_hook(ActivationHook hook);
// Adds to the "no kernel" error: what an installed plugin could do about it.
using MissingHint = std::string (*)(const char* op, const char* device);
PENSTOCK_API void set_missing_hint(MissingHint hint);

}  // namespace penstock
