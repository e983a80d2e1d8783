#include "dispatch/tape.h"

#include "base/thread_mode.h"

namespace penstock {
namespace {

thread_local std::vector<Ref<Tape>> t_tapes;

}  // namespace

void Tape::watch(Tensor& t) {
  if (t.id == 0) t.id = next_tensor_id();
  watched.insert(t.id);
}

const std::vector<Ref<Tape>>& active_tapes() { return t_tapes; }

void set_active_tapes(std::vector<Ref<Tape>> tapes) {
  t_tapes = std::move(tapes);
  set_mode(kModeTape, !t_tapes.empty());
}

void record(const Op& op, const Tensor* inputs, int num_inputs, const AttrList& attrs,
            Tensor* outputs, int num_outputs) {
  for (const Ref<Tape>& tape : active_tapes()) {
    bool needed = false;
    for (int i = 0; i < num_inputs && !needed; ++i) needed = tape->watches(inputs[i]);
    if (!needed) continue;
    for (int i = 0; i < num_outputs; ++i) tape->watch(outputs[i]);
    tape->entries.push_back(
        {&op, {inputs, inputs + num_inputs}, attrs, {outputs, outputs + num_outputs}});
  }
}

void record_variable_read(const Tensor& value, bool trainable) {
  if (!trainable) return;
  for (const Ref<Tape>& tape : active_tapes())
    if (tape->watch_variables) tape->watched.insert(value.id);
}

}  // namespace penstock
