// A saved folder in memory: its functions, ready to run, and the variables that they share.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "saved/graph_reader.h"

namespace penstock {

// What an input or an output is.
struct TensorSpec {
  std::string name;
  DType dtype;
  Shape shape;                          // of the function's graph: entries may be symbolic
  std::vector<std::string> size_names;  // "3", "batch", "2*batch"
};

class PENSTOCK_API SavedFunction {
 public:
  std::string name;
  std::vector<TensorSpec> inputs, outputs;
  Ref<Graph> graph;                     // as it was saved
  Ref<Graph> lowered;                   // after a device's passes; may be null
  std::vector<std::string> host_nodes;  // what only Python runs

  // Made by the first call, in whichever thread. Throws kKernel with what to do where a kernel is missing.
  Plan& plan();
  bool uses_lowered();

 private:
  Ref<Plan> make_plan();
  std::mutex mutex_;
  Ref<Plan> plan_;
};

struct LoadOptions {
  bool use_lowered = true;
};

class PENSTOCK_API SavedModel final : public RefCounted {
 public:
  // Throws kFormat.
  static Ref<SavedModel> load(const std::string& folder, const LoadOptions& options = {});

  const std::vector<std::unique_ptr<SavedFunction>>& functions() const { return functions_; }
  SavedFunction* find(const std::string& name) const;  // nullptr when there is none
  const VariableMap& variables() const { return variables_; }
  const std::string& producer() const { return producer_; }

  // The variables' values of this moment and the graphs' constants: what the folder's weights.safetensors holds. The
  // file replaces `path` whole or not at all.
  void save_weights(const std::string& path) const;
  // Gives the variables the values of such a file, which must have exactly them, or the constants too. All are set, or
  // none.
  void load_weights(const std::string& path);

 private:
  void read(const Json& json, TensorReader& tensors);
  void read_variables(const Json& json, TensorReader& tensors);
  std::unique_ptr<SavedFunction> read_function(const Json& json, GraphReader& reader);
  void read_lowered(const std::string& graph_hash, TensorReader& tensors);
  std::string folder_, producer_;
  VariableMap variables_;
  std::map<std::string, Tensor> constants_;  // those in weights.safetensors
  std::vector<std::unique_ptr<SavedFunction>> functions_;
};

}  // namespace penstock
