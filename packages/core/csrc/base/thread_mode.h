// One word per thread that says whether anything unusual is going on: zero means that an op call just runs.
#pragma once

#include <cstdint>

#include "base/export.h"

namespace penstock {

enum ThreadMode : uint32_t {
  kModeGraph = 1 << 0,     // a graph is being built
  kModeTape = 1 << 8,      // a gradient tape is active
  kModeScope = 1 << 16,    // a device was chosen
  kModeOptions = 1 << 24,  // runs have a deadline, or can be cancelled
};

// Initial-exec: one load instead of a call; the word is small enough for every loader.
extern PENSTOCK_API thread_local uint32_t t_mode __attribute__((tls_model("initial-exec")));

inline void set_mode(ThreadMode bit, bool on) {
  t_mode = on ? t_mode | bit : t_mode & ~uint32_t{bit};
}

}  // namespace penstock
