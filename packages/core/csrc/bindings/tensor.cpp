// The Tensor class: properties, scalars, and the operators, which call ops without a detour through Python.
#include "bindings/common.h"

namespace penstock::python {

PyTypeObject* g_tensor_type = nullptr;

namespace {

// The op behind an operator, looked up once. Null while the op table is being generated.
class Operator {
 public:
  explicit constexpr Operator(const char* name) : name_(name) {}
  Op& get() {
    if (!op_) op_ = &get_op(name_);
    return *op_;
  }

 private:
  const char* name_;
  Op* op_ = nullptr;
};

bool is_operand(PyObject* o) {
  return is_tensor(o) || PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o) ||
         nb::isinstance<PyDim>(o);
}

PyObject* call(Operator& op, const Tensor* const* inputs, int n) {
  Tensor output;
  call_simple(op.get(), inputs, n, &output);
  return new_tensor(std::move(output));
}

// numpy arrays and lists are operands too; strings, None and strangers are not.
bool may_be_operand(PyObject* o) {
  return is_operand(o) || nb::hasattr(o, "__array__") || PyList_Check(o);
}

PyObject* not_implemented() { return nb::borrow(Py_NotImplemented).release().ptr(); }

PyObject* binary(Operator& op, PyObject* a, PyObject* b) {
  try {
    if (is_tensor(a) && is_tensor(b)) {
      const Tensor* inputs[2] = {&tensor_of(a), &tensor_of(b)};
      return call(op, inputs, 2);
    }
    if (!may_be_operand(a) || !may_be_operand(b)) return not_implemented();
    Tensor left = to_tensor(a), right = to_tensor(b);
    const Tensor* inputs[2] = {&left, &right};
    return call(op, inputs, 2);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* unary(Operator& op, PyObject* a) {
  try {
    const Tensor* input = &tensor_of(a);
    return call(op, &input, 1);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

#define PENSTOCK_BINARY(slot, name)          \
  PyObject* slot(PyObject* a, PyObject* b) { \
    static Operator op(name);                \
    return binary(op, a, b);                 \
  }
#define PENSTOCK_UNARY(slot, name) \
  PyObject* slot(PyObject* a) {    \
    static Operator op(name);      \
    return unary(op, a);           \
  }
PENSTOCK_BINARY(slot_add, "add")
PENSTOCK_BINARY(slot_subtract, "subtract")
PENSTOCK_BINARY(slot_multiply, "multiply")
PENSTOCK_BINARY(slot_divide, "divide")
PENSTOCK_BINARY(slot_floor_divide, "floor_divide")
PENSTOCK_BINARY(slot_remainder, "remainder")
PENSTOCK_BINARY(slot_left_shift, "bitwise_left_shift")
PENSTOCK_BINARY(slot_right_shift, "bitwise_right_shift")
PENSTOCK_UNARY(slot_negative, "negative")
PENSTOCK_UNARY(slot_abs, "abs")
#undef PENSTOCK_BINARY
#undef PENSTOCK_UNARY

bool is_matrix(PyObject* o) {
  return is_tensor(o) && tensor_of(o).shape.ndim > 1 && !tensor_of(o).weak;
}

// Vectors, and what only becomes a tensor, are for the function in Python.
PyObject* slot_matmul(PyObject* a, PyObject* b) {
  static Operator op("matmul");
  if (is_matrix(a) && is_matrix(b)) return binary(op, a, b);
  try {
    if (!may_be_operand(a) || !may_be_operand(b)) return not_implemented();
    nb::module_ linalg = nb::module_::import_("penstock.ops.linalg");
    return linalg.attr("_with_vectors")(nb::handle(a), nb::handle(b)).release().ptr();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* slot_power(PyObject* a, PyObject* b, PyObject* modulo) {
  static Operator op("power");
  if (modulo != Py_None) return not_implemented();
  return binary(op, a, b);
}

// & | ^ ~ work on truth values, and on the bits of integers.
bool is_whole(PyObject* o) {
  return (PyLong_Check(o) && !PyBool_Check(o)) || (is_tensor(o) && is_integer(tensor_of(o).dtype));
}

#define PENSTOCK_LOGICAL(slot, truths, bits)                             \
  PyObject* slot(PyObject* a, PyObject* b) {                             \
    static Operator logical(truths), bitwise(bits);                      \
    return binary(is_whole(a) || is_whole(b) ? bitwise : logical, a, b); \
  }
PENSTOCK_LOGICAL(slot_and, "logical_and", "bitwise_and")
PENSTOCK_LOGICAL(slot_or, "logical_or", "bitwise_or")
PENSTOCK_LOGICAL(slot_xor, "logical_xor", "bitwise_xor")
#undef PENSTOCK_LOGICAL

PyObject* slot_invert(PyObject* a) {
  static Operator logical("logical_not"), bitwise("bitwise_invert");
  return unary(is_whole(a) ? bitwise : logical, a);
}

PyObject* slot_positive(PyObject* a) { return nb::borrow(a).release().ptr(); }

PyObject* slot_compare(PyObject* a, PyObject* b, int how) {
  static Operator ops[] = {Operator("less"),    Operator("less_equal"),
                           Operator("equal"),   Operator("not_equal"),
                           Operator("greater"), Operator("greater_equal")};
  // Strings compare with strings: other types have no meaning beside numbers.
  auto is_text = [](PyObject* x, PyObject* beside) {
    return (PyUnicode_Check(x) || PyBytes_Check(x)) && is_tensor(beside) &&
           tensor_of(beside).dtype == DType::kString;
  };
  if (!is_text(b, a)) return binary(ops[how], a, b);
  try {
    Tensor text = to_tensor(b);
    const Tensor* inputs[2] = {&tensor_of(a), &text};
    return call(ops[how], inputs, 2);
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

int slot_bool(PyObject* self) {
  try {
    const Tensor& t = tensor_of(self);
    if (t.symbolic())
      fail(ErrorKind::kGraph,
           "[bool] a tensor of a graph has no truth value while the graph is built; to branch on "
           "it use "
           "penstock.cond(pred, true_fn, false_fn), to loop penstock.while_loop(cond, body, "
           "loop_vars), "
           "element by element penstock.where(pred, a, b); `if` and `while` work in functions "
           "written "
           "with def, which @penstock.function rewrites; or mark the argument static: "
           "@penstock.function(static_argnames=...)");
    if (t.shape.size() != 1)
      fail(ErrorKind::kShape, "[bool] the truth value of a tensor of shape ", t.shape.text(),
           " is ambiguous; use penstock.any(x) or penstock.all(x)");
    return is_float(t.dtype) ? t.item_double() != 0 : t.item_int() != 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

void check_scalar(const Tensor& t, const char* what, const char* instead = "") {
  if (t.symbolic())
    fail(ErrorKind::kGraph, "[", what,
         "] a tensor of a graph has no value while the graph is built; ", instead,
         "return it and convert it outside, or mark the argument static: "
         "@penstock.function(static_argnames=...)");
}

PyObject* slot_int(PyObject* self) {
  try {
    const Tensor& t = tensor_of(self);
    check_scalar(t, "int", "to choose by it use penstock.switch(index, branches), or ");
    if (is_float(t.dtype)) return PyLong_FromDouble(t.item_double());
    if (t.dtype == DType::kU64)
      return PyLong_FromUnsignedLongLong(static_cast<uint64_t>(t.item_int()));
    return PyLong_FromLongLong(t.item_int());
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* slot_index(PyObject* self) {
  try {
    const Tensor& t = tensor_of(self);
    check_scalar(
        t, "index",
        "to repeat something so many times use penstock.while_loop or penstock.scan(..., "
        "length=n), to choose by it penstock.switch(index, branches), a row by it x[i], or ");
    if (!is_integer(t.dtype) && t.dtype != DType::kBool)
      fail(ErrorKind::kDType, "[index] only integer tensors are indices; this one is ",
           dtype_name(t.dtype), ": use int(x), or x.astype(penstock.int64)");
    return PyLong_FromLongLong(t.item_int());
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* slot_float(PyObject* self) {
  try {
    check_scalar(tensor_of(self), "float");
    return PyFloat_FromDouble(tensor_of(self).item_double());
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

Py_ssize_t slot_length(PyObject* self) {
  try {
    const Tensor& t = tensor_of(self);
    if (t.shape.ndim == 0)
      fail(ErrorKind::kType, "[len] a tensor of rank 0 has no length; use x.size, which is 1");
    if (is_symbolic(t.shape[0]))
      fail(ErrorKind::kGraph,
           "[len] the size of axis 0 is not known while the graph is built; use x.shape[0]");
    return static_cast<Py_ssize_t>(t.shape[0]);
  } catch (...) {
    set_python_error();
    return -1;
  }
}

Py_hash_t slot_hash(PyObject* self) {
  return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(self) >> 4);
}

struct BufferShape {
  Py_ssize_t shape[kMaxRank], strides[kMaxRank];
};

const char* buffer_format(DType t) {
  switch (t) {
    case DType::kBool:
      return "?";
    case DType::kI8:
      return "b";
    case DType::kI16:
      return "h";
    case DType::kI32:
      return "i";
    case DType::kI64:
      return sizeof(long) == 8 ? "l" : "q";  // the letter that NumPy gives its own int64
    case DType::kU8:
      return "B";
    case DType::kU16:
      return "H";
    case DType::kU32:
      return "I";
    case DType::kU64:
      return sizeof(long) == 8 ? "L" : "Q";
    case DType::kF16:
      return "e";
    case DType::kF32:
      return "f";
    case DType::kF64:
      return "d";
    case DType::kC64:
      return "Zf";
    case DType::kC128:
      return "Zd";
    default:
      return nullptr;
  }
}

// Read-only: tensors are values. The view owns a reference to the storage, not to the handle.
int slot_buffer(PyObject* self, Py_buffer* view, int flags) {
  try {
    const Tensor& t = tensor_of(self);
    check_scalar(t, "memoryview");
    const char* format = buffer_format(t.dtype);
    if (!format || !t.device().is_host() || (flags & PyBUF_WRITABLE)) {
      PyErr_SetString(PyExc_BufferError, "this tensor has no read-only host buffer; use x.numpy()");
      return -1;
    }
    auto* extent = new BufferShape;
    Py_ssize_t stride = static_cast<Py_ssize_t>(dtype_size(t.dtype));
    for (int d = t.shape.ndim - 1; d >= 0; --d) {
      extent->shape[d] = static_cast<Py_ssize_t>(t.shape[d]);
      extent->strides[d] = stride;
      stride *= extent->shape[d];
    }
    t.storage->retain();
    view->internal = new std::pair<BufferShape*, Storage*>(extent, t.storage.get());
    view->obj = nb::borrow(self).release().ptr();
    view->buf = t.data();
    view->len = static_cast<Py_ssize_t>(t.bytes());
    view->readonly = 1;
    view->itemsize = static_cast<Py_ssize_t>(dtype_size(t.dtype));
    view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format) : nullptr;
    view->ndim = t.shape.ndim;
    view->shape = (flags & PyBUF_ND) ? extent->shape : nullptr;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? extent->strides : nullptr;
    view->suboffsets = nullptr;
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

void slot_release_buffer(PyObject*, Py_buffer* view) {
  auto* owned = static_cast<std::pair<BufferShape*, Storage*>*>(view->internal);
  delete owned->first;
  owned->second->release();
  delete owned;
}

void slot_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  tensor_of(self).~Tensor();
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyType_Slot g_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(slot_dealloc)},
                         {Py_nb_add, reinterpret_cast<void*>(slot_add)},
                         {Py_nb_subtract, reinterpret_cast<void*>(slot_subtract)},
                         {Py_nb_multiply, reinterpret_cast<void*>(slot_multiply)},
                         {Py_nb_true_divide, reinterpret_cast<void*>(slot_divide)},
                         {Py_nb_floor_divide, reinterpret_cast<void*>(slot_floor_divide)},
                         {Py_nb_remainder, reinterpret_cast<void*>(slot_remainder)},
                         {Py_nb_power, reinterpret_cast<void*>(slot_power)},
                         {Py_nb_matrix_multiply, reinterpret_cast<void*>(slot_matmul)},
                         {Py_nb_and, reinterpret_cast<void*>(slot_and)},
                         {Py_nb_or, reinterpret_cast<void*>(slot_or)},
                         {Py_nb_xor, reinterpret_cast<void*>(slot_xor)},
                         {Py_nb_invert, reinterpret_cast<void*>(slot_invert)},
                         {Py_nb_lshift, reinterpret_cast<void*>(slot_left_shift)},
                         {Py_nb_rshift, reinterpret_cast<void*>(slot_right_shift)},
                         {Py_nb_negative, reinterpret_cast<void*>(slot_negative)},
                         {Py_nb_positive, reinterpret_cast<void*>(slot_positive)},
                         {Py_nb_absolute, reinterpret_cast<void*>(slot_abs)},
                         {Py_nb_bool, reinterpret_cast<void*>(slot_bool)},
                         {Py_nb_int, reinterpret_cast<void*>(slot_int)},
                         {Py_nb_index, reinterpret_cast<void*>(slot_index)},
                         {Py_nb_float, reinterpret_cast<void*>(slot_float)},
                         {Py_tp_richcompare, reinterpret_cast<void*>(slot_compare)},
                         {Py_tp_hash, reinterpret_cast<void*>(slot_hash)},
                         {Py_sq_length, reinterpret_cast<void*>(slot_length)},
                         {Py_mp_length, reinterpret_cast<void*>(slot_length)},
                         {Py_bf_getbuffer, reinterpret_cast<void*>(slot_buffer)},
                         {Py_bf_releasebuffer, reinterpret_cast<void*>(slot_release_buffer)},
                         {0, nullptr}};

PyType_Spec g_spec = {"penstock._native.Tensor", sizeof(TensorObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, g_slots};

// Adds a read-only property or a method to the type.
template <typename Getter>
void property(nb::handle type, const char* name, Getter getter) {
  nb::object builtin = nb::module_::import_("builtins").attr("property");
  type.attr(name) = builtin(nb::cpp_function(getter, nb::is_getter()));
}

template <typename Method>
void method(nb::handle type, const char* name, Method fn) {
  nb::cpp_function_def(std::move(fn), nb::scope(type), nb::name(name), nb::is_method());
}

}  // namespace

PyObject* new_tensor(Tensor&& t) {
  auto* self = PyObject_New(TensorObject, g_tensor_type);
  if (!self) throw std::bad_alloc();
  new (&self->tensor) Tensor(std::move(t));
  return reinterpret_cast<PyObject*>(self);
}

Tensor to_tensor(PyObject* o) {
  if (__builtin_expect(is_tensor(o), 1)) return tensor_of(o);
  auto weak = [](Tensor t) {
    t.weak = true;
    return t;
  };
  if (PyFloat_CheckExact(o)) return weak(Tensor::scalar(PyFloat_AsDouble(o), DType::kF64));
  if (PyBool_Check(o))
    return weak(Tensor::scalar(static_cast<int64_t>(o == Py_True), DType::kBool));
  if (PyLong_CheckExact(o)) {
    int64_t value = PyLong_AsLongLong(o);
    if (value == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      fail(ErrorKind::kValue, "[asarray] the number ",
           nb::cast<std::string>(nb::repr(nb::handle(o))),
           " does not fit int64; give a float, or penstock.asarray(number, dtype='uint64') up to "
           "2**64 - 1");
    }
    return weak(Tensor::scalar(value, DType::kI64));
  }
  if (PyComplex_CheckExact(o)) {
    Tensor t = Tensor::empty(DType::kC128, {});
    auto* parts = reinterpret_cast<double*>(t.data());
    parts[0] = PyComplex_RealAsDouble(o);
    parts[1] = PyComplex_ImagAsDouble(o);
    return weak(t);
  }
  nb::object tensor = nb::module_::import_("penstock.ops").attr("asarray")(nb::handle(o));
  return tensor_of(tensor.ptr());
}

void bind_tensor(nb::module_& m) {
  nb::object tensor = nb::steal(PyType_FromSpec(&g_spec));
  if (!tensor.is_valid()) throw nb::python_error();
  g_tensor_type = reinterpret_cast<PyTypeObject*>(
      nb::object(tensor).release().ptr());  // for the life of the process
  m.attr("Tensor") = tensor;
  property(tensor, "shape", [](const Tensor& t) { return shape_object(t.shape, t.graph.get()); });
  property(tensor, "dtype", [](const Tensor& t) { return dtype_object(t.dtype); });
  property(tensor, "ndim", [](const Tensor& t) { return t.shape.ndim; });
  property(tensor, "size",
           [](const Tensor& t) { return dim_object(t.shape.size(), t.graph.get()); });
  property(tensor, "nbytes", [](const Tensor& t) {
    return dim_object(dim_mul(t.shape.size(), dtype_size(t.dtype)), t.graph.get());
  });
  property(tensor, "device", [](const Tensor& t) {
    if (!t.symbolic()) return t.device().name();
    const Graph& g = *t.graph.get();
    return g.nodes[static_cast<size_t>(g.values[static_cast<size_t>(t.value)].node)].device;
  });
  property(tensor, "is_symbolic", [](const Tensor& t) { return t.symbolic(); });
  property(tensor, "graph", [](const Tensor& t) -> nb::object {
    return t.symbolic() ? nb::cast(Ref<Graph>(t.graph.get())) : nb::none();
  });
  property(tensor, "node", [](const Tensor& t) -> nb::object {
    if (!t.symbolic()) return nb::none();
    int32_t node = t.graph.get()->values[static_cast<size_t>(t.value)].node;
    return nb::cast(PyNode{t.graph, node});
  });
  property(tensor, "name", [](const Tensor& t) -> nb::object {
    return t.symbolic() ? nb::cast(t.graph.get()->value_name(t.value)) : nb::none();
  });
  property(tensor, "value_index", [](const Tensor& t) { return t.value; });
  property(tensor, "weak", [](const Tensor& t) { return t.weak; });
  property(tensor, "_id", [](const Tensor& t) { return t.id; });
  method(tensor, "_replace", [](Tensor& t, const Tensor& other) { t = other; });
  method(tensor, "_strong", [](const Tensor& t) {
    Tensor s = t;
    s.weak = false;
    return nb::steal(new_tensor(std::move(s)));
  });
  method(tensor, "_data_pointer", [](const Tensor& t) {
    check_scalar(t, "its memory");
    return reinterpret_cast<uintptr_t>(t.data());
  });
}

}  // namespace penstock::python
