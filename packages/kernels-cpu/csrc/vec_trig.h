// Trigonometric functions of vectors of f32, and their inverses. vec_math.h says how exact they are.
#ifndef PENSTOCK_KERNELS_CPU_VEC_TRIG_H_
#define PENSTOCK_KERNELS_CPU_VEC_TRIG_H_

#include "vec_exp.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Beyond it the parts of pi below are too short, and libm takes over.
constexpr float kLargestAngle = 8192.0f;

// x - n * pi / 2 for |n| < 2^13: pi / 2 in four parts, all but the last exact times n.
inline Vf MinusQuarters(Vf x, Vf n) {
  Vf r = x - n * 1.5703125f;
  r = r - n * 4.837512969970703125e-4f;
  r = r - n * 7.5495336204767227e-08f;
  return r - n * 2.56334407e-12f;
}

// sin(r + quarters * pi / 2) for |r| < 0.79: of two polynomials one is chosen, so that cos 0 is 1.
inline Vf SinQuarters(Vf r, Vi quarters) {
  const Vf z = r * r;
  const Vf sin =
      Polynomial(z, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f) * (z * r) + r;
  const Vf cos = Polynomial(z, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f,
                            -0.5f, 1.0f);
  const Vf y = (quarters & 1) != 0 ? cos : sin;
  return FromBits(Bits(y) ^ ((quarters & 2) << 30));
}

// Large angles go to libm, their neighbours do not: what an element becomes may not depend on where it lies.
template <class Small, class Large>
Vf LargeApart(Vf x, Small small, Large large) {
  Vf y = small(Abs(x) < kLargestAngle ? x : Vf{});
  for (int i = 0; i < kLanes; ++i) {
    if (!(__builtin_fabsf(x[i]) < kLargestAngle)) y[i] = large(x[i]);
  }
  return y;
}

inline Vf Sin(Vf x) {
  if (!AllBelow(x, kLargestAngle)) return LargeApart(x, [](Vf v) { return Sin(v); }, sinf);
  const Vf a = Abs(x), n = RoundSmall(a * 0.636619772f);
  const Vf y = SinQuarters(MinusQuarters(a, n), __builtin_convertvector(n, Vi));
  return FromBits(Bits(y) ^ (Bits(x) & INT32_MIN));
}

inline Vf Cos(Vf x) {
  if (!AllBelow(x, kLargestAngle)) return LargeApart(x, [](Vf v) { return Cos(v); }, cosf);
  const Vf n = RoundSmall(x * 0.636619772f);
  return SinQuarters(MinusQuarters(x, n), __builtin_convertvector(n, Vi) + 1);
}

inline Vf Tan(Vf x) {
  if (!AllBelow(x, kLargestAngle)) return LargeApart(x, [](Vf v) { return Tan(v); }, tanf);
  const Vf a = Abs(x), n = RoundSmall(a * 0.636619772f), r = MinusQuarters(a, n), z = r * r;
  const Vf p = Polynomial(z, 9.38540185543e-3f, 3.11992232697e-3f, 2.44301354525e-2f,
                          5.34112807005e-2f, 1.33387994085e-1f, 3.33331568548e-1f);
  const Vf y = p * (z * r) + r;
  const Vi odd = (__builtin_convertvector(n, Vi) & 1) != 0;
  const Vf tan = odd ? -1.0f / y : y;
  return FromBits(Bits(tan) ^ (Bits(x) & INT32_MIN));
}

constexpr float kHalfPi = 1.57079637f, kHalfPiRest = -4.37113883e-8f;

// For 0 <= x <= 1.
inline Vf AtanReduced(Vf x) {
  const Vf z = x * x;
  const Vf p =
      Polynomial(z, -1.79122353e-3f, 1.09034106e-2f, -3.11559234e-2f, 5.7934247e-2f,
                 -8.40198547e-2f, 1.09516382e-1f, -1.42641246e-1f, 1.99985355e-1f, -3.33332986e-1f);
  return p * (z * x) + x;
}

inline Vf Atan(Vf x) {
  const Vf a = Abs(x);
  const Vi steep = a > 1.0f;
  const Vf y = AtanReduced(steep ? 1.0f / a : a);
  return CopySign(steep ? kHalfPi - (y - kHalfPiRest) : y, x);
}

// The angle of the point (x, y).
inline Vf Atan2(Vf y, Vf x) {
  const Vf a = Abs(x), b = Abs(y);
  const Vf low = a < b ? a : b, high = a < b ? b : a;
  Vf t = AtanReduced(low == high ? Splat(1.0f) : low / high);
  t = high == 0.0f ? Vf{} : t;
  t = a < b ? kHalfPi - (t - kHalfPiRest) : t;
  t = Bits(x) < 0 ? 2.0f * kHalfPi - (t - 2.0f * kHalfPiRest) : t;
  return (x != x) | (y != y) ? x + y : CopySign(t, y);
}

// asin of the sine whose square is z <= 1/4.
inline Vf AsinReduced(Vf sine, Vf z) {
  const Vf p =
      Polynomial(z, 4.21571024e-2f, 2.41854656e-2f, 4.54690233e-2f, 7.49531016e-2f, 1.66667521e-1f);
  return p * (z * sine) + sine;
}

// Near 1 by the half angle: asin a = pi / 2 - 2 asin sqrt((1 - a) / 2).
inline Vf Asin(Vf x) {
  const Vf a = Abs(x);
  const Vi steep = a > 0.5f;
  const Vf z = steep ? (1.0f - a) * 0.5f : a * a;
  const Vf y = AsinReduced(steep ? Sqrt(z) : a, z);
  return CopySign(steep ? kHalfPi - (y * 2.0f - kHalfPiRest) : y, x);
}

inline Vf Acos(Vf x) {
  const Vf a = Abs(x);
  const Vi steep = a > 0.5f;
  const Vf z = steep ? (1.0f - a) * 0.5f : a * a;
  const Vf y = AsinReduced(steep ? Sqrt(z) : a, z);
  const Vf near_one = x > 0.0f ? y * 2.0f : 2.0f * kHalfPi - (y * 2.0f - 2.0f * kHalfPiRest);
  return steep ? near_one : kHalfPi - (CopySign(y, x) - kHalfPiRest);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_TRIG_H_
