#include "bindings/numpy_views.h"

namespace penstock::python {
namespace {

// The slots of NumPy's C interface that we use. They have kept their places since NumPy 1.0, and `import_array` of its
// headers finds them in the same way; so that the build needs no NumPy, and one binary serves every version.
constexpr int kArrayType = 2, kNewFromDescr = 94;
using NewFromDescr = PyObject* (*)(PyTypeObject*, PyObject* descr, int ndim, const Py_ssize_t* dims,
                                   const Py_ssize_t* strides, void* data, int flags, PyObject*);
constexpr int kWriteable = 0x0400;

struct NumPy {
  PyTypeObject* array_type;
  NewFromDescr make;
  PyObject* memory_dtype[kNumDTypes];  // strong; of the bytes in memory
  PyObject* value_dtype[kNumDTypes];   // of the values that they stand for
};

// Not a static initialiser: the import may let another thread have the GIL, which would then wait for the initialiser.
const NumPy& numpy() {
  static NumPy* known = nullptr;
  if (known) return *known;
  nb::module_ module = nb::module_::import_("numpy");
  bool old = nb::cast<std::string>(module.attr("__version__"))[0] == '1';
  nb::module_ core = nb::module_::import_(old ? "numpy.core.multiarray" : "numpy._core.multiarray");
  void** table =
      static_cast<void**>(PyCapsule_GetPointer(nb::object(core.attr("_ARRAY_API")).ptr(), nullptr));
  if (!table) throw nb::python_error();
  auto* made = new NumPy;
  made->array_type = static_cast<PyTypeObject*>(table[kArrayType]);
  made->make = reinterpret_cast<NewFromDescr>(table[kNewFromDescr]);
  auto descr = [&](const char* name) { return module.attr("dtype")(name).release().ptr(); };
  for (int i = 0; i < kNumDTypes; ++i) {
    DType dtype = static_cast<DType>(i);
    bool plain = dtype != DType::kBF16 && dtype != DType::kString;
    std::string name = plain ? dtype_name(dtype) : "";
    made->memory_dtype[i] = descr(plain ? name.c_str() : dtype == DType::kBF16 ? "uint16" : "O");
    made->value_dtype[i] = descr(plain ? name.c_str() : dtype == DType::kBF16 ? "float32" : "O");
  }
  known = made;
  return *known;
}

}  // namespace

nb::object array_over(const penstock_tensor& t, DType dtype, bool writable) {
  const NumPy& np = numpy();
  Py_ssize_t dims[kMaxRank], strides[kMaxRank];
  bool empty = false;
  for (int d = 0; d < t.ndim; ++d) {
    dims[d] = static_cast<Py_ssize_t>(t.shape[d]);
    strides[d] = static_cast<Py_ssize_t>(t.strides[d] * dtype_size(dtype));
    empty |= t.shape[d] == 0;
  }
  PyObject* descr = np.memory_dtype[static_cast<int>(dtype)];
  Py_INCREF(descr);  // the call takes one
  // Without data NumPy brings its own, of which an empty array has none.
  char* data = empty ? nullptr : static_cast<char*>(t.data) + t.byte_offset;
  PyObject* array = np.make(np.array_type, descr, t.ndim, dims, empty ? nullptr : strides, data,
                            writable ? kWriteable : 0, nullptr);
  if (!array) throw nb::python_error();
  return nb::steal(array);
}

nb::object numpy_dtype(DType dtype) {
  return nb::borrow(numpy().value_dtype[static_cast<int>(dtype)]);
}

}  // namespace penstock::python
