// Internal to plan/: one plan at given sizes, and the frames of one run.
#pragma once

#include <memory>
#include <vector>

#include "plan/plan.h"
#include "plan/prepared.h"

namespace penstock {

class Binding {
 public:
  // A body's binding gets the symbols of the graph around it, which it shares.
  Binding(const Plan& plan, const std::vector<Shape>& inputs,
          const std::vector<int64_t>* outer_symbols = nullptr);
  std::vector<Shape> input_shapes;
  std::vector<Shape> shapes;    // of every value
  std::vector<AttrList> attrs;  // of steps that sizes matter to, symbols replaced
  std::vector<std::vector<penstock_attr>> attr_frames;
  const AttrList& attrs_of(const Plan& plan, size_t step) const;
  const std::vector<penstock_attr>& frame_of(const Plan& plan, size_t step) const;
  std::vector<std::vector<std::shared_ptr<Binding>>> bodies;  // of every step
  std::vector<int64_t> offsets;  // of every root in the arena, -1 elsewhere
  int64_t arena_bytes = 0, unplanned_bytes = 0;
  int64_t cost = 0;
  uint64_t last_use = 0;
  PreparedStates prepared;

  int64_t total_bytes(int64_t Binding::* what) const;  // with the bodies' own
  int64_t scan_length(const Node& node) const;

  // States are kept for the next run. Returned to the list even when a run fails.
  std::unique_ptr<RunState> take_state(Plan& plan);
  void give_state(std::unique_ptr<RunState> state);
  // Takes the arenas of states that wait for a run; those of bodies are let go.
  void take_arenas(std::vector<Ref<Storage>>* taken);

 private:
  void bind_symbols(const Plan& plan, std::vector<int64_t>* symbols) const;
  void check_guards(const Plan& plan, const std::vector<int64_t>& symbols) const;
  void infer_shapes(const Plan& plan, const std::vector<int64_t>& symbols);
  void bind_bodies(const Plan& plan, size_t step, const std::vector<int64_t>& symbols);
  void plan_memory(const Plan& plan);
  std::vector<int64_t> symbols_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<RunState>> idle_;
};

class RunState {
 public:
  // The memory has the binding's arena_bytes or more.
  RunState(const Plan& plan, Binding& binding, Ref<Storage> memory);
  Ref<Storage> arena;  // none while another binding of the plan has it
  void attach(const Plan& plan, const Binding& binding, Ref<Storage> memory);
  std::vector<penstock_tensor> views;
  std::vector<int64_t> dims;  // their shapes and strides
  std::vector<const penstock_tensor*> in_pointers;
  std::vector<penstock_tensor*> out_pointers;
  std::vector<penstock_call> calls;  // of every step
  std::unique_ptr<CallContext[]> contexts;
  std::vector<Tensor> roots;       // inputs, variables and owned values while running
  std::vector<char> published;     // per step: this assignment has happened in place
  std::vector<uint64_t> versions;  // per root: of the variable that was read
  std::vector<PreparedStates::State>
      prepared;                         // per step, while running; empty when no kernel prepares
  std::vector<char> prepared_for_good;  // per step: of constants only, so kept between runs

  std::vector<char> has_kept;  // per group of what is kept: its steps are left out
  int32_t given_inputs =
      0;         // so many first inputs are the run's to overwrite, where it alone has them
  void clear();  // lets go of everything that the run held

  void point(int32_t root, void* data) {
    for (int32_t view : (*views_of_root)[static_cast<size_t>(root)])
      views[static_cast<size_t>(view)].data = data;
  }

 private:
  const std::vector<std::vector<int32_t>>* views_of_root;
};

// Runs one body many times with the same frames.
class BodyRun {
 public:
  // A loop's body may overwrite the first inputs, which it carries, where nobody else has them.
  BodyRun(Plan& plan, std::shared_ptr<Binding> binding, const RunOptions& options,
          int64_t given_inputs);
  ~BodyRun();
  BodyRun(const BodyRun&) = delete;
  BodyRun& operator=(const BodyRun&) = delete;
  void operator()(const Tensor* inputs, Tensor* outputs);
  const Graph* graph() const { return plan_.graph().get(); }
  const Shape& output_shape(size_t o) const {
    return binding_->shapes[static_cast<size_t>(graph()->outputs[o])];
  }

 private:
  Plan& plan_;
  std::shared_ptr<Binding> binding_;
  std::unique_ptr<RunState> state_;
  const RunOptions& options_;
};

}  // namespace penstock
