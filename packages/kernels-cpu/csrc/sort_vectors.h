// Sorting of keys alone. With AVX-512 it is a quicksort by vectors: pieces that fit into sixteen of them are sorted by a
// network, larger ones divided by a pivot. Keys of equal value are the same bits, so that it need not be stable.
#ifndef PENSTOCK_KERNELS_CPU_SORT_VECTORS_H_
#define PENSTOCK_KERNELS_CPU_SORT_VECTORS_H_

#include "sort_keys.h"
#include "sort_network.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Whether wrong(i) is true of no i in [1, n).
template <class K, class Wrong>
bool Never(int64_t n, Wrong&& wrong) {
  for (int64_t i = 1; i < n; i += 64) {
    K any = 0;
    for (int64_t j = i; j < MinOf(i + 64, n); ++j) any |= wrong(j);
    if (any) return false;
  }
  return true;
}

template <class K>
bool Rise(const K* keys, int64_t n) {
  return Never<K>(n, [&](int64_t i) { return keys[i - 1] > keys[i]; });
}

#if defined(__AVX512F__)

// Pieces up to this size are divided with the help of other memory, which the nearest cache holds.
constexpr int64_t kNearBytes = 8 * 1024;

template <class K>
__m512i MiddleOf(const K* keys, int64_t step) {
  __m512i a = _mm512_loadu_si512(keys), b = _mm512_loadu_si512(keys + step);
  Order<K>(a, b, b);
  __m512i c = _mm512_loadu_si512(keys + 2 * step);
  Order<K>(c, b, b);
  Order<K>(a, c, c);
  return c;
}

// A key near the middle, from nine places.
template <class K>
K PivotOf(const K* keys, int64_t n) {
  using V = KeyVector<K>;
  const int64_t step = (n - V::kCount) / 8;
  __m512i a = MiddleOf(keys, step), b = MiddleOf(keys + 3 * step, step);
  Order<K>(a, b, b);
  __m512i c = MiddleOf(keys + 6 * step, step);
  Order<K>(c, b, b);
  Order<K>(a, c, c);
  K some[V::kCount];
  _mm512_storeu_si512(some, SortLanes<K>(c));
  return some[V::kCount / 2];
}

// For each set of lanes: their numbers, then those of the others.
struct LaneOrders {
  uint64_t bytes[256];
  constexpr LaneOrders() : bytes() {
    for (unsigned set = 0; set < 256; ++set) {
      int at = 0;
      for (unsigned other = 0; other < 2; ++other) {
        for (uint64_t lane = 0; lane < 8; ++lane) {
          if ((set >> lane & 1) != other) bytes[set] |= lane << (8 * at++);
        }
      }
    }
  }
};

constexpr LaneOrders kLaneOrders;

// Memory between two ends: keys below the pivot (kEqual: up to it) go to the lower end, others to the upper one.
template <class K, bool kEqual>
struct Ends {
  using V = KeyVector<K>;
  K *low, *high;
  K pivot;

  typename V::Mask Lows(__m512i v) const {
    return kEqual ? V::UpTo(v, V::Splat(pivot)) : V::Below(v, V::Splat(pivot));
  }

  // Writes whole vectors: either end needs room for one.
  void Add(__m512i v) {
    const typename V::Mask lows = Lows(v);
    if constexpr (sizeof(K) == 4) {
      _mm512_storeu_si512(low, V::Compressed(lows, v));
      low += __builtin_popcount(lows);
      AddHighs(v, static_cast<typename V::Mask>(~lows));
    } else {
      const __m128i order =
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kLaneOrders.bytes + lows));
      const __m512i ordered =
          _mm512_maskz_permutexvar_epi64(0xff, _mm512_maskz_cvtepu8_epi64(0xff, order), v);
      const int count = __builtin_popcount(lows);
      _mm512_storeu_si512(low, ordered);
      _mm512_storeu_si512(high - V::kCount, ordered);
      low += count;
      high -= V::kCount - count;
    }
  }

  // The first n keys of a vector.
  void AddFirst(__m512i v, int64_t n) {
    const typename V::Mask lows = FirstLanes<K>(n) & Lows(v), highs = FirstLanes<K>(n) & ~lows;
    const int count = __builtin_popcount(lows);
    V::StoreFirst(low, Filled(count), V::Compressed(lows, v));
    low += count;
    AddHighs(v, highs);
  }

  static typename V::Mask Filled(int lanes) {
    return static_cast<typename V::Mask>((1u << lanes) - 1);
  }

  void AddHighs(__m512i v, typename V::Mask highs) {
    const int count = __builtin_popcount(highs);
    high -= count;
    V::StoreFirst(high, Filled(count), V::Compressed(highs, v));
  }

  // As many keys as there is room for.
  void AddLast(const K* keys, int64_t n) {
    int64_t i = 0;
    for (; i + 2 * V::kCount <= n; i += V::kCount) Add(_mm512_loadu_si512(keys + i));
    for (; i < n; i += V::kCount) {
      AddFirst(V::LoadFirst(FirstLanes<K>(n - i), V::Splat(0), keys + i), n - i);
    }
  }
};

// Copies keys below the pivot (kEqual: up to it) to the start of `to`, others to its end. Returns how many are below.
template <bool kEqual, class K>
int64_t Divide(const K* from, K* to, int64_t n, K pivot) {
  Ends<K, kEqual> ends = {to, to + n, pivot};
  ends.AddLast(from, n);
  return ends.low - to;
}

// The same within one memory.
template <bool kEqual, class K>
int64_t DivideInPlace(K* keys, int64_t n, K pivot) {
  constexpr int64_t kLanes = KeyVector<K>::kCount, kStep = 8 * kLanes;
  // What lies at both ends is put aside, so that there is room for what the middle gives to either.
  const int64_t tail = kStep + n % kStep;
  K aside[3 * kStep];
  memcpy(aside, keys, kStep * sizeof(K));
  memcpy(aside + kStep, keys + n - tail, static_cast<size_t>(tail) * sizeof(K));
  Ends<K, kEqual> ends = {keys, keys + n, pivot};
  const K *begin = keys + kStep, *end = keys + n - tail;
  while (begin < end) {
    // From where there is less room: afterwards there is enough at either end.
    const bool from_begin = begin - ends.low < ends.high - end;
    const K* from = from_begin ? begin : end - kStep;
    begin += from_begin ? kStep : 0;
    end -= from_begin ? 0 : kStep;
    const K* next = from_begin ? begin : end - kStep;
    __m512i v[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      v[i] = _mm512_loadu_si512(from + i * kLanes);
      __builtin_prefetch(next + i * kLanes);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) ends.Add(v[i]);
  }
  ends.AddLast(aside, kStep + tail);
  return ends.low - keys;
}

// Sorts n keys to `target`. They lie there or, if they are few, in the other memory; both are used.
template <class K>
void QuickSort(K* target, K* other, bool at_target, int64_t n, int depth) {
  while (n > kNetworkKeys<K>) {
    K* from = at_target ? target : other;
    const K pivot = PivotOf(from, n);
    const bool equal = from[0] == pivot && Never<K>(n, [&](int64_t i) { return from[i] != pivot; });
    if (equal || depth-- == 0) {  // zero for pivots that divide badly again and again
      if (!at_target) memcpy(target, other, static_cast<size_t>(n) * sizeof(K));
      if (!equal) RadixSort(target, other, n, ~K{0});
      return;
    }
    const bool near = n * static_cast<int64_t>(sizeof(K)) <= kNearBytes;
    K* to = at_target ? other : target;
    int64_t lows =
        near ? Divide<false>(from, to, n, pivot) : DivideInPlace<false>(target, n, pivot);
    if (near) at_target = !at_target;
    if (lows > 0) {
      QuickSort(target, other, at_target, lows, depth);
    } else {  // the pivot is the smallest key: all that equal it are sorted
      lows = near ? Divide<true>(to, from, n, pivot) : DivideInPlace<true>(target, n, pivot);
      if (near) at_target = !at_target;
      for (int64_t i = 0; i < lows; ++i) target[i] = pivot;
    }
    if (near) other += lows;
    target += lows;
    n -= lows;
  }
  SortUpToNetwork(at_target ? target : other, target, n);
}

#endif

// Sorts to `keys`, with the help of as much memory at `spare`. Bits that are not in `by` are the same everywhere, or rise.
template <class K>
void SortKeys(K* keys, K* spare, int64_t n, [[maybe_unused]] K by) {
  if (Rise(keys, n)) return;
#if defined(__AVX512F__)
  int depth = 8;
  for (int64_t size = n; size > 0; size /= 2) depth += 2;
  QuickSort(keys, spare, true, n, depth);
#else
  RadixSort(keys, spare, n, by);
#endif
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_SORT_VECTORS_H_
