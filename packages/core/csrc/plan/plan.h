// A plan is a graph made ready to run: kernels chosen, lifetimes known. A binding is a plan for given input sizes:
// shapes and memory offsets, found by running the shape rules again, in microseconds. A run state is a binding with
// memory and call frames; runs that overlap use different ones.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dispatch/dispatch.h"
#include "graph/graph.h"
#include "graph/variable.h"
#include "plan/kept.h"
#include "plan/layout.h"
#include "plan/prepared.h"

namespace penstock {

// Where a value's bytes are during a run.
enum class Place : uint8_t {
  kArena,     // planned memory, reused inside the run
  kInput,     // the caller's tensor
  kConstant,  // the graph's
  kVariable,  // the version read at that step
  kOwned,     // its own storage: it leaves the run, or cannot live in the arena
  kKept,      // follows from constants and variables alone, and stays for the next run
};

struct Root {
  Place place = Place::kArena;
  int32_t value = -1;   // the value whose bytes these are
  int32_t source = -1;  // input number, or the producing node
  int32_t first_step = -1, last_step = -1;
  int32_t group = -1;  // which `KeptGroup` it is a result of
  const Device* device = nullptr;
};

class Plan;
class Binding;
class BodyRun;
class RunState;

struct Step {
  enum Kind : uint8_t { kKernel, kRead, kAssign, kCopy, kBodies } kind;
  bool random = false;
  bool early = false;  // a read that groups wait for
  int32_t group = -1;  // of what is kept: steps that a run leaves out if it has their results
  int32_t node;
  const KernelRow* row = nullptr;
  const Device* device = nullptr;
  Variable* variable = nullptr;
  // Outputs that this kernel may write into a variable's own memory: its assignment follows.
  struct Update {
    int32_t output, input_root, output_root, assign_step;
    Variable* variable;
  };
  std::vector<Update> updates;
  // Outputs that this kernel may write into an input's memory, if the caller gives the input away.
  struct Reuse {
    int32_t output, input, input_root, output_root;  // `input` is the graph's, by number
  };
  std::vector<Reuse> reuses;
  std::vector<Ref<Plan>> bodies;                   // of call, cond, while and scan
  std::vector<Variable*> touched;                  // variables that they read or assign
  std::vector<std::pair<int32_t, int32_t>> owned;  // (output number, root) to allocate at run time
  std::vector<char> constant;      // per input, when the kernel has `prepare`: it may see the data
  std::vector<int32_t> variables;  // roots of the variables among those
  bool serves_all_sizes = false;   // what it prepares does not depend on the sizes of inputs
  bool touches(const Variable* v) const {
    return std::find(touched.begin(), touched.end(), v) != touched.end();
  }
  bool plain() const { return updates.empty() && owned.empty() && !random; }
};

struct MemoryReport {
  // Constants include what is kept of them and of variables from run to run; the first run makes it, or this report.
  int64_t arena_bytes = 0, output_bytes = 0, constant_bytes = 0;
  // The sum without any reuse; this and the arena with what is inside of control flow.
  int64_t unplanned_bytes = 0;
  int64_t scratch_bytes = 0;  // the most that one kernel asks for
  // What the allocator counts at most for one run, beyond inputs, variables and constants.
  int64_t peak_bytes = 0;
  int64_t unknown_steps = 0;  // whose scratch memory is not in these figures
};

class PENSTOCK_API Plan final : public RefCounted {
 public:
  explicit Plan(Ref<Graph> graph);
  ~Plan() override;
  // `outputs` has room for num_outputs() tensors.
  void run(const Tensor* inputs, int num_inputs, Tensor* outputs, const RunOptions& options = {});
  int num_outputs() const { return static_cast<int>(graph_->outputs.size()); }
  int num_inputs() const { return static_cast<int>(graph_->inputs.size()); }
  const Ref<Graph>& graph() const { return graph_; }
  int num_steps() const { return static_cast<int>(steps_.size()); }
  MemoryReport memory(const std::vector<Shape>& input_shapes);
  // Seconds of CPU time that the kernels alone take for one run, averaged over `repeats`: what a run takes beyond
  // them is the runner's own. Only for plans whose kernels all write into the arena.
  double time_kernels(const Tensor* inputs, int num_inputs, int repeats);
  // True when every guard of the graph holds for these shapes.
  bool accepts(const Tensor* inputs, int num_inputs) const;

 private:
  friend class Binding;
  friend class BodyRun;
  friend class RunState;
  std::vector<int64_t> scratch_of_steps(Binding& binding) const;
  std::vector<int64_t> scratch_if_it_fits(Binding& binding) const;
  int64_t counted_bytes(const Binding& binding, int32_t value) const;
  void check_graph() const;
  void check_inputs(const std::vector<Shape>& shapes) const;
  void find_roots();
  void make_steps();
  void find_lifetimes();
  void find_updates();
  void find_reuses();
  bool is_output(int32_t root) const;
  std::vector<char> find_steady() const;
  void find_kept();
  void keep(const std::vector<size_t>& members, const std::vector<char>& wanted);
  void take_kept(RunState& state, Binding& binding, const RunOptions& options);
  void run_kept_step(RunState& state, Binding& binding, size_t index, const RunOptions& options);
  void make_kept(Binding& binding);
  void find_constants();
  bool serves_all_sizes(const Step& step) const;
  void make_layout();
  void find_sized();
  void find_arena_steps();
  void find_views();
  int32_t root_of(int32_t value) const { return root_of_value_[static_cast<size_t>(value)]; }
  std::shared_ptr<Binding> binding_for(const std::vector<Shape>& shapes);
  std::shared_ptr<Binding> last_binding(const Tensor* inputs, int num_inputs);
  void collect_arenas();  // under the lock
  Ref<Storage> take_arena(int64_t bytes);
  void execute(RunState& state, Binding& binding, const Tensor* inputs, Tensor* outputs,
               const RunOptions& options);
  void run_step(RunState& state, Binding& binding, size_t index, const RunOptions& options,
                bool checks);
  void run_kernel_step(RunState& state, Binding& binding, size_t index, const RunOptions& options);
  void run_bodies(RunState& state, Binding& binding, size_t index, const RunOptions& options);
  void run_while(const Node& node, std::vector<std::unique_ptr<BodyRun>>& runs,
                 CallContext& context, std::vector<Tensor> inputs, Tensor* outputs) const;
  void run_scan(const Node& node, const Binding& binding, BodyRun& run, CallContext& context,
                std::vector<Tensor> inputs, Tensor* outputs) const;
  void describe_step(const Binding& binding, size_t index, struct ProfileEvent& event) const;
  // A value that a step takes as a tensor.
  Tensor value_of(const RunState& state, const Binding& binding, int32_t value) const;
  bool is_reshaped(int32_t value) const;
  void prepare_step(RunState& state, Binding& binding, size_t index, const RunOptions& options);
  void check_step(RunState& state, Binding& binding, size_t index);
  void collect_outputs(RunState& state, Binding& binding, Tensor* outputs);

  Ref<Graph> graph_;
  std::vector<int32_t> root_of_value_;
  std::vector<Root> roots_;
  std::vector<Step> steps_;
  std::mutex mutex_;
  std::map<std::vector<int64_t>, std::shared_ptr<Binding>> bindings_;
  std::shared_ptr<Binding> last_;
  // Arenas of bindings that ran before the last one. Runs of many sizes then take the memory of the largest, not of all.
  std::vector<Ref<Storage>> arenas_;
  Layout layout_;
  std::vector<KeptGroup> kept_groups_;
  KeptValues kept_;
  PreparedStates prepared_;  // for all sizes; what depends on sizes stays with its binding
  uint64_t clock_ = 0;       // orders bindings by their last use
  bool waits_ = false;       // has kernels that may answer later
  bool prepares_ = false;    // has kernels with `prepare`
};

}  // namespace penstock
