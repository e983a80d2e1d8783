// Quicksort of 32 bit keys by vectors: pieces that fit into eight of them are sorted by a network, larger ones divided by
// a pivot. Keys of equal value are the same bits, so that it need not be stable.
#ifndef PENSTOCK_KERNELS_CPU_SORT_VECTORS_H_
#define PENSTOCK_KERNELS_CPU_SORT_VECTORS_H_

#include "sort_keys.h"
#include "vec.h"

#if defined(__AVX512F__)

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int64_t kNetworkKeys = 8 * kLanes;

inline __m512i SmallerKeys(__m512i a, __m512i b) { return _mm512_maskz_min_epu32(0xffff, a, b); }
inline __m512i LargerKeys(__m512i a, __m512i b) { return _mm512_maskz_max_epu32(0xffff, a, b); }

// The lanes in which bit `bit` of their number is set.
constexpr __mmask16 UpperLanes(int bit) {
  return bit == 1 ? 0xaaaa : bit == 2 ? 0xcccc : bit == 4 ? 0xf0f0 : 0xff00;
}

// Lane i meets lane i ^ flip; where bit `bit` of i is set, it becomes the larger of both.
template <int flip, int bit>
inline __m512i Exchange(__m512i v) {
  const __m512i lanes = _mm512_set_epi32(
      15 ^ flip, 14 ^ flip, 13 ^ flip, 12 ^ flip, 11 ^ flip, 10 ^ flip, 9 ^ flip, 8 ^ flip,
      7 ^ flip, 6 ^ flip, 5 ^ flip, 4 ^ flip, 3 ^ flip, 2 ^ flip, 1 ^ flip, 0 ^ flip);
  const __m512i other = _mm512_maskz_permutexvar_epi32(0xffff, lanes, v);
  return _mm512_mask_max_epu32(SmallerKeys(v, other), UpperLanes(bit), v, other);
}

inline __m512i Reversed(__m512i v) {
  return _mm512_maskz_permutexvar_epi32(
      0xffff, _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), v);
}

inline __m512i SortLanes(__m512i v) {
  v = Exchange<1, 1>(v);
  v = Exchange<1, 1>(Exchange<3, 2>(v));
  v = Exchange<1, 1>(Exchange<2, 2>(Exchange<7, 4>(v)));
  return Exchange<1, 1>(Exchange<2, 2>(Exchange<4, 4>(Exchange<15, 8>(v))));
}

// Lanes that first rise and then fall, or the other way round.
inline __m512i MergeLanes(__m512i v) {
  return Exchange<1, 1>(Exchange<2, 2>(Exchange<4, 4>(Exchange<8, 8>(v))));
}

// Bitonic sorting of all lanes of kCount vectors, a power of 2.
template <int kCount>
inline void SortNetwork(__m512i (&v)[kCount]) {
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) v[i] = SortLanes(v[i]);
#pragma GCC unroll 3
  for (int size = 2; size <= kCount; size *= 2) {
#pragma GCC unroll 4
    for (int first = 0; first < kCount; first += size) {
#pragma GCC unroll 4
      for (int i = 0; i < size / 2; ++i) {
        __m512i &low = v[first + i], &high = v[first + size - 1 - i];
        const __m512i other = Reversed(high);
        high = LargerKeys(low, other);
        low = SmallerKeys(low, other);
      }
    }
#pragma GCC unroll 2
    for (int apart = size / 4; apart > 0; apart /= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < kCount; ++i) {
        if (i & apart) continue;
        const __m512i low = SmallerKeys(v[i], v[i + apart]);
        v[i + apart] = LargerKeys(v[i], v[i + apart]);
        v[i] = low;
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i] = MergeLanes(v[i]);
  }
}

inline __mmask16 FirstLanes(int64_t n) {
  return static_cast<__mmask16>(n >= kLanes ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

template <int kCount>
void SortFew(const uint32_t* from, uint32_t* to, int64_t n) {
  __m512i v[kCount];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
    v[i] = _mm512_mask_loadu_epi32(_mm512_set1_epi32(-1), FirstLanes(n - i * kLanes),
                                   from + i * kLanes);
  }
  SortNetwork<kCount>(v);
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
    _mm512_mask_storeu_epi32(to + i * kLanes, FirstLanes(n - i * kLanes), v[i]);
  }
}

inline void SortUpToNetwork(const uint32_t* from, uint32_t* to, int64_t n) {
  if (n <= kLanes) {
    SortFew<1>(from, to, n);
  } else if (n <= 2 * kLanes) {
    SortFew<2>(from, to, n);
  } else if (n <= 4 * kLanes) {
    SortFew<4>(from, to, n);
  } else {
    SortFew<8>(from, to, n);
  }
}

// The middle of some keys.
inline uint32_t PivotOf(const uint32_t* keys, int64_t n) {
  uint32_t some[4 * kLanes];
  for (int64_t i = 0; i < 4 * kLanes; ++i) some[i] = keys[i * (n - 1) / (4 * kLanes - 1)];
  SortFew<4>(some, some, 4 * kLanes);
  return some[2 * kLanes];
}

// Where the next keys of either side go.
struct Sides {
  uint32_t *low, *high;

  void Add(__m512i v, __mmask16 below, __mmask16 rest) {
    const int lows = __builtin_popcount(below), highs = __builtin_popcount(rest);
    high -= highs;
    _mm512_mask_storeu_epi32(low, static_cast<__mmask16>((1 << lows) - 1),
                             _mm512_maskz_compress_epi32(below, v));
    _mm512_mask_storeu_epi32(high, static_cast<__mmask16>((1 << highs) - 1),
                             _mm512_maskz_compress_epi32(rest, v));
    low += lows;
  }
};

// Copies keys: those below `bound` to the start of `to`, the others to its end. Returns how many are below.
inline int64_t Divide(const uint32_t* from, uint32_t* to, int64_t n, uint32_t bound) {
  const __m512i bounds = _mm512_set1_epi32(static_cast<int>(bound));
  Sides sides = {to, to + n};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const __m512i v = _mm512_loadu_si512(from + i);
    const __mmask16 below = _mm512_cmplt_epu32_mask(v, bounds);
    sides.Add(v, below, static_cast<__mmask16>(~below));
  }
  const __mmask16 valid = FirstLanes(n - i);
  const __m512i v = _mm512_maskz_loadu_epi32(valid, from + i);
  const __mmask16 below = _mm512_mask_cmplt_epu32_mask(valid, v, bounds);
  sides.Add(v, below, static_cast<__mmask16>(valid & ~below));
  return sides.low - to;
}

// Sorts the n keys at `from` to `sorted`. They lie there or in the other memory of the same size, and both are used.
inline void QuickSort(uint32_t* from, uint32_t* other, uint32_t* sorted, int64_t n, int depth) {
  while (n > kNetworkKeys) {
    if (depth-- == 0) {  // pivots that divide badly again and again
      const uint32_t* result = SortByKey(from, other, n);
      if (result != sorted) memcpy(sorted, result, static_cast<size_t>(n) * sizeof(uint32_t));
      return;
    }
    const uint32_t pivot = PivotOf(from, n);
    int64_t below = Divide(from, other, n, pivot);
    if (below == 0) {  // the pivot is the smallest key: all that equal it are in their place
      below = pivot == UINT32_MAX ? n : Divide(from, other, n, pivot + 1);
      for (int64_t i = 0; i < below; ++i) sorted[i] = pivot;
    } else {
      QuickSort(other, from, sorted, below, depth);
    }
    uint32_t* next = other + below;
    other = from + below;
    from = next;
    sorted += below;
    n -= below;
  }
  SortUpToNetwork(from, sorted, n);
}

inline uint32_t* SortByKey32(uint32_t* keys, uint32_t* spare, int64_t n) {
  int depth = 8;
  for (int64_t size = n; size > 0; size /= 2) depth += 2;
  QuickSort(keys, spare, keys, n, depth);
  return keys;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif

#endif  // PENSTOCK_KERNELS_CPU_SORT_VECTORS_H_
