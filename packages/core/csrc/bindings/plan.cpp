// Plans for Python: run, memory, and the waiting that Ctrl-C can end.
#include "bindings/common.h"

namespace penstock::python {
namespace {

std::vector<Tensor> tensor_list(nb::handle list) {
  std::vector<Tensor> out;
  for (nb::handle t : nb::iter(list)) out.push_back(to_tensor(t.ptr()));
  return out;
}

RunOptions options_from(nb::handle timeout, const CancelToken* token = nullptr) {
  RunOptions options;
  if (token) options.cancel = &token->cancelled;
  if (timeout.is_none()) return options;
  double seconds = nb::cast<double>(timeout);
  if (!(seconds >= 0))
    fail(ErrorKind::kValue, "timeout is ", seconds, "; it must be seconds, zero or more");
  constexpr double kForever = 1e9;
  if (seconds < kForever)
    options.deadline = std::chrono::steady_clock::now() +
                       std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
  return options;
}

nb::list run(const Ref<Plan>& plan, nb::handle inputs, nb::handle timeout) {
  std::vector<Tensor> in = tensor_list(inputs);
  std::vector<Tensor> out(static_cast<size_t>(plan->num_outputs()));
  plan->run(in.data(), static_cast<int>(in.size()), out.data(), options_from(timeout));
  nb::list results;
  for (Tensor& t : out) results.append(nb::steal(new_tensor(std::move(t))));
  return results;
}

// Options that hold while a Python `with` block runs.
struct PyRunScope {
  nb::object timeout;
  Ref<CancelToken> token;
  std::unique_ptr<OptionsScope> scope;
};

}  // namespace

void bind_plan(nb::module_& m) {
  nb::class_<Ref<CancelToken>>(m, "CancelToken",
                               "Stop runs from another thread: give it to RunOptions, and call "
                               "`cancel()`. It cannot be taken back.")
      .def("__init__",
           [](Ref<CancelToken>* self) { new (self) Ref<CancelToken>(make_ref<CancelToken>()); })
      .def(
          "cancel", [](const Ref<CancelToken>& token) { token->cancelled = true; },
          "Stop every run that has the token.")
      .def_prop_ro(
          "cancelled", [](const Ref<CancelToken>& token) { return token->cancelled.load(); },
          "Whether it was cancelled.");
  nb::class_<PyRunScope>(m, "RunScope")
      .def(
          "__init__",
          [](PyRunScope* self, nb::object timeout, nb::object token) {
            options_from(timeout);  // refuses what is no time
            Ref<CancelToken> held;
            if (!token.is_none()) held = nb::cast<Ref<CancelToken>>(token);
            new (self) PyRunScope{timeout, held, nullptr};
          },
          nb::arg("timeout").none(), nb::arg("cancel").none())
      .def("enter",
           [](PyRunScope& self) {
             self.scope =
                 std::make_unique<OptionsScope>(options_from(self.timeout, self.token.get()));
           })
      .def("leave", [](PyRunScope& self) { self.scope.reset(); });
  m.def("stop_reason", []() -> nb::object {
    const RunOptions* options = current_options();
    const char* reason = options ? options->stop_reason() : nullptr;
    return reason ? nb::object(nb::str(reason)) : nb::none();
  });
  nb::class_<Ref<Plan>>(m, "Plan")
      .def("__init__",
           [](Ref<Plan>* self, const Ref<Graph>& graph) { new (self) Ref<Plan>(new Plan(graph)); })
      .def("run", run, nb::arg("inputs"), nb::arg("timeout") = nb::none())
      .def("time_kernels",
           [](const Ref<Plan>& plan, nb::handle inputs, int repeats) {
             std::vector<Tensor> in = tensor_list(inputs);
             return plan->time_kernels(in.data(), static_cast<int>(in.size()), repeats);
           })
      .def("accepts",
           [](const Ref<Plan>& plan, nb::handle inputs) {
             std::vector<Tensor> in = tensor_list(inputs);
             return plan->accepts(in.data(), static_cast<int>(in.size()));
           })
      .def("memory",
           [](const Ref<Plan>& plan, nb::handle shapes) {
             std::vector<Shape> list;
             for (nb::handle s : nb::iter(shapes)) list.push_back(shape_from_object(s));
             MemoryReport r = plan->memory(list);
             nb::dict out;
             out["arena_bytes"] = r.arena_bytes;
             out["output_bytes"] = r.output_bytes;
             out["constant_bytes"] = r.constant_bytes;
             out["unplanned_bytes"] = r.unplanned_bytes;
             out["scratch_bytes"] = r.scratch_bytes;
             out["peak_bytes"] = r.peak_bytes;
             out["unknown_steps"] = r.unknown_steps;
             return out;
           })
      .def_prop_ro("graph", [](const Ref<Plan>& plan) { return plan->graph(); })
      .def_prop_ro("num_steps", [](const Ref<Plan>& plan) { return plan->num_steps(); });
}

}  // namespace penstock::python
