// Where the matrices of a batched product lie.
#ifndef PENSTOCK_KERNELS_CPU_BATCH_H_
#define PENSTOCK_KERNELS_CPU_BATCH_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Offsets of a batched operand whose leading dimensions broadcast to those of the output.
inline void BatchOffsets(const penstock_tensor* x, const penstock_tensor* out, int64_t* offset) {
  const int64_t count = Extent(out, 0, out->ndim - 2);
  for (int64_t b = 0; b < count; ++b) {
    int64_t rest = b, step = x->shape[x->ndim - 2] * x->shape[x->ndim - 1];
    offset[b] = 0;
    for (int d = 1; d <= out->ndim - 2; ++d) {
      const int64_t index = rest % out->shape[out->ndim - 2 - d];
      rest /= out->shape[out->ndim - 2 - d];
      if (d > x->ndim - 2) continue;
      const int64_t size = x->shape[x->ndim - 2 - d];
      if (size > 1) offset[b] += index * step;
      step *= size;
    }
  }
}

// The right operand as one matrix for all products.
inline bool IsOneMatrix(const penstock_tensor* y) { return Extent(y, 0, y->ndim - 2) == 1; }

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_BATCH_H_
