// Convolutions whose pixels are gathered into packed tiles first, a tap at a time.
#ifndef PENSTOCK_KERNELS_CPU_CONV_GATHER_H_
#define PENSTOCK_KERNELS_CPU_CONV_GATHER_H_

#include "conv_product.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Whether gathering pays: rows of pixels are too short for whole tiles, or pixels lie so far apart that those of one
// tile push each other out of the first cache; and there are enough filters to share the work.
bool GatherPays(const Conv& conv);

// y = x * filter (packed), and what runs behind it. Pixels that a tap does not see are left out. `target`: where y's
// pixels lie, if not side by side; then nothing can run on them.
int ConvolveGathered(penstock_call* call, const Conv& conv, const float* x, const float* filter,
                     float* y, const Behind& behind = {}, const Target* target = nullptr);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_CONV_GATHER_H_
