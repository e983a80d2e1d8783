// In and out of other people's memory: Python buffers, DLPack, strings.
#include <cstring>

#include "bindings/common.h"

namespace penstock::python {
namespace {

// DLPack's structures, from its specification (version 1.0).
struct DLTensor {
  void* data;
  penstock_device device;
  int32_t ndim;
  penstock_dtype dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  DLTensor tensor;
};
constexpr uint64_t kReadOnly = 1;

// What an exported capsule keeps alive.
template <typename Managed>
struct Export {
  Managed managed;
  Tensor tensor;
  int64_t shape[kMaxRank], strides[kMaxRank];
};

template <typename Managed>
Managed* make_export(const Tensor& t) {
  auto* out = new Export<Managed>{};
  out->tensor = t;
  int64_t stride = 1;
  for (int d = t.shape.ndim - 1; d >= 0; --d) {
    out->shape[d] = t.shape[d];
    out->strides[d] = stride;
    stride *= t.shape[d];
  }
  out->managed.tensor = {
      t.data(), t.device().abi, t.shape.ndim, dtype_to_abi(t.dtype), out->shape, out->strides, 0};
  out->managed.context = out;
  out->managed.deleter = [](Managed* m) { delete static_cast<Export<Managed>*>(m->context); };
  return &out->managed;
}

template <typename Managed>
void destroy_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name))
    return;  // the consumer has renamed it: it owns the memory now
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (managed && managed->deleter) managed->deleter(managed);
}

void check_exportable(const Tensor& t) {
  if (t.symbolic()) fail(ErrorKind::kGraph, "a graph tensor has no memory to share");
  if (t.dtype == DType::kString)
    fail(ErrorKind::kDType, "DLPack has no string dtype; use x.tolist()");
}

nb::object export_capsule(const Tensor& t, bool versioned, bool copy) {
  check_exportable(t);
  Tensor out = t;
  // The old protocol cannot say "read-only", and tensors are values: give such a consumer its own copy.
  if (copy || !versioned) {
    out = Tensor::empty(t.dtype, t.shape, host_device());
    Tensor host = t.to(host_device());
    std::memcpy(out.data(), host.data(), static_cast<size_t>(t.bytes()));
  }
  if (!versioned) {
    auto* managed = make_export<DLManagedTensor>(out);
    return nb::steal(PyCapsule_New(
        managed, "dltensor", [](PyObject* c) { destroy_capsule<DLManagedTensor>(c, "dltensor"); }));
  }
  auto* managed = make_export<DLManagedTensorVersioned>(out);
  managed->major = 1;
  managed->minor = 0;
  managed->flags = copy ? 0 : kReadOnly;
  return nb::steal(PyCapsule_New(managed, "dltensor_versioned", [](PyObject* c) {
    destroy_capsule<DLManagedTensorVersioned>(c, "dltensor_versioned");
  }));
}

bool is_dense(const DLTensor& t) {
  if (!t.strides) return true;
  int64_t stride = 1;
  for (int d = t.ndim - 1; d >= 0; --d) {
    if (t.shape[d] != 1 && t.strides[d] != stride) return false;
    stride *= t.shape[d];
  }
  return true;
}

// Copies an array of any strides (in bytes) into dense memory.
void copy_strided(char* out, const char* in, int ndim, const int64_t* shape, const int64_t* strides,
                  int64_t item) {
  if (ndim == 0) {
    std::memcpy(out, in, static_cast<size_t>(item));
    return;
  }
  int64_t inner = item;
  for (int d = 1; d < ndim; ++d) inner *= shape[d];
  if (ndim == 1 && strides[0] == item) {
    std::memcpy(out, in, static_cast<size_t>(item * shape[0]));
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    copy_strided(out + i * inner, in + i * strides[0], ndim - 1, shape + 1, strides + 1, item);
}

const Device& device_of_dlpack(penstock_device wanted) {
  for (const Device* device : all_devices())
    if (device->abi.device_type == wanted.device_type && device->abi.device_id == wanted.device_id)
      return *device;
  if (wanted.device_type == 3 || wanted.device_type == 13)
    return host_device();  // pinned host memory
  fail(ErrorKind::kDevice, "the array lives on DLPack device type ", wanted.device_type,
       ", for which no plugin is installed; copy it to the host first");
}

// Gives the producer's memory back, unless a tensor has taken it over.
template <typename Managed>
struct Imported {
  Managed* managed;
  ~Imported() {
    if (managed && managed->deleter) managed->deleter(managed);
  }
};

template <typename Managed>
Tensor import_managed(Managed* managed) {
  Imported<Managed> owner{managed};
  const DLTensor& in = managed->tensor;
  DType dtype;
  if (!dtype_from_abi(in.dtype, &dtype) || dtype == DType::kString)
    fail(ErrorKind::kDType, "the array's dtype (DLPack code ", int{in.dtype.code}, ", ",
         int{in.dtype.bits}, " bits, ", in.dtype.lanes,
         " lanes) has no counterpart here; convert it first");
  const Device& device = device_of_dlpack(in.device);
  Tensor t;
  t.dtype = dtype;
  t.shape = Shape::from({in.shape, in.shape + in.ndim});
  char* data = static_cast<char*>(in.data) + in.byte_offset;
  if (is_dense(in)) {
    auto release = [managed] {
      if (managed->deleter) managed->deleter(managed);
    };
    t.storage = Storage::wrap(data, t.bytes(), device, release, false);
    owner.managed = nullptr;
    return t;
  }
  if (!device.is_host())
    fail(ErrorKind::kDevice, "the array on ", device.name(),
         " is not contiguous; make it so before sharing it");
  Tensor dense = Tensor::empty(dtype, t.shape);
  int64_t strides[kMaxRank];
  for (int d = 0; d < in.ndim; ++d) strides[d] = in.strides[d] * dtype_size(dtype);
  if (dense.bytes() > 0)
    copy_strided(dense.data(), data, in.ndim, in.shape, strides, dtype_size(dtype));
  return dense;
}

Tensor import_capsule(nb::handle capsule) {
  PyObject* p = capsule.ptr();
  if (PyCapsule_IsValid(p, "dltensor_versioned")) {
    auto* managed =
        static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(p, "dltensor_versioned"));
    if (managed->major != 1)
      fail(ErrorKind::kType, "the array speaks DLPack ", managed->major, ".x; 1.x is understood");
    PyCapsule_SetName(p, "used_dltensor_versioned");
    return import_managed(managed);
  }
  if (PyCapsule_IsValid(p, "dltensor")) {
    auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(p, "dltensor"));
    PyCapsule_SetName(p, "used_dltensor");
    return import_managed(managed);
  }
  fail(ErrorKind::kType, "expected a fresh DLPack capsule; a capsule can be used once");
}

// A buffer's format, in the struct module's language, for native byte order.
bool dtype_from_format(const char* format, Py_ssize_t itemsize, DType* out) {
  std::string f = format ? format : "B";
  if (!f.empty() && (f[0] == '@' || f[0] == '=' || f[0] == '<' || f[0] == '|')) f.erase(0, 1);
  auto sized = [&](DTypeKind kind) {
    for (int i = 0; i < kNumDTypes; ++i) {
      DType t = static_cast<DType>(i);
      if (dtype_kind(t) == kind && dtype_size(t) == itemsize && t != DType::kBF16)
        return *out = t, true;
    }
    return false;
  };
  if (f == "?") return *out = DType::kBool, true;
  if (f == "e" || f == "f" || f == "d") return sized(DTypeKind::kFloat);
  if (f == "Zf" || f == "Zd") return sized(DTypeKind::kComplex);
  if (f.size() == 1 && std::strchr("bhilqn", f[0])) return sized(DTypeKind::kSigned);
  if (f.size() == 1 && std::strchr("BHILQNc", f[0])) return sized(DTypeKind::kUnsigned);
  return false;
}

Tensor from_buffer(nb::handle o, nb::handle as) {
  Py_buffer view;
  if (PyObject_GetBuffer(o.ptr(), &view, PyBUF_RECORDS_RO) != 0) throw nb::python_error();
  struct Release {
    Py_buffer* view;
    ~Release() { PyBuffer_Release(view); }
  } release{&view};
  DType dtype;
  if (!as.is_none()) {  // the same bytes under another dtype of that size: bfloat16 comes as uint16
    dtype = dtype_from_object(as);
    if (dtype == DType::kString)
      fail(ErrorKind::kDType, "a buffer holds no strings; pass a list of them");
    if (dtype_size(dtype) != view.itemsize)
      fail(ErrorKind::kDType, "the buffer's items have ", view.itemsize, " bytes");
  } else if (!dtype_from_format(view.format, view.itemsize, &dtype)) {
    fail(ErrorKind::kDType, "a buffer of format '", view.format ? view.format : "",
         "' has no dtype here");
  }
  Shape shape;
  int64_t strides[kMaxRank];
  for (int d = 0; d < view.ndim; ++d) {
    shape.push(view.shape[d]);
    strides[d] = view.strides[d];
  }
  Tensor t = Tensor::empty(dtype, shape);
  // Small copies are cheaper than giving the GIL away.
  std::optional<nb::gil_scoped_release> release_gil;
  if (t.bytes() > (1 << 16)) release_gil.emplace();
  const char* from = static_cast<const char*>(view.buf);
  if (PyBuffer_IsContiguous(&view, 'C'))
    std::memcpy(t.data(), from, static_cast<size_t>(t.bytes()));
  else if (t.bytes() > 0)
    copy_strided(t.data(), from, view.ndim, shape.dims, strides, view.itemsize);
  return t;
}

Tensor string_tensor(nb::handle items, nb::handle shape) {
  Tensor t = Tensor::empty(DType::kString, shape_from_object(shape));
  int64_t i = 0;
  for (nb::handle item : nb::iter(items)) {
    nb::object bytes = nb::borrow(item);
    if (nb::isinstance<nb::str>(item)) bytes = nb::steal(PyUnicode_AsUTF8String(item.ptr()));
    char* data;
    Py_ssize_t size;
    if (!bytes.is_valid() || PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0)
      throw nb::python_error();
    if (i == t.shape.size())
      fail(ErrorKind::kShape, "more strings than fit shape ", t.shape.text());
    t.storage->set_string(i++, data, static_cast<uint64_t>(size));
  }
  if (i != t.shape.size())
    fail(ErrorKind::kShape, i, " strings do not fill shape ", t.shape.text());
  return t;
}

nb::list strings_of(const Tensor& t) {
  if (t.symbolic() || t.dtype != DType::kString)
    fail(ErrorKind::kDType, "expected a tensor of strings");
  nb::list out;
  const auto* elements = reinterpret_cast<const penstock_string*>(t.data());
  for (int64_t i = 0; i < t.shape.size(); ++i)
    out.append(nb::bytes(elements[i].data ? elements[i].data : "", elements[i].size));
  return out;
}

nb::object item(const Tensor& t) {
  if (t.symbolic()) fail(ErrorKind::kGraph, "a graph tensor has no value until it is run");
  if (t.shape.size() != 1)
    fail(ErrorKind::kShape, "item() needs a tensor with one element; this one has shape ",
         t.shape.text());
  if (t.dtype == DType::kString) return strings_of(t)[0];
  if (t.dtype == DType::kBool) return nb::bool_(t.item_int() != 0);
  if (t.dtype == DType::kU64)
    return nb::steal(PyLong_FromUnsignedLongLong(static_cast<uint64_t>(t.item_int())));
  if (is_integer(t.dtype)) return nb::int_(t.item_int());
  if (!is_complex(t.dtype)) return nb::float_(t.item_double());
  Tensor wide = t.to(host_device()).scalar_as(DType::kC128);
  const auto* parts = reinterpret_cast<const double*>(wide.data());
  return nb::steal(PyComplex_FromDoubles(parts[0], parts[1]));
}

}  // namespace

void bind_interop(nb::module_& m) {
  nb::object tensor = m.attr("Tensor");
  auto method = [&](const char* name, auto fn, auto... extra) {
    nb::cpp_function_def(std::move(fn), nb::scope(tensor), nb::name(name), nb::is_method(),
                         extra...);
  };
  method("item", item);
  method("__dlpack_device__", [](const Tensor& t) {
    check_exportable(t);
    return nb::make_tuple(t.device().abi.device_type, t.device().abi.device_id);
  });
  method(
      "__dlpack__",
      [](const Tensor& t, nb::object, nb::object max_version, nb::object dl_device,
         nb::object copy) {
        bool versioned = !max_version.is_none() && nb::cast<int>(max_version[nb::int_(0)]) >= 1;
        bool to_host = !dl_device.is_none() && nb::cast<int>(dl_device[nb::int_(0)]) == 1 &&
                       !t.symbolic() && !t.device().is_host();
        bool wants_copy = !copy.is_none() && nb::cast<bool>(copy);
        if (to_host && !copy.is_none() && !wants_copy)
          fail(ErrorKind::kDevice, "copy=False, but the tensor has to be copied to the host");
        return export_capsule(t, versioned, wants_copy || to_host);
      },
      nb::kw_only(), nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
      nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none());
  m.def("from_dlpack_capsule",
        [](nb::handle capsule) { return nb::steal(new_tensor(import_capsule(capsule))); });
  m.def(
      "tensor_from_buffer",
      [](nb::handle o, nb::handle dtype) { return nb::steal(new_tensor(from_buffer(o, dtype))); },
      nb::arg("obj"), nb::arg("dtype") = nb::none());
  m.def("string_tensor", [](nb::handle items, nb::handle shape) {
    return nb::steal(new_tensor(string_tensor(items, shape)));
  });
  m.def("strings_of", strings_of);
  m.def(
      "scalar_tensor",
      [](nb::handle value, nb::handle dtype, bool weak) {
        Tensor t = to_tensor(value.ptr());
        if (!dtype.is_none()) {
          t = t.scalar_as(dtype_from_object(dtype));
        } else if (!weak && t.dtype == DType::kF64) {
          t = t.scalar_as(kDefaultFloat);
        } else if (!weak && t.dtype == DType::kC128) {
          t = t.scalar_as(DType::kC64);
        }
        t.weak = weak;
        return nb::steal(new_tensor(std::move(t)));
      },
      nb::arg("value"), nb::arg("dtype") = nb::none(), nb::arg("weak") = false);
  m.def("to_device", [](const Tensor& t, const std::string& name) {
    return nb::steal(new_tensor(copy_to(t, known_device(name))));
  });
}

}  // namespace penstock::python
