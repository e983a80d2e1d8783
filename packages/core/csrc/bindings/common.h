// Shared by the binding's files: conversions between Python objects and the runtime's types.
#pragma once

#include <cxxabi.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "base/error.h"
#include "dispatch/dispatch.h"
#include "graph/graph.h"
#include "graph/variable.h"
#include "plan/plan.h"

namespace nb = nanobind;

namespace penstock::python {

// ---- the end of the interpreter
// A daemon thread that wants the GIL while the interpreter ends is unwound by it (abi::__forced_unwind). That must not
// reach a `catch (...)` or a destructor that needs the GIL; like Python 3.14, such a thread sleeps until the process ends.
[[noreturn]] void sleep_until_exit();

// Runs body with the GIL. The GIL outlives the handler: while unwinding it is not ours to give back.
template <typename Body>
auto with_gil(Body body) -> decltype(body()) {
  std::optional<nb::gil_scoped_acquire> gil;
  try {
    gil.emplace();
    return body();
  } catch (abi::__forced_unwind&) {
    sleep_until_exit();
  }
}

// ---- Python's view of dtypes, dimensions and nodes
struct PyDType {
  DType dtype;
};
struct PyDim {
  GraphHandle graph;
  Dim dim;
};
struct PyNode {
  GraphHandle graph;
  int32_t index;
  Node& node() const { return graph.get()->nodes[static_cast<size_t>(index)]; }
};
// A host object as an attribute: custom gradients keep their function here.
struct PyHolder final : RefCounted {
  explicit PyHolder(nb::object object) : object(std::move(object)) {}
  ~PyHolder() override {
    with_gil([&] { object.reset(); });
  }
  nb::object object;
};

// ---- errors
// Graphs, variables, tapes and plans are bound as Ref<T>: the Python object is one owner among others, and two
// Python objects of one graph are equal.

// Sets the Python exception for the exception in flight: call inside catch (...).
void set_python_error() noexcept;
// Keeps the Python exception of a kernel written in Python, so that it becomes the cause of ours.
void keep_cause(nb::python_error& error);

// ---- tensors
extern PyTypeObject* g_tensor_type;
inline PyTypeObject* tensor_type() { return g_tensor_type; }
inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type(); }
// A plain extension type, not a nanobind class: making and dropping one is most of what a small op costs.
struct TensorObject {
  PyObject_HEAD Tensor tensor;
};
inline Tensor& tensor_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o)->tensor; }
// With a check, for what comes from Python.
inline Tensor& checked_tensor(nb::handle o) {
  if (!is_tensor(o.ptr()))
    fail(ErrorKind::kType, "expected a tensor, got ", nb::cast<std::string>(nb::repr(o)));
  return tensor_of(o.ptr());
}
PyObject* new_tensor(Tensor&& t);  // new reference
// Tensors as they are, Python numbers as weak scalars, anything else through penstock.asarray.
Tensor to_tensor(PyObject* o);

// ---- small things
nb::object dtype_object(DType dtype);
DType dtype_from_object(nb::handle o);
nb::object dim_object(Dim d, Graph* graph);
Dim dim_from_object(nb::handle o);
nb::tuple shape_object(const Shape& shape, Graph* graph);
// None entries become new symbols of `graph`, str entries named ones.
Shape shape_from_object(nb::handle o, Graph* graph = nullptr);
AttrValue attr_from_object(const Op& op, const AttrSpec& spec, nb::handle o);
nb::object attr_to_object(const AttrValue& value, Graph* graph);
nb::dict attrs_dict(const Op& op, const AttrList& attrs, Graph* graph);
Op& op_from_object(nb::handle o);
nb::object op_object(const Op& op);  // the OpFunction, or None before its block is declared

// ---- each file's part of the module
void bind_types(nb::module_& m);
void bind_tensor(nb::module_& m);
void bind_interop(nb::module_& m);
void bind_ops(nb::module_& m);
void bind_graph(nb::module_& m);
void bind_plan(nb::module_& m);
void bind_function(nb::module_& m);
void bind_runtime(nb::module_& m);
void bind_python_device(nb::module_& m);
void bind_records(nb::module_& m);

}  // namespace penstock::python

// Lets bound functions take Tensor arguments.
namespace nanobind::detail {
template <>
struct type_caster<penstock::Tensor> {
  using Value = penstock::Tensor;
  static constexpr auto Name = const_name("penstock._native.Tensor");
  template <typename T>
  using Cast = precise_cast_t<T>;

  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    if (!penstock::python::is_tensor(src.ptr())) return false;
    value = &penstock::python::tensor_of(src.ptr());
    return true;
  }
  static handle from_cpp(const Value& t, rv_policy, cleanup_list*) noexcept {
    return penstock::python::new_tensor(Value(t));
  }
  template <typename T>
  bool can_cast() const noexcept {
    return true;
  }
  operator Value*() { return value; }
  operator Value&() { return *value; }
  operator Value&&() { return static_cast<Value&&>(*value); }

  Value* value = nullptr;
};
}  // namespace nanobind::detail
