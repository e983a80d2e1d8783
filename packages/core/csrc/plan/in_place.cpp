// Where a kernel may write a result over what it reads: into a variable's own memory, or into an input that is given
// away.
#include <algorithm>

#include "plan/plan.h"

namespace penstock {

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

}  // namespace penstock
