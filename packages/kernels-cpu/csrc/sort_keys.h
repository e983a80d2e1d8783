// Numbers as unsigned keys of the same order, and sorting such keys.
#ifndef PENSTOCK_KERNELS_CPU_SORT_KEYS_H_
#define PENSTOCK_KERNELS_CPU_SORT_KEYS_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// For each type: Key, and Of(x): NaN is the largest, and -0 equals 0.
template <class T>
struct SortKey;

template <>
struct SortKey<int32_t> {
  using Key = uint32_t;
  static Key Of(int32_t x) { return static_cast<Key>(x) ^ 0x80000000u; }
  static int32_t Back(Key key) { return static_cast<int32_t>(key ^ 0x80000000u); }
  static bool IsNegativeZero(int32_t) { return false; }
};

template <>
struct SortKey<int64_t> {
  using Key = uint64_t;
  static constexpr Key kSign = Key{1} << 63;
  static Key Of(int64_t x) { return static_cast<Key>(x) ^ kSign; }
  static int64_t Back(Key key) { return static_cast<int64_t>(key ^ kSign); }
  static bool IsNegativeZero(int64_t) { return false; }
};

template <class T, class K>
struct FloatSortKey {
  using Key = K;
  static constexpr Key kSign = Key{1} << (8 * sizeof(Key) - 1);
  static Key Of(T x) {
    Key bits;
    memcpy(&bits, &x, sizeof bits);
    bits = bits == kSign ? 0 : bits;
    const Key key = bits & kSign ? ~bits : bits | kSign;
    return x != x ? ~Key{0} : key;
  }
  static T Back(Key key) {
    const Key bits = key & kSign ? key ^ kSign : ~key;
    T x;
    memcpy(&x, &bits, sizeof x);
    return x;
  }
  static bool IsNegativeZero(T x) {
    Key bits;
    memcpy(&bits, &x, sizeof bits);
    return bits == kSign;
  }
};

template <>
struct SortKey<float> : FloatSortKey<float, uint32_t> {};

template <>
struct SortKey<double> : FloatSortKey<double, uint64_t> {};

constexpr int kRadixBits = 8, kRadixSize = 1 << kRadixBits;

// One stable pass by the digit at `shift`.
template <class K>
void RadixPass(const K* from, K* to, int64_t n, const int64_t* counts, int shift) {
  int64_t start[kRadixSize];
  int64_t at = 0;
  for (int digit = 0; digit < kRadixSize; ++digit) {
    start[digit] = at;
    at += counts[digit];
  }
  for (int64_t i = 0; i < n; ++i) to[start[from[i] >> shift & (kRadixSize - 1)]++] = from[i];
}

template <class K>
void InsertionSort(K* keys, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const K key = keys[i];
    int64_t j = i;
    for (; j > 0 && keys[j - 1] > key; --j) keys[j] = keys[j - 1];
    keys[j] = key;
  }
}

// Sorts to `keys`, with the help of as much memory at `spare`, by the digits in which one of the bits `by` is.
template <class K>
void RadixSort(K* keys, K* spare, int64_t n, K by) {
  if (n <= 64) return InsertionSort(keys, n);
  int shifts[sizeof(K) * 8 / kRadixBits], digits = 0;
  for (int shift = 0; shift < static_cast<int>(sizeof(K)) * 8; shift += kRadixBits) {
    if (by >> shift & (kRadixSize - 1)) shifts[digits++] = shift;
  }
  int64_t counts[sizeof(K) * 8 / kRadixBits][kRadixSize] = {};
  for (int64_t i = 0; i < n; ++i) {
    for (int d = 0; d < digits; ++d) ++counts[d][keys[i] >> shifts[d] & (kRadixSize - 1)];
  }
  K *from = keys, *to = spare;
  for (int d = 0; d < digits; ++d) {
    if (counts[d][keys[0] >> shifts[d] & (kRadixSize - 1)] == n) continue;  // all share that digit
    RadixPass(from, to, n, counts[d], shifts[d]);
    K* sorted = to;
    to = from;
    from = sorted;
  }
  if (from != keys) memcpy(keys, from, static_cast<size_t>(n) * sizeof(K));
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_SORT_KEYS_H_
