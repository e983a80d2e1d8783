// The rest of the runtime: libraries, threads, random state, memory, devices, and the hooks that lead back to Python.
#include <chrono>

#include "bindings/common.h"
#include "dispatch/profile.h"
#include "plugins/library.h"
#include "threads/pool.h"

namespace penstock::python {
namespace {

// Rate-limited: looking for signals takes the GIL.
bool interrupted() {
  thread_local auto last = std::chrono::steady_clock::now();
  auto now = std::chrono::steady_clock::now();
  if (now - last < std::chrono::milliseconds(20)) return false;
  last = now;
  if (!Py_IsInitialized()) return false;
  return with_gil([] { return PyErr_CheckSignals() != 0; });
}

void* release_gil() { return PyEval_SaveThread(); }
void take_gil(void* state) {
  try {
    PyEval_RestoreThread(static_cast<PyThreadState*>(state));
  } catch (abi::__forced_unwind&) {
    sleep_until_exit();
  }
}

std::string caller_line() {
  return with_gil([&]() -> std::string {
    try {
      return nb::cast<std::string>(nb::module_::import_("penstock._source").attr("caller")());
    } catch (nb::python_error&) {
      return "";
    }
  });
}

void warn(const char* message) {
  with_gil([&] {
    nb::object category = nb::module_::import_("penstock.errors").attr("FallbackWarning");
    if (PyErr_WarnEx(category.ptr(), message, 2) != 0) throw nb::python_error();
  });
}

// Plugins load when the first kernel of a device type is looked up.
void activate(const char* device_type) {
  with_gil([&] {
    nb::module_::import_("penstock.plugins.loader").attr("activate_for_kernels")(device_type);
  });
}

std::string missing_hint(const char* op, const char* device) {
  return with_gil([&]() -> std::string {
    try {
      return nb::cast<std::string>(
          nb::module_::import_("penstock.plugins.loader").attr("missing_hint")(op, device));
    } catch (nb::python_error&) {
      return "";
    }
  });
}

nb::object row_facts(const KernelRow* row) {
  if (!row) return nb::none();
  return nb::make_tuple(row->provider, row->isa, row->def.priority);
}

// The row that an op would get for these dtypes, without a node.
nb::object kernel_row(const std::string& op, const std::string& device_name, nb::handle inputs,
                      nb::handle outputs) {
  const Device& device = device_name.empty() ? host_device() : known_device(device_name);
  std::vector<DType> in, out;
  for (nb::handle t : nb::iter(inputs)) in.push_back(dtype_from_object(t));
  for (nb::handle t : nb::iter(outputs)) out.push_back(dtype_from_object(t));
  return row_facts(try_kernel_for(get_op(op), device, in.data(), static_cast<int>(in.size()),
                                  out.data(), static_cast<int>(out.size())));
}

nb::object kernel_for_node(const PyNode& n) {
  const Node& node = n.node();
  const Graph& g = *n.graph.get();
  if (node.op->builtin != Builtin::kNone || node.op->schema.alias) return nb::none();
  const Device& device = node.device.empty() ? host_device() : known_device(node.device);
  std::vector<DType> in, out;
  for (int32_t v : node.inputs) in.push_back(g.values[static_cast<size_t>(v)].aval.dtype);
  for (int32_t v : node.outputs) out.push_back(g.values[static_cast<size_t>(v)].aval.dtype);
  const KernelRow* row =
      try_kernel_for(const_cast<Op&>(*node.op), device, in.data(), static_cast<int>(in.size()),
                     out.data(), static_cast<int>(out.size()));
  return row_facts(row);
}

void bind_profile(nb::module_& m) {
  m.def("begin_profile", begin_profile);
  m.def("profile_clock", profile_clock);
  m.def("end_profile", [](size_t from) {
    constexpr const char* kKinds[] = {"op", "node", "run", "region"};
    nb::list out;
    for (const ProfileEvent& e : end_profile(from))
      out.append(nb::make_tuple(kKinds[e.kind], e.name, e.op, e.kernel, e.inputs, e.outputs,
                                e.source, e.begin, e.end, e.thread, e.output_bytes, e.live_bytes));
    return out;
  });
  m.def("add_profile_region", [](const std::string& name, int64_t begin) {
    ProfileEvent event;
    event.kind = ProfileEvent::kRegion;
    event.name = name;
    event.begin = begin;
    event.end = profile_clock();
    add_profile_event(std::move(event));
  });
}

void bind_memory(nb::module_& m) {
  m.def("memory_stats", [] {
    MemoryStats s = host_memory_stats();
    nb::dict out;
    out["live_bytes"] = s.live_bytes;
    out["cached_bytes"] = s.cached_bytes;
    out["peak_bytes"] = s.peak_bytes;
    out["num_allocations"] = s.num_allocations;
    out["limit"] = s.limit;
    return out;
  });
  m.def("reset_memory_peak", reset_host_memory_peak);
  m.def("release_cached_memory", release_cached_memory);
  m.def("set_memory_limit", set_host_memory_limit);
}

void bind_placement(nb::module_& m) {
  m.def("kernel_for_node", kernel_for_node);
  m.def("kernel_row", kernel_row);
  m.def("device_names", [] {
    std::vector<std::string> out;
    for (const Device* d : all_devices()) out.push_back(d->name());
    return out;
  });
  m.def("device_full_name", [](const std::string& name) { return known_device(name).full_name(); });
  m.def("set_fallback", [](const std::string& policy) {
    if (policy == "warn") return set_fallback(Fallback::kWarn);
    if (policy == "silent") return set_fallback(Fallback::kSilent);
    if (policy == "error") return set_fallback(Fallback::kError);
    fail(ErrorKind::kValue, "fallback is '", policy, "'; it must be warn, silent or error");
  });
  m.def("get_fallback", [] {
    constexpr const char* kNames[] = {"warn", "silent", "error"};
    return kNames[static_cast<int>(fallback())];
  });
  m.def("copy_counters", [] {
    CopyCounters c = copy_counters();
    nb::dict out;
    out["copies"] = c.copies;
    out["bytes"] = c.bytes;
    out["fallbacks"] = c.fallbacks;
    return out;
  });
}

}  // namespace

void bind_runtime(nb::module_& m) {
  set_interrupt_check(interrupted);
  set_long_work({release_gil, take_gil});
  set_source_hook(caller_line);
  set_warn_hook(warn);
  set_activation_hook(activate);
  set_missing_hint(missing_hint);
  m.def(
      "load_library",
      [](const std::string& path, const std::string& provider) {
        load_library(path, provider);
        std::vector<std::string> ops;
        for (const std::string& name : op_names())
          for (const KernelRow* row : get_op(name).kernels->rows())
            if (row->provider == provider) ops.push_back(name);
        return ops;
      },
      nb::arg("path"), nb::arg("provider") = "library");
  m.def("forget_library", forget_library);
  m.def("cpu_isa", [] { return cpu_isa_name(cpu_isa_level()); });
  m.def("num_threads", num_threads);
  m.def("set_num_threads", set_num_threads);
  m.def("set_thread_serial", set_thread_serial);
  m.def("set_seed", set_seed);
  m.def("random_state", [] {
    uint64_t key, counter;
    random_state(&key, &counter);
    return nb::make_tuple(key, counter);
  });
  m.def("set_random_state", set_random_state);
  m.def("set_thread_random", set_thread_random, nb::arg("key").none());
  m.def("set_debug_nans", set_debug_nans);
  m.def("get_debug_nans", debug_nans);
  bind_profile(m);
  bind_memory(m);
  bind_placement(m);
}

}  // namespace penstock::python
