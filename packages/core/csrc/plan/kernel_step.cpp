// One step of a run that calls a kernel: where its results go, and what it has prepared.
#include <algorithm>

#include "base/few.h"
#include "plan/binding.h"
#include "plan/plan.h"

namespace penstock {

void Plan::run_kernel_step(RunState& state, Binding& binding, size_t index,
                           const RunOptions& options) {
  const Step& step = steps_[index];
  const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
  penstock_call& call = state.calls[index];
  CallContext& context = state.contexts[index];
  if (__builtin_expect(step.row->def.prepare != nullptr && step.group < 0, 0))
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
    state.point(root, t.data());
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
      state.point(update.output_root, held.data());
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
      state.point(reuse.output_root, held.data());
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
    fill_random(call, *node.op, binding.attrs_of(*this, index), shape_only);
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

}  // namespace penstock
