// Finds what a plan computes from constants and variables alone, and decides whether it is kept from run to run.
#include "plan/kept.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "graph/bodies.h"
#include "plan/binding.h"
#include "plan/plan.h"

namespace penstock {
namespace {

constexpr int64_t kSmall = 1 << 16;
constexpr int64_t kMuchWork = 16;  // per byte that is kept, in units of `estimated_cost`

// Small results always. Large ones take memory for as long as the plan lives: only in place of twice as much to read,
// such as weights that are rounded to bfloat16, or of a product.
bool worth_keeping(int64_t kept, int64_t read, int64_t cost) {
  return kept <= kSmall || 2 * kept <= read || cost >= kMuchWork * kept;
}

// Steps in sets that grow together.
class Sets {
 public:
  explicit Sets(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0); }
  size_t find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(size_t a, size_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<size_t> parent_;
};

}  // namespace

// Which steps give the same in every run until somebody assigns a variable: reads of variables that the plan does not
// assign, and kernels without effects and without symbolic sizes that take only such values and constants.
std::vector<char> Plan::find_steady() const {
  const Graph& g = *graph_;
  std::set<const Variable*> assigned;
  for (const Node& node : g.nodes) add_assigned(node, &assigned);
  std::vector<char> leaves(roots_.size()), known(roots_.size()), steady(steps_.size());
  for (int32_t v : g.outputs) leaves[static_cast<size_t>(root_of(v))] = 1;
  for (const Step& step : steps_)
    if (step.kind == Step::kAssign || step.kind == Step::kCopy)
      leaves[static_cast<size_t>(root_of(g.nodes[static_cast<size_t>(step.node)].inputs[0]))] = 1;
  for (size_t r = 0; r < roots_.size(); ++r) known[r] = roots_[r].place == Place::kConstant;
  bool disturbed = false;  // a function of the host may have assigned anything
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    auto fixed = [&](int32_t v) {
      const Aval& aval = g.values[static_cast<size_t>(v)].aval;
      return !leaves[static_cast<size_t>(root_of(v))] && !aval.shape.symbolic() &&
             aval.dtype != DType::kString;
    };
    disturbed |= effects_of(node) == Effects::kIo;
    if (!step.device->is_host()) continue;
    if (step.kind == Step::kRead)
      steady[s] = !disturbed && !assigned.count(step.variable);
    else if (step.kind == Step::kKernel)
      steady[s] = node.op->schema.effects == Effects::kNone &&
                  std::none_of(node.attrs.begin(), node.attrs.end(), attr_symbolic) &&
                  std::all_of(node.outputs.begin(), node.outputs.end(), fixed) &&
                  std::all_of(node.inputs.begin(), node.inputs.end(),
                              [&](int32_t v) { return known[static_cast<size_t>(root_of(v))]; });
    if (steady[s])
      for (int32_t v : node.outputs) known[static_cast<size_t>(root_of(v))] = 1;
  }
  return steady;
}

// What hangs together is kept together, or not at all.
void Plan::find_kept() {
  const Graph& g = *graph_;
  std::vector<char> steady = find_steady(), wanted(roots_.size());
  auto is_steady_kernel = [&](size_t s) { return steady[s] && steps_[s].kind == Step::kKernel; };
  Sets sets(steps_.size());
  for (size_t s = 0; s < steps_.size(); ++s)
    for (int32_t v : g.nodes[static_cast<size_t>(steps_[s].node)].inputs) {
      size_t root = static_cast<size_t>(root_of(v));
      int32_t from = roots_[root].first_step;
      if (!is_steady_kernel(s))
        wanted[root] = 1;
      else if (from >= 0 && is_steady_kernel(static_cast<size_t>(from)))
        sets.join(s, static_cast<size_t>(from));
    }
  std::map<size_t, std::vector<size_t>> groups;
  for (size_t s = 0; s < steps_.size(); ++s)
    if (is_steady_kernel(s)) groups[sets.find(s)].push_back(s);
  for (const auto& [name, members] : groups) keep(members, wanted);
}

// Makes steps a group, if their results are worth the memory. `wanted` marks the roots that other steps read.
void Plan::keep(const std::vector<size_t>& members, const std::vector<char>& wanted) {
  const Graph& g = *graph_;
  KeptGroup group;
  std::set<int32_t> read;
  int64_t kept = 0, all_read = 0, cost = 0;
  auto bytes_of = [&](int32_t root) {
    const Aval& aval = g.values[static_cast<size_t>(roots_[static_cast<size_t>(root)].value)].aval;
    return aval.shape.size() * dtype_size(aval.dtype);
  };
  for (size_t s : members) {
    const Node& node = g.nodes[static_cast<size_t>(steps_[s].node)];
    std::vector<Aval> in, out;
    for (int32_t v : node.inputs) {
      in.push_back(g.values[static_cast<size_t>(v)].aval);
      Place place = roots_[static_cast<size_t>(root_of(v))].place;
      if (place == Place::kVariable || place == Place::kConstant) read.insert(root_of(v));
    }
    for (int32_t v : node.outputs) {
      out.push_back(g.values[static_cast<size_t>(v)].aval);
      if (!wanted[static_cast<size_t>(root_of(v))]) continue;
      group.results.push_back(root_of(v));
      kept += bytes_of(root_of(v));
    }
    cost += estimated_cost(*node.op, in.data(), static_cast<int>(in.size()), out.data(),
                           static_cast<int>(out.size()));
  }
  for (int32_t root : read) all_read += bytes_of(root);
  if (!worth_keeping(kept, all_read, cost)) return;
  for (int32_t root : read) {
    if (roots_[static_cast<size_t>(root)].place != Place::kVariable) continue;
    group.variables.push_back(root);
    steps_[static_cast<size_t>(roots_[static_cast<size_t>(root)].first_step)].early = true;
  }
  for (size_t s : members) {
    steps_[s].group = static_cast<int32_t>(kept_groups_.size());
    const Node& node = g.nodes[static_cast<size_t>(steps_[s].node)];
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      int32_t root = root_of(node.outputs[o]);
      Place& place = roots_[static_cast<size_t>(root)].place;
      if (!wanted[static_cast<size_t>(root)]) continue;
      if (place == Place::kArena) steps_[s].owned.emplace_back(static_cast<int32_t>(o), root);
      place = Place::kKept;
      roots_[static_cast<size_t>(root)].group = steps_[s].group;
    }
  }
  group.last_step = static_cast<int32_t>(members.back());
  kept_groups_.push_back(std::move(group));
}

// Fills in what earlier runs kept, for the variables' versions of this moment.
void Plan::take_kept(RunState& state, Binding& binding, const RunOptions& options) {
  for (size_t s = 0; s < steps_.size(); ++s)
    if (steps_[s].early) run_step(state, binding, s, options, false);
  for (size_t k = 0; k < kept_groups_.size(); ++k) {
    const KeptGroup& group = kept_groups_[k];
    state.has_kept[k] = kept_.find(k, group, state.versions, &state.roots);
    if (state.has_kept[k])
      for (int32_t root : group.results)
        state.point(root, state.roots[static_cast<size_t>(root)].data());
  }
}

void Plan::run_kept_step(RunState& state, Binding& binding, size_t index,
                         const RunOptions& options) {
  size_t k = static_cast<size_t>(steps_[index].group);
  if (state.has_kept[k]) return;
  run_step(state, binding, index, options, true);
  if (kept_groups_[k].last_step == static_cast<int32_t>(index))
    kept_.put(k, kept_groups_[k], state.versions, state.roots);
}

}  // namespace penstock
