// Kernel libraries: dlopen, the one exported symbol, all rows or none.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "penstock/kernel_abi.h"

namespace penstock {

// Loads the library and adds what it registers under the provider's name. Loading it twice does nothing.
// Throws kPlugin with the reason; a library that fails leaves neither a row nor a device behind.
PENSTOCK_API void load_library(const std::string& path, const std::string& provider);
// The same for a plugin that is linked in.
PENSTOCK_API void load_static_plugin(penstock_plugin_init_fn init, const std::string& provider);
// Takes a library's kernels and devices back; it stays mapped, because tensors and plans may still use them.
PENSTOCK_API void forget_library(const std::string& path);
// Takes back everything native that was added in the provider's name.
PENSTOCK_API void forget_plugin(const std::string& provider);
// Every library named in PENSTOCK_PLUGIN_PATH (colon-separated files or folders), for processes without Python.
PENSTOCK_API void load_plugin_path();

// 0 portable, 1 avx2, 2 avx512, 3 avx512 with bf16 and VNNI; PENSTOCK_CPU_ISA can lower it.
PENSTOCK_API int cpu_isa_level();
PENSTOCK_API const char* cpu_isa_name(int level);

}  // namespace penstock
