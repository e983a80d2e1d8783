// The largest number of a row; NaN if there is one.
#ifndef PENSTOCK_KERNELS_CPU_ROW_MAX_H_
#define PENSTOCK_KERNELS_CPU_ROW_MAX_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

inline float RowMax(const float* x, int64_t n) {
  Vf best = Splat(-INFINITY);
  ForVectors(
      n, [&](int64_t i) { best = Maximum(best, Load(x + i)); },
      [&](int64_t i, int64_t rest) { best = Maximum(best, LoadPartial(x + i, rest, -INFINITY)); });
  return Across(best, [](float a, float b) { return Maximum(a, b); });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_ROW_MAX_H_
