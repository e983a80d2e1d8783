#include "base/thread_mode.h"

namespace penstock {

thread_local uint32_t t_mode = 0;

}  // namespace penstock
