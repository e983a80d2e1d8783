// Gradient tapes: while one is active, calls that touch a watched tensor are written down, eager or traced alike.
#pragma once

#include <unordered_set>
#include <vector>

#include "ops/op.h"
#include "tensor/tensor.h"

namespace penstock {

struct TapeEntry {
  const Op* op;
  std::vector<Tensor> inputs;
  AttrList attrs;
  std::vector<Tensor> outputs;
};

class PENSTOCK_API Tape final : public RefCounted {
 public:
  explicit Tape(bool watch_variables) : watch_variables(watch_variables) {}
  const bool watch_variables;  // trainable variables are watched when they are read
  std::vector<TapeEntry> entries;
  std::unordered_set<uint64_t> watched;

  void watch(Tensor& t);
  bool watches(const Tensor& t) const { return t.id != 0 && watched.count(t.id) != 0; }
};

// Tapes of this thread, outermost first; empty almost always.
PENSTOCK_API const std::vector<Ref<Tape>>& active_tapes();
PENSTOCK_API void set_active_tapes(std::vector<Ref<Tape>> tapes);
PENSTOCK_API void record(const Op& op, const Tensor* inputs, int num_inputs, const AttrList& attrs,
                         Tensor* outputs, int num_outputs);
// Called with each variable value that is read, so that tapes can watch it.
PENSTOCK_API void record_variable_read(const Tensor& value, bool trainable);

}  // namespace penstock
