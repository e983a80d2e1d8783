// Steps that run other plans: call, cond, while and scan. Between the runs values are handed on as tensors, so a value
// that goes round unchanged is never copied.
#include "graph/bodies.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "plan/binding.h"

namespace penstock {
namespace {

// Rows of results, one for each iteration.
class Stack {
 public:
  explicit Stack(DType dtype) : dtype_(dtype) {
    if (dtype == DType::kString)
      fail(ErrorKind::kDType, "[scan] cannot stack strings; return numbers from the body");
  }
  Stack(DType dtype, const Shape& row, int64_t length) : Stack(dtype) { reserve(row, length); }

  void put(int64_t i, const Tensor& value) {
    if (!all_.storage || i >= all_.shape[0]) reserve(value.shape, std::max<int64_t>(16, 2 * i));
    if (int64_t bytes = value.bytes())
      std::memcpy(all_.data() + i * bytes, value.data(), static_cast<size_t>(bytes));
  }
  // The first `length` rows of `row`'s shape.
  Tensor take(const Shape& row, int64_t length) {
    if (!all_.storage) reserve(row, length);
    all_.shape[0] = length;
    return all_;
  }

 private:
  void reserve(const Shape& row, int64_t length) {
    Shape shape{length};
    for (int d = 0; d < row.ndim; ++d) shape.push(row[d]);
    Tensor more = Tensor::empty(dtype_, shape);
    if (all_.storage) std::memcpy(more.data(), all_.data(), static_cast<size_t>(all_.bytes()));
    all_ = more;
  }
  DType dtype_;
  Tensor all_;
};

Tensor row_of(const Tensor& t, int64_t i) {
  Tensor row = t;
  row.shape.ndim = t.shape.ndim - 1;
  for (int d = 0; d < row.shape.ndim; ++d) row.shape[d] = t.shape[d + 1];
  row.byte_offset += i * row.bytes();
  return row;
}

int64_t num_carried(const Node& node) {
  if (node.op->builtin == Builtin::kWhile)
    return std::get<int64_t>(node.attrs[WhileAttrs::kNumCarried]);
  if (node.op->builtin == Builtin::kScan)
    return std::get<int64_t>(node.attrs[ScanAttrs::kNumCarried]);
  return 0;
}

}  // namespace

BodyRun::BodyRun(Plan& plan, std::shared_ptr<Binding> binding, const RunOptions& options,
                 int64_t given_inputs)
    : plan_(plan),
      binding_(std::move(binding)),
      state_(binding_->take_state(plan)),
      options_(options) {
  state_->given_inputs = static_cast<int32_t>(given_inputs);
}

BodyRun::~BodyRun() {
  state_->clear();
  state_->given_inputs = 0;
  binding_->give_state(std::move(state_));
}

void BodyRun::operator()(const Tensor* inputs, Tensor* outputs) {
  plan_.execute(*state_, *binding_, inputs, outputs, options_);
  state_->clear();
  for (int i = 0; i < plan_.num_outputs(); ++i) outputs[i] = copy_to(outputs[i], host_device());
}

// Shapes inside and behind a node with bodies. What is not known before the run, the number of a loop's iterations,
// counts as 0: only other loops look at such a stack, and they ask the tensor.
void Binding::bind_bodies(const Plan& plan, size_t step, const std::vector<int64_t>& symbols) {
  const Step& s = plan.steps_[step];
  const Graph& g = *plan.graph_;
  const Node& node = g.nodes[static_cast<size_t>(s.node)];
  std::vector<Shape> given;
  for (int32_t v : node.inputs) given.push_back(shapes[static_cast<size_t>(v)]);
  int64_t carried = num_carried(node), length = 1;
  if (node.op->builtin == Builtin::kCond) given.erase(given.begin());
  if (node.op->builtin == Builtin::kWhile) length = kUnknown;
  if (node.op->builtin == Builtin::kScan) {
    int64_t scanned = std::get<int64_t>(node.attrs[ScanAttrs::kNumScanned]);
    length = dim_eval(std::get<std::vector<int64_t>>(node.attrs[ScanAttrs::kLength])[0], symbols);
    for (int64_t i = carried; i < carried + scanned; ++i) {
      Shape& shape = given[static_cast<size_t>(i)];
      if (shape.ndim < 1 || (length != kUnknown && shape[0] != length))
        fail(ErrorKind::kShape, "[scan] scanned input ", i - carried, " has shape ", shape.text(),
             "; its first axis must have the length of the scan, ", length);
      std::copy(shape.dims + 1, shape.dims + shape.ndim, shape.dims);
      --shape.ndim;
    }
  }
  bool loops = node.op->builtin == Builtin::kWhile || node.op->builtin == Builtin::kScan;
  for (const Ref<Plan>& body : s.bodies) {
    auto inner = std::make_shared<Binding>(*body, given, &symbols);
    cost += inner->cost * (length == kUnknown ? 16 : std::max<int64_t>(length, 1));
    bodies[step].push_back(std::move(inner));
  }
  if (loops) cost += kLongWork + 1;  // nobody knows how long a loop takes
  const Plan& body = *s.bodies.back();
  const Binding& inner = *bodies[step].back();
  for (size_t o = 0; o < node.outputs.size(); ++o) {
    Shape shape = inner.shapes[static_cast<size_t>(body.graph()->outputs[o])];
    if (loops && static_cast<int64_t>(o) < carried) {
      if (shape != given[o])
        fail(ErrorKind::kShape, "[", node.op->name(), "] carries a tensor of shape ",
             given[o].text(), " and its body returns ", shape.text(),
             " in its place; keep the shape the same from one iteration to the next");
    } else if (loops) {
      Shape rows{length == kUnknown ? 0 : length};
      for (int d = 0; d < shape.ndim; ++d) rows.push(shape[d]);
      shape = rows;
    }
    shapes[static_cast<size_t>(node.outputs[o])] = shape;
  }
}

void Plan::run_bodies(RunState& state, Binding& binding, size_t index, const RunOptions& options) {
  const Step& step = steps_[index];
  const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
  std::vector<Tensor> inputs;
  for (int32_t v : node.inputs)
    inputs.push_back(copy_to(value_of(state, binding, v), host_device()));
  CallContext& context = state.contexts[index];
  context.options = &options;
  std::vector<std::unique_ptr<BodyRun>> runs;
  for (size_t b = 0; b < step.bodies.size(); ++b)
    runs.push_back(std::make_unique<BodyRun>(*step.bodies[b], binding.bodies[index][b], options,
                                             b + 1 == step.bodies.size() ? num_carried(node) : 0));
  std::vector<Tensor> outputs(node.outputs.size());
  switch (node.op->builtin) {
    case Builtin::kCall:
      (*runs[0])(inputs.data(), outputs.data());
      break;
    case Builtin::kCond:
      (*runs[*reinterpret_cast<const bool*>(inputs[0].data()) ? 0 : 1])(inputs.data() + 1,
                                                                        outputs.data());
      break;
    case Builtin::kWhile:
      run_while(node, runs, context, std::move(inputs), outputs.data());
      break;
    default:
      run_scan(node, binding, *runs[0], context, std::move(inputs), outputs.data());
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    int32_t root = root_of(node.outputs[o]);
    state.roots[static_cast<size_t>(root)] = outputs[o];
    state.point(root, outputs[o].data());
  }
}

void Plan::run_while(const Node& node, std::vector<std::unique_ptr<BodyRun>>& runs,
                     CallContext& context, std::vector<Tensor> inputs, Tensor* outputs) const {
  const Graph& body = *runs[1]->graph();
  size_t carried = static_cast<size_t>(num_carried(node));
  const auto* most = std::get_if<int64_t>(&node.attrs[WhileAttrs::kMaxIterations]);
  std::vector<Stack> stacks;
  for (size_t o = carried; o < body.outputs.size(); ++o)
    stacks.emplace_back(body.values[static_cast<size_t>(body.outputs[o])].aval.dtype);
  std::vector<Tensor> results(body.outputs.size());
  int64_t n = 0;
  for (;; ++n) {
    if (most && n >= *most) break;
    if (should_stop(context)) fail_stopped(context);
    Tensor go;
    (*runs[0])(inputs.data(), &go);
    if (!*reinterpret_cast<const bool*>(go.data())) break;
    (*runs[1])(inputs.data(), results.data());
    for (size_t o = 0; o < stacks.size(); ++o) stacks[o].put(n, results[carried + o]);
    std::move(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(carried),
              inputs.begin());
  }
  std::move(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(carried), outputs);
  for (size_t o = 0; o < stacks.size(); ++o)
    outputs[carried + o] = stacks[o].take(runs[1]->output_shape(carried + o), n);
}

void Plan::run_scan(const Node& node, const Binding& binding, BodyRun& run, CallContext& context,
                    std::vector<Tensor> inputs, Tensor* outputs) const {
  const Graph& body = *run.graph();
  size_t carried = static_cast<size_t>(num_carried(node));
  size_t scanned = static_cast<size_t>(std::get<int64_t>(node.attrs[ScanAttrs::kNumScanned]));
  bool reverse = std::get<bool>(node.attrs[ScanAttrs::kReverse]);
  std::vector<Tensor> rows(inputs.begin() + static_cast<std::ptrdiff_t>(carried),
                           inputs.begin() + static_cast<std::ptrdiff_t>(carried + scanned));
  // With scanned inputs their own length counts: it may be known only now.
  int64_t length = scanned ? rows[0].shape[0] : binding.scan_length(node);
  for (const Tensor& t : rows)
    if (t.shape[0] != length)
      fail(ErrorKind::kShape, "[scan] scanned inputs have ", length, " and ", t.shape[0], " rows");
  std::vector<Stack> stacks;
  for (size_t o = carried; o < body.outputs.size(); ++o)
    stacks.emplace_back(body.values[static_cast<size_t>(body.outputs[o])].aval.dtype,
                        run.output_shape(o), length);
  std::vector<Tensor> results(body.outputs.size());
  for (int64_t step = 0; step < length; ++step) {
    if (should_stop(context)) fail_stopped(context);
    int64_t i = reverse ? length - 1 - step : step;
    for (size_t x = 0; x < scanned; ++x) inputs[carried + x] = row_of(rows[x], i);
    run(inputs.data(), results.data());
    for (size_t o = 0; o < stacks.size(); ++o) stacks[o].put(i, results[carried + o]);
    std::move(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(carried),
              inputs.begin());
  }
  std::move(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(carried), outputs);
  for (size_t o = 0; o < stacks.size(); ++o)
    outputs[carried + o] = stacks[o].take(run.output_shape(carried + o), length);
}

}  // namespace penstock
