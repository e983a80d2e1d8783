// What is found once, when a plan is made, so that a new size costs little.
#include "plan/layout.h"

#include <algorithm>

#include "plan/binding.h"
#include "plan/plan.h"

namespace penstock {

void Plan::make_layout() {
  for (const Value& value : graph_->values) layout_.shapes.push_back(value.aval.shape);
  find_sized();
  find_arena_steps();
  find_views();
}

void Plan::find_sized() {
  const Graph& g = *graph_;
  auto symbolic = [&](int32_t v) { return layout_.shapes[static_cast<size_t>(v)].symbolic(); };
  layout_.frames.resize(steps_.size());
  size_t step = 0;  // steps are in the order of their nodes
  for (size_t n = 0; n < g.nodes.size(); ++n) {
    const Node& node = g.nodes[n];
    if (node.op->builtin == Builtin::kPlaceholder) continue;
    while (step < steps_.size() && steps_[step].node < static_cast<int32_t>(n)) ++step;
    bool has_step = step < steps_.size() && steps_[step].node == static_cast<int32_t>(n);
    if (has_bodies(node.op->builtin) ||
        std::any_of(node.inputs.begin(), node.inputs.end(), symbolic) ||
        std::any_of(node.outputs.begin(), node.outputs.end(), symbolic) ||
        std::any_of(node.attrs.begin(), node.attrs.end(), attr_symbolic)) {
      layout_.sized.push_back(
          {static_cast<int32_t>(n), has_step ? static_cast<int32_t>(step) : -1});
      continue;
    }
    if (has_step) fill_attrs(node.op->schema, node.attrs, &layout_.frames[step]);
    if (node.op->schema.alias || node.op->builtin != Builtin::kNone) continue;
    std::vector<Aval> in, out;
    for (int32_t v : node.inputs) in.push_back(g.values[static_cast<size_t>(v)].aval);
    for (int32_t v : node.outputs) out.push_back(g.values[static_cast<size_t>(v)].aval);
    layout_.cost += estimated_cost(*node.op, in.data(), static_cast<int>(in.size()), out.data(),
                                   static_cast<int>(out.size()));
  }
}

void Plan::find_arena_steps() {
  const Graph& g = *graph_;
  layout_.arena.resize(steps_.size());
  for (size_t r = 0; r < roots_.size(); ++r)
    if (roots_[r].place == Place::kArena && roots_[r].last_step >= 0)
      layout_.arena[static_cast<size_t>(roots_[r].last_step)].dying.push_back(
          static_cast<int32_t>(r));
  auto bytes_of_one = [&](int32_t v) {
    return dtype_size(g.values[static_cast<size_t>(v)].aval.dtype);
  };
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      Layout::Output output{root_of(node.outputs[o]), node.outputs[o], {}};
      if (roots_[static_cast<size_t>(output.root)].place != Place::kArena) continue;
      for (size_t i = 0; step.row && i < node.inputs.size(); ++i) {
        int32_t from = root_of(node.inputs[i]);
        const Root& root = roots_[static_cast<size_t>(from)];
        bool once = std::count_if(node.inputs.begin(), node.inputs.end(),
                                  [&](int32_t v) { return root_of(v) == from; }) == 1;
        if (root.place == Place::kArena && root.last_step == static_cast<int32_t>(s) && once &&
            bytes_of_one(node.inputs[i]) == bytes_of_one(node.outputs[o]) &&
            step.row->may_alias(static_cast<int>(o), static_cast<int>(i)))
          output.in_place.push_back({from, node.inputs[i]});
      }
      layout_.arena[s].outputs.push_back(std::move(output));
    }
  }
}

void Plan::find_views() {
  const Graph& g = *graph_;
  layout_.views_of_root.resize(roots_.size());
  for (const Step& step : steps_) {
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    layout_.first_view.push_back(layout_.num_views);
    if (step.kind != Step::kKernel) continue;
    auto count = [&](int32_t v, int32_t like) {
      layout_.views_of_root[static_cast<size_t>(root_of(v))].push_back(layout_.num_views++);
      layout_.num_dims += static_cast<size_t>(g.values[static_cast<size_t>(like)].aval.shape.ndim);
    };
    for (int32_t v : node.inputs) count(v, node.op->schema.broadcasts ? node.outputs[0] : v);
    for (int32_t v : node.outputs) count(v, v);
  }
}

}  // namespace penstock
