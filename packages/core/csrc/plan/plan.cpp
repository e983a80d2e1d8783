#include "plan/plan.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "graph/bodies.h"
#include "plan/binding.h"

namespace penstock {
namespace {

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
  find_kept();
  if (prepares_) find_constants();
  make_layout();
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

// What `prepare` may see: constants, variables that this plan only reads, and what it keeps of both. A variable that it
// assigns changes with every run, and preparing it again each time would cost more than it saves.
void Plan::find_constants() {
  std::set<const Variable*> assigned;
  for (const Step& step : steps_)
    if (step.kind == Step::kAssign) assigned.insert(step.variable);
  for (Step& step : steps_) {
    // What is kept itself runs so seldom that nothing is prepared for it.
    if (step.kind != Step::kKernel || !step.row->def.prepare || step.group >= 0) continue;
    std::set<int32_t> variables;
    for (int32_t v : graph_->nodes[static_cast<size_t>(step.node)].inputs) {
      const Root& root = roots_[static_cast<size_t>(root_of(v))];
      bool fixed_variable = root.place == Place::kVariable &&
                            !assigned.count(steps_[static_cast<size_t>(root.first_step)].variable);
      step.constant.push_back(root.place == Place::kConstant || root.place == Place::kKept ||
                              fixed_variable);
      if (fixed_variable) variables.insert(root_of(v));
      if (root.place != Place::kKept) continue;
      const KeptGroup& group = kept_groups_[static_cast<size_t>(root.group)];
      variables.insert(group.variables.begin(), group.variables.end());
    }
    step.variables.assign(variables.begin(), variables.end());
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

}  // namespace penstock
