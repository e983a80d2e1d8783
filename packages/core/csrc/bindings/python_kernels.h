// Kernels written in Python, the references among them, behind the same C border as all others.
#pragma once

#include "bindings/common.h"

namespace penstock::python {

void bind_python_kernels(nb::module_& m);

// Whether a device type is written in Python: the address of its memory is then that of a Python object.
bool is_python_device(const std::string& type);

}  // namespace penstock::python
