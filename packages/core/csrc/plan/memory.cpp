// What a run takes, before there is one. Arena and outputs follow from the shapes. What kernels ask for besides is
// theirs to know, so each native kernel runs once, by itself, on zeros.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "plan/binding.h"
#include "plan/plan.h"

namespace penstock {
namespace {

constexpr int64_t kUnknownScratch = -1;

bool has_strings(const Graph& g, const Node& node) {
  auto is_string = [&](int32_t v) {
    return g.values[static_cast<size_t>(v)].aval.dtype == DType::kString;
  };
  return std::any_of(node.inputs.begin(), node.inputs.end(), is_string) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), is_string);
}

Ref<Storage> zeros(int64_t bytes) {
  Ref<Storage> storage = Storage::allocate(bytes);
  std::memset(storage->data(), 0, static_cast<size_t>(bytes));
  return storage;
}

}  // namespace

int64_t Plan::counted_bytes(const Binding& binding, int32_t value) const {
  size_t v = static_cast<size_t>(value);
  int64_t count = binding.shapes[v].size();
  DType dtype = graph_->values[v].aval.dtype;
  return dtype == DType::kString ? Storage::counted_string_bytes(count)
                                 : Storage::counted_bytes(count * dtype_size(dtype));
}

std::vector<int64_t> Plan::scratch_of_steps(Binding& binding) const {
  RunState state(*this, binding, Storage::allocate(binding.arena_bytes));
  std::memset(state.arena->data(), 0, static_cast<size_t>(binding.arena_bytes));
  std::vector<Ref<Storage>> stand_ins;
  for (size_t r = 0; r < roots_.size(); ++r) {
    const Root& root = roots_[r];
    size_t v = static_cast<size_t>(root.value);
    DType dtype = graph_->values[v].aval.dtype;
    if (root.place == Place::kArena || root.place == Place::kConstant || dtype == DType::kString)
      continue;
    stand_ins.push_back(zeros(binding.shapes[v].size() * dtype_size(dtype)));
    state.point(static_cast<int32_t>(r), stand_ins.back()->data());
  }
  std::vector<int64_t> scratch(steps_.size(), 0);
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    if (step.kind == Step::kBodies) scratch[s] = kUnknownScratch;
    if (step.kind != Step::kKernel || step.row->is_python) continue;
    const Node& node = graph_->nodes[static_cast<size_t>(step.node)];
    if (!step.device->is_host() || has_strings(*graph_, node)) {
      scratch[s] = kUnknownScratch;
      continue;
    }
    CallContext& context = state.contexts[s];
    context.may_resize = false;
    try {
      PreparedStates::State prepared;
      if (step.row->def.prepare && step.group < 0) {
        prepared = prepare_kernel(state.calls[s], context, step.constant);
        state.calls[s].state = prepared.get();
        scratch[s] = context.scratch.most();
      }
      run_kernel(state.calls[s], context);
      state.calls[s].state = nullptr;
      scratch[s] = std::max(scratch[s], context.scratch.most());
    } catch (const Error&) {  // zeros are nothing that it works on
      scratch[s] = kUnknownScratch;
    }
  }
  return scratch;
}

std::vector<int64_t> Plan::scratch_if_it_fits(Binding& binding) const {
  try {
    return scratch_of_steps(binding);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::kMemory) throw;
  }
  std::vector<int64_t> scratch(steps_.size(), 0);
  for (size_t s = 0; s < steps_.size(); ++s)
    if (steps_[s].kind == Step::kKernel || steps_[s].kind == Step::kBodies)
      scratch[s] = kUnknownScratch;
  return scratch;
}

// As a run does, but nothing else of it: afterwards a run takes what is said, and no more.
void Plan::make_kept(Binding& binding) {
  try {
    RunState state(*this, binding, Storage::allocate(binding.arena_bytes));
    RunOptions options;
    take_kept(state, binding, options);
    for (size_t s = 0; s < steps_.size(); ++s)
      if (steps_[s].group >= 0) run_kept_step(state, binding, s, options);
  } catch (const Error&) {  // a variable has no value yet, or there is not the memory
  }
}

MemoryReport Plan::memory(const std::vector<Shape>& input_shapes) {
  std::shared_ptr<Binding> bound = binding_for(input_shapes);
  Binding& binding = *bound;
  MemoryReport report;
  report.arena_bytes = binding.total_bytes(&Binding::arena_bytes);
  report.unplanned_bytes = binding.total_bytes(&Binding::unplanned_bytes);
  for (const Root& root : roots_) {
    size_t v = static_cast<size_t>(root.value);
    int64_t bytes = binding.shapes[v].size() * dtype_size(graph_->values[v].aval.dtype);
    if (root.place == Place::kOwned) report.output_bytes += bytes;
    if (root.place == Place::kConstant || root.place == Place::kKept)
      report.constant_bytes += bytes;
  }
  std::vector<int64_t> scratch = scratch_if_it_fits(binding);
  make_kept(binding);
  int64_t live = Storage::counted_bytes(binding.arena_bytes);
  report.peak_bytes = live;
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    for (const auto& [output, root] : step.owned) {
      bool in_place = std::any_of(step.updates.begin(), step.updates.end(),
                                  [r = root](const auto& u) { return u.output_root == r; });
      bool kept = roots_[static_cast<size_t>(root)].place == Place::kKept;
      if (!in_place && !kept && step.device->is_host())
        live += counted_bytes(binding, roots_[static_cast<size_t>(root)].value);
    }
    report.unknown_steps += scratch[s] == kUnknownScratch;
    report.scratch_bytes = std::max(report.scratch_bytes, scratch[s]);
    report.peak_bytes = std::max(report.peak_bytes, live + std::max<int64_t>(scratch[s], 0));
  }
  return report;
}

}  // namespace penstock
