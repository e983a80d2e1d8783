// Parts of vectors, and what all lanes of one come to.
#ifndef PENSTOCK_KERNELS_CPU_LANES_H_
#define PENSTOCK_KERNELS_CPU_LANES_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

// The first n <= kLanes elements of a vector.
inline Vf LoadUpTo(const float* p, int64_t n, float fill = 0.0f) {
  return n == kLanes ? Load(p) : LoadPartial(p, n, fill);
}

inline void StoreUpTo(float* p, Vf v, int64_t n) {
  n == kLanes ? Store(p, v) : StorePartial(p, v, n);
}

// f(first, n) for vectors of n <= kLanes elements.
template <class F>
void ForEachVector(int64_t size, const F& f) {
  ForVectors(
      size, [&](int64_t i) { f(i, int64_t{kLanes}); }, [&](int64_t i, int64_t n) { f(i, n); });
}

// All lanes, folded by halves: the order of Across (vec.h), in registers.
#define PENSTOCK_LANES(...) __builtin_shufflevector(v, v, __VA_ARGS__)
template <class Op>
float FoldLanes(Vf v, const Op& op) {
#if PENSTOCK_VECTOR_BYTES == 64
  v = op(v, PENSTOCK_LANES(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = op(v, PENSTOCK_LANES(4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = op(v, PENSTOCK_LANES(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  v = op(v, PENSTOCK_LANES(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
#elif PENSTOCK_VECTOR_BYTES == 32
  v = op(v, PENSTOCK_LANES(4, 5, 6, 7, 0, 1, 2, 3));
  v = op(v, PENSTOCK_LANES(2, 3, 0, 1, 6, 7, 4, 5));
  v = op(v, PENSTOCK_LANES(1, 0, 3, 2, 5, 4, 7, 6));
#else
  v = op(v, PENSTOCK_LANES(2, 3, 0, 1));
  v = op(v, PENSTOCK_LANES(1, 0, 3, 2));
#endif
  return v[0];
}
#undef PENSTOCK_LANES

inline float SumLanes(Vf v) {
  return FoldLanes(v, [](Vf a, Vf b) { return a + b; });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_LANES_H_
