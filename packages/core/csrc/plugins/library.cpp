#include "plugins/library.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "base/error.h"
#include "device/device.h"
#include "ops/kernel_table.h"

namespace penstock {
namespace {

// What a plugin's init function adds. It takes effect when that function has returned, or not at all.
struct Registration {
  std::string provider, error;
  std::vector<std::unique_ptr<KernelRow>> kernels;
  std::vector<penstock_device_def> devices;
  std::deque<std::string> types;  // the names in `devices`

  void add_device(const penstock_device_def& given) {
    check_device(given);
    for (const std::string& type : types)
      if (type == given.type)
        fail(ErrorKind::kPlugin, "it adds the device type '", type, "' twice; add each once");
    penstock_device_def def{};
    std::memcpy(&def, &given, std::min<size_t>(given.head.struct_size, sizeof(def)));
    def.head.struct_size = sizeof(def);
    def.type = types.emplace_back(given.type).c_str();
    devices.push_back(def);
  }

  void commit() {
    try {
      for (const penstock_device_def& def : devices) register_device(def, provider);
      for (auto& row : kernels) add_kernel(std::move(row));
    } catch (...) {
      forget_plugin(provider);
      throw;
    }
  }
};

Registration& of(penstock_registry* registry) {
  return *static_cast<Registration*>(registry->host_data);
}

// Runs `step` and keeps its first complaint.
template <typename Step>
int guarded(penstock_registry* registry, Step step) {
  try {
    step();
    return PENSTOCK_OK;
  } catch (const std::exception& e) {
    if (of(registry).error.empty()) of(registry).error = e.what();
    return PENSTOCK_ERROR;
  }
}

int registry_add_kernel(penstock_registry* registry, const penstock_kernel_def* def) {
  return guarded(registry,
                 [&] { of(registry).kernels.push_back(make_kernel(*def, of(registry).provider)); });
}

int registry_add_device(penstock_registry* registry, const penstock_device_def* def) {
  return guarded(registry, [&] { of(registry).add_device(*def); });
}

int registry_fail(penstock_registry* registry, const char* message) {
  of(registry).error = message ? message : "the plugin gave no reason";
  return PENSTOCK_ERROR;
}

int detected_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return 1;
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") ? 3 : 2;
#else
  return 0;
#endif
}

constexpr const char* kIsaNames[] = {"portable", "avx2", "avx512", "avx512_bf16"};

}  // namespace

const char* cpu_isa_name(int level) { return kIsaNames[level]; }

int cpu_isa_level() {
  static const int level = [] {
    int found = detected_isa();
    const char* wanted = std::getenv("PENSTOCK_CPU_ISA");
    if (!wanted || !*wanted) return found;
    for (int i = 0; i < 4; ++i)
      if (std::string(wanted) == kIsaNames[i]) return std::min(i, found);
    fail(ErrorKind::kValue, "PENSTOCK_CPU_ISA is '", wanted,
         "'; it must be portable, avx2, avx512 or avx512_bf16");
  }();
  return level;
}

void load_static_plugin(penstock_plugin_init_fn init, const std::string& provider) {
  Registration registration;
  registration.provider = provider;
  penstock_registry registry{};
  registry.head = {sizeof(registry), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  registry.host_data = &registration;
  registry.cpu_isa_level = cpu_isa_level();
  registry.add_kernel = registry_add_kernel;
  registry.add_device = registry_add_device;
  registry.fail = registry_fail;
  int status = init(&registry);
  if (status != PENSTOCK_OK || !registration.error.empty())
    fail(ErrorKind::kPlugin, "plugin '", provider, "' was refused: ",
         registration.error.empty() ? "its init function failed without a reason"
                                    : registration.error);
  registration.commit();
}

void forget_plugin(const std::string& provider) {
  remove_kernels(provider);
  remove_devices(provider);
}

}  // namespace penstock
