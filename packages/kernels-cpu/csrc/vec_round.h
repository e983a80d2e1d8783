// Rounding vectors of f32 to whole numbers. Signed zeros are kept: the ceiling of -0.5 is -0.
#ifndef PENSTOCK_KERNELS_CPU_VEC_ROUND_H_
#define PENSTOCK_KERNELS_CPU_VEC_ROUND_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

// From 2^23 on every float is whole.
inline Vf UnlessWhole(Vf rounded, Vf x) { return Abs(x) < 8388608.0f ? CopySign(rounded, x) : x; }

inline Vf Trunc(Vf x) {
  return UnlessWhole(__builtin_convertvector(__builtin_convertvector(x, Vi), Vf), x);
}

inline Vf Floor(Vf x) {
  const Vf t = __builtin_convertvector(__builtin_convertvector(x, Vi), Vf);
  return UnlessWhole(t > x ? t - 1.0f : t, x);
}

inline Vf Ceil(Vf x) { return -Floor(-x); }

// To the nearest, halves to the even one: what adding 2^23 does.
inline Vf Round(Vf x) {
  const Vf magic = Splat(8388608.0f);
  return UnlessWhole((Abs(x) + magic) - magic, x);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_ROUND_H_
