// Folding contiguous elements to one, in an order that depends on their number alone.
#ifndef PENSTOCK_KERNELS_CPU_FOLD_H_
#define PENSTOCK_KERNELS_CPU_FOLD_H_

#include "lanes.h"

namespace penstock::cpu::PENSTOCK_ISA {

template <class T>
struct Limits;
template <>
struct Limits<float> {
  static constexpr float kLowest = -INFINITY, kHighest = INFINITY;
};
template <>
struct Limits<double> {
  static constexpr double kLowest = -INFINITY, kHighest = INFINITY;
};
template <>
struct Limits<int32_t> {
  static constexpr int32_t kLowest = INT32_MIN, kHighest = INT32_MAX;
};
template <>
struct Limits<int64_t> {
  static constexpr int64_t kLowest = INT64_MIN, kHighest = INT64_MAX;
};
template <>
struct Limits<uint8_t> {
  static constexpr uint8_t kLowest = 0, kHighest = 1;  // bools
};

template <class T>
struct SumFold {
  static constexpr T kInitial = 0;
  template <class V>
  V operator()(V a, V b) const {
    return a + b;
  }
};

template <class T>
struct ProdFold {
  static constexpr T kInitial = 1;
  template <class V>
  V operator()(V a, V b) const {
    return a * b;
  }
};

template <class T>
struct MaxFold {
  static constexpr T kInitial = Limits<T>::kLowest;
  template <class V>
  V operator()(V a, V b) const {
    return Maximum(a, b);
  }
};

template <class T>
struct MinFold {
  static constexpr T kInitial = Limits<T>::kHighest;
  template <class V>
  V operator()(V a, V b) const {
    return Minimum(a, b);
  }
};

// Long rows are folded in chunks of this many elements, and the results of the chunks in turn.
constexpr int64_t kFoldChunk = 16 * 1024;

// Folds of blocks are folded in turn: a sum of equal numbers is wrong in proportion to the longest chain of additions.
constexpr int64_t kFoldBlock = 32;

// Folds contiguous elements; four accumulators hide the latency.
template <class Fold>
float FoldFloats(const float* x, int64_t n) {
  const Fold fold;
  Vf acc[4];
  for (Vf& a : acc) a = Splat(Fold::kInitial);
  int64_t i = 0;
  while (i + 4 * kLanes <= n) {
    const int64_t end = MinOf(n, i + 4 * kLanes * kFoldBlock);
    Vf block[4];
    for (Vf& b : block) b = Splat(Fold::kInitial);
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) block[j] = fold(block[j], Load(x + i + j * kLanes));
    }
    for (int j = 0; j < 4; ++j) acc[j] = fold(acc[j], block[j]);
  }
  for (; i + kLanes <= n; i += kLanes) acc[0] = fold(acc[0], Load(x + i));
  const Vf all = fold(fold(acc[0], acc[1]), fold(acc[2], acc[3]));
  return FoldLanes(i < n ? fold(all, LoadPartial(x + i, n - i, Fold::kInitial)) : all, fold);
}

// Of the other types the compiler makes vectors of neighbours, which have accumulators of their own.
template <class T, class Fold>
T FoldScalars(const T* x, int64_t n) {
  constexpr int kAbreast = 128 / sizeof(T);
  const Fold fold;
  T acc[kAbreast];
  for (T& a : acc) a = Fold::kInitial;
  int64_t i = 0;
  for (; i + kAbreast <= n; i += kAbreast) {
    for (int j = 0; j < kAbreast; ++j) acc[j] = fold(acc[j], x[i + j]);
  }
  T all = Fold::kInitial;
  if (i > 0) {
    for (T a : acc) all = fold(all, a);
  }
  for (; i < n; ++i) all = fold(all, x[i]);
  return all;
}

template <class T, class Fold>
T FoldRow(const T* x, int64_t n) {
  if constexpr (Lane<T>::kCount > 1) {
    return FoldFloats<Fold>(x, n);
  } else {
    return FoldScalars<T, Fold>(x, n);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_FOLD_H_
