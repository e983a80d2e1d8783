// The one thread pool, for our kernels and everybody's. The caller works too; chunks are claimed from a counter; nobody
// waits for a worker that has not begun. So a busy neighbour slows us down by its share and no more.
#pragma once

#include <cstdint>

#include "base/export.h"

namespace penstock {

using ParallelBody = void (*)(void* context, int64_t begin, int64_t end);
// Asked now and then by the calling thread while chunks remain; true stops the loop early.
using StopCheck = bool (*)(void* context);

// Runs body over chunk k = [k * grain, min(n, (k + 1) * grain)) for all k, in any order on any thread. The chunks do
// not depend on the number of threads. Calls from inside a body run serially. False if stopped early.
PENSTOCK_API bool parallel_for(int64_t n, int64_t grain, ParallelBody body, void* context,
                               StopCheck stop = nullptr, void* stop_context = nullptr);

// Has the calling thread's loops run serially from now on: for threads of which there is one for each core already.
PENSTOCK_API void set_thread_serial(bool serial);

// Affinity and cgroup quota decide, PENSTOCK_NUM_THREADS overrides.
PENSTOCK_API int num_threads();
PENSTOCK_API void set_num_threads(int n);

}  // namespace penstock
