// Kernel libraries from files. Static builds leave this out.
#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>

#include "base/error.h"
#include "plugins/library.h"

namespace penstock {
namespace {

struct Loaded {
  std::mutex mutex;
  std::map<std::string, std::string> provider_of;  // by path
};

Loaded& loaded() {
  static auto* l = new Loaded;
  return *l;
}

// Says what to do about a library without our entry; one for another major has another symbol.
[[noreturn]] void no_entry(void* handle, const std::string& path) {
  for (int major = 2; major < 10; ++major) {
    std::string symbol = "penstock_plugin_init_v" + std::to_string(major);
    if (dlsym(handle, symbol.c_str()))
      fail(ErrorKind::kPlugin, "'", path, "' was built for a later kernel ABI (", symbol,
           "), this penstock has penstock_plugin_init_v1: pip install --upgrade penstock");
  }
  fail(ErrorKind::kPlugin, "'", path,
       "' is no Penstock plugin: it does not export penstock_plugin_init_v1 "
       "(use PENSTOCK_PLUGIN_ENTRY of penstock/kernel_abi.h)");
}

}  // namespace

void load_library(const std::string& path, const std::string& provider) {
  std::lock_guard lock(loaded().mutex);
  if (loaded().provider_of.count(path)) return;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail(ErrorKind::kPlugin, "cannot load '", path, "': ", dlerror());
  auto init = reinterpret_cast<penstock_plugin_init_fn>(dlsym(handle, "penstock_plugin_init_v1"));
  if (!init) no_entry(handle, path);
  load_static_plugin(init, provider);
  loaded().provider_of.emplace(path, provider);
}

void forget_library(const std::string& path) {
  std::lock_guard lock(loaded().mutex);
  auto it = loaded().provider_of.find(path);
  if (it == loaded().provider_of.end()) return;
  forget_plugin(it->second);
  loaded().provider_of.erase(it);
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
