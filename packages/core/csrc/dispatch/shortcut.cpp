// The quick ways of an eager call with default attributes: what was found out about an earlier call serves again.
#include <memory>
#include <vector>

#include "base/few.h"
#include "base/thread_mode.h"
#include "dispatch/dispatch.h"
#include "dispatch/profile.h"

namespace penstock {

// What was found out about an elementwise op for given dtypes: which kernel runs, and what comes out. Depends on
// nothing else while all inputs have one shape.
struct Shortcut {
  const Shortcut* next;  // for other dtypes; a short list that is never freed
  int depth;
  uint64_t version;  // of the kernel tables
  int num_inputs;
  DType inputs[kMaxShortcut];
  DType output;
  const KernelRow* row;
};

namespace {

bool fits(const Shortcut& s, const Tensor* const* inputs, int n) {
  if (s.num_inputs != n || s.version != kernel_version()) return false;
  for (int i = 0; i < n; ++i) {
    const Tensor& t = *inputs[i];
    if (t.dtype != s.inputs[i] || t.weak || !t.storage || !t.device().is_host() ||
        t.shape != inputs[0]->shape)
      return false;
  }
  return true;
}

const Shortcut* find_shortcut(Op& op, const Tensor* const* inputs, int n) {
  const Shortcut* s = op.shortcut.load(std::memory_order_acquire);
  while (s && !fits(*s, inputs, n)) s = s->next;
  return s;
}

// Called after an ordinary run: remembers it when it was of the simple kind.
void learn_shortcut(Op& op, const Tensor* const* inputs, int n, const Tensor& output) {
  if (!op.schema.broadcasts || !op.schema.attrs.empty() || op.schema.num_outputs != 1) return;
  DType dtypes[kMaxShortcut];
  for (int i = 0; i < n; ++i) {
    const Tensor& t = *inputs[i];
    if (t.weak || !t.device().is_host() || t.shape != output.shape) return;
    dtypes[i] = t.dtype;
  }
  const KernelRow* row = try_kernel_for(op, host_device(), dtypes, n, &output.dtype, 1);
  // A cast, a composition or a reference took part: there is no such row, or it is no native one.
  if (!row || row->is_python || row->def.caps != 0) return;
  constexpr int kMaxDepth = 8;
  const Shortcut* head = op.shortcut.load(std::memory_order_acquire);
  // Shortcuts of older kernel tables are left behind; they may be in use.
  if (head && head->version == kernel_version() && head->depth == kMaxDepth) return;
  bool fresh = !head || head->version != kernel_version();
  auto* s = new Shortcut{fresh ? nullptr : head,
                         fresh ? 1 : head->depth + 1,
                         kernel_version(),
                         n,
                         {},
                         output.dtype,
                         row};
  std::copy(dtypes, dtypes + n, s->inputs);
  if (!op.shortcut.compare_exchange_strong(head, s)) delete s;  // another thread was first
}

void run_shortcut(const Op& op, const Shortcut& s, const Tensor* const* inputs, int n,
                  Tensor* output) {
  *output = Tensor::empty(s.output, inputs[0]->shape);
  CallContext context;
  context.op = &op;
  context.row = s.row;
  TensorView first;
  first.set(s.inputs[0], output->shape, host_device(), nullptr);
  penstock_tensor views[kMaxShortcut + 1];
  const penstock_tensor* in[kMaxShortcut];
  Ref<Storage> keep[kMaxShortcut];
  bool lengthy = output->bytes() * (n + 1) > kLongWork;
  for (int i = 0; i < n; ++i) {
    views[i] = first.abi;
    views[i].data = inputs[i]->data();
    views[i].dtype = dtype_to_abi(s.inputs[i]);
    in[i] = &views[i];
    // Without the GIL another thread may give these tensors new values.
    if (lengthy) keep[i] = inputs[i]->storage;
  }
  views[n] = first.abi;
  views[n].data = output->data();
  views[n].dtype = dtype_to_abi(s.output);
  penstock_tensor* out = &views[n];
  penstock_call call{};
  call.head = {sizeof(call), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  call.host = &host_table();
  call.op = op.name().c_str();
  call.num_inputs = n;
  call.num_outputs = 1;
  call.inputs = in;
  call.outputs = &out;
  call.kernel_data = s.row->def.data;
  call.reserved = &context;
  LongWorkScope scope(lengthy);
  run_kernel(call, context);
}

// What was found out about a call of any other op, for dtypes and shapes: each thread keeps its last ones.
struct Remembered {
  const Op* op = nullptr;
  uint64_t version = 0;  // of the kernel tables
  int num_inputs = 0;
  Aval inputs[kMaxShortcut];
  Aval output;
  const KernelRow* row = nullptr;
  AttrList attrs;  // as the shape rule left them
  std::vector<penstock_attr> frame;
  bool lengthy = false;
  int running = 0;  // a signal's handler may call ops while a kernel runs

  bool fits(const Op& of, const Tensor* const* given, int n) const {
    if (op != &of || num_inputs != n || version != kernel_version()) return false;
    for (int i = 0; i < n; ++i) {
      const Tensor& t = *given[i];
      if (t.dtype != inputs[i].dtype || t.weak || !t.storage || !t.device().is_host() ||
          t.shape != inputs[i].shape)
        return false;
    }
    return true;
  }
};

constexpr size_t kRemembered = 32;

// One load to reach, hence a plain pointer. Null before the first use and again while the thread ends.
thread_local Remembered* t_remembered __attribute__((tls_model("initial-exec"))) = nullptr;

struct RememberedOwner {
  std::unique_ptr<Remembered[]> calls{new Remembered[kRemembered]};
  RememberedOwner() { t_remembered = calls.get(); }
  ~RememberedOwner() { t_remembered = nullptr; }
};

void start_remembering() { static thread_local RememberedOwner owner; }

// Where a call is remembered: another one with the same number takes its place.
Remembered* place_of(const Op& op, const Tensor* const* inputs, int n) {
  if (!t_remembered) return nullptr;
  uint64_t hash = reinterpret_cast<uintptr_t>(&op) >> 6;
  for (int i = 0; i < n; ++i)
    for (int d = 0; d < inputs[i]->shape.ndim; ++d)
      hash = hash * 31 + static_cast<uint64_t>(inputs[i]->shape[d]);
  return &t_remembered[(hash ^ (hash >> 5)) % kRemembered];
}

// Called after an ordinary run, as learn_shortcut is.
void remember(Op& op, const Tensor* const* inputs, int n, const Tensor& output) {
  if (op.schema.num_outputs != 1 || op.schema.effects != Effects::kNone || op.schema.alias ||
      op.builtin != Builtin::kNone || !output.device().is_host())
    return;
  DType dtypes[kMaxShortcut];
  for (int i = 0; i < n; ++i) {
    if (inputs[i]->weak || !inputs[i]->device().is_host()) return;
    dtypes[i] = inputs[i]->dtype;
  }
  const KernelRow* row = try_kernel_for(op, host_device(), dtypes, n, &output.dtype, 1);
  constexpr uint64_t kOfPlans = PENSTOCK_CAP_TILE_EPILOGUE | PENSTOCK_CAP_ONE_STATE;
  if (!row || row->is_python || (row->def.caps & ~kOfPlans)) return;
  start_remembering();
  Remembered* r = place_of(op, inputs, n);
  if (!r || r->running) return;
  r->op = nullptr;
  for (int i = 0; i < n; ++i) r->inputs[i] = {inputs[i]->dtype, false, inputs[i]->shape};
  r->attrs = op.default_attrs;
  InferContext ctx(op, r->inputs, n, r->attrs, nullptr);
  op.infer(ctx);
  // Not where inputs were cast, or where the kernel made the output smaller.
  if (ctx.casts || ctx.outputs[0].shape != output.shape) return;
  r->output = ctx.outputs[0];
  r->op = &op;
  r->version = kernel_version();
  r->num_inputs = n;
  r->row = row;
  fill_attrs(op.schema, r->attrs, &r->frame);
  r->lengthy = estimated_cost(op, r->inputs, n, &r->output, 1) > kLongWork;
}

void run_remembered(const Op& op, Remembered& r, const Tensor* const* inputs, int n,
                    Tensor* output) {
  *output = Tensor::empty(r.output.dtype, r.output.shape);
  output->weak = r.output.weak;
  CallContext context;
  context.op = &op;
  context.row = r.row;
  context.outputs = output;
  TensorView in[kMaxShortcut], out;
  const penstock_tensor* in_views[kMaxShortcut];
  Ref<Storage> keep[kMaxShortcut];
  for (int i = 0; i < n; ++i) {
    const Tensor& t = *inputs[i];
    if (op.schema.broadcasts) {
      in[i].set_broadcast(t.dtype, t.shape, r.output.shape, host_device(), t.data());
    } else {
      in[i].set(t.dtype, t.shape, host_device(), t.data());
    }
    in_views[i] = &in[i].abi;
    if (r.lengthy) keep[i] = t.storage;  // as in run_shortcut
  }
  out.set(r.output.dtype, r.output.shape, host_device(), output->data());
  penstock_tensor* out_view = &out.abi;
  penstock_call call{};
  call.head = {sizeof(call), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  call.host = &host_table();
  call.op = op.name().c_str();
  call.num_inputs = n;
  call.num_outputs = 1;
  call.inputs = in_views;
  call.outputs = &out_view;
  call.attrs = r.frame.data();
  call.num_attrs = static_cast<int32_t>(r.frame.size());
  call.kernel_data = r.row->def.data;
  call.reserved = &context;
  struct Running {
    int& count;
    explicit Running(int& n) : count(n) { ++count; }
    ~Running() { --count; }
  } running(r.running);
  LongWorkScope scope(r.lengthy);
  run_kernel(call, context);
}

}  // namespace

void call_simple(Op& op, const Tensor* const* inputs, int n, Tensor* output) {
  bool quick = t_mode == 0 && !debug_nans() && !profiling();
  if (quick) {
    if (const Shortcut* s = find_shortcut(op, inputs, n))
      return run_shortcut(op, *s, inputs, n, output);
    if (Remembered* r = place_of(op, inputs, n); r && r->fits(op, inputs, n))
      return run_remembered(op, *r, inputs, n, output);
  }
  Few<Tensor> copies(n);
  for (int i = 0; i < n; ++i) copies[i] = *inputs[i];
  Few<Tensor> outputs(kMaxOutputs);
  AttrList attrs = op.default_attrs;
  call_op(op, copies.get(), n, attrs, outputs.get());
  if (quick && outputs[0].storage) {
    learn_shortcut(op, inputs, n, outputs[0]);
    remember(op, inputs, n, outputs[0]);
  }
  *output = outputs[0];
}

}  // namespace penstock
