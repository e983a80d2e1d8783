// Logarithms of vectors of f32, and what is made of them. vec_math.h says how exact they are.
#ifndef PENSTOCK_KERNELS_CPU_VEC_LOG_H_
#define PENSTOCK_KERNELS_CPU_VEC_LOG_H_

#include "vec_exp.h"

namespace penstock::cpu::PENSTOCK_ISA {

// x = 2^e * m with m near 1, and log m = table + r + rest, largest first. For x = 0 and infinity e is infinite.
struct LogParts {
  Vf e, table, r, rest;
};

#if defined(__AVX512F__)

// By the first four bits of m in [0.75, 1.5): c near 1/m, and -log c, which is a float to 38 bits.
inline LogParts SplitLog(Vf x) {
  const Vf reciprocals = {1.0f,         0.914179265f, 0.864982545f, 0.820661068f,
                          0.780449152f, 0.744031608f, 0.711086273f, 0.681020498f,
                          1.3061446f,   1.25516284f,  1.20758951f,  1.16362619f,
                          1.12307632f,  1.08439147f,  1.04952693f,  1.0f};
  const Vf logs = {0.0f,          0.0897285938f,  0.145045951f,   0.197645083f,
                   0.247885689f,  0.295671761f,   0.340961516f,   0.384162873f,
                   -0.267079741f, -0.227265313f,  -0.18862623f,   -0.151541159f,
                   -0.116071634f, -0.0810189769f, -0.0483395196f, 0.0f};
  const Vf m = _mm512_maskz_getmant_ps(0xffff, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  const __m512i at = reinterpret_cast<__m512i>(Bits(m) >> 19);
  const Vf e = Vf(_mm512_maskz_getexp_ps(0xffff, x)) - Vf(_mm512_maskz_getexp_ps(0xffff, m));
  // Said outright: m * c - 1 must be exact, also where the compiler does not contract.
  const Vf c = Vf(_mm512_maskz_permutexvar_ps(0xffff, at, reciprocals));
  const Vf r = Vf(_mm512_fmsub_ps(m, c, Splat(1.0f)));
  const Vf p = Polynomial(r, -1.56767115e-1f, 2.00092629e-1f, -2.50011951e-1f, 3.33333343e-1f);
  return {e, _mm512_maskz_permutexvar_ps(0xffff, at, logs), r, (p * r - 0.5f) * (r * r)};
}

#else

inline LogParts SplitLog(Vf x) {
  const Vi subnormal = x < 1.17549435e-38f;
  const Vf scaled = subnormal ? x * 8388608.0f : x;
  // m in [sqrt(1/2), sqrt(2)).
  const Vi shifted = reinterpret_cast<Vi>(reinterpret_cast<Vu>(scaled) - 0x3f3504f3u);
  Vf e = __builtin_convertvector(shifted >> 23, Vf) - (subnormal ? Splat(23.0f) : Vf{});
  Vf r = FromBits((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f;
  const Vf z = r * r;
  const Vf p = Polynomial(r, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                          -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f,
                          -2.4999993993e-1f, 3.3333331174e-1f);
  const Vf rest = p * r * z - z * 0.5f;
  e = x < INFINITY ? e : x;  // infinity and NaN
  e = x == 0.0f ? Splat(-INFINITY) : e;
  e = x < 0.0f ? Splat(NAN) : e;
  r = Abs(e) < INFINITY ? r : Vf{};
  return {e, Vf{}, r, Abs(e) < INFINITY ? rest : Vf{}};
}

#endif

inline Vf Log(Vf x) {
  const LogParts p = SplitLog(x);  // both parts of ln 2 are positive: infinities must not cancel
  return p.e * 0.693145752f + (p.table + (p.r + (p.e * 1.42860677e-6f + p.rest)));
}

inline Vf Log2(Vf x) {
  const LogParts p = SplitLog(x);
  return (p.table + (p.r + p.rest)) * 1.44269504f + p.e;
}

inline Vf Log10(Vf x) {
  const LogParts p = SplitLog(x);
  const Vf low = p.e * 4.60503907e-6f + (p.table + (p.r + p.rest)) * 0.434294482f;
  return p.e * 0.301025391f + low;
}

// The last term repairs what 1 + x rounded away.
inline Vf Log1p(Vf x) {
  const Vf u = x + 1.0f;
  const Vf log_u = Log(u);
  const Vf repaired = log_u + Quotient(x - (u - 1.0f), u);
  const Vf y = ((Abs(u) < 1e30f) & (u > 0.0f)) != 0 ? repaired : log_u;
  return u == 1.0f ? x : y;
}

inline Vf Asinh(Vf x) {
  const Vf a = Abs(x);
  const Vi huge = a > 1e10f;  // there log1p(a) = log a
  const Vf small = a + a * a / (Sqrt(a * a + 1.0f) + 1.0f);
  return CopySign(Log1p(huge ? a : small) + (huge ? Splat(0.693147181f) : Vf{}), x);
}

inline Vf Acosh(Vf x) {
  const Vf t = x - 1.0f;
  const Vi huge = x > 1e10f;
  const Vf y = Log1p(huge ? x : t + Sqrt(t * t + t * 2.0f));
  return x < 1.0f ? Splat(NAN) : y + (huge ? Splat(0.693147181f) : Vf{});
}

inline Vf Atanh(Vf x) {
  const Vf a = Abs(x);
  return CopySign(Log1p(a * 2.0f / (1.0f - a)) * 0.5f, x);
}

// log(e^x + e^y). Equal infinities have no difference.
inline Vf LogAddExp(Vf x, Vf y) {
  const Vf apart = x == y ? Vf{} : -Abs(x - y);
  return Maximum(x, y) + Log1p(Exp(apart));
}

inline Vf Softplus(Vf x) { return AtLeast(x, 0.0f) + Log1p(ExpBelow(-Abs(x))); }

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_LOG_H_
