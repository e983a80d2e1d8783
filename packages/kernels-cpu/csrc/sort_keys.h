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

// A key with the position that it came from.
template <class K>
struct Placed {
  K key;
  uint32_t position;
};

inline uint32_t KeyOf(uint32_t key) { return key; }
inline uint64_t KeyOf(uint64_t key) { return key; }

template <class K>
K KeyOf(const Placed<K>& item) {
  return item.key;
}

constexpr int kRadixBits = 8, kRadixSize = 1 << kRadixBits;

// One stable pass by the digit at `shift`, unless all items share that digit. Says whether items moved.
template <class Item>
bool RadixPass(const Item* from, Item* to, int64_t n, const int64_t* counts, int shift) {
  int64_t start[kRadixSize];
  int64_t at = 0;
  for (int digit = 0; digit < kRadixSize; ++digit) {
    if (counts[digit] == n) return false;
    start[digit] = at;
    at += counts[digit];
  }
  for (int64_t i = 0; i < n; ++i) {
    to[start[KeyOf(from[i]) >> shift & (kRadixSize - 1)]++] = from[i];
  }
  return true;
}

template <class Item>
void InsertionSort(Item* items, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Item item = items[i];
    int64_t j = i;
    for (; j > 0 && KeyOf(items[j - 1]) > KeyOf(item); --j) items[j] = items[j - 1];
    items[j] = item;
  }
}

// Sorts by rising keys; equal keys keep their order. Returns where the result lies: `items` or `spare`.
template <class Item>
Item* SortByKey(Item* items, Item* spare, int64_t n) {
  constexpr int kDigits = sizeof(KeyOf(Item())) * 8 / kRadixBits;
  if (n <= 64) {
    InsertionSort(items, n);
    return items;
  }
  int64_t counts[kDigits][kRadixSize] = {};
  for (int64_t i = 0; i < n; ++i) {
    auto key = KeyOf(items[i]);
    for (int d = 0; d < kDigits; ++d) ++counts[d][key >> (d * kRadixBits) & (kRadixSize - 1)];
  }
  for (int d = 0; d < kDigits; ++d) {
    if (!RadixPass(items, spare, n, counts[d], d * kRadixBits)) continue;
    Item* sorted = spare;
    spare = items;
    items = sorted;
  }
  return items;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_SORT_KEYS_H_
