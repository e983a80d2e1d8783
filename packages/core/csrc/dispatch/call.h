// One kernel call: the frame that crosses the C border, and what the host remembers beside it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/run_options.h"
#include "ops/kernel_table.h"
#include "tensor/tensor.h"

namespace penstock {

// Asked by the calling thread between steps and chunks; throws (in the binding: KeyboardInterrupt is pending) or
// returns true to stop. Set once by the binding.
using InterruptCheck = bool (*)();
PENSTOCK_API void set_interrupt_check(InterruptCheck check);

// Host memory that kernels asked for as scratch; given back when the call ends.
class PENSTOCK_API Scratch {
 public:
  ~Scratch() { clear(); }
  void* take(int64_t bytes);
  void clear();
  // The most that was held at a time, as the allocator counts it.
  int64_t most() const { return most_; }

 private:
  using Block = std::pair<void*, int64_t>;
  static constexpr size_t kFirst = 4;
  int64_t held_ = 0, most_ = 0;
  size_t count_ = 0;
  Block first_[kFirst];  // few kernels ask more often
  std::vector<Block> others_;
};

// Where a caller waits for a kernel that returned PENDING.
struct Pending {
  std::mutex mutex;
  std::condition_variable finished;
  bool done = false;
  int status = 0;
};

struct PENSTOCK_API CallContext {
  const Op* op = nullptr;
  const KernelRow* row = nullptr;
  const RunOptions* options = nullptr;
  bool stopped = false;  // a parallel_for ended early: the outputs are not whole
  bool may_resize = true;
  bool may_interrupt = true;  // false while a variable's lock is held
  std::string error;
  Scratch scratch;
  Tensor* outputs = nullptr;         // so that resize_output can replace them
  std::unique_ptr<Pending> pending;  // of kernels that may answer later
};

// The table that every frame points at.
PENSTOCK_API const penstock_host& host_table();

// DLPack-shaped views; `room` takes shape and strides, one number each for a dimension. Dense strides for the shape;
// or a view of `s` broadcast to `target`, with stride 0 where it repeats.
PENSTOCK_API penstock_tensor dense_view(DType dtype, const Shape& s, const Device& device,
                                        void* data, int64_t* room);
PENSTOCK_API penstock_tensor broadcast_view(DType dtype, const Shape& s, const Shape& target,
                                            const Device& device, void* data, int64_t* room);

// A view with room beside it.
struct PENSTOCK_API TensorView {
  penstock_tensor abi;
  int64_t room[2 * kMaxRank];
  TensorView() = default;
  TensorView(const TensorView&) = delete;  // abi points into itself
  TensorView& operator=(const TensorView&) = delete;
  void set(DType dtype, const Shape& s, const Device& device, void* data) {
    abi = dense_view(dtype, s, device, data, room);
  }
  void set_broadcast(DType dtype, const Shape& s, const Shape& target, const Device& device,
                     void* data) {
    abi = broadcast_view(dtype, s, target, device, data, room);
  }
};

// Attributes in the ABI's form; they point into `values`, which must stay.
PENSTOCK_API void fill_attrs(const OpSchema& schema, const AttrList& values,
                             std::vector<penstock_attr>* out);

// Runs the kernel and waits if it is pending. Throws with the op's name in front on any failure.
PENSTOCK_API void run_kernel(penstock_call& call, CallContext& context);

// Calls the kernel's `prepare` for a frame that is about to run: only the inputs marked in `constant` show their data.
// Returns the state, which releases itself; throws as run_kernel does.
PENSTOCK_API std::shared_ptr<void> prepare_kernel(const penstock_call& call,
                                                  const CallContext& context,
                                                  const std::vector<char>& constant);

// True when the run was cancelled, timed out or interrupted.
PENSTOCK_API bool should_stop(CallContext& context);
// Throws, with the reason why it was.
[[noreturn]] PENSTOCK_API void fail_stopped(const CallContext& context,
                                            const std::string& prefix = "");

// The global random generator: a key and a counter of Philox blocks.
PENSTOCK_API void set_seed(uint64_t seed);
PENSTOCK_API void random_state(uint64_t* key, uint64_t* counter);
PENSTOCK_API void set_random_state(uint64_t key, uint64_t counter);
// Gives the calling thread a stream of its own, so that what it draws does not depend on other threads; nullopt takes it.
PENSTOCK_API void set_thread_random(std::optional<uint64_t> key);
// Fills the frame's key and counter for a random op, taking blocks from the generator unless `seed` is given.
PENSTOCK_API void fill_random(penstock_call& call, const Op& op, const AttrList& attrs,
                              const Tensor& output);

}  // namespace penstock
