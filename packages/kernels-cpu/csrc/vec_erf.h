// The error function of vectors of f32, and what is made of it. vec_math.h says how exact it is.
#ifndef PENSTOCK_KERNELS_CPU_VEC_ERF_H_
#define PENSTOCK_KERNELS_CPU_VEC_ERF_H_

#include "vec_exp.h"
#include "vec_log.h"

namespace penstock::cpu::PENSTOCK_ISA {

// erf x for |x| < 0.93.
inline Vf ErfSmall(Vf x) {
  const Vf z = x * x;
  const Vf p = Polynomial(z, 1.2483749e-4f, -9.30417737e-4f, 5.32738818e-3f, -2.69255433e-2f,
                          1.12853847e-1f, -3.76128197e-1f, 1.28379226e-1f);
  return p * x + x;
}

// From 0.92 on 1 - e^-q, with a polynomial q.
inline Vf Erf(Vf x) {
  const Vf a = AtMost(Abs(x), 4.0f);
  const Vf q = Polynomial(a, 2.11003371e-5f, -4.34504531e-4f, 4.17119265e-3f, -2.5119625e-2f,
                          1.08280241e-1f, 6.33346856e-1f, 1.12951493f, -1.7468333e-4f);
  const Vf large = 1.0f - ExpBelow(-q);
  return CopySign(a < 0.9275f ? ErfSmall(Abs(x)) : large, x);
}

// e^(-a * a * factor), for a power of 2 as factor; not below e^-104. The square of a's upper half is exact.
inline Vf ExpMinusSquare(Vf a, float factor) {
  const Vf head = FromBits(Bits(a) & ~0xfff);
  const Vf rest = (a - head) * (a + head);
  return ExpOfSum(AtLeast(-(head * head) * factor, -104.0f), -rest * factor);
}

// erfc a = e^(-a * a) * a polynomial in (a - 2) / (a + 2) / (1 + 2a), for a >= 0.
inline Vf ErfcPositive(Vf a, Vf exp_minus_square) {
  a = AtMost(a, 10.5f);
  const Vf p = Quotient(a - 2.0f, a + 2.0f);
  const Vf g = Polynomial(p, -4.0589986e-4f, -1.23786624e-3f, 1.31756545e-3f, 8.64053611e-3f,
                          -8.06057453e-3f, -5.42076938e-2f, 1.64055318e-1f, -1.66030928e-1f,
                          -9.27639753e-2f, 1.27697837f);
  return Quotient(g, a * 2.0f + 1.0f) * exp_minus_square;
}

inline Vf Erfc(Vf x) {
  const Vf y = ErfcPositive(Abs(x), ExpMinusSquare(AtMost(Abs(x), 10.5f), 1.0f));
  return Abs(x) < 0.45f ? 1.0f - ErfSmall(x) : (x < 0.0f ? 2.0f - y : y);
}

// A polynomial in log(1 - x^2), or far out in its root.
inline Vf Erfinv(Vf x) {
  const Vf a = Abs(x);
  const Vf w = a < 0.5f ? -Log1p(-x * x) : -Log((1.0f - a) * (1.0f + a));
  const Vf s = AtMost(w, 5.0f) - 2.5f, t = Sqrt(AtLeast(w, 5.0f)) - 3.0f;
  const Vf small = Polynomial(s, -8.65849437e-9f, 2.42506726e-8f, 4.64265412e-7f, -3.47692207e-6f,
                              -4.95413633e-6f, 2.18410481e-4f, -1.25275867e-3f, -4.17750003e-3f,
                              2.46640295e-1f, 1.50140941f);
  const Vf large =
      Polynomial(t, -1.49001295e-4f, 7.46191799e-5f, 1.27679261e-3f, -3.64803732e-3f,
                 5.77315828e-3f, -7.62877613e-3f, 9.43368766e-3f, 1.00167441f, 2.83297706f);
  return a == 1.0f ? x * INFINITY : (w < 5.0f ? small : large) * x;
}

// x / 2 * (1 + erf(x / sqrt 2)) = max(x, 0) - t * P(-t) with t = |x| and the normal distribution's P, which is
// e^(-t * t / 2) times a quotient of polynomials without negative coefficients. So nothing cancels on either side.
inline Vf GeluErf(Vf x) {
  const Vf t = AtMost(Abs(x), 15.0f);
  const Vf p = Polynomial(t, 4.0912773e-3f, 4.0485714e-2f, 1.8282898e-1f, 4.3779588e-1f, 0.5f);
  const Vf q =
      Polynomial(t, 1.02551915e-2f, 1.01489104e-1f, 4.6838894e-1f, 1.2008953f, 1.6734766f, 1.0f);
  return AtLeast(x, -0.0f) - Quotient(t * p, q) * ExpMinusSquare(t, 0.5f);
}

// The same with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) for erf: x / (1 + e^-2u), whose factor is 1e-28 and less below
// -8.9, and 1 above 8.9. A product n ln 2 without its last bits is enough where e^-2u is not small beside 1.
inline Vf GeluTanh(Vf x) {
  const Vf a = AtLeast(x, -8.9f), t = AtMost(a, 8.9f);
  const Vf u = t * (t * t * -0.0713548163f - 1.59576912f);
  const Vf n = RoundSmall(u * 1.44269504f);
  return a * Quotient(Splat(1.0f), TimesPow2(ExpReduced(u - n * 0.693147182f), n) + 1.0f);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_ERF_H_
