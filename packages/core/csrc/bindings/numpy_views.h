// NumPy arrays over memory of the runtime, for kernels written in Python.
#pragma once

#include "bindings/common.h"

namespace penstock::python {

// An array over a tensor's memory, valid for the call. bfloat16 arrives as its uint16 bits; strings are not for this.
nb::object array_over(const penstock_tensor& t, DType dtype, bool writable);
// The dtype that a kernel in Python is given for an attribute: what NumPy lacks is widened, as the arrays are.
nb::object numpy_dtype(DType dtype);

}  // namespace penstock::python
