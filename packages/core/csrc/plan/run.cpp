// A run: steps in their order, with the frames of a run state.
#include <algorithm>
#include <ctime>
#include <optional>

#include "base/error.h"
#include "dispatch/profile.h"
#include "plan/binding.h"
#include "plan/plan.h"

namespace penstock {

void Plan::run(const Tensor* inputs, int n, Tensor* outputs, const RunOptions& asked) {
  // Kernels in Python and runs inside of this one see them too.
  std::optional<OptionsScope> scope_of_options;
  if (__builtin_expect(asked.active(), 0)) scope_of_options.emplace(asked);
  const RunOptions* current = current_options();
  const RunOptions& options = current ? *current : asked;
  if (n != num_inputs())
    fail(ErrorKind::kValue, "the graph takes ", num_inputs(), " inputs and got ", n);
  for (int i = 0; i < n; ++i)
    if (!inputs[i].storage)
      fail(ErrorKind::kGraph, "input '", graph_->value_name(graph_->inputs[static_cast<size_t>(i)]),
           "' is a graph tensor; feed a value");
  std::shared_ptr<Binding> binding = last_binding(inputs, n);
  if (!binding) {
    std::vector<Shape> shapes;
    for (int i = 0; i < n; ++i) shapes.push_back(inputs[i].shape);
    binding = binding_for(shapes);
  }
  std::unique_ptr<RunState> state = binding->take_state(*this);
  struct GiveBack {
    Binding& binding;
    std::unique_ptr<RunState>& state;
    ~GiveBack() {
      state->clear();
      binding.give_state(std::move(state));
    }
  } give_back{*binding, state};
  ProfileSpan span([&](ProfileEvent& event) {
    event.kind = ProfileEvent::kRun;
    event.name = graph_->name;
    event.output_bytes = binding->arena_bytes;
  });
  LongWorkScope scope(waits_ || binding->cost > kLongWork);
  execute(*state, *binding, inputs, outputs, options);
}

double Plan::time_kernels(const Tensor* inputs, int n, int repeats) {
  std::vector<Shape> shapes;
  for (int i = 0; i < n; ++i) shapes.push_back(inputs[i].shape);
  std::shared_ptr<Binding> binding = binding_for(shapes);
  for (const Step& step : steps_)
    if (!step.updates.empty())
      fail(ErrorKind::kGraph, "time_kernels would change variable '",
           step.updates[0].variable->name(), "'");
  RunState state(*this, *binding, Storage::allocate(binding->arena_bytes));
  std::vector<Tensor> outputs(static_cast<size_t>(num_outputs()));
  RunOptions options;
  execute(state, *binding, inputs, outputs.data(), options);  // points every view at real memory
  std::clock_t start = std::clock();
  for (int r = 0; r < repeats; ++r)
    for (size_t s = 0; s < steps_.size(); ++s)
      if (steps_[s].kind == Step::kKernel && steps_[s].group < 0)
        run_kernel(state.calls[s], state.contexts[s]);
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / std::max(repeats, 1);
}

void Plan::execute(RunState& state, Binding& binding, const Tensor* inputs, Tensor* outputs,
                   const RunOptions& options) {
  const Graph& g = *graph_;
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    size_t root = static_cast<size_t>(root_of(g.inputs[i]));
    const Value& value = g.values[static_cast<size_t>(g.inputs[i])];
    if (inputs[i].dtype != value.aval.dtype)
      fail(ErrorKind::kDType, "input '", g.value_name(g.inputs[i]), "' is ",
           dtype_name(inputs[i].dtype), "; the graph expects ", dtype_name(value.aval.dtype));
    state.roots[root] = copy_to(inputs[i], *roots_[root].device);
    state.point(static_cast<int32_t>(root), state.roots[root].data());
  }
  bool checks = binding.cost > kLongWork || options.active();
  if (!kept_groups_.empty()) take_kept(state, binding, options);
  for (size_t s = 0; s < steps_.size(); ++s) {
    if (steps_[s].early) continue;
    if (__builtin_expect(steps_[s].group >= 0, 0))
      run_kept_step(state, binding, s, options);
    else
      run_step(state, binding, s, options, checks);
  }
  collect_outputs(state, binding, outputs);
}

void Plan::run_step(RunState& state, Binding& binding, size_t index, const RunOptions& options,
                    bool checks) {
  const Step& step = steps_[index];
  const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
  ProfileSpan span([&](ProfileEvent& event) { describe_step(binding, index, event); });
  try {
    if (checks) {
      state.contexts[index].options = &options;
      if (should_stop(state.contexts[index])) fail_stopped(state.contexts[index]);
    }
    if (__builtin_expect(step.kind == Step::kKernel, 1))
      return run_kernel_step(state, binding, index, options);
    if (step.kind == Step::kBodies) return run_bodies(state, binding, index, options);
    size_t out_root = static_cast<size_t>(root_of(node.outputs[0]));
    auto hold = [&](Tensor value) {
      state.roots[out_root] = std::move(value);
      state.point(static_cast<int32_t>(out_root), state.roots[out_root].data());
    };
    if (step.kind == Step::kRead) {
      Tensor value = step.variable->read(&state.versions[out_root]);
      return hold(value.device().is_host() ? std::move(value) : copy_to(value, *step.device));
    }
    Tensor value = value_of(state, binding, node.inputs[0]);
    if (step.kind == Step::kCopy) return hold(copy_to(value, *step.device));
    if (!state.published[index]) step.variable->assign(std::move(value));
  } catch (const Error& e) {
    if (node.source.empty()) throw;
    fail(e.kind, e.what(), "\n  node '", node.name, "', at ", node.source);
  }
}

void Plan::describe_step(const Binding& binding, size_t index, ProfileEvent& event) const {
  const Step& step = steps_[index];
  const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
  event.kind = ProfileEvent::kNode;
  event.name = node.name;
  event.op = node.op->name();
  event.source = node.source;
  if (step.row) event.kernel = step.row->provider + " (" + step.row->isa + ")";
  auto text = [&](int32_t v) {
    DType dtype = graph_->values[static_cast<size_t>(v)].aval.dtype;
    return dtype_code(dtype) + binding.shapes[static_cast<size_t>(v)].text();
  };
  for (int32_t v : node.inputs) event.inputs += (event.inputs.empty() ? "" : ", ") + text(v);
  for (int32_t v : node.outputs) {
    event.outputs += (event.outputs.empty() ? "" : ", ") + text(v);
    const Shape& shape = binding.shapes[static_cast<size_t>(v)];
    if (step.kind == Step::kKernel)
      event.output_bytes +=
          shape.size() * dtype_size(graph_->values[static_cast<size_t>(v)].aval.dtype);
  }
}

Tensor Plan::value_of(const RunState& state, const Binding& binding, int32_t v) const {
  size_t root = static_cast<size_t>(root_of(v));
  Tensor value = state.roots[root];
  if (roots_[root].place == Place::kConstant) {
    const Node& constant = graph_->nodes[static_cast<size_t>(roots_[root].source)];
    value = *std::get<std::shared_ptr<const Tensor>>(constant.attrs[0]);
  }
  if (is_reshaped(v)) value.shape = binding.shapes[static_cast<size_t>(v)];
  return value;
}

// Whether a value has another shape than its root. Otherwise the root's tensor knows the shape, and better than a
// binding: a stack of a loop's values has more rows than that could foresee.
bool Plan::is_reshaped(int32_t v) const {
  auto shape = [&](int32_t value) { return graph_->values[static_cast<size_t>(value)].aval.shape; };
  return shape(v) != shape(roots_[static_cast<size_t>(root_of(v))].value);
}

void Plan::collect_outputs(RunState& state, Binding& binding, Tensor* outputs) {
  const Graph& g = *graph_;
  for (size_t i = 0; i < g.outputs.size(); ++i) {
    size_t v = static_cast<size_t>(g.outputs[i]);
    const Root& root = roots_[static_cast<size_t>(root_of(g.outputs[i]))];
    if (root.place == Place::kConstant) {
      outputs[i] = *std::get<std::shared_ptr<const Tensor>>(
          g.nodes[static_cast<size_t>(root.source)].attrs[0]);
    } else {
      outputs[i] = state.roots[static_cast<size_t>(root_of(g.outputs[i]))];
    }
    if (is_reshaped(g.outputs[i])) outputs[i].shape = binding.shapes[v];
    outputs[i].dtype = g.values[v].aval.dtype;
    outputs[i].weak = g.values[v].aval.weak;
    outputs[i].id = 0;
  }
}

}  // namespace penstock
