// Convolutions with 3 x 3 filters by Winograd's algorithm: 16 results of a tile cost 36 products instead of 144.
//
// Tiles of 6 x 6 pixels and the filter are transformed, multiplied element by element, which for all channels are 36
// matrix products, and transformed back. The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, which keep the error
// small: a result differs from the true one by less than 2^-17 of the largest sum of |x * filter| within its tile. A tile with
// infinities or NaN is computed again directly, so that they reach what they should and nothing else.
#ifndef PENSTOCK_KERNELS_CPU_WINOGRAD_H_
#define PENSTOCK_KERNELS_CPU_WINOGRAD_H_

#include "conv_product.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Whether it is faster for these sizes; `prepared`: without counting that the filter is transformed, too. Never with
// PENSTOCK_WINOGRAD=off in the environment.
bool WinogradPays(const Conv& conv, bool prepared);

// A filter [3, 3, in, out] as it lies: whole, or packed into panels of kTileCols columns.
struct FilterView {
  const float* data;
  int64_t row, panel;  // how far apart rows lie, and every kTileCols columns of a row
  const float* At(int64_t row_index, int64_t col) const {
    return data + row_index * row + col / kTileCols * panel + col % kTileCols;
  }
};

inline FilterView WholeFilter(const Conv& conv, const float* filter) {
  return {filter, conv.out_channels, kTileCols};
}

inline FilterView PackedFilter(const Conv& conv, const float* filter) {
  return {filter, kTileCols, WindowSize(conv) * kTileCols};
}

// Floats of a transformed filter, and the filter transformed and packed.
int64_t WinogradFilterSize(const Conv& conv);
int TransformFilter(penstock_call* call, const Conv& conv, const FilterView& filter, float* out);

// y = x * filter, and what runs behind it. `transformed`: what TransformFilter made of `filter`.
int ConvolveByWinograd(penstock_call* call, const Conv& conv, const float* x,
                       const FilterView& filter, const float* transformed, float* y,
                       const Behind& behind);

// Whether the filter's gradient is found faster in the same way, and that gradient. `finite` becomes false if it has
// infinities or NaN: then it must be computed again directly, so that only what they reach has them.
bool WinogradFilterGradPays(const Conv& conv);
int FilterGradByWinograd(penstock_call* call, const Conv& conv, const float* x, const float* dy,
                         float* dfilter, bool* finite);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_WINOGRAD_H_
