// Powers of vectors of f32, by way of f64: the logarithm needs more digits than the result has.
#ifndef PENSTOCK_KERNELS_CPU_VEC_POW_H_
#define PENSTOCK_KERNELS_CPU_VEC_POW_H_

#include "vec_exp.h"
#include "vec_round.h"

namespace penstock::cpu::PENSTOCK_ISA {

typedef double Vd __attribute__((vector_size(PENSTOCK_VECTOR_BYTES), may_alias));
typedef int64_t Vl __attribute__((vector_size(PENSTOCK_VECTOR_BYTES), may_alias));
typedef float VfHalf __attribute__((vector_size(PENSTOCK_VECTOR_BYTES / 2), may_alias));

// f(low half, low half, ...), f(high half, ...), as f64.
template <class F, class... Vectors>
Vf ByHalves(F f, Vectors... x) {
  Vf y;
  VfHalf out[2];
  for (int i = 0; i < 2; ++i) {
    auto half = [i](Vf v) {
      VfHalf h;
      memcpy(&h, reinterpret_cast<const char*>(&v) + i * sizeof h, sizeof h);
      return __builtin_convertvector(h, Vd);
    };
    out[i] = __builtin_convertvector(f(half(x)...), VfHalf);
  }
  memcpy(&y, out, sizeof y);
  return y;
}

// 2^(y * (e + log2 m)) for m in [sqrt(1/2), sqrt(2)).
inline Vd PowReduced(Vd e, Vd m, Vd y) {
  const Vd s = (m - 1.0) / (m + 1.0);
  const Vd log2_m =
      s * Polynomial(s * s, 0.28296037606870733, 0.31990163027871399, 0.41220934753884053,
                     0.57707794146781055, 0.9617966941162478, 2.8853900817778486);
  Vd t = y * (e + log2_m);
  t = t < -160.0 ? -160.0 - Vd{} : t;  // underflows and overflows when it becomes f32
  t = t > 140.0 ? 140.0 - Vd{} : t;
  const Vd magic = 6755399441055744.0 - Vd{};  // 1.5 * 2^52: the sum's last bits are round(t)
  const Vd shifted = t + magic;
  const Vd r = t - (shifted - magic);
  const Vd p = Polynomial(r, 0.00015353153396249286, 0.0013399132740887711, 0.009618439851212076,
                          0.055503318534772077, 0.2402264788001405, 0.69314720311576949, 1.0);
  return reinterpret_cast<Vd>(reinterpret_cast<Vl>(p) + (reinterpret_cast<Vl>(shifted) << 52));
}

// x^y for finite positive x and finite y.
inline Vf PowPositive(Vf x, Vf y) {
  const Vi subnormal = x < 1.17549435e-38f;
  const Vf scaled = subnormal ? x * 8388608.0f : x;
  const Vi shifted = reinterpret_cast<Vi>(reinterpret_cast<Vu>(scaled) - 0x3f3504f3u);
  const Vf e = __builtin_convertvector(shifted >> 23, Vf) - (subnormal ? Splat(23.0f) : Vf{});
  const Vf m = FromBits((shifted & 0x7fffff) + 0x3f3504f3);
  return ByHalves(PowReduced, e, m, y);
}

// Zero, infinity and NaN go to libm, their neighbours do not: what an element becomes may not depend on where it lies.
// Of negative x only whole powers are numbers.
inline Vf Pow(Vf x, Vf y) {
  const Vf a = Abs(x);
  const Vi odd_ones = (a == 0.0f) | ~(Abs(y) < 1e30f);
  const Vf worst = odd_ones != 0 ? Splat(INFINITY) : a;
  if (!AllBelow(worst, INFINITY)) {
    const Vi apart = ~(worst < INFINITY);
    Vf z = Pow(apart != 0 ? Splat(1.0f) : x, apart != 0 ? Splat(1.0f) : y);
    for (int i = 0; i < kLanes; ++i) {
      if (apart[i] != 0) z[i] = powf(x[i], y[i]);
    }
    return z;
  }
  const Vf power = PowPositive(a, y);
  if (AllBelow(x < 0.0f ? Splat(1.0f) : Vf{}, 0.5f)) return power;
  const Vf half = y * 0.5f;
  const Vi odd = (Floor(y) == y) & (Floor(half) != half);
  const Vf negative = Floor(y) == y ? (odd != 0 ? -power : power) : Splat(NAN);
  return x < 0.0f ? negative : power;
}

// sqrt(x^2 + y^2), without overflow on the way.
inline Vf Hypot(Vf x, Vf y) {
  const Vf r = ByHalves(
      [](Vd a, Vd b) {
        const Vd s = a * a + b * b;
        Vd root = {};
        for (int i = 0; i < kLanes / 2; ++i) root[i] = __builtin_sqrt(s[i]);
        return root;
      },
      x, y);
  return (Abs(x) == INFINITY) | (Abs(y) == INFINITY) ? Splat(INFINITY) : r;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_POW_H_
