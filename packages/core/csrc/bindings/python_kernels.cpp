#include "bindings/python_kernels.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "bindings/numpy_views.h"

namespace penstock::python {
namespace {

struct PythonKernel {
  std::string op, device, dtypes;
  PyObject* function;  // strong, for the life of the process
  bool random;
  // Of a plugin's kernel, `fn(ctx, *inputs, out, **attrs)`: the bare function, and the names of its keywords.
  PyObject* destination = nullptr;
  PyObject* keywords = nullptr;
  PyObject* epilogue_keywords = nullptr;  // the same where a tile program follows
  int8_t inplace[17];
};

std::deque<PythonKernel>& kernels() {
  static auto* k = new std::deque<PythonKernel>;
  return *k;
}

// The elements of a view in row-major order, repeated ones too.
nb::list string_items(const penstock_tensor& t) {
  nb::list items;
  int64_t n = 1;
  for (int d = 0; d < t.ndim; ++d) n *= t.shape[d];
  for (int64_t i = 0; i < n; ++i) {
    int64_t rest = i, at = 0;
    for (int d = t.ndim - 1; d >= 0; --d) {
      at += rest % t.shape[d] * t.strides[d];
      rest /= t.shape[d];
    }
    const auto& element = static_cast<const penstock_string*>(t.data)[at];
    items.append(nb::bytes(element.data ? element.data : "", element.size));
  }
  return items;
}

// An array over a tensor's memory, or an object array of bytes for strings.
nb::object view_of(const penstock_tensor& t, DType dtype, bool writable) {
  if (dtype != DType::kString) return array_over(t, dtype, writable);
  nb::list shape;
  for (int d = 0; d < t.ndim; ++d) shape.append(t.shape[d]);
  nb::list items = string_items(t);
  nb::object flat = nb::module_::import_("numpy").attr("empty")(nb::len(items), "O");
  for (size_t i = 0; i < nb::len(items); ++i) flat[i] = items[i];
  return flat.attr("reshape")(nb::tuple(shape));
}

DType dtype_of(const penstock_tensor& t) {
  DType dtype;
  dtype_from_abi(t.dtype, &dtype);
  return dtype;
}

DType dtype_in(const penstock_attr& attr) {
  DType dtype;
  dtype_from_abi(attr.v.dtype, &dtype);
  return dtype;
}

nb::object attr_value(const penstock_attr& a) {
  nb::list items;
  switch (a.kind) {
    case PENSTOCK_ATTR_BOOL:
      return nb::bool_(a.v.i != 0);
    case PENSTOCK_ATTR_INT:
      return nb::int_(a.v.i);
    case PENSTOCK_ATTR_FLOAT:
      return nb::float_(a.v.f);
    case PENSTOCK_ATTR_STR:
      return nb::str(a.v.s, a.count);
    case PENSTOCK_ATTR_DTYPE:
      return dtype_object(dtype_in(a));
    case PENSTOCK_ATTR_INTS:
      for (uint32_t i = 0; i < a.count; ++i) items.append(a.v.is[i]);
      return nb::tuple(items);
    case PENSTOCK_ATTR_FLOATS:
      for (uint32_t i = 0; i < a.count; ++i) items.append(a.v.fs[i]);
      return nb::tuple(items);
    case PENSTOCK_ATTR_OTHER:
      if (auto* holder = dynamic_cast<PyHolder*>(reinterpret_cast<RefCounted*>(a.v.i)))
        return holder->object;
      return nb::none();
    default:
      return nb::none();
  }
}

// A tensor on a device: nobody here can look at its memory, so the kernel gets that as the device gave it.
nb::object array_on_device(const penstock_tensor& t, const std::string& device) {
  DType dtype;
  dtype_from_abi(t.dtype, &dtype);
  nb::list shape, strides;
  for (int d = 0; d < t.ndim; ++d) {
    shape.append(t.shape[d]);
    strides.append(t.strides[d]);
  }
  nb::object memory = is_python_device(device) ? nb::borrow(static_cast<PyObject*>(t.data))
                                               : nb::int_(reinterpret_cast<uintptr_t>(t.data));
  return nb::module_::import_("penstock.reference")
      .attr("DeviceArray")(memory, t.device.device_id, nb::tuple(shape), nb::tuple(strides),
                           dtype_object(dtype));
}

nb::list views(const penstock_tensor* const* tensors, int32_t n, const std::string& device,
               bool writable) {
  nb::list out;
  for (int32_t i = 0; i < n; ++i) {
    DType dtype = dtype_of(*tensors[i]);
    nb::object view = device == "cpu" ? view_of(*tensors[i], dtype, writable)
                                      : array_on_device(*tensors[i], device);
    out.append(nb::make_tuple(view, nb::str(dtype_code(dtype))));
  }
  return out;
}

// Ends the call when the kernel's future does, from whatever thread that is. The frame is gone after `done`.
void finish(penstock_call* call, nb::handle future) {
  int status = PENSTOCK_OK;
  try {
    nb::object error = future.attr("exception")();
    if (!error.is_none()) {
      status = PyErr_GivenExceptionMatches(error.ptr(), PyExc_MemoryError) ? PENSTOCK_NO_MEMORY
                                                                           : PENSTOCK_ERROR;
      call->host->fail(call, nb::cast<std::string>(nb::str(error)).c_str());
    }
  } catch (nb::python_error&) {  // exception() of a future that was cancelled
    status = PENSTOCK_CANCELLED;
  }
  call->host->done(call, status);
}

// True when a plugin's kernel can be given the arrays as they are: neither bfloat16 nor strings.
bool is_direct(const penstock_call* call) {
  auto plain = [](const penstock_tensor* t) {
    return t->dtype.code != PENSTOCK_CODE_BFLOAT && t->dtype.code != PENSTOCK_CODE_STRING;
  };
  return std::all_of(call->inputs, call->inputs + call->num_inputs, plain) &&
         std::all_of(call->outputs, call->outputs + call->num_outputs, plain);
}

nb::object context_of(const PythonKernel& kernel, const penstock_call* call) {
  static PyObject* plain = nullptr;  // ops that are not random all get the same one
  if (!kernel.random && plain) return nb::borrow(plain);
  nb::object type = nb::module_::import_("penstock.reference").attr("KernelContext");
  if (kernel.random) return type(call->rng_key[0], call->rng_counter);
  nb::object made = type();
  plain = made.inc_ref().ptr();
  return made;
}

// Calls fn(ctx, *inputs, out=..., **attrs) with nothing in between: what a plugin's kernel costs is its own time.
void call_directly(const PythonKernel& kernel, const penstock_call* call) {
  std::vector<nb::object> arguments;
  arguments.reserve(static_cast<size_t>(call->num_inputs + call->num_attrs + 2));
  arguments.push_back(context_of(kernel, call));
  for (int32_t i = 0; i < call->num_inputs; ++i)
    arguments.push_back(array_over(*call->inputs[i], dtype_of(*call->inputs[i]), false));
  size_t positional = arguments.size();
  auto out = [&](int32_t i) {
    return array_over(*call->outputs[i], dtype_of(*call->outputs[i]), true);
  };
  if (call->num_outputs == 1) {
    arguments.push_back(out(0));
  } else {
    nb::list outs;
    for (int32_t i = 0; i < call->num_outputs; ++i) outs.append(out(i));
    arguments.push_back(nb::tuple(outs));
  }
  for (int32_t i = 0; i < call->num_attrs; ++i) {
    const penstock_attr& attr = call->attrs[i];
    arguments.push_back(attr.kind == PENSTOCK_ATTR_DTYPE ? numpy_dtype(dtype_in(attr))
                                                         : attr_value(attr));
  }
  auto named = static_cast<Py_ssize_t>(arguments.size() - positional);
  PyObject* keywords =
      named == PyTuple_Size(kernel.keywords) ? kernel.keywords : kernel.epilogue_keywords;
  static_assert(sizeof(nb::object) == sizeof(PyObject*));
  PyObject* result =
      PyObject_Vectorcall(kernel.destination, reinterpret_cast<PyObject* const*>(arguments.data()),
                          positional, keywords);
  if (!result) throw nb::python_error();
  Py_DECREF(result);
}

int call_python(penstock_call* call) {
  const auto& kernel = *static_cast<const PythonKernel*>(call->kernel_data);
  try {
    if (kernel.destination && kernel.device == "cpu" && is_direct(call)) {
      call_directly(kernel, call);
      return PENSTOCK_OK;
    }
    nb::list inputs = views(call->inputs, call->num_inputs, kernel.device, false);
    nb::list outputs = views(const_cast<const penstock_tensor* const*>(call->outputs),
                             call->num_outputs, kernel.device, true);
    nb::dict attrs;
    for (int32_t i = 0; i < call->num_attrs; ++i)
      attrs[call->attrs[i].name] = attr_value(call->attrs[i]);
    nb::object rng = kernel.random ? nb::object(nb::make_tuple(call->rng_key[0], call->rng_counter))
                                   : nb::none();
    nb::object strings = nb::module_::import_("penstock.reference")
                             .attr("run")(nb::handle(kernel.function), inputs, outputs, attrs, rng);
    if (strings.is_none()) return PENSTOCK_OK;
    if (kernel.device != "cpu") {  // a future: the kernel is still at work
      strings.attr("add_done_callback")(
          nb::cpp_function([call](nb::handle future) { finish(call, future); }));
      return PENSTOCK_PENDING;
    }
    int32_t output = 0;
    for (nb::handle items : nb::iter(strings)) {
      int64_t i = 0;  // of a string output: its bytes, in order
      if (!items.is_none())
        for (nb::handle item : nb::iter(items)) {
          char* data;
          Py_ssize_t size;
          if (PyBytes_AsStringAndSize(item.ptr(), &data, &size) != 0) throw nb::python_error();
          call->host->set_string(call, output, i++, data, static_cast<uint64_t>(size));
        }
      ++output;
    }
    return PENSTOCK_OK;
  } catch (nb::python_error& e) {
    std::string message = nb::cast<std::string>(nb::str(e.value()));
    int status = e.matches(PyExc_MemoryError)  ? PENSTOCK_NO_MEMORY
                 : e.matches(PyExc_IndexError) ? PENSTOCK_OUT_OF_RANGE
                                               : PENSTOCK_ERROR;
    keep_cause(e);
    call->host->fail(call, message.c_str());
    return status;
  } catch (const std::exception& e) {
    return call->host->fail(call, e.what());
  }
}

int run(penstock_call* call) {
  return with_gil([&] { return call_python(call); });
}

// "out", and the names of an op's attributes.
PyObject* keywords_of(const Op& op) {
  nb::list words;
  auto add_word = [&](const char* word) {
    words.append(nb::steal(PyUnicode_InternFromString(word)));
  };
  add_word("out");
  for (const AttrSpec& attr : op.schema.attrs) add_word(attr.name.c_str());
  return nb::tuple(words).release().ptr();
}

void add(const std::string& op, const std::string& device, const std::string& dtypes,
         nb::object function, int priority, const std::string& provider,
         const std::vector<int>& inplace, bool epilogue) {
  PythonKernel& k = kernels().emplace_back();
  k.op = op;
  k.device = device;
  k.dtypes = dtypes;
  if (nb::isinstance(function, nb::module_::import_("penstock.reference").attr("Destination"))) {
    k.destination = nb::object(function.attr("fn")).release().ptr();
    k.keywords = keywords_of(get_op(op));
    const Op* second = epilogue ? find_op("core." + op + "_tile") : nullptr;
    if (second) k.epilogue_keywords = keywords_of(*second);
  }
  k.function = function.release().ptr();
  k.random = get_op(op).schema.effects == Effects::kRandom;
  size_t n = 0;
  for (; n < inplace.size() && n < 16; ++n) k.inplace[n] = static_cast<int8_t>(inplace[n]);
  k.inplace[n] = -1;
  penstock_kernel_def def{};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.op = k.op.c_str();
  def.op_version = get_op(op).schema.version;
  def.device = k.device.c_str();
  def.dtypes = k.dtypes.c_str();
  def.isa = "python";
  def.run = run;
  if (k.device != "cpu") def.caps = PENSTOCK_CAP_ASYNC;
  if (epilogue) def.caps |= PENSTOCK_CAP_TILE_EPILOGUE;
  def.inplace = k.inplace;
  def.priority = priority;
  def.data = &k;
  add_kernel(def, provider, true);
}

}  // namespace

void bind_python_kernels(nb::module_& m) {
  m.def("register_python_kernel", add, nb::arg("op"), nb::arg("device"), nb::arg("dtypes"),
        nb::arg("function"), nb::arg("priority") = 0, nb::arg("provider") = "python",
        nb::arg("inplace") = std::vector<int>(), nb::arg("epilogue") = false);
  m.def("remove_kernels", remove_kernels);
}

}  // namespace penstock::python
