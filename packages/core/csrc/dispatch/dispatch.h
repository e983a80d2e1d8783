// The way of an op call: into the graph under construction, or at once through the kernel table.
#pragma once

#include <vector>

#include "dispatch/call.h"
#include "dispatch/tape.h"
#include "graph/graph.h"

namespace penstock {

// Room that the outputs of a call may need.
PENSTOCK_API int most_outputs(const Op& op, int num_inputs, const AttrList& attrs);

// Calls the op: appends to the current graph, or to the graph of a symbolic input; else runs it. Writes at most
// most_outputs(...) outputs and returns how many.
PENSTOCK_API int call_op(Op& op, const Tensor* inputs, int num_inputs, AttrList& attrs,
                         Tensor* outputs);

// call_op for one output, default attributes and at most kMaxShortcut inputs: the quick way of arithmetic.
constexpr int kMaxShortcut = 3;
PENSTOCK_API void call_simple(Op& op, const Tensor* const* inputs, int num_inputs, Tensor* output);

// Runs the op now, without looking at graphs or tapes.
PENSTOCK_API int execute_op(Op& op, const Tensor* inputs, int num_inputs, AttrList& attrs,
                            Tensor* outputs);

// Where the caller's line comes from while graphs are built: "train.py:12". Set by the binding.
using SourceHook = std::string (*)();
PENSTOCK_API void set_source_hook(SourceHook hook);
PENSTOCK_API std::string source_line();

// Runs an op in terms of others when it has no native kernel but a composition; set by the binding.
// Returns -1 when the op has none.
using ComposeHook = int (*)(Op& op, const Tensor* inputs, int num_inputs, const AttrList& attrs,
                            Tensor* outputs);
PENSTOCK_API void set_compose_hook(ComposeHook hook);

// What happens when a device has no kernel: run on the host with copies, told once per op, silently, or an error.
enum class Fallback : uint8_t { kWarn, kSilent, kError };
PENSTOCK_API void set_fallback(Fallback policy);
PENSTOCK_API Fallback fallback();
using WarnHook = void (*)(const char* message);
PENSTOCK_API void set_warn_hook(WarnHook hook);

struct CopyCounters {
  int64_t copies, bytes, fallbacks;
};
PENSTOCK_API CopyCounters copy_counters();
PENSTOCK_API Tensor copy_to(const Tensor& t, const Device& device);  // Tensor::to, counted

// Looks for NaN and infinity after each op; the error names op and line. For hunting, not for speed.
PENSTOCK_API void set_debug_nans(bool on);
PENSTOCK_API bool debug_nans();
PENSTOCK_API void check_finite(const Op& op, const Tensor& output, const std::string& source);

// A rough cost in bytes moved and half of the arithmetic: decides whether the binding gives up the GIL.
PENSTOCK_API int64_t estimated_cost(const Op& op, const Aval* inputs, int num_inputs,
                                    const Aval* outputs, int num_outputs);
// Called around long work: releases and takes the GIL. Set by the binding.
struct LongWork {
  void* (*begin)();
  void (*end)(void*);
};
PENSTOCK_API void set_long_work(LongWork hooks);
class PENSTOCK_API LongWorkScope {
 public:
  explicit LongWorkScope(bool enable);
  ~LongWorkScope();

 private:
  void* state_ = nullptr;
};
constexpr int64_t kLongWork = 160000;  // about 20 us

}  // namespace penstock
