// Exponentials of vectors of f32. vec_math.h says how exact they are.
#ifndef PENSTOCK_KERNELS_CPU_VEC_EXP_H_
#define PENSTOCK_KERNELS_CPU_VEC_EXP_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Horner's scheme, highest power first.
template <class V, class... Coefficients>
V Polynomial(V x, double first, Coefficients... rest) {
  using Element = decltype(x[0] + x[0]);
  V y = static_cast<Element>(first) - V{};
  ((y = y * x + static_cast<Element>(rest)), ...);
  return y;
}

// Valid for |x| < 2^22, where adding 1.5 * 2^23 pushes the fraction out.
inline Vf RoundSmall(Vf x) {
  const Vf magic = Splat(12582912.0f);
  return (x + magic) - magic;
}

// 2^n for whole n in [-126, 127].
inline Vf Pow2(Vf n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, Splat(1.0f), n);  // the plain form warns in GCC 12
#else
  return FromBits((__builtin_convertvector(n, Vi) + 127) << 23);
#endif
}

// The same times y.
inline Vf TimesPow2(Vf y, Vf n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, y, n);
#else
  return y * Pow2(n);
#endif
}

// y * 2^n for whole n in [-252, 254], in two steps: 2^n alone may overflow or be subnormal.
inline Vf ScaleByPow2(Vf y, Vf n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, y, n);  // the plain form warns in GCC 12
#else
  const Vf half = RoundSmall(n * 0.5f);
  return y * Pow2(half) * Pow2(n - half);
#endif
}

// e^x = 2^n * (1 + tail), with |tail| < 0.42.
struct ExpParts {
  Vf n, tail;
};

// x - n * ln 2, in two parts, the first exact times n.
inline Vf MinusLn2(Vf x, Vf n) {
  const Vf r = x - n * 0.693359375f;
  return r - n * -2.12194440e-4f;
}

// (e^r - 1 - r) / r^2 for |r| < 0.35.
inline Vf ExpRest(Vf r) {
  return Polynomial(r, 1.3822437e-3f, 8.36885627e-3f, 4.16682512e-2f, 1.66665196e-1f,
                    4.9999994e-1f);
}

// e^r for the same.
inline Vf ExpReduced(Vf r) { return (ExpRest(r) * r + 1.0f) * r + 1.0f; }

inline ExpParts SplitExp(Vf x) {
  const Vf n = RoundSmall(x * 1.44269504f), r = MinusLn2(x, n);
  return {n, ExpRest(r) * (r * r) + r};
}

// e^(x + rest) with a small rest, for -104 <= x <= 89.
inline Vf ExpOfSum(Vf x, Vf rest) {
  const Vf n = RoundSmall((x + rest) * 1.44269504f);
  return ScaleByPow2(ExpReduced(MinusLn2(x, n) + rest), n);
}

// e^x for x <= 104.
inline Vf ExpBelow(Vf x) {
  x = AtLeast(x, -104.0f);
  const Vf n = RoundSmall(x * 1.44269504f);
  return ScaleByPow2(ExpReduced(MinusLn2(x, n)), n);
}

// e^x * 2^k, without overflow on the way; x is at most 104.
inline Vf ExpTimesPow2(Vf x, float k) {
  x = AtLeast(x, -104.0f);
  const Vf n = RoundSmall(x * 1.44269504f);
  return ScaleByPow2(ExpReduced(MinusLn2(x, n)), n + k);
}

inline Vf Exp(Vf x) { return ExpBelow(AtMost(x, 89.0f)); }

inline Vf Exp2(Vf x) {
  x = AtMost(AtLeast(x, -151.0f), 129.0f);
  const Vf n = RoundSmall(x), r = x - n;
  const Vf p = Polynomial(r, 1.52001026e-4f, 1.33917364e-3f, 9.61899664e-3f, 5.55035807e-2f,
                          2.40226433e-1f, 6.93147182e-1f);
  return ScaleByPow2(p * r + 1.0f, n);
}

inline Vf Expm1(Vf x) {
  const ExpParts e = SplitExp(AtMost(AtLeast(x, -18.0f), 89.0f));
  const Vf half = Pow2(e.n - 1.0f);  // 2^n itself may overflow
  const Vf y = (half * e.tail + (half - 0.5f)) * 2.0f;
  return CopySign(e.n == 0.0f ? e.tail : y, x);  // by halves a subnormal would lose a bit
}

// exp(-|x|) cannot overflow.
inline Vf Sigmoid(Vf x) {
  const Vf z = ExpBelow(-Abs(x));
  return Quotient(x < 0.0f ? z : Splat(1.0f), z + 1.0f);
}

// m / (m + 1) with m = (e^2a - 1) / 2 and a = |x|; the quotient's error is found without the rounded sum.
inline Vf Tanh(Vf x) {
  const Vf a = AtMost(Abs(x), 9.1f);
  const Vf n = RoundSmall(a * 2.88539008f), r = a - n * 0.346573591f;
  const Vf p =
      Polynomial(r, 4.44239751e-2f, 1.33866757e-1f, 3.33337635e-1f, 6.6666168e-1f, 0.99999994f);
  const Vf tail = p * (r * r) + r, power = Pow2(n);
  const Vf m = power * tail + (power * 0.5f - 0.5f), rough = RoughReciprocal(m + 1.0f);
#if defined(__AVX512F__)
  const Vf q = m * rough;
#else
  const Vf q = m / (m + 1.0f);
#endif
  return FromBits(Bits(q + rough * ((m - q) - m * q)) | (Bits(x) & INT32_MIN));
}

inline Vf Sinh(Vf x) {
  const Vf a = Abs(x);
  const Vf m = Expm1(AtMost(a, 9.0f));
  const Vf small = (m + m / (m + 1.0f)) * 0.5f;
  return CopySign(a < 9.0f ? small : ExpTimesPow2(AtMost(a, 104.0f), -1.0f), x);
}

inline Vf Cosh(Vf x) {
  const Vf half = ExpTimesPow2(AtMost(Abs(x), 104.0f), -1.0f);
  return half + 0.25f / half;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_EXP_H_
