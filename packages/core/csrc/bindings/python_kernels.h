// Kernels written in Python, the references among them, behind the same C border as all others.
#pragma once

#include "bindings/common.h"

namespace penstock::python {

void bind_python_kernels(nb::module_& m);

}  // namespace penstock::python
