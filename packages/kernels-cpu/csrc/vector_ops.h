// The operators of elementwise kernels, and the loop that runs one over a row. Kernels of single ops and the
// interpreter of tile programs share both.
#ifndef PENSTOCK_KERNELS_CPU_VECTOR_OPS_H_
#define PENSTOCK_KERNELS_CPU_VECTOR_OPS_H_

#include "vec_math.h"

namespace penstock::cpu::PENSTOCK_ISA {

// ---- operands of a row: At(i) is a full vector, Partial(i, n) the rest ----

template <class T>
struct Dense {
  using V = typename Lane<T>::V;
  const T* data;
  V At(int64_t i) const { return Load(data + i); }
  V Partial(int64_t i, int64_t n) const { return LoadPartial(data + i, n); }
};

template <class T>
struct Scalar {
  using V = typename Lane<T>::V;
  V value;
  V At(int64_t) const { return value; }
  V Partial(int64_t, int64_t) const { return value; }
};

template <class T>
struct Strided {
  using V = typename Lane<T>::V;
  const T* data;
  int64_t stride;
  V At(int64_t i) const { return Partial(i, Lane<T>::kCount); }
  V Partial(int64_t i, int64_t n) const {
    if constexpr (Lane<T>::kCount == 1) {
      return data[i * stride];
    } else {
      V v = {};
      for (int64_t lane = 0; lane < n; ++lane) v[lane] = data[(i + lane) * stride];
      return v;
    }
  }
};

// How many vectors go through an op side by side: a processor waits for most of a function's steps, and has the others
// to work on meanwhile. One, where lanes are worked on one by one, or branches keep the compiler from mixing the steps.
template <class Op>
constexpr int kAbreast = 4;
template <>
inline constexpr int kAbreast<struct SinOp> = 1;
template <>
inline constexpr int kAbreast<struct CosOp> = 1;
template <>
inline constexpr int kAbreast<struct PowerOp> = 1;
template <>
inline constexpr int kAbreast<struct FloorDivideOp> = 1;
template <>
inline constexpr int kAbreast<struct RemainderOp> = 1;

// Never inlined: every caller runs the same machine code, so that a fused chain and its single ops
// round alike.
template <class T, class R, class Op, class... Operands>
__attribute__((noinline)) void Row(Op op, R* out, int64_t n, Operands... in) {
  constexpr int kStep = Lane<T>::kCount, kMany = kAbreast<Op>;
  int64_t i = 0;
  if constexpr (kStep > 1 && kMany > 1) {
    for (; i + kMany * kStep <= n; i += kMany * kStep) {
      decltype(op(in.At(i)...)) y[kMany];
#pragma GCC unroll 4
      for (int j = 0; j < kMany; ++j) y[j] = op(in.At(i + j * kStep)...);
#pragma GCC unroll 4
      for (int j = 0; j < kMany; ++j) Store(out + i + j * kStep, y[j]);
    }
  }
  for (; i + kStep <= n; i += kStep) Store(out + i, op(in.At(i)...));
  if constexpr (kStep > 1) {
    if (i < n) StorePartial(out + i, op(in.Partial(i, n - i)...), n - i);
  }
}

// Integers wrap around like numpy's: computed as unsigned, where C++ allows it.
template <class T>
struct Wrapping {
  using Type = T;
};
template <>
struct Wrapping<int32_t> {
  using Type = uint32_t;
};
template <>
struct Wrapping<int64_t> {
  using Type = uint64_t;
};

// ---- the operators: on vectors of f32 and on scalars of the other types ----

// clang-format off
struct NegativeOp { template <class V> V operator()(V x) const { return -x; } };
struct SquareOp { template <class V> V operator()(V x) const { return x * x; } };
struct AddOp { template <class V> V operator()(V x, V y) const { return x + y; } };
struct SubtractOp { template <class V> V operator()(V x, V y) const { return x - y; } };
struct MultiplyOp { template <class V> V operator()(V x, V y) const { return x * y; } };
struct DivideOp { template <class V> V operator()(V x, V y) const { return x / y; } };
struct MaximumOp { template <class V> V operator()(V x, V y) const { return Maximum(x, y); } };
struct MinimumOp { template <class V> V operator()(V x, V y) const { return Minimum(x, y); } };
struct EqualOp { template <class V> auto operator()(V x, V y) const { return x == y; } };
struct NotEqualOp { template <class V> auto operator()(V x, V y) const { return x != y; } };
struct LessOp { template <class V> auto operator()(V x, V y) const { return x < y; } };
struct LessEqualOp { template <class V> auto operator()(V x, V y) const { return x <= y; } };
struct GreaterOp { template <class V> auto operator()(V x, V y) const { return x > y; } };
struct GreaterEqualOp { template <class V> auto operator()(V x, V y) const { return x >= y; } };
struct AndOp { uint8_t operator()(uint8_t x, uint8_t y) const { return x & y; } };
struct OrOp { uint8_t operator()(uint8_t x, uint8_t y) const { return x | y; } };
struct NotOp { uint8_t operator()(uint8_t x) const { return x ^ 1; } };
struct AbsOp { Vf operator()(Vf x) const { return Abs(x); } };
struct SqrtOp { Vf operator()(Vf x) const { return Sqrt(x); } };
struct RsqrtOp { Vf operator()(Vf x) const { return 1.0f / Sqrt(x); } };
struct ExpOp { Vf operator()(Vf x) const { return Exp(x); } };
struct LogOp { Vf operator()(Vf x) const { return Log(x); } };
struct Log1pOp { Vf operator()(Vf x) const { return Log1p(x); } };
struct SinOp { Vf operator()(Vf x) const { return Sin(x); } };
struct CosOp { Vf operator()(Vf x) const { return Cos(x); } };
struct TanhOp { Vf operator()(Vf x) const { return Tanh(x); } };
struct SigmoidOp { Vf operator()(Vf x) const { return Sigmoid(x); } };
struct ReluOp { Vf operator()(Vf x) const { return x < 0.0f ? Vf{} : x; } };
struct FloorOp { Vf operator()(Vf x) const { return Floor(x); } };
struct CeilOp { Vf operator()(Vf x) const { return Ceil(x); } };
struct IsNanOp { Vi operator()(Vf x) const { return x != x; } };
struct IsFiniteOp { Vi operator()(Vf x) const { return Abs(x) < INFINITY; } };
struct ReluGradOp { Vf operator()(Vf y, Vf dy) const { return y > 0.0f ? dy : Vf{}; } };
// clang-format on

struct SignOp {
  Vf operator()(Vf x) const {
    const Vf one = CopySign(Splat(1.0f), x);
    return Abs(x) > 0.0f ? one : x + 0.0f;  // both zeros become +0, NaN stays
  }
};

inline Vf Limit(Vf x, float low, float high) { return AtMost(AtLeast(x, low), high); }

// clang-format off
struct Exp2Op { Vf operator()(Vf x) const { return Exp2(x); } };
struct Expm1Op { Vf operator()(Vf x) const { return Expm1(x); } };
struct Log2Op { Vf operator()(Vf x) const { return Log2(x); } };
struct ErfOp { Vf operator()(Vf x) const { return Erf(x); } };
struct RoundOp { Vf operator()(Vf x) const { return Round(x); } };
struct TruncOp { Vf operator()(Vf x) const { return Trunc(x); } };
struct ReciprocalOp { Vf operator()(Vf x) const { return 1.0f / x; } };
struct IsInfOp { Vi operator()(Vf x) const { return Abs(x) == INFINITY; } };
struct SquaredDifferenceOp { Vf operator()(Vf x, Vf y) const { const Vf d = x - y; return d * d; } };
struct GeluErfOp { Vf operator()(Vf x) const { return GeluErf(x); } };
struct GeluTanhOp { Vf operator()(Vf x) const { return GeluTanh(x); } };
struct SiluOp { Vf operator()(Vf x) const { return x * Sigmoid(x); } };
struct SoftplusOp { Vf operator()(Vf x) const { return Softplus(x); } };
struct SoftsignOp { Vf operator()(Vf x) const { return x / (Abs(x) + 1.0f); } };
struct Relu6Op { Vf operator()(Vf x) const { return Limit(x, 0.0f, 6.0f); } };
struct HardSigmoidOp { Vf operator()(Vf x) const { return Limit(x + 3.0f, 0.0f, 6.0f) / 6.0f; } };
struct HardSwishOp { Vf operator()(Vf x) const { return x * Limit(x + 3.0f, 0.0f, 6.0f) / 6.0f; } };
// clang-format on

// tanh(log(1 + e)) = n / (n + 2) with n = e * (e + 2); from 20 on it is 1.
struct MishOp {
  Vf operator()(Vf x) const {
    const Vf e = Exp(AtMost(x, 20.0f)), n = e * (e + 2.0f);
    return x > 20.0f ? x : x * (n / (n + 2.0f));
  }
};

struct PowerOp {
  Vf operator()(Vf x, Vf y) const { return Pow(x, y); }
};

// Division that rounds toward minus infinity, with Python's rules for signs and zeros; beside an infinity the array
// API's, by which nothing is rounded.
inline float FloorDivideLane(float x, float y) {
  if (y == 0.0f || fabsf(x) == INFINITY || fabsf(y) == INFINITY) return x / y;
  const float mod = fmodf(x, y);
  float quotient = (x - mod) / y;
  if (mod != 0.0f && (y < 0.0f) != (mod < 0.0f)) quotient -= 1.0f;
  if (quotient == 0.0f) return copysignf(0.0f, x / y);
  const float floor = floorf(quotient);
  return quotient - floor > 0.5f ? floor + 1.0f : floor;
}

inline float RemainderLane(float x, float y) {
  const float mod = fmodf(x, y);
  if (mod == 0.0f) return copysignf(0.0f, y);
  return (y < 0.0f) != (mod < 0.0f) ? mod + y : mod;
}

#if defined(__FMA__)

// Whether the functions below hold in every lane: y is a number, and x / y one whose whole part is exact.
inline bool RatioIsSmall(Vf x, Vf y) {
  return AllBelow(Abs(y) < INFINITY ? x / y : Splat(NAN), 4194304.0f);
}

// fmodf. The ratio may have been rounded up to a whole number: then one y too many was taken away.
inline Vf ModSmall(Vf x, Vf y) {
  const Vf whole = __builtin_convertvector(__builtin_convertvector(x / y, Vi), Vf);
#if defined(__AVX512F__)
  const Vf rest = Vf(_mm512_fnmadd_ps(whole, y, x));  // said outright, for it must be exact
#else
  const Vf rest = Vf(_mm256_fnmadd_ps(whole, y, x));
#endif
  const Vi beyond = (rest != 0.0f) & ((Bits(rest) ^ Bits(x)) < 0);
  return CopySign(beyond != 0 ? Abs(y) - Abs(rest) : rest, x);
}

inline Vi TurnsDown(Vf mod, Vf y) { return (mod != 0.0f) & ((Bits(mod) ^ Bits(y)) < 0); }

inline Vf FloorDivideSmall(Vf x, Vf y) {
  const Vf mod = ModSmall(x, y), down = (x - mod) / y;
  const Vf quotient = TurnsDown(mod, y) != 0 ? down - 1.0f : down, floor = Floor(quotient);
  const Vf nearest = quotient - floor > 0.5f ? floor + 1.0f : floor;
  return quotient == 0.0f ? CopySign(Vf{}, x / y) : nearest;
}

inline Vf RemainderSmall(Vf x, Vf y) {
  const Vf mod = ModSmall(x, y), up = TurnsDown(mod, y) != 0 ? mod + y : mod;
  return mod == 0.0f ? CopySign(mod, y) : up;
}

#endif

struct FloorDivideOp {
  Vf operator()(Vf x, Vf y) const {
#if defined(__FMA__)
    if (RatioIsSmall(x, y)) return FloorDivideSmall(x, y);
#endif
    return PerLane(x, y, FloorDivideLane);
  }
  template <class T>
  T operator()(T x, T y) const {
    using U = typename Wrapping<T>::Type;
    if (y == 0) return 0;
    if (y == -1)
      return static_cast<T>(U{0} - static_cast<U>(x));  // the least integer has no negative
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
  }
};

struct RemainderOp {
  Vf operator()(Vf x, Vf y) const {
#if defined(__FMA__)
    if (RatioIsSmall(x, y)) return RemainderSmall(x, y);
#endif
    return PerLane(x, y, RemainderLane);
  }
  template <class T>
  T operator()(T x, T y) const {
    if (y == 0 || y == -1) return 0;
    const T mod = x % y;
    return mod != 0 && (mod < 0) != (y < 0) ? mod + y : mod;
  }
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VECTOR_OPS_H_
