#include "dispatch/call.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "threads/pool.h"

namespace penstock {
namespace {

std::atomic<InterruptCheck> g_interrupt{nullptr};

CallContext& context_of(penstock_call* call) { return *static_cast<CallContext*>(call->reserved); }

int host_fail(penstock_call* call, const char* message) {
  context_of(call).error = message ? message : "";
  return PENSTOCK_ERROR;
}

void* host_scratch(penstock_call* call, size_t bytes) {
  return context_of(call).scratch.take(static_cast<int64_t>(bytes));
}

int host_resize_output(penstock_call* call, int32_t i, int32_t ndim, const int64_t* shape) {
  CallContext& context = context_of(call);
  if (!context.may_resize)
    return host_fail(call,
                     "its output's shape depends on the data, which a compiled graph cannot plan "
                     "yet; call the op eagerly");
  if (!context.outputs || i < 0 || i >= call->num_outputs || ndim < 0 || ndim > kMaxRank)
    return host_fail(call, "resize_output: there is no such output");
  Tensor& output = context.outputs[i];
  try {
    Shape s = Shape::from({shape, shape + ndim});
    output = Tensor::empty(output.dtype, s, output.device());
  } catch (const Error& e) {
    host_fail(call, e.what());
    return PENSTOCK_NO_MEMORY;
  }
  penstock_tensor* view = call->outputs[i];
  int64_t stride = 1;
  for (int d = ndim - 1; d >= 0; --d) {
    view->shape[d] = shape[d];
    view->strides[d] = stride;
    stride *= shape[d];
  }
  view->ndim = ndim;
  view->data = output.data();
  return PENSTOCK_OK;
}

int host_parallel_for(penstock_call* call, int64_t n, int64_t grain,
                      void (*fn)(void*, int64_t, int64_t), void* context) {
  auto stop = [](void* c) { return should_stop(*static_cast<CallContext*>(c)); };
  if (parallel_for(n, grain, fn, context, stop, &context_of(call))) return PENSTOCK_OK;
  context_of(call).stopped = true;
  return PENSTOCK_CANCELLED;
}

int host_cancelled(penstock_call* call) {
  const RunOptions* options = context_of(call).options;
  return options && options->stop_reason();
}

void host_done(penstock_call* call, int status) {
  Pending& pending = *context_of(call).pending;
  std::lock_guard lock(pending.mutex);
  pending.done = true;
  pending.status = status;
  pending.finished.notify_all();
}

int host_set_string(penstock_call* call, int32_t output, int64_t i, const char* data,
                    uint64_t size) {
  CallContext& context = context_of(call);
  if (!context.outputs || output < 0 || output >= call->num_outputs || i < 0 ||
      i >= context.outputs[output].shape.size() || context.outputs[output].dtype != DType::kString)
    return host_fail(call, "set_string: there is no such string element");
  context.outputs[output].storage->set_string(i, data, size);
  return PENSTOCK_OK;
}

void host_log(int level, const char* message) {
  std::fprintf(stderr, "penstock[%d]: %s\n", level, message);
}

int wait_for_done(CallContext& context) {
  // The kernel owns the frame until it calls done; a stop request reaches it through host->cancelled.
  Pending& pending = *context.pending;
  std::unique_lock lock(pending.mutex);
  pending.finished.wait(lock, [&] { return pending.done; });
  pending.done = false;
  return pending.status;
}

[[noreturn]] void raise_status(const CallContext& context, int status) {
  std::string prefix = "[" + context.op->name() + "] ";
  if (status == PENSTOCK_CANCELLED) fail_stopped(context, prefix);
  if (status == PENSTOCK_NO_MEMORY)
    throw Error(ErrorKind::kMemory, prefix + "out of memory inside the kernel" +
                                        (context.error.empty() ? "" : ": " + context.error));
  if (status == PENSTOCK_OUT_OF_RANGE)
    throw Error(ErrorKind::kIndex,
                prefix + (context.error.empty() ? "an index is out of range" : context.error));
  // What a host call runs names itself.
  const std::string& told = context.error;
  if (told.size() > 1 && told[0] == '[' && std::isalpha(static_cast<unsigned char>(told[1])))
    throw Error(ErrorKind::kValue, told);
  throw Error(ErrorKind::kValue, prefix + (told.empty() ? "the kernel failed" : told));
}

struct Generator {
  std::mutex mutex;
  uint64_t key = 0x9e3779b97f4a7c15ull, counter = 0;
};
Generator& generator() {
  static Generator* g = new Generator;
  return *g;
}

// What a thread draws from instead, while it has one of its own.
thread_local std::optional<std::pair<uint64_t, uint64_t>> t_random;

}  // namespace

void set_interrupt_check(InterruptCheck check) { g_interrupt = check; }

const penstock_host& host_table() {
  static const penstock_host table = {
      {sizeof(penstock_host), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr},
      host_fail,
      host_scratch,
      host_resize_output,
      host_parallel_for,
      host_cancelled,
      host_done,
      host_set_string,
      host_log};
  return table;
}

void* Scratch::take(int64_t bytes) {
  void* memory = host_allocate(bytes);
  if (!memory) return nullptr;
  if (count_ < kFirst) {
    first_[count_++] = {memory, bytes};
  } else {
    others_.push_back({memory, bytes});
  }
  held_ += host_block_bytes(bytes);
  most_ = std::max(most_, held_);
  return memory;
}

void Scratch::clear() {
  if (count_ == 0) return;
  for (size_t i = 0; i < count_; ++i) host_free(first_[i].first, first_[i].second);
  for (auto& [memory, bytes] : others_) host_free(memory, bytes);
  count_ = 0;
  others_.clear();
  held_ = 0;
}

penstock_tensor dense_view(DType dtype, const Shape& s, const Device& device, void* data,
                           int64_t* room) {
  int64_t *shape = room, *strides = room + s.ndim, stride = 1;
  for (int d = s.ndim - 1; d >= 0; --d) {
    shape[d] = s[d];
    strides[d] = stride;
    stride *= s[d];
  }
  return {data, device.abi, s.ndim, dtype_to_abi(dtype), shape, strides, 0};
}

penstock_tensor broadcast_view(DType dtype, const Shape& s, const Shape& target,
                               const Device& device, void* data, int64_t* room) {
  int64_t *shape = room, *strides = room + target.ndim, stride = 1;
  for (int d = target.ndim - 1, own = s.ndim - 1; d >= 0; --d, --own) {
    int64_t extent = own >= 0 ? s[own] : 1;
    shape[d] = target[d];
    strides[d] = extent == 1 && target[d] != 1 ? 0 : (own >= 0 ? stride : 0);
    stride *= extent;
  }
  return {data, device.abi, target.ndim, dtype_to_abi(dtype), shape, strides, 0};
}

void fill_attrs(const OpSchema& schema, const AttrList& values, std::vector<penstock_attr>* out) {
  out->resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    penstock_attr& attr = (*out)[i];
    attr.name = schema.attrs[i].name.c_str();
    attr.count = 1;
    const AttrValue& value = values[i];
    if (std::holds_alternative<std::monostate>(value)) {
      attr.kind = PENSTOCK_ATTR_NONE;
      attr.count = 0;
    } else if (const bool* b = std::get_if<bool>(&value)) {
      attr.kind = PENSTOCK_ATTR_BOOL;
      attr.v.i = *b;
    } else if (const int64_t* n = std::get_if<int64_t>(&value)) {
      attr.kind = PENSTOCK_ATTR_INT;
      attr.v.i = *n;
    } else if (const double* d = std::get_if<double>(&value)) {
      attr.kind = PENSTOCK_ATTR_FLOAT;
      attr.v.f = *d;
    } else if (const std::string* s = std::get_if<std::string>(&value)) {
      attr.kind = PENSTOCK_ATTR_STR;
      attr.count = static_cast<uint32_t>(s->size());
      attr.v.s = s->c_str();
    } else if (const DType* t = std::get_if<DType>(&value)) {
      attr.kind = PENSTOCK_ATTR_DTYPE;
      attr.v.dtype = dtype_to_abi(*t);
    } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
      attr.kind = PENSTOCK_ATTR_INTS;
      attr.count = static_cast<uint32_t>(ints->size());
      attr.v.is = ints->data();
    } else if (const auto* floats = std::get_if<std::vector<double>>(&value)) {
      attr.kind = PENSTOCK_ATTR_FLOATS;
      attr.count = static_cast<uint32_t>(floats->size());
      attr.v.fs = floats->data();
    } else {
      attr.kind = PENSTOCK_ATTR_OTHER;
      attr.count = 0;
      // For the binding's own kernels: the host object, which the attributes keep alive.
      const auto* object = std::get_if<Ref<RefCounted>>(&value);
      attr.v.i = object ? reinterpret_cast<intptr_t>(object->get()) : 0;
    }
  }
}

bool should_stop(CallContext& context) {
  if (context.options && context.options->stop_reason()) return true;
  InterruptCheck check = g_interrupt.load(std::memory_order_relaxed);
  return context.may_interrupt && check && check();
}

void fail_stopped(const CallContext& context, const std::string& prefix) {
  const char* reason = context.options ? context.options->stop_reason() : nullptr;
  throw Error(ErrorKind::kCancelled, prefix + (reason ? reason : "the run was cancelled"));
}

void run_kernel(penstock_call& call, CallContext& context) {
  if (__builtin_expect((context.row->def.caps & PENSTOCK_CAP_ASYNC) && !context.pending, 0))
    context.pending = std::make_unique<Pending>();
  std::unique_lock<std::mutex> alone;
  if (__builtin_expect(context.row->def.caps & PENSTOCK_CAP_SERIAL, 0))
    alone = std::unique_lock(context.row->serial);
  int status = context.row->def.run(&call);
  if (__builtin_expect(context.stopped, 0)) {
    context.stopped = false;
    if (status == PENSTOCK_OK) status = PENSTOCK_CANCELLED;  // whatever the kernel made of it
  }
  if (__builtin_expect(status == PENSTOCK_OK, 1)) {
    context.scratch.clear();
    return;
  }
  if (status == PENSTOCK_PENDING)
    status = context.pending
                 ? wait_for_done(context)
                 : host_fail(&call, "it returned PENDING without PENSTOCK_CAP_ASYNC in its row");
  context.scratch.clear();
  if (status == PENSTOCK_OK) return;
  raise_status(context, status);
}

std::shared_ptr<void> prepare_kernel(const penstock_call& run, const CallContext& run_context,
                                     const std::vector<char>& constant) {
  const penstock_kernel_def& def = run_context.row->def;
  std::vector<penstock_tensor> tensors;
  for (int32_t i = 0; i < run.num_inputs; ++i) {
    tensors.push_back(*run.inputs[i]);
    if (!constant[static_cast<size_t>(i)]) tensors.back().data = nullptr;
  }
  for (int32_t i = 0; i < run.num_outputs; ++i) {
    tensors.push_back(*run.outputs[i]);
    tensors.back().data = nullptr;
  }
  std::vector<penstock_tensor*> pointers;
  for (penstock_tensor& t : tensors) pointers.push_back(&t);
  CallContext context;
  context.op = run_context.op;
  context.row = run_context.row;
  context.options = run_context.options;
  context.may_resize = false;
  penstock_call call = run;
  call.inputs = pointers.data();
  call.outputs = pointers.data() + run.num_inputs;
  call.flags |= PENSTOCK_CALL_PREPARE;
  call.state = nullptr;
  call.reserved = &context;
  std::unique_lock<std::mutex> alone;
  if (def.caps & PENSTOCK_CAP_SERIAL) alone = std::unique_lock(run_context.row->serial);
  void* made = nullptr;
  int status = def.prepare(&call, &made);
  auto release = [free = def.release](void* state) {
    if (state && free) free(state);
  };
  std::shared_ptr<void> state(made, release);
  if (context.stopped) status = PENSTOCK_CANCELLED;
  if (status == PENSTOCK_PENDING) status = host_fail(&call, "its `prepare` returned PENDING");
  if (status != PENSTOCK_OK) raise_status(context, status);
  return state;
}

void set_seed(uint64_t seed) { set_random_state(seed, 0); }

void random_state(uint64_t* key, uint64_t* counter) {
  std::lock_guard lock(generator().mutex);
  *key = generator().key;
  *counter = generator().counter;
}

void set_random_state(uint64_t key, uint64_t counter) {
  std::lock_guard lock(generator().mutex);
  generator().key = key;
  generator().counter = counter;
}

void set_thread_random(std::optional<uint64_t> key) {
  if (key)
    t_random.emplace(*key, 0);
  else
    t_random.reset();
}

void fill_random(penstock_call& call, const Op& op, const AttrList& attrs, const Tensor& output) {
  int seed = op.attr_index("seed");
  if (seed >= 0) {
    if (const int64_t* fixed = std::get_if<int64_t>(&attrs[static_cast<size_t>(seed)])) {
      call.rng_key[0] = static_cast<uint64_t>(*fixed);
      call.rng_counter = 0;
      return;
    }
  }
  int64_t per_block = dtype_size(output.dtype) > 4 ? 2 : 4;
  uint64_t blocks = static_cast<uint64_t>((output.shape.size() + per_block - 1) / per_block);
  if (t_random) {
    call.rng_key[0] = t_random->first;
    call.rng_counter = t_random->second;
    t_random->second += blocks;
    return;
  }
  std::lock_guard lock(generator().mutex);
  call.rng_key[0] = generator().key;
  call.rng_counter = generator().counter;
  generator().counter += blocks;
}

}  // namespace penstock
