#include <unistd.h>

#include "bindings/common.h"

namespace penstock::python {

void sleep_until_exit() {
  for (;;) pause();
}

namespace {

thread_local PyObject* t_cause = nullptr;  // strong

const char* class_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kValue:
      return "InvalidValueError";
    case ErrorKind::kType:
      return "InvalidTypeError";
    case ErrorKind::kShape:
      return "ShapeError";
    case ErrorKind::kDType:
      return "DTypeError";
    case ErrorKind::kIndex:
      return "AxisError";
    case ErrorKind::kDevice:
      return "DeviceError";
    case ErrorKind::kKernel:
      return "NoKernelError";
    case ErrorKind::kGraph:
      return "GraphError";
    case ErrorKind::kMemory:
      return "OutOfMemoryError";
    case ErrorKind::kCancelled:
      return "CancelledError";
    case ErrorKind::kNumeric:
      return "NumericError";
    case ErrorKind::kPlugin:
      return "PluginError";
    case ErrorKind::kFormat:
      return "FormatError";
    case ErrorKind::kInternal:
      return "InternalError";
  }
  return "InternalError";
}

void set_error(const Error& e) {
  PyObject* cause = std::exchange(t_cause, nullptr);
  if (PyErr_Occurred()) {  // Ctrl-C came through: it goes first
    Py_XDECREF(cause);
    return;
  }
  if (cause && !PyObject_IsInstance(
                   cause, PyExc_Exception)) {  // Ctrl-C or exit inside a Python kernel: as it is
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(cause)), cause);
    Py_DECREF(cause);
    return;
  }
  nb::module_ errors = nb::module_::import_("penstock.errors");
  nb::object type = errors.attr(class_name(e.kind));
  // What a kernel written in Python says in our own terms stays of its class.
  if (cause && PyObject_IsInstance(cause, errors.attr("PenstockError").ptr()) == 1)
    type = nb::borrow(reinterpret_cast<PyObject*>(Py_TYPE(cause)));
  nb::object error = type(e.what());
  if (cause) PyException_SetCause(error.ptr(), cause);  // steals
  PyErr_SetObject(type.ptr(), error.ptr());
}

}  // namespace

void keep_cause(nb::python_error& error) {
  Py_XDECREF(t_cause);
  t_cause = error.value().inc_ref().ptr();
}

void set_python_error() noexcept {
  try {
    try {
      throw;
    } catch (abi::__forced_unwind&) {
      sleep_until_exit();
    } catch (nb::python_error& e) {
      e.restore();
    } catch (const Error& e) {
      set_error(e);
    } catch (const std::bad_alloc&) {
      PyErr_NoMemory();
    } catch (const nb::builtin_exception& e) {
      PyErr_SetString(e.type() == nb::exception_type::type_error    ? PyExc_TypeError
                      : e.type() == nb::exception_type::index_error ? PyExc_IndexError
                                                                    : PyExc_ValueError,
                      e.what() ? e.what() : "");
    } catch (const std::exception& e) {
      PyErr_SetString(PyExc_RuntimeError, e.what());
    }
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "an error happened while reporting an error");
  }
}

}  // namespace penstock::python
