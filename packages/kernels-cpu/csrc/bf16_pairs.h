// Products of pairs of bfloat16, which processors with AVX512-BF16 have an instruction for.
#ifndef PENSTOCK_KERNELS_CPU_BF16_PAIRS_H_
#define PENSTOCK_KERNELS_CPU_BF16_PAIRS_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

#if !defined(__AVX512BF16__)
// Subnormal numbers count as zeros.
inline Vf FlushSubnormals(Vf x) { return (Bits(x) & 0x7f800000) == 0 ? Vf{} : x; }
#endif

// sum + a's upper half * b's, then + a's lower half * b's, in every lane; each of the two is rounded to the nearest
// even, and subnormal numbers are zeros, before and after. Elsewhere this is spelt out, to test what is built on it.
inline Vf DotPairs(Vf sum, Vi a, Vi b) {
#if defined(__AVX512BF16__)
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
#else
  const auto upper = [](Vi x) { return FlushSubnormals(FromBits(x & ~0xffff)); };
  const auto lower = [](Vi x) { return FlushSubnormals(FromBits(x << 16)); };
  sum = FlushSubnormals(FlushSubnormals(sum) +
                        upper(a) * upper(b));  // an exact product: one rounding
  return FlushSubnormals(sum + lower(a) * lower(b));
#endif
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_BF16_PAIRS_H_
