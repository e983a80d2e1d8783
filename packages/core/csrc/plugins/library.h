// Kernel libraries: dlopen, the one exported symbol, all rows or none.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "penstock/kernel_abi.h"

namespace penstock {

// Loads the library and adds what it registers under the provider's name. Loading it twice does nothing.
// Throws kPlugin with the reason; a library that fails leaves no row behind.
PENSTOCK_API void load_library(const std::string& path, const std::string& provider);
// The same for a plugin that is linked in.
PENSTOCK_API void load_static_plugin(penstock_plugin_init_fn init, const std::string& provider);
// Every library named in PENSTOCK_PLUGIN_PATH (colon-separated files or folders), for processes without Python.
PENSTOCK_API void load_plugin_path();

// 0 portable, 1 avx2, 2 avx512, 3 avx512 with bf16 and VNNI; PENSTOCK_CPU_ISA can lower it.
PENSTOCK_API int cpu_isa_level();
PENSTOCK_API const char* cpu_isa_name(int level);

}  // namespace penstock
