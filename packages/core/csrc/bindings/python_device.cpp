// A device written in Python, behind penstock_device_def. Its memory is a Python object; the runtime holds it by address.
#include <set>

#include "bindings/common.h"
#include "bindings/python_kernels.h"
#include "device/device.h"

namespace penstock::python {
namespace {

std::set<std::string>& types() {
  static auto* t = new std::set<std::string>;
  return *t;
}

struct PythonDevice {
  PyObject* object;  // strong, for the life of the process
  std::string type;
};

const std::string kProvider = "python:";  // each device is taken back alone

nb::handle object_of(void* context) { return static_cast<PythonDevice*>(context)->object; }

// Runs `body` with the GIL; a Python exception is kept as the cause of our error.
template <typename Body>
int guarded(Body body) {
  return with_gil([&]() -> int {
    try {
      body();
      return PENSTOCK_OK;
    } catch (nb::python_error& e) {
      keep_cause(e);
    } catch (const std::exception&) {
    }
    return PENSTOCK_ERROR;
  });
}

void* allocate(void* context, int32_t index, size_t bytes, void*) {
  void* memory = nullptr;
  guarded([&] { memory = object_of(context).attr("allocate")(index, bytes).release().ptr(); });
  return memory;
}

void release(void* context, int32_t index, void* memory, size_t, void*) {
  if (!Py_IsInitialized()) return;
  guarded([&] {
    nb::error_scope kept;  // an exception may be on its way, and tensors die while it passes
    nb::object owned = nb::steal(static_cast<PyObject*>(memory));
    object_of(context).attr("free")(index, owned);
  });
}

int copy_in(void* context, int32_t index, void* dst, const void* src, size_t bytes, void*) {
  return guarded([&] {
    nb::object view = nb::steal(PyMemoryView_FromMemory(
        static_cast<char*>(const_cast<void*>(src)), static_cast<Py_ssize_t>(bytes), PyBUF_READ));
    object_of(context).attr("copy_in")(index, nb::handle(static_cast<PyObject*>(dst)), view);
  });
}

int copy_out(void* context, int32_t index, void* dst, const void* src, size_t bytes, void*) {
  return guarded([&] {
    nb::object view = nb::steal(PyMemoryView_FromMemory(
        static_cast<char*>(dst), static_cast<Py_ssize_t>(bytes), PyBUF_WRITE));
    object_of(context).attr("copy_out")(index, view,
                                        nb::handle(static_cast<PyObject*>(const_cast<void*>(src))));
  });
}

int synchronize(void* context, int32_t index, void*) {
  return guarded([&] { object_of(context).attr("synchronize")(index); });
}

void add(nb::object device, const std::string& type, int count, int dlpack_type) {
  auto* context = new PythonDevice{device.release().ptr(), type};
  penstock_device_def def{};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.type = context->type.c_str();
  def.dlpack_type = dlpack_type;
  def.count = count;
  def.context = context;
  def.allocate = allocate;
  def.free = release;
  def.copy_in = copy_in;
  def.copy_out = copy_out;
  def.synchronize = synchronize;
  register_device(def, kProvider + type);
  types().insert(type);
}

}  // namespace

bool is_python_device(const std::string& type) { return types().count(type) != 0; }

void bind_python_device(nb::module_& m) {
  m.def("register_python_device", add, nb::arg("device"), nb::arg("type"), nb::arg("count"),
        nb::arg("dlpack_type"));
  m.def("remove_python_device", [](const std::string& type) {
    remove_devices(kProvider + type);
    types().erase(type);
  });
}

}  // namespace penstock::python
