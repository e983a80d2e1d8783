// Vectors of f32 on GCC/Clang vector types: as wide as the instruction set allows, with ordinary operators.
#ifndef PENSTOCK_KERNELS_CPU_VEC_H_
#define PENSTOCK_KERNELS_CPU_VEC_H_

#include <math.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "frame.h"

#if defined(__AVX512F__)
#define PENSTOCK_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define PENSTOCK_VECTOR_BYTES 32
#else
#define PENSTOCK_VECTOR_BYTES 16
#endif

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int kLanes = PENSTOCK_VECTOR_BYTES / 4;

typedef float Vf __attribute__((vector_size(PENSTOCK_VECTOR_BYTES), may_alias));
typedef int32_t Vi __attribute__((vector_size(PENSTOCK_VECTOR_BYTES), may_alias));
typedef uint32_t Vu __attribute__((vector_size(PENSTOCK_VECTOR_BYTES), may_alias));
typedef uint8_t Vb __attribute__((vector_size(PENSTOCK_VECTOR_BYTES / 4), may_alias));
// As they lie in memory, anywhere: imported data need not be aligned even to its elements.
typedef float VfInMemory __attribute__((vector_size(PENSTOCK_VECTOR_BYTES), aligned(1), may_alias));
typedef uint8_t VbInMemory
    __attribute__((vector_size(PENSTOCK_VECTOR_BYTES / 4), aligned(1), may_alias));

// ---- loads, stores ----

inline Vf Splat(float x) { return x - Vf{}; }

inline Vf Load(const float* p) { return *reinterpret_cast<const VfInMemory*>(p); }

inline void Store(float* p, Vf v) { *reinterpret_cast<VfInMemory*>(p) = v; }

// A comparison's mask becomes bools.
inline void Store(uint8_t* p, Vi mask) {
  *reinterpret_cast<VbInMemory*>(p) = __builtin_convertvector(mask & 1, Vb);
}

// The first n < kLanes elements; the others read as `fill`.
inline Vf LoadPartial(const float* p, int64_t n, float fill = 0.0f) {
#if defined(__AVX512F__)
  return _mm512_mask_loadu_ps(Splat(fill), static_cast<__mmask16>((1u << n) - 1), p);
#else
  Vf v = Splat(fill);
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}

inline void StorePartial(float* p, Vf v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
#else
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
#endif
}

inline void StorePartial(uint8_t* p, Vi mask, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = mask[i] != 0;
}

// Stores past the caches, for results larger than they are; `p` is aligned to a vector.
inline void Stream(float* p, Vf v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, v);
#elif defined(__SSE2__)
  _mm_stream_ps(p, v);
#else
  Store(p, v);
#endif
}

// Makes streamed stores visible to other threads.
inline void StreamFence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

inline void StreamCopy(const float* x, int64_t n, float* out) {
  const uintptr_t past = reinterpret_cast<uintptr_t>(out) % PENSTOCK_VECTOR_BYTES;
  int64_t i = 0;
  if (past % sizeof(float) == 0) {
    const int64_t head = static_cast<int64_t>((PENSTOCK_VECTOR_BYTES - past) / sizeof(float));
    for (; i < n && i < head % kLanes; ++i) out[i] = x[i];
    for (; i + kLanes <= n; i += kLanes) Stream(out + i, Load(x + i));
  }
  memcpy(out + i, x + i, static_cast<size_t>(n - i) * sizeof(float));
}

// Scalars stand in for vectors of one lane: the compiler vectorises those loops itself.
template <class T>
T Load(const T* p) {
  return *p;
}

template <class T, class V>
void Store(T* p, V v) {
  *p = static_cast<T>(v);
}

template <class T>
struct Lane {
  using V = T;
  static constexpr int kCount = 1;
  static V Splat(T x) { return x; }
};

template <>
struct Lane<float> {
  using V = Vf;
  static constexpr int kCount = kLanes;
  static V Splat(float x) { return PENSTOCK_ISA::Splat(x); }
};

// f(pointer offset, n) over [0, n) with full vectors, then once with the rest.
template <class Full, class Rest>
void ForVectors(int64_t n, Full&& full, Rest&& rest) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) full(i);
  if (i < n) rest(i, n - i);
}

// ---- across the lanes, always in the same order ----

template <class Op>
float Across(Vf v, Op op) {
  float lane[kLanes];
  Store(lane, v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] = op(lane[i], lane[i + width]);
  }
  return lane[0];
}

template <class F>
Vf PerLane(Vf x, F f) {
  Vf y = {};
  for (int i = 0; i < kLanes; ++i) y[i] = f(x[i]);
  return y;
}

template <class F>
Vf PerLane(Vf x, Vf y, F f) {
  Vf z = {};
  for (int i = 0; i < kLanes; ++i) z[i] = f(x[i], y[i]);
  return z;
}

// ---- bits ----

inline Vi Bits(Vf x) { return reinterpret_cast<Vi>(x); }

inline Vf FromBits(Vi x) { return reinterpret_cast<Vf>(x); }

inline Vf Abs(Vf x) { return FromBits(Bits(x) & 0x7fffffff); }

inline Vf CopySign(Vf magnitude, Vf sign) {
  return FromBits((Bits(magnitude) & 0x7fffffff) | (Bits(sign) & INT32_MIN));
}

// ---- bounds: NaN passes through ----

inline Vf AtLeast(Vf x, float low) {
  const Vf bound = Splat(low);
#if defined(__AVX512F__)
  return _mm512_maskz_max_ps(0xffff, bound, x);  // the plain form warns in GCC 12
#elif defined(__AVX2__)
  return _mm256_max_ps(bound, x);
#elif defined(__SSE2__)
  return _mm_max_ps(bound, x);
#else
  return x < bound ? bound : x;
#endif
}

inline Vf AtMost(Vf x, float high) {
  const Vf bound = Splat(high);
#if defined(__AVX512F__)
  return _mm512_maskz_min_ps(0xffff, bound, x);
#elif defined(__AVX2__)
  return _mm256_min_ps(bound, x);
#elif defined(__SSE2__)
  return _mm_min_ps(bound, x);
#else
  return x > bound ? bound : x;
#endif
}

// Whether |x| < bound in every lane.
inline bool AllBelow(Vf x, float bound) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(Abs(x), Splat(bound), _CMP_LT_OQ) == 0xffff;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps(Abs(x), Splat(bound), _CMP_LT_OQ)) == 0xff;
#elif defined(__SSE2__)
  return _mm_movemask_ps(_mm_cmplt_ps(Abs(x), Splat(bound))) == 0xf;
#else
  for (int i = 0; i < kLanes; ++i) {
    if (!(__builtin_fabsf(x[i]) < bound)) return false;
  }
  return true;
#endif
}

// ---- division ----

// 1 / x to at least 11 bits, for normal x below 2^126.
inline Vf RoughReciprocal(Vf x) {
#if defined(__AVX512F__)
  return _mm512_maskz_rcp14_ps(0xffff, x);
#elif defined(__AVX2__)
  return _mm256_rcp_ps(x);
#elif defined(__SSE2__)
  return _mm_rcp_ps(x);
#else
  return 1.0f / x;
#endif
}

// x / y within 1 ULP for 2^-100 < y < 2^100. AVX-512 divides at a sixteenth of the speed of its products; there the
// error of a rough quotient, which is exact, is divided roughly too.
inline Vf Quotient(Vf x, Vf y) {
#if defined(__AVX512F__)
  const Vf r = RoughReciprocal(y);
  const Vf q = x * r;
  return q + r * (x - y * q);
#else
  return x / y;
#endif
}

// ---- simple functions, for vectors and scalars alike ----

// NaN if either is.
template <class V>
V Maximum(V a, V b) {
  return ((a > b) | (a != a)) ? a : b;
}

template <class V>
V Minimum(V a, V b) {
  return ((a < b) | (a != a)) ? a : b;
}

inline Vf Sqrt(Vf x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);  // the plain form warns in GCC 12
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(x);
#else
  return PerLane(x, [](float v) { return __builtin_sqrtf(v); });
#endif
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_VEC_H_
