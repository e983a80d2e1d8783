// In place of csrc/plugins/loading.cpp: a static build has no kernels but those that are linked in.
#include "base/error.h"
#include "plugins/library.h"

namespace penstock {

void load_library(const std::string& path, const std::string&) {
  fail(ErrorKind::kPlugin, "cannot load '", path,
       "': this is a static build; link the plugin in, and call penstock_add_static_plugin");
}

void forget_library(const std::string&) {}
void load_plugin_path() {}

}  // namespace penstock
