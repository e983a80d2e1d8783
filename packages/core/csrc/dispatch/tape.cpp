#include "dispatch/tape.h"

namespace penstock {

void Tape::watch(Tensor& t) {
  if (t.id == 0) t.id = next_tensor_id();
  watched.insert(t.id);
}

std::vector<Ref<Tape>>& active_tapes() {
  thread_local std::vector<Ref<Tape>> tapes;
  return tapes;
}

void record(const Op& op, const Tensor* inputs, int num_inputs, const AttrList& attrs, Tensor* outputs,
            int num_outputs) {
  for (const Ref<Tape>& tape : active_tapes()) {
    bool needed = false;
    for (int i = 0; i < num_inputs && !needed; ++i) needed = tape->watches(inputs[i]);
    if (!needed) continue;
    for (int i = 0; i < num_outputs; ++i) tape->watch(outputs[i]);
    tape->entries.push_back({&op, {inputs, inputs + num_inputs}, attrs, {outputs, outputs + num_outputs}});
  }
}

void record_variable_read(const Tensor& value, bool trainable) {
  if (!trainable) return;
  for (const Ref<Tape>& tape : active_tapes())
    if (tape->watch_variables) tape->watched.insert(value.id);
}

}  // namespace penstock
