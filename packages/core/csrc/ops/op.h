// An op's schema as the runtime knows it, and the process-wide table of ops. The schemas of core's ops come from the
// generated table (op_table.inc), made from the Python op blocks; plugins add theirs at run time.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "ops/attr.h"

namespace penstock {

class InferContext;
class KernelRows;
struct Shortcut;

enum class Effects : uint8_t { kNone, kRead, kWrite, kRandom, kIo };

struct InputSpec {
  std::string name;
  bool variadic = false;  // the last input may be a list
};

struct OpSchema {
  std::string name;
  int version = 1;
  std::vector<InputSpec> inputs;
  std::vector<AttrSpec> attrs;
  int num_outputs = 1;  // what kernels write; -1: the rule decides
  int num_public = 1;   // what callers get: the first so many
  std::string rule;     // "elementwise:float"; "python" for a plugin's own infer
  Effects effects = Effects::kNone;
  bool alias = false;       // output 0 is input 0's memory under another shape: no kernel
  bool broadcasts = false;  // kernels see inputs broadcast to the output's rank
  bool host_only = false;   // runs on the host whatever the placement
};

using InferFn = void (*)(InferContext&);

// Ops that the runtime itself carries out.
enum class Builtin : uint8_t {
  kNone,
  kPlaceholder,
  kConstant,
  kReadVariable,
  kAssignVariable,
  kToDevice,
  kCustomGradient,
  kStopGradient,
  kCall,
  kCond,
  kWhile,
  kScan
};
// Ops whose attributes are graphs, which run inside them.
inline bool has_bodies(Builtin b) { return b >= Builtin::kCall; }
PENSTOCK_API Builtin builtin_from_name(const std::string& name);

struct PENSTOCK_API Op {
  explicit Op(OpSchema schema);
  ~Op();

  OpSchema schema;
  std::string rule_arg;  // "float" in "elementwise:float"
  InferFn infer = nullptr;
  Builtin builtin = builtin_from_name(schema.name);
  AttrList default_attrs;
  bool callable_without_attrs = true;  // none is required
  KernelRows* kernels;                 // rows that plugins added
  bool core = false;                   // from the generated table
  std::atomic<bool> withdrawn{false};  // no longer found by name; graphs that have it keep it
  void* python = nullptr;              // the op block, for the binding
  std::atomic<const Shortcut*> shortcut{nullptr};  // dispatch's memory of the last simple call
  const std::string& name() const { return schema.name; }
  int num_inputs() const { return static_cast<int>(schema.inputs.size()); }
  bool variadic() const { return !schema.inputs.empty() && schema.inputs.back().variadic; }
  int attr_index(const std::string& name) const;  // -1 when absent
};

// Throws unless the op takes that many inputs.
PENSTOCK_API void check_arity(const Op& op, int num_inputs);

PENSTOCK_API Op* find_op(const std::string& name);  // nullptr when unknown
PENSTOCK_API Op& get_op(const std::string& name);   // throws, with the nearest spellings
PENSTOCK_API Op& register_op(OpSchema schema);      // throws if the name is taken
// Takes the name of a plugin's op back, when its plugin is refused. Throws for core's own ops.
PENSTOCK_API void withdraw_op(const std::string& name);
PENSTOCK_API std::vector<std::string> op_names();
PENSTOCK_API std::vector<std::string> nearest_names(const std::string& name,
                                                    const std::vector<std::string>& known);
// Rules by their string; an op looks for "reduce:sum" first, then for "reduce". Plugins of the C API may add some.
PENSTOCK_API InferFn find_rule(const std::string& name);
PENSTOCK_API void register_rule(const std::string& name, InferFn fn);

}  // namespace penstock
