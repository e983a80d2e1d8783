// Convolutions with 3 x 3 filters by Winograd's algorithm: 16 results of a tile cost 36 products instead of 144.
//
// Tiles of 6 x 6 pixels and the filter are transformed, multiplied element by element, which for all channels are 36
// matrix products, and transformed back. The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, which keep the error
// small: the result differs from the true one by less than 2^-17 of the largest sum of |x * filter|. A tile with
// infinities or NaN is computed again directly, so that they reach what they should and nothing else.
#ifndef PENSTOCK_KERNELS_CPU_WINOGRAD_H_
#define PENSTOCK_KERNELS_CPU_WINOGRAD_H_

#include "conv_product.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Whether it is faster for these sizes. Never with PENSTOCK_WINOGRAD=off in the environment.
bool WinogradPays(const Conv& conv);

// Floats of a transformed filter, and the filter transformed and packed.
int64_t WinogradFilterSize(const Conv& conv);
int TransformFilter(penstock_call* call, const Conv& conv, const float* filter, float* out);

// y = x * filter, and what runs behind it. `transformed`: what TransformFilter made of `filter`.
int ConvolveByWinograd(penstock_call* call, const Conv& conv, const float* x, const float* filter,
                       const float* transformed, float* y, const Behind& behind);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_WINOGRAD_H_
