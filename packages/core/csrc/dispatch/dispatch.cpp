#include "dispatch/dispatch.h"

#include <cmath>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/few.h"
#include "base/thread_mode.h"
#include "dispatch/profile.h"
#include "graph/variable.h"

namespace penstock {
namespace {

std::atomic<SourceHook> g_source{nullptr};
std::atomic<ComposeHook> g_compose{nullptr};
std::atomic<WarnHook> g_warn{nullptr};
Fallback initial_fallback() {
  const char* text = std::getenv("PENSTOCK_FALLBACK");
  std::string policy = text ? text : "warn";
  return policy == "error"    ? Fallback::kError
         : policy == "silent" ? Fallback::kSilent
                              : Fallback::kWarn;
}
std::atomic<Fallback> g_fallback{initial_fallback()};
std::atomic<bool> g_debug_nans{false};
std::atomic<int64_t> g_copies{0}, g_copied_bytes{0}, g_fallbacks{0};
LongWork g_long_work{nullptr, nullptr};

bool any_symbolic(const Tensor* inputs, int n) {
  for (int i = 0; i < n; ++i)
    if (inputs[i].symbolic()) return true;
  return false;
}

Graph* graph_for(const Tensor* inputs, int n) {
  Graph* graph = current_graph();
  for (int i = 0; i < n; ++i) {
    if (!inputs[i].symbolic()) continue;
    if (!graph) graph = inputs[i].graph.get();
    if (inputs[i].graph.get() != graph && !graph->inside(inputs[i].graph.get()))
      fail(ErrorKind::kGraph, "tensor '", inputs[i].graph.get()->value_name(inputs[i].value),
           "' belongs to another graph than the one being built; a tensor of a traced function or "
           "a Graph cannot "
           "leave it: return it from the function, or fetch it with Session.run");
  }
  return graph;
}

int append(Graph& graph, Op& op, const Tensor* inputs, int num_inputs, AttrList& attrs,
           Tensor* outputs) {
  NodeOptions options;
  options.source = source_line();
  options.device = graph_scope().device;
  std::vector<int32_t> values;
  for (int i = 0; i < num_inputs; ++i) {
    if (inputs[i].symbolic()) {
      values.push_back(graph.capture(inputs[i]));
    } else {
      values.push_back(graph.constant(inputs[i], options));
    }
  }
  for (const Tensor& t : graph_scope().control_inputs)
    if (t.graph.get() == &graph)
      options.control_inputs.push_back(graph.values[static_cast<size_t>(t.value)].node);
  int32_t node = graph.add(op, std::move(values), attrs, options);
  attrs = graph.nodes[static_cast<size_t>(node)].attrs;
  const std::vector<int32_t> made = graph.nodes[static_cast<size_t>(node)].outputs;
  for (size_t i = 0; i < made.size(); ++i) outputs[i] = graph.tensor(made[i]);
  return static_cast<int>(made.size());
}

const Device& choose_device(const Tensor* inputs, int n) {
  if (t_mode & kModeScope) {
    return known_device(graph_scope().device);
  }
  for (int i = 0; i < n; ++i)
    if (!inputs[i].device().is_host()) return inputs[i].device();
  return host_device();
}

void warn_fallback(const Op& op, const Device& device) {
  static std::mutex mutex;
  static std::set<std::pair<std::string, std::string>>* told =
      new std::set<std::pair<std::string, std::string>>;
  g_fallbacks.fetch_add(1);
  if (g_fallback.load() != Fallback::kWarn) return;
  {
    std::lock_guard lock(mutex);
    if (!told->insert({op.name(), device.type}).second) return;
  }
  std::string message =
      "[" + op.name() + "] has no kernel on " + device.name() +
      ": it runs on the host, with copies. penstock.explain_placement(fn) shows where; "
      "PENSTOCK_FALLBACK=error makes this an error";
  if (WarnHook hook = g_warn.load()) hook(message.c_str());
}

int run_on_host(Op& op, const Device& device, const Tensor* inputs, int n, AttrList& attrs,
                Tensor* outputs) {
  if (!op.schema.host_only) warn_fallback(op, device);
  Few<Tensor> host(n);
  for (int i = 0; i < n; ++i) host[i] = copy_to(inputs[i], host_device());
  GraphScope saved = graph_scope();
  graph_scope().device.clear();
  set_mode(kModeScope, false);
  int count = 0;
  try {
    count = execute_op(op, host.get(), n, attrs, outputs);
  } catch (...) {
    graph_scope() = saved;
    set_mode(kModeScope, !saved.device.empty());
    throw;
  }
  graph_scope() = saved;
  set_mode(kModeScope, !saved.device.empty());
  for (int i = 0; i < count; ++i)
    if (outputs[i].dtype != DType::kString) outputs[i] = copy_to(outputs[i], device);
  return count;
}

int run_alias(const Tensor& input, const InferContext& ctx, Tensor* outputs) {
  outputs[0] = input;
  outputs[0].shape = ctx.outputs[0].shape;
  outputs[0].weak = ctx.outputs[0].weak;
  outputs[0].id = 0;
  return 1;
}

RefCounted& object_attr(const AttrValue& value) { return *std::get<Ref<RefCounted>>(value); }

// Ops whose meaning is the runtime's, not a kernel's. Returns the number of outputs.
int run_builtin(Op& op, const Tensor* inputs, int n, AttrList& attrs, Tensor* outputs) {
  switch (op.builtin) {
    case Builtin::kReadVariable:
      outputs[0] = static_cast<Variable&>(object_attr(attrs[0])).read();
      return 1;  // keeps the variable's identity, for tapes
    case Builtin::kAssignVariable:
      static_cast<Variable&>(object_attr(attrs[0])).assign(inputs[0]);
      outputs[0] = inputs[0];
      break;
    case Builtin::kToDevice: {
      const std::string& target = std::get<std::string>(attrs[0]);
      outputs[0] = copy_to(inputs[0], known_device(target, "[to_device] "));
      break;
    }
    case Builtin::kConstant:
      outputs[0] = *std::get<std::shared_ptr<const Tensor>>(attrs[0]);
      break;
    case Builtin::kCustomGradient: {
      int skip = static_cast<int>(std::get<int64_t>(attrs[0]));
      for (int i = skip; i < n; ++i) {
        outputs[i - skip] = inputs[i];
        outputs[i - skip].id = 0;
      }
      return n - skip;
    }
    default:
      fail(ErrorKind::kGraph, "[", op.name(), "] has a meaning only inside a graph");
  }
  outputs[0].id = 0;
  return 1;
}

void describe_call(const Op& op, const KernelRow& row, const Tensor* inputs, int n,
                   const Tensor* outputs, int num_outputs, ProfileEvent& event) {
  auto text = [](const Tensor& t) { return dtype_code(t.dtype) + t.shape.text(); };
  event.name = event.op = op.name();
  event.kernel = row.provider + " (" + row.isa + ")";
  for (int i = 0; i < n; ++i) event.inputs += (i ? ", " : "") + text(inputs[i]);
  for (int i = 0; i < num_outputs; ++i) {
    event.outputs += (i ? ", " : "") + text(outputs[i]);
    event.output_bytes += outputs[i].bytes();
  }
}

int run_row(Op& op, const KernelRow& row, const Device& device, const Tensor* inputs, int n,
            AttrList& attrs, InferContext& ctx, const Aval* avals, Tensor* outputs) {
  CallContext context;
  context.op = &op;
  context.row = &row;
  context.outputs = outputs;
  context.options = current_options();
  if (context.options)
    if (const char* reason = context.options->stop_reason())
      fail(ErrorKind::kCancelled, "[", op.name(), "] ", reason);
  ProfileSpan span([&](ProfileEvent& event) {
    describe_call(op, row, inputs, n, outputs, ctx.num_outputs, event);
  });
  Few<TensorView> in(n);
  Few<const penstock_tensor*> in_views(n);
  TensorView out[kMaxOutputs];
  penstock_tensor* out_views[kMaxOutputs];
  for (int i = 0; i < ctx.num_outputs; ++i) {
    outputs[i] = Tensor::empty(ctx.outputs[i].dtype, ctx.outputs[i].shape, device);
    outputs[i].weak = ctx.outputs[i].weak;
    out[i].set(outputs[i].dtype, outputs[i].shape, device, outputs[i].data());
    out_views[i] = &out[i].abi;
  }
  for (int i = 0; i < n; ++i) {
    if (op.schema.broadcasts) {
      in[i].set_broadcast(inputs[i].dtype, inputs[i].shape, ctx.outputs[0].shape, device,
                          inputs[i].data());
    } else {
      in[i].set(inputs[i].dtype, inputs[i].shape, device, inputs[i].data());
    }
    in_views[i] = &in[i].abi;
  }
  std::vector<penstock_attr> attr_frame;
  if (!attrs.empty()) fill_attrs(op.schema, attrs, &attr_frame);
  penstock_call call{};
  call.head = {sizeof(call), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  call.host = &host_table();
  call.op = op.name().c_str();
  call.num_inputs = n;
  call.num_outputs = ctx.num_outputs;
  call.inputs = in_views.get();
  call.outputs = out_views;
  call.attrs = attr_frame.data();
  call.num_attrs = static_cast<int32_t>(attr_frame.size());
  call.kernel_data = row.def.data;
  call.reserved = &context;
  if (op.schema.effects == Effects::kRandom) fill_random(call, op, attrs, outputs[0]);
  {
    LongWorkScope scope(
        (row.def.caps & PENSTOCK_CAP_ASYNC) ||
        (!row.is_python && estimated_cost(op, avals, n, ctx.outputs, ctx.num_outputs) > kLongWork));
    run_kernel(call, context);
  }
  return ctx.num_outputs;
}

}  // namespace

int execute_op(Op& op, const Tensor* inputs, int n, AttrList& attrs, Tensor* outputs) {
  Few<Aval> avals(n);
  for (int i = 0; i < n; ++i) {
    avals[i].dtype = inputs[i].dtype;
    avals[i].weak = inputs[i].weak;
    avals[i].shape = inputs[i].shape;
  }
  InferContext ctx(op, avals.get(), n, attrs, nullptr);
  op.infer(ctx);
  Few<Tensor> cast_inputs(ctx.casts ? n : 0);
  if (ctx.casts) {
    for (int i = 0; i < n; ++i) {
      cast_inputs[i] = inputs[i];
      if (ctx.wanted[static_cast<size_t>(i)] < 0) continue;
      DType wanted = static_cast<DType>(ctx.wanted[static_cast<size_t>(i)]);
      avals[i].weak = false;
      avals[i].dtype = wanted;
      if (inputs[i].weak && inputs[i].shape.ndim == 0 && inputs[i].device().is_host()) {
        cast_inputs[i] = inputs[i].scalar_as(wanted);
        continue;
      }
      cast_inputs[i].weak = false;
      if (inputs[i].dtype == wanted) continue;
      AttrList cast_attrs{wanted};
      execute_op(get_op("cast"), &inputs[i], 1, cast_attrs, &cast_inputs[i]);
      cast_inputs[i].weak = false;
    }
    inputs = cast_inputs.get();
  }
  if (op.schema.alias) return run_alias(inputs[0], ctx, outputs);
  if (op.builtin != Builtin::kNone) return run_builtin(op, inputs, n, attrs, outputs);
  int count = 0;

  const Device& device = choose_device(inputs, n);
  Few<DType, 64> in_dtypes(n);
  DType out_dtypes[kMaxOutputs];
  for (int i = 0; i < n; ++i) in_dtypes[i] = inputs[i].dtype;
  for (int i = 0; i < ctx.num_outputs; ++i) out_dtypes[i] = ctx.outputs[i].dtype;
  const KernelRow* row =
      try_kernel_for(op, device, in_dtypes.get(), n, out_dtypes, ctx.num_outputs);
  if (!row || row->is_reference()) {
    ComposeHook compose = g_compose.load();
    count = compose ? compose(op, inputs, n, attrs, outputs) : -1;
    if (count >= 0) return count;
  }
  if (!row) {
    if (!device.is_host() && g_fallback.load() != Fallback::kError)
      return run_on_host(op, device, inputs, n, attrs, outputs);
    row = &kernel_for(op, device, in_dtypes.get(), n, out_dtypes, ctx.num_outputs);  // throws
  }
  bool elsewhere = false;
  for (int i = 0; i < n; ++i) elsewhere |= &inputs[i].device() != &device;
  if (elsewhere) {
    std::unique_ptr<Tensor[]> here(new Tensor[static_cast<size_t>(n)]);
    for (int i = 0; i < n; ++i) here[static_cast<size_t>(i)] = copy_to(inputs[i], device);
    count = run_row(op, *row, device, here.get(), n, attrs, ctx, avals.get(), outputs);
  } else {
    count = run_row(op, *row, device, inputs, n, attrs, ctx, avals.get(), outputs);
  }
  if (g_debug_nans.load(std::memory_order_relaxed))
    for (int i = 0; i < count; ++i) check_finite(op, outputs[i], source_line());
  return count;
}

// Casts inputs as the op's rule asks, by calls that graphs and tapes can see. False when nothing was cast.
static bool promote_inputs(Op& op, const Tensor* inputs, int n, const AttrList& attrs, Graph* graph,
                           std::vector<Tensor>* promoted) {
  if (n == 0 || has_bodies(op.builtin)) return false;
  std::vector<Aval> avals;
  for (int i = 0; i < n; ++i) avals.push_back({inputs[i].dtype, inputs[i].weak, inputs[i].shape});
  AttrList scratch = attrs;
  InferContext ctx(op, avals.data(), n, scratch, graph);
  if (graph) {
    graph->infer(ctx);
  } else {
    op.infer(ctx);
  }
  if (!ctx.casts) return false;
  promoted->assign(inputs, inputs + n);
  bool all_weak = true;  // numbers among themselves stay as weak as they came
  for (const Aval& a : avals) all_weak &= a.weak;
  for (int i = 0; i < n; ++i) {
    if (ctx.wanted[static_cast<size_t>(i)] < 0) continue;
    Tensor& input = (*promoted)[static_cast<size_t>(i)];
    DType wanted = static_cast<DType>(ctx.wanted[static_cast<size_t>(i)]);
    if (input.weak && !input.symbolic() && input.shape.ndim == 0) {
      input = input.scalar_as(wanted);
    } else if (input.dtype != wanted || input.symbolic()) {
      AttrList cast_attrs{wanted};
      Tensor cast;
      call_op(get_op("cast"), &inputs[i], 1, cast_attrs, &cast);
      input = cast;
    }
    input.weak = all_weak;
    if (input.symbolic()) graph->values[static_cast<size_t>(input.value)].aval.weak = all_weak;
  }
  return true;
}

int most_outputs(const Op& op, int num_inputs, const AttrList& attrs) {
  int most = std::max(kMaxOutputs, op.builtin == Builtin::kCustomGradient ? num_inputs : 0);
  if (!has_bodies(op.builtin)) return most;
  for (const AttrValue& value : attrs)
    if (const auto* object = std::get_if<Ref<RefCounted>>(&value))
      if (const auto* body = dynamic_cast<const Graph*>(object->get()))
        most = std::max(most, static_cast<int>(body->outputs.size()));
  return most;
}

int call_op(Op& op, const Tensor* inputs, int n, AttrList& attrs, Tensor* outputs) {
  check_arity(op, n);
  int count;
  bool building = ((t_mode & kModeGraph) && current_graph()) || any_symbolic(inputs, n);
  Graph* graph = building ? graph_for(inputs, n) : nullptr;
  std::vector<Tensor> promoted;
  if (__builtin_expect(graph || (t_mode & kModeTape), 0))
    if (promote_inputs(op, inputs, n, attrs, graph, &promoted)) inputs = promoted.data();
  if (graph) {
    count = append(*graph, op, inputs, n, attrs, outputs);
  } else {
    count = execute_op(op, inputs, n, attrs, outputs);
  }
  if (__builtin_expect(t_mode & kModeTape, 0)) {
    if (op.builtin == Builtin::kReadVariable) {
      auto& variable = static_cast<Variable&>(object_attr(attrs[0]));
      record_variable_read(outputs[0], variable.trainable());
    } else if (op.builtin != Builtin::kStopGradient) {
      record(op, inputs, n, attrs, outputs, count);
    }
  }
  return count;
}

std::string source_line() {
  SourceHook hook = g_source.load();
  return hook ? hook() : std::string();
}

void set_source_hook(SourceHook hook) { g_source = hook; }
void set_compose_hook(ComposeHook hook) { g_compose = hook; }
void set_warn_hook(WarnHook hook) { g_warn = hook; }
void set_fallback(Fallback policy) { g_fallback = policy; }
Fallback fallback() { return g_fallback.load(); }
CopyCounters copy_counters() { return {g_copies, g_copied_bytes, g_fallbacks}; }

Tensor copy_to(const Tensor& t, const Device& device) {
  if (!t.storage) return t.to(device);  // says what is wrong
  if (&t.device() == &device) return t;
  g_copies.fetch_add(1);
  g_copied_bytes.fetch_add(t.bytes());
  Tensor out = t.to(device);
  out.id = t.id;
  return out;
}

void set_debug_nans(bool on) { g_debug_nans = on; }
bool debug_nans() { return g_debug_nans.load(std::memory_order_relaxed); }

namespace {

template <typename T>
int64_t first_bad(const void* data, int64_t n) {
  const T* values = static_cast<const T*>(data);
  for (int64_t i = 0; i < n; ++i)
    if (!std::isfinite(values[i])) return i;
  return -1;
}

// Sixteen-bit floats: all exponent bits set.
int64_t first_bad_half(const void* data, int64_t n, uint16_t exponent) {
  const auto* bits = static_cast<const uint16_t*>(data);
  for (int64_t i = 0; i < n; ++i)
    if ((bits[i] & exponent) == exponent) return i;
  return -1;
}

int64_t first_not_finite(const Tensor& t) {
  int64_t n = t.shape.size();
  switch (t.dtype) {
    case DType::kF16:
      return first_bad_half(t.data(), n, 0x7c00);
    case DType::kBF16:
      return first_bad_half(t.data(), n, 0x7f80);
    case DType::kF32:
      return first_bad<float>(t.data(), n);
    case DType::kF64:
      return first_bad<double>(t.data(), n);
    case DType::kC64:
      return first_bad<float>(t.data(), 2 * n);
    case DType::kC128:
      return first_bad<double>(t.data(), 2 * n);
    default:
      return -1;
  }
}

bool is_nan_at(const Tensor& t, int64_t i) {
  switch (t.dtype) {
    case DType::kF16:
      return std::isnan(half_to_float(reinterpret_cast<const uint16_t*>(t.data())[i]));
    case DType::kBF16:
      return std::isnan(bfloat_to_float(reinterpret_cast<const uint16_t*>(t.data())[i]));
    case DType::kF32:
    case DType::kC64:
      return std::isnan(reinterpret_cast<const float*>(t.data())[i]);
    default:
      return std::isnan(reinterpret_cast<const double*>(t.data())[i]);
  }
}

}  // namespace

void check_finite(const Op& op, const Tensor& output, const std::string& source) {
  if (!output.device().is_host()) return;
  int64_t at = first_not_finite(output);
  if (at < 0) return;
  bool nan = is_nan_at(output, at);
  fail(ErrorKind::kNumeric, "[", op.name(), "] produced ", nan ? "NaN" : "infinity",
       " at flat index ", is_complex(output.dtype) ? at / 2 : at, " of its output of shape ",
       output.shape.text(), source.empty() ? "" : ", called at " + source,
       "; debug_nans is on: look at this op's inputs");
}

int64_t estimated_cost(const Op& op, const Aval* inputs, int n, const Aval* outputs,
                       int num_outputs) {
  int64_t bytes = 0, out_size = 0;
  for (int i = 0; i < n; ++i) bytes += inputs[i].shape.size() * dtype_size(inputs[i].dtype);
  for (int i = 0; i < num_outputs; ++i) {
    out_size = std::max(out_size, outputs[i].shape.size());
    bytes += outputs[i].shape.size() * dtype_size(outputs[i].dtype);
  }
  if (n >= 2 && (op.name() == "matmul" || op.name().rfind("conv", 0) == 0)) {
    int64_t smallest =
        std::max<int64_t>(1, std::min(inputs[0].shape.size(), inputs[1].shape.size()));
    bytes += static_cast<int64_t>(std::sqrt(static_cast<double>(smallest)) *
                                  static_cast<double>(out_size) / 4);
  }
  return bytes;
}

void set_long_work(LongWork hooks) { g_long_work = hooks; }

LongWorkScope::LongWorkScope(bool enable) {
  if (enable && g_long_work.begin) state_ = g_long_work.begin();
}
LongWorkScope::~LongWorkScope() {
  if (state_) g_long_work.end(state_);
}

}  // namespace penstock
