#include "plugins/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>

#include "base/error.h"
#include "device/device.h"
#include "ops/kernel_table.h"

namespace penstock {
namespace {

struct Registration {
  std::string provider, error;
};

Registration& of(penstock_registry* registry) {
  return *static_cast<Registration*>(registry->host_data);
}

int registry_add_kernel(penstock_registry* registry, const penstock_kernel_def* def) {
  try {
    add_kernel(*def, of(registry).provider);
    return PENSTOCK_OK;
  } catch (const std::exception& e) {
    if (of(registry).error.empty()) of(registry).error = e.what();
    return PENSTOCK_ERROR;
  }
}

int registry_add_device(penstock_registry* registry, const penstock_device_def* def) {
  try {
    register_device(*def);
    return PENSTOCK_OK;
  } catch (const std::exception& e) {
    if (of(registry).error.empty()) of(registry).error = e.what();
    return PENSTOCK_ERROR;
  }
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
  Registration registration{provider, ""};
  penstock_registry registry{};
  registry.head = {sizeof(registry), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  registry.host_data = &registration;
  registry.cpu_isa_level = cpu_isa_level();
  registry.add_kernel = registry_add_kernel;
  registry.add_device = registry_add_device;
  registry.fail = registry_fail;
  int status = init(&registry);
  if (status == PENSTOCK_OK && registration.error.empty()) return;
  remove_kernels(provider);
  fail(ErrorKind::kPlugin, "plugin '", provider, "' was refused: ",
       registration.error.empty() ? "its init function failed without a reason"
                                  : registration.error);
}

void load_library(const std::string& path, const std::string& provider) {
  static std::mutex mutex;
  static std::set<std::string>* loaded = new std::set<std::string>;
  std::lock_guard lock(mutex);
  if (loaded->count(path)) return;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail(ErrorKind::kPlugin, "cannot load '", path, "': ", dlerror());
  auto init = reinterpret_cast<penstock_plugin_init_fn>(dlsym(handle, "penstock_plugin_init_v1"));
  if (!init)
    fail(ErrorKind::kPlugin, "'", path,
         "' is no Penstock plugin: it does not export penstock_plugin_init_v1 "
         "(use PENSTOCK_PLUGIN_ENTRY of penstock/kernel_abi.h)");
  load_static_plugin(init, provider);
  loaded->insert(path);
}

void load_plugin_path() {
  const char* text = std::getenv("PENSTOCK_PLUGIN_PATH");
  if (!text) return;
  std::istringstream parts(text);
  std::string part;
  while (std::getline(parts, part, ':')) {
    if (part.empty()) continue;
    if (!std::filesystem::is_directory(part)) {
      load_library(part, std::filesystem::path(part).stem().string());
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(part))
      if (entry.path().extension() == ".so")
        load_library(entry.path().string(), entry.path().stem().string());
  }
}

}  // namespace penstock
