#include "bindings/common.h"

NB_MODULE(_native, m) {
  using namespace penstock::python;
  m.doc() = "Binds libpenstock. Private: use the penstock package.";
  nb::set_leak_warnings(false);  // op functions live as long as the process
  bind_types(m);
  bind_tensor(m);
  bind_interop(m);
  bind_ops(m);
  bind_graph(m);
  bind_plan(m);
  bind_function(m);
  bind_runtime(m);
  bind_records(m);
  bind_python_device(m);
}
