#include "plan/plan.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/few.h"
#include "dispatch/profile.h"
#include "graph/bodies.h"
#include "plan/binding.h"

namespace penstock {
namespace {

constexpr size_t kMaxBindings = 16;

// Pass-through ops: output o is input `first + o` under another name.
int alias_input(const Node& node, size_t output) {
  if (node.op->schema.alias) return output == 0 ? 0 : -1;
  if (node.op->builtin == Builtin::kAssignVariable) return 0;
  if (node.op->builtin == Builtin::kCustomGradient)
    return static_cast<int>(std::get<int64_t>(node.attrs[0]) + static_cast<int64_t>(output));
  return -1;
}

const Device& device_of(const Node& node) {
  if (node.device.empty()) return host_device();
  const Device* device = find_device(node.device);
  if (!device)
    fail(ErrorKind::kDevice, "node '", node.name, "' is placed on '", node.device,
         "', which is not here");
  return *device;
}

}  // namespace

Plan::Plan(Ref<Graph> graph) : graph_(std::move(graph)) {
  check_graph();
  graph_->freeze();  // steps and roots are numbers into it
  find_roots();
  make_steps();
  find_lifetimes();
  find_updates();
  find_reuses();
  if (prepares_) find_constants();
}

Plan::~Plan() = default;

void Plan::check_graph() const {
  const Graph& g = *graph_;
  std::vector<int32_t> seen;
  for (int32_t in : g.inputs) {
    const Node& node = g.nodes[static_cast<size_t>(g.values[static_cast<size_t>(in)].node)];
    if (node.op->builtin != Builtin::kPlaceholder)
      fail(ErrorKind::kGraph, "input '", g.value_name(in), "' of the graph is computed by ",
           node.op->name(), "; inputs must be placeholders");
    if (std::find(seen.begin(), seen.end(), in) != seen.end())
      fail(ErrorKind::kGraph, "input '", g.value_name(in), "' is listed twice");
    seen.push_back(in);
  }
}

void Plan::check_inputs(const std::vector<Shape>& shapes) const {
  if (static_cast<int>(shapes.size()) != num_inputs())
    fail(ErrorKind::kValue, "the graph takes ", num_inputs(), " inputs and got ", shapes.size());
  for (const Shape& s : shapes)
    for (int d = 0; d < s.ndim; ++d)
      if (s[d] < 0)
        fail(ErrorKind::kShape, "an input's shape is ", s.text(), "; sizes are not negative");
}

void Plan::find_roots() {
  const Graph& g = *graph_;
  root_of_value_.assign(g.values.size(), -1);
  for (size_t n = 0; n < g.nodes.size(); ++n) {
    const Node& node = g.nodes[n];
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      int32_t value = node.outputs[o];
      int from = alias_input(node, o);
      if (from >= 0) {
        root_of_value_[static_cast<size_t>(value)] =
            root_of(node.inputs[static_cast<size_t>(from)]);
        continue;
      }
      Root root;
      root.value = value;
      root.source = static_cast<int32_t>(n);
      root.device = &device_of(node);
      if (node.op->builtin == Builtin::kConstant) root.place = Place::kConstant;
      if (node.op->builtin == Builtin::kReadVariable) root.place = Place::kVariable;
      // The arena is host memory of plain bytes.
      if (!root.device->is_host() ||
          g.values[static_cast<size_t>(value)].aval.dtype == DType::kString ||
          node.op->builtin == Builtin::kToDevice || has_bodies(node.op->builtin))
        if (root.place == Place::kArena) root.place = Place::kOwned;
      root_of_value_[static_cast<size_t>(value)] = static_cast<int32_t>(roots_.size());
      roots_.push_back(root);
    }
  }
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    Root& root = roots_[static_cast<size_t>(root_of(g.inputs[i]))];
    root.place = Place::kInput;
    root.source = static_cast<int32_t>(i);
  }
  auto leaves = [&](int32_t value) {
    Root& root = roots_[static_cast<size_t>(root_of(value))];
    if (root.place == Place::kArena) root.place = Place::kOwned;
  };
  for (int32_t out : g.outputs) leaves(out);
  for (const Node& node : g.nodes)
    if (node.op->builtin == Builtin::kAssignVariable || node.op->builtin == Builtin::kToDevice)
      leaves(node.inputs[0]);
  for (const Node& node : g.nodes)
    if (has_bodies(node.op->builtin))
      for (int32_t in : node.inputs) leaves(in);
}

void Plan::make_steps() {
  const Graph& g = *graph_;
  for (size_t n = 0; n < g.nodes.size(); ++n) {
    const Node& node = g.nodes[n];
    if (node.op->schema.alias) continue;
    Step step;
    step.node = static_cast<int32_t>(n);
    step.device = &device_of(node);
    switch (node.op->builtin) {
      case Builtin::kConstant:
      case Builtin::kCustomGradient:
        continue;
      case Builtin::kPlaceholder:
        if (std::find(g.inputs.begin(), g.inputs.end(), node.outputs[0]) == g.inputs.end())
          fail(ErrorKind::kGraph, "placeholder '", node.name,
               "' is needed and was not fed; add it to feed_dict");
        continue;
      case Builtin::kReadVariable:
      case Builtin::kAssignVariable:
        step.kind = node.op->builtin == Builtin::kReadVariable ? Step::kRead : Step::kAssign;
        step.variable = static_cast<Variable*>(std::get<Ref<RefCounted>>(node.attrs[0]).get());
        break;
      case Builtin::kToDevice:
        step.kind = Step::kCopy;
        break;
      case Builtin::kCall:
      case Builtin::kCond:
      case Builtin::kWhile:
      case Builtin::kScan:
        step.kind = Step::kBodies;
        for (const Ref<Graph>& body : bodies_of(node)) step.bodies.push_back(make_ref<Plan>(body));
        for (const Ref<Plan>& body : step.bodies) waits_ |= body->waits_;
        add_touched(node, &step.touched);
        break;
      default: {
        step.kind = Step::kKernel;
        step.random = node.op->schema.effects == Effects::kRandom;
        std::vector<DType> in, out;
        for (int32_t v : node.inputs) in.push_back(g.values[static_cast<size_t>(v)].aval.dtype);
        for (int32_t v : node.outputs) out.push_back(g.values[static_cast<size_t>(v)].aval.dtype);
        step.row =
            &kernel_for(const_cast<Op&>(*node.op), *step.device, in.data(),
                        static_cast<int>(in.size()), out.data(), static_cast<int>(out.size()));
        prepares_ |= step.row->def.prepare != nullptr;
        waits_ |= (step.row->def.caps & PENSTOCK_CAP_ASYNC) != 0;
        for (size_t o = 0; o < node.outputs.size(); ++o) {
          int32_t root = root_of(node.outputs[o]);
          if (roots_[static_cast<size_t>(root)].place == Place::kOwned)
            step.owned.emplace_back(static_cast<int32_t>(o), root);
        }
      }
    }
    steps_.push_back(std::move(step));
  }
}

void Plan::find_lifetimes() {
  const Graph& g = *graph_;
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Node& node = g.nodes[static_cast<size_t>(steps_[s].node)];
    for (int32_t v : node.outputs) {
      Root& root = roots_[static_cast<size_t>(root_of(v))];
      if (root.first_step < 0) root.first_step = static_cast<int32_t>(s);
      root.last_step = std::max(root.last_step, static_cast<int32_t>(s));
    }
    for (int32_t v : node.inputs) {
      Root& root = roots_[static_cast<size_t>(root_of(v))];
      root.last_step = std::max(root.last_step, static_cast<int32_t>(s));
    }
  }
}

// Finds kernels that may update a variable in its own memory: their input is the variable's value, nobody uses that
// value afterwards, and the next thing that happens to the variable is that it is assigned their output.
void Plan::find_updates() {
  const Graph& g = *graph_;
  for (size_t a = 0; a < steps_.size(); ++a) {
    if (steps_[a].kind != Step::kAssign) continue;
    Variable* variable = steps_[a].variable;
    int32_t out_root = root_of(g.nodes[static_cast<size_t>(steps_[a].node)].inputs[0]);
    int32_t producer = roots_[static_cast<size_t>(out_root)].first_step;
    if (roots_[static_cast<size_t>(out_root)].place != Place::kOwned || producer < 0) continue;
    Step& step = steps_[static_cast<size_t>(producer)];
    if (step.kind != Step::kKernel || step.row->is_python) continue;
    bool touched = false;
    for (size_t s = static_cast<size_t>(producer) + 1; s < a; ++s)
      touched |= steps_[s].variable == variable || steps_[s].touches(variable);
    if (touched) continue;
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      if (root_of(node.outputs[o]) != out_root) continue;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        int32_t in_root = root_of(node.inputs[i]);
        const Root& in = roots_[static_cast<size_t>(in_root)];
        if (in.place != Place::kVariable || in.last_step != producer) continue;
        if (steps_[static_cast<size_t>(in.first_step)].variable != variable) continue;
        if (is_output(in_root)) continue;
        if (std::count_if(node.inputs.begin(), node.inputs.end(),
                          [&](int32_t v) { return root_of(v) == in_root; }) != 1)
          continue;
        if (!step.row->may_alias(static_cast<int>(o), static_cast<int>(i))) continue;
        // One output has one memory, and one variable one lock.
        bool taken = std::any_of(step.updates.begin(), step.updates.end(), [&](const auto& u) {
          return u.output_root == out_root || u.variable == variable;
        });
        if (taken) continue;
        step.updates.push_back(
            {static_cast<int32_t>(o), in_root, out_root, static_cast<int32_t>(a), variable});
      }
    }
  }
  for (Step& step : steps_)  // one order of locking for everybody
    std::sort(step.updates.begin(), step.updates.end(),
              [](const Step::Update& a, const Step::Update& b) { return a.variable < b.variable; });
}

bool Plan::is_output(int32_t root) const {
  return std::any_of(graph_->outputs.begin(), graph_->outputs.end(),
                     [&](int32_t v) { return root_of(v) == root; });
}

// Finds kernels that may write a result over an input of the graph that nobody reads afterwards. A loop gives its
// carried values away, so that filling a large one row by row does not copy it each time.
void Plan::find_reuses() {
  for (size_t s = 0; s < steps_.size(); ++s) {
    Step& step = steps_[s];
    if (step.kind != Step::kKernel || step.row->is_python) continue;
    const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
    for (const auto& [output, output_root] : step.owned)
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        int32_t in_root = root_of(node.inputs[i]);
        const Root& in = roots_[static_cast<size_t>(in_root)];
        bool once = std::count_if(node.inputs.begin(), node.inputs.end(),
                                  [&](int32_t v) { return root_of(v) == in_root; }) == 1;
        bool taken = std::any_of(step.reuses.begin(), step.reuses.end(), [&](const auto& r) {
          return r.input_root == in_root || r.output == output;
        });
        if (in.place == Place::kInput && in.last_step == static_cast<int32_t>(s) && once &&
            !taken && !is_output(in_root) && step.row->may_alias(output, static_cast<int>(i)))
          step.reuses.push_back({output, in.source, in_root, output_root});
      }
  }
}

// What `prepare` may see: constants, and variables that this plan only reads. One that it assigns changes with every
// run, and preparing it again each time would cost more than it saves.
void Plan::find_constants() {
  std::set<const Variable*> assigned;
  for (const Step& step : steps_)
    if (step.kind == Step::kAssign) assigned.insert(step.variable);
  for (Step& step : steps_) {
    if (step.kind != Step::kKernel || !step.row->def.prepare) continue;
    for (int32_t v : graph_->nodes[static_cast<size_t>(step.node)].inputs) {
      const Root& root = roots_[static_cast<size_t>(root_of(v))];
      bool fixed_variable = root.place == Place::kVariable &&
                            !assigned.count(steps_[static_cast<size_t>(root.first_step)].variable);
      step.constant.push_back(root.place == Place::kConstant || fixed_variable);
      if (fixed_variable) step.variables.push_back(root_of(v));
    }
    step.serves_all_sizes = serves_all_sizes(step);
  }
}

// Whether the kernel says so, and what it prepares from has one size itself: a weight may be reshaped by the batch.
bool Plan::serves_all_sizes(const Step& step) const {
  if (!(step.row->def.caps & PENSTOCK_CAP_ONE_STATE)) return false;
  const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
  for (const AttrValue& attr : node.attrs)
    if (attr_symbolic(attr)) return false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Value& value = graph_->values[static_cast<size_t>(node.inputs[i])];
    if (step.constant[i] && value.aval.shape.symbolic()) return false;
  }
  return true;
}

std::shared_ptr<Binding> Plan::binding_for(const std::vector<Shape>& shapes) {
  check_inputs(shapes);
  std::vector<int64_t> key;
  for (const Shape& s : shapes) {
    key.push_back(s.ndim);
    key.insert(key.end(), s.dims, s.dims + s.ndim);
  }
  {
    std::lock_guard lock(mutex_);
    auto it = bindings_.find(key);
    if (it != bindings_.end()) {
      it->second->last_use = ++clock_;
      collect_arenas();
      return last_ = it->second;
    }
  }
  // Outside the lock: shape rules written in Python let other threads run meanwhile.
  auto made = std::make_shared<Binding>(*this, shapes);
  std::shared_ptr<Binding> evicted;
  std::lock_guard lock(mutex_);
  if (bindings_.size() >= kMaxBindings) {
    auto oldest = std::min_element(
        bindings_.begin(), bindings_.end(),
        [](const auto& a, const auto& b) { return a.second->last_use < b.second->last_use; });
    evicted = std::move(oldest->second);
    bindings_.erase(oldest);
  }
  made->last_use = ++clock_;
  collect_arenas();
  last_ = bindings_.emplace(std::move(key), std::move(made)).first->second;
  return last_;
}

// From all bindings: a run that ended after another thread had changed the sizes has left its own behind.
void Plan::collect_arenas() {
  for (auto& entry : bindings_) entry.second->take_arenas(&arenas_);
}

// The smallest that is large enough. If none is, all make room for a larger one.
Ref<Storage> Plan::take_arena(int64_t bytes) {
  std::vector<Ref<Storage>> too_small;
  {
    std::lock_guard lock(mutex_);
    auto best = arenas_.end();
    for (auto it = arenas_.begin(); it != arenas_.end(); ++it)
      if ((*it)->bytes() >= bytes && (best == arenas_.end() || (*it)->bytes() < (*best)->bytes()))
        best = it;
    if (best != arenas_.end()) {
      Ref<Storage> found = std::move(*best);
      arenas_.erase(best);
      return found;
    }
    too_small.swap(arenas_);
  }
  too_small.clear();
  return Storage::allocate(bytes);
}

// The usual case: the same shapes as last time.
std::shared_ptr<Binding> Plan::last_binding(const Tensor* inputs, int n) {
  std::lock_guard lock(mutex_);
  if (!last_) return nullptr;
  for (int i = 0; i < n; ++i)
    if (last_->input_shapes[static_cast<size_t>(i)] != inputs[i].shape) return nullptr;
  return last_;
}

bool Plan::accepts(const Tensor* inputs, int n) const {
  const Graph& g = *graph_;
  if (n != num_inputs()) return false;
  std::vector<int64_t> symbols(g.hints.size(), kUnknown);
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < n; ++i) {
      const Aval& formal = g.values[static_cast<size_t>(g.inputs[static_cast<size_t>(i)])].aval;
      if (formal.dtype != inputs[i].dtype || formal.shape.ndim != inputs[i].shape.ndim)
        return false;
      for (int d = 0; d < formal.shape.ndim; ++d) {
        int symbol;
        if (dim_is_symbol(formal.shape[d], &symbol)) {
          int64_t& known = symbols[static_cast<size_t>(symbol)];
          if (known == kUnknown) known = inputs[i].shape[d];
          if (known != inputs[i].shape[d]) return false;
        } else if (pass == 1 && dim_eval(formal.shape[d], symbols) != inputs[i].shape[d]) {
          return false;
        }
      }
    }
  }
  for (const Guard& guard : g.guards) {
    int64_t a = dim_eval(guard.a, symbols), b = dim_eval(guard.b, symbols);
    if ((guard.kind == Guard::kEqual ? a == b : a < b) != guard.result) return false;
  }
  return true;
}

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
      if (steps_[s].kind == Step::kKernel) run_kernel(state.calls[s], state.contexts[s]);
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
    state.point(binding, static_cast<int32_t>(root), state.roots[root].data());
  }
  bool checks = binding.cost > kLongWork || options.active();
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    ProfileSpan span([&](ProfileEvent& event) { describe_step(binding, s, event); });
    try {
      if (checks) {
        state.contexts[s].options = &options;
        if (should_stop(state.contexts[s])) fail_stopped(state.contexts[s]);
      }
      if (__builtin_expect(step.kind == Step::kKernel, 1)) {
        run_kernel_step(state, binding, s, options);
        continue;
      }
      if (step.kind == Step::kBodies) {
        run_bodies(state, binding, s, options);
        continue;
      }
      size_t out_root = static_cast<size_t>(root_of(node.outputs[0]));
      if (step.kind == Step::kRead) {
        state.roots[out_root] = step.variable->read(&state.versions[out_root]);
        if (!state.roots[out_root].device().is_host())
          state.roots[out_root] = copy_to(state.roots[out_root], *step.device);
        state.point(binding, static_cast<int32_t>(out_root), state.roots[out_root].data());
        continue;
      }
      Tensor value = value_of(state, binding, node.inputs[0]);
      if (step.kind == Step::kAssign) {
        if (!state.published[s]) step.variable->assign(value);
        continue;
      }
      state.roots[out_root] = copy_to(value, *step.device);
      state.point(binding, static_cast<int32_t>(out_root), state.roots[out_root].data());
    } catch (const Error& e) {
      if (node.source.empty()) throw;
      fail(e.kind, e.what(), "\n  node '", node.name, "', at ", node.source);
    }
  }
  collect_outputs(state, binding, outputs);
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

void Plan::run_kernel_step(RunState& state, Binding& binding, size_t index,
                           const RunOptions& options) {
  const Step& step = steps_[index];
  const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
  penstock_call& call = state.calls[index];
  CallContext& context = state.contexts[index];
  if (__builtin_expect(step.row->def.prepare != nullptr, 0))
    prepare_step(state, binding, index, options);
  if (step.plain()) {
    context.options = &options;
    run_kernel(call, context);
    if (debug_nans()) check_step(state, binding, index);
    return;
  }
  Few<Tensor> fresh(step.owned.empty() ? 0 : static_cast<int>(node.outputs.size()));
  auto allocate = [&](int32_t output, int32_t root) {
    size_t v = static_cast<size_t>(node.outputs[static_cast<size_t>(output)]);
    Tensor t = Tensor::empty(graph_->values[v].aval.dtype, binding.shapes[v], *step.device);
    state.point(binding, root, t.data());
    state.roots[static_cast<size_t>(root)] = t;
    fresh[output] = std::move(t);
  };
  std::vector<std::unique_lock<std::mutex>> locks;
  std::vector<const Step::Update*> in_place;
  for (const Step::Update& update : step.updates) {
    std::unique_lock lock(update.variable->mutex_);
    const Tensor& held = state.roots[static_cast<size_t>(update.input_root)];
    const Tensor& current = update.variable->current_;
    // Two owners: the variable and this run. Anybody else keeps the old version.
    if (held.storage == current.storage && held.storage->use_count() == 2 &&
        held.storage->writable() && held.device().is_host()) {
      state.point(binding, update.output_root, held.data());
      state.roots[static_cast<size_t>(update.output_root)] = held;
      ++update.variable->version_;
      in_place.push_back(&update);
      locks.push_back(std::move(lock));
    }
  }
  std::vector<int32_t> reused;
  if (state.given_inputs > 0)
    for (const Step::Reuse& reuse : step.reuses) {
      const Tensor& held = state.roots[static_cast<size_t>(reuse.input_root)];
      size_t v = static_cast<size_t>(node.outputs[static_cast<size_t>(reuse.output)]);
      bool updates = std::any_of(in_place.begin(), in_place.end(), [&](const auto* u) {
        return u->output_root == reuse.output_root;  // it is in the variable's memory
      });
      if (updates || reuse.input >= state.given_inputs) continue;
      // Two owners: the loop, which gives it away, and this run.
      if (held.storage->use_count() != 2 || !held.storage->writable() ||
          held.dtype != graph_->values[v].aval.dtype || held.shape != binding.shapes[v] ||
          !held.device().is_host() || !step.device->is_host())
        continue;
      state.point(binding, reuse.output_root, held.data());
      state.roots[static_cast<size_t>(reuse.output_root)] = held;
      reused.push_back(reuse.output_root);
    }
  for (const auto& [output, root] : step.owned) {
    if (std::find(reused.begin(), reused.end(), root) != reused.end()) continue;
    bool done = std::any_of(in_place.begin(), in_place.end(),
                            [r = root](const auto* u) { return u->output_root == r; });
    if (!done) allocate(output, root);
  }
  if (step.random) {
    Tensor shape_only;
    shape_only.dtype = graph_->values[static_cast<size_t>(node.outputs[0])].aval.dtype;
    shape_only.shape = binding.shapes[static_cast<size_t>(node.outputs[0])];
    fill_random(call, *node.op, binding.attrs[index], shape_only);
  }
  context.outputs = step.owned.empty() ? nullptr : fresh.get();
  context.may_resize = false;  // later steps know the planned shape
  // Once a variable's memory is being rewritten there is no way back: such a kernel runs to its end.
  context.options = locks.empty() ? &options : nullptr;
  context.may_interrupt = locks.empty();
  run_kernel(call, context);
  if (debug_nans()) check_step(state, binding, index);
  for (const Step::Update* update : in_place)
    state.published[static_cast<size_t>(update->assign_step)] = 1;
}

void Plan::prepare_step(RunState& state, Binding& binding, size_t index,
                        const RunOptions& options) {
  const Step& step = steps_[index];
  if (state.prepared_for_good[index]) return;
  std::vector<uint64_t> versions;
  for (int32_t root : step.variables) versions.push_back(state.versions[static_cast<size_t>(root)]);
  PreparedStates& kept = step.serves_all_sizes ? prepared_ : binding.prepared;
  PreparedStates::State& mine = state.prepared[index];
  if (auto known = kept.find(index, versions)) {
    mine = std::move(*known);
  } else {
    state.contexts[index].options = &options;
    mine = prepare_kernel(state.calls[index], state.contexts[index], step.constant);
    kept.put(index, std::move(versions), mine);
  }
  state.calls[index].state = mine.get();
  state.prepared_for_good[index] = step.variables.empty();
}

void Plan::check_step(RunState& state, Binding& binding, size_t index) {
  const Node& node = graph_->nodes[static_cast<size_t>(steps_[index].node)];
  for (size_t o = 0; o < node.outputs.size(); ++o) {
    Tensor t;
    t.dtype = graph_->values[static_cast<size_t>(node.outputs[o])].aval.dtype;
    t.shape = binding.shapes[static_cast<size_t>(node.outputs[o])];
    t.storage = Storage::wrap(state.calls[index].outputs[o]->data, t.bytes(), *steps_[index].device,
                              nullptr, false);
    check_finite(*node.op, t, "");
  }
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
