// Elementary functions on vectors of f32. NaN stays NaN, infinities and signed zeros come out as in
// C's libm. The stated errors were measured against f64 over all signs and exponents, with every
// instruction set; tests hold them. Polynomials are Cephes' (public domain).
#ifndef PENSTOCK_KERNELS_CPU_VEC_MATH_H_
#define PENSTOCK_KERNELS_CPU_VEC_MATH_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Horner's scheme, highest power first.
template <class... Coefficients>
Vf Polynomial(Vf x, float first, Coefficients... rest) {
  Vf y = Splat(first);
  ((y = y * x + static_cast<float>(rest)), ...);
  return y;
}

// Valid for |x| < 2^22, where adding 1.5 * 2^23 pushes the fraction out.
inline Vf RoundSmall(Vf x) {
  const Vf magic = Splat(12582912.0f);
  return (x + magic) - magic;
}

inline Vf Floor(Vf x) {
  const Vf t = __builtin_convertvector(__builtin_convertvector(x, Vi), Vf);
  const Vf floor = CopySign(t > x ? t - 1.0f : t, x);
  return Abs(x) < 8388608.0f ? floor : x;  // from 2^23 on every float is whole
}

inline Vf Ceil(Vf x) { return -Floor(-x); }

// 2^n for whole n in [-126, 127].
inline Vf Pow2(Vf n) { return FromBits((__builtin_convertvector(n, Vi) + 127) << 23); }

// y * 2^n for whole n in [-252, 254], in two steps: 2^n alone may overflow or be subnormal.
inline Vf ScaleByPow2(Vf y, Vf n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, y, n);  // the plain form warns in GCC 12
#else
  const Vf half = RoundSmall(n * 0.5f);
  return y * Pow2(half) * Pow2(n - half);
#endif
}

// Error below 1 ULP (measured: 0.99), subnormal results included.
inline Vf Exp(Vf x) {
  const Vf low = Splat(-104.0f), high = Splat(89.0f);
  x = x < low ? low : x;
  x = x > high ? high : x;
  const Vf n = RoundSmall(x * 1.44269504f);
  Vf r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  const Vf p = Polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                          1.6666665459e-1f, 5.0000001201e-1f);
  const Vf y = p * (r * r) + r + 1.0f;
  return ScaleByPow2(y, n);
}

// Error below 1 ULP (measured: 0.81).
inline Vf Log(Vf x) {
  const Vi subnormal = x < 1.17549435e-38f;
  const Vf scaled = subnormal ? x * 8388608.0f : x;
  // x = 2^e * m with m in [sqrt(1/2), sqrt(2)).
  const Vi shifted = reinterpret_cast<Vi>(reinterpret_cast<Vu>(scaled) - 0x3f3504f3u);
  const Vf e = __builtin_convertvector(shifted >> 23, Vf) - (subnormal ? Splat(23.0f) : Vf{});
  const Vf m = FromBits((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f;
  const Vf z = m * m;
  Vf y = Polynomial(m, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f,
                    1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f,
                    3.3333331174e-1f);
  y = y * m * z + e * -2.12194440e-4f - z * 0.5f;
  y = m + y + e * 0.693359375f;
  const Vf infinity = Splat(INFINITY);
  y = x < infinity ? y : x;  // +inf and NaN
  y = x == 0.0f ? -infinity : y;
  return x < 0.0f ? Splat(NAN) : y;
}

// Error below 2 ULP (measured: 1.44). The quotient repairs what 1 + x rounded away.
inline Vf Log1p(Vf x) {
  const Vf u = x + 1.0f;
  const Vf log_u = Log(u);
  const Vf repaired = log_u + (x - (u - 1.0f)) / u;
  const Vi whole = (u <= 0.0f) | (u == INFINITY);
  return u == 1.0f ? x : (whole ? log_u : repaired);
}

// Error below 2 ULP (measured: 1.27).
inline Vf Tanh(Vf x) {
  const Vf a = Abs(x), z = x * x;
  const Vf small = Polynomial(z, -5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                              1.33314422036e-1f, -3.33332819422e-1f) *
                       z * x +
                   x;
  const Vf large = 1.0f - 2.0f / (Exp(a + a) + 1.0f);
  const Vf y = CopySign(a < 0.625f ? small : large, x);
  return x != x ? x : y;
}

// Error below 3 ULP (measured: 2.16). exp(-|x|) cannot overflow.
inline Vf Sigmoid(Vf x) {
  const Vf z = Exp(-Abs(x));
  return (x < 0.0f ? z : Splat(1.0f)) / (z + 1.0f);
}

// Both at once, of r in [-pi/4, pi/4].
struct SinCos {
  Vf sin, cos;
};

inline SinCos SinCosReduced(Vf r) {
  const Vf z = r * r;
  const Vf sin = Polynomial(z, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f) * z * r + r;
  const Vf cos =
      Polynomial(z, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f) * z * z -
      z * 0.5f + 1.0f;
  return {sin, cos};
}

// sin(x + quarter * pi / 2) for |x| < 8192.
inline Vf SinQuarter(Vf x, int32_t quarter) {
  const Vf n = RoundSmall(x * 0.636619772f);
  Vf r = x - n * 1.5703125f;  // pi / 2 in three parts, the first two exact times n
  r = r - n * 4.837512969970703125e-4f;
  r = r - n * 7.549789954891882e-8f;
  const SinCos s = SinCosReduced(r);
  const Vi k = __builtin_convertvector(n, Vi) + quarter;
  const Vf y = (k & 1) != 0 ? s.cos : s.sin;
  return FromBits(Bits(y) ^ ((k & 2) << 30));
}

inline bool AllBelow(Vf x, float bound) {
  const Vi below = Abs(x) < bound;
  int32_t all = -1;
  for (int i = 0; i < kLanes; ++i) all &= below[i];
  return all != 0;
}

// Error below 2 ULP (measured: 1.47), near the zeros below 1e-7 instead (measured: 7.7e-8); large
// arguments go to libm.
inline Vf Sin(Vf x) {
  if (!AllBelow(x, 8192.0f)) return PerLane(x, sinf);
  return CopySign(Splat(1.0f), x) * SinQuarter(Abs(x), 0);
}

inline Vf Cos(Vf x) {
  if (!AllBelow(x, 8192.0f)) return PerLane(x, cosf);
  return SinQuarter(x, 1);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_MATH_H_
