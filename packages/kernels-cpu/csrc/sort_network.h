// Vectors of unsigned keys, and bitonic networks that sort a few of them.
#ifndef PENSTOCK_KERNELS_CPU_SORT_NETWORK_H_
#define PENSTOCK_KERNELS_CPU_SORT_NETWORK_H_

#include "vec.h"

#if defined(__AVX512F__)

namespace penstock::cpu::PENSTOCK_ISA {

// For each type of key: the instructions. (The forms with a mask do not warn in GCC 12.) Other(one, lanes, a, b) is what
// of a and b is not `one`, by exclusive or: processors look for maxima on half as many ports. Other lanes stay `one`.
template <class K>
struct KeyVector;

template <>
struct KeyVector<uint32_t> {
  using Mask = __mmask16;
  static constexpr int kCount = 16;
  static __m512i Splat(uint32_t key) { return _mm512_set1_epi32(static_cast<int>(key)); }
  static __m512i LoadFirst(Mask lanes, __m512i others, const uint32_t* p) {
    return _mm512_mask_loadu_epi32(others, lanes, p);
  }
  static void StoreFirst(uint32_t* p, Mask lanes, __m512i v) {
    _mm512_mask_storeu_epi32(p, lanes, v);
  }
  static __m512i Smaller(__m512i a, __m512i b) { return _mm512_maskz_min_epu32(0xffff, a, b); }
  static __m512i Other(__m512i one, Mask lanes, __m512i a, __m512i b) {
    return _mm512_mask_ternarylogic_epi32(one, lanes, a, b, 0x96);
  }
  static Mask Below(__m512i a, __m512i b) { return _mm512_cmplt_epu32_mask(a, b); }
  static Mask UpTo(__m512i a, __m512i b) { return _mm512_cmple_epu32_mask(a, b); }
  static __m512i Compressed(Mask lanes, __m512i v) { return _mm512_maskz_compress_epi32(lanes, v); }

  // Lane i becomes lane i ^ flip.
  template <int flip>
  static __m512i Flipped(__m512i v) {
    const __m512i from = _mm512_set_epi32(
        15 ^ flip, 14 ^ flip, 13 ^ flip, 12 ^ flip, 11 ^ flip, 10 ^ flip, 9 ^ flip, 8 ^ flip,
        7 ^ flip, 6 ^ flip, 5 ^ flip, 4 ^ flip, 3 ^ flip, 2 ^ flip, 1 ^ flip, 0 ^ flip);
    return _mm512_maskz_permutexvar_epi32(0xffff, from, v);
  }
};

template <>
struct KeyVector<uint64_t> {
  using Mask = __mmask8;
  static constexpr int kCount = 8;
  static __m512i Splat(uint64_t key) { return _mm512_set1_epi64(static_cast<int64_t>(key)); }
  static __m512i LoadFirst(Mask lanes, __m512i others, const uint64_t* p) {
    return _mm512_mask_loadu_epi64(others, lanes, p);
  }
  static void StoreFirst(uint64_t* p, Mask lanes, __m512i v) {
    _mm512_mask_storeu_epi64(p, lanes, v);
  }
  static __m512i Smaller(__m512i a, __m512i b) { return _mm512_maskz_min_epu64(0xff, a, b); }
  static __m512i Other(__m512i one, Mask lanes, __m512i a, __m512i b) {
    return _mm512_mask_ternarylogic_epi64(one, lanes, a, b, 0x96);
  }
  static Mask Below(__m512i a, __m512i b) { return _mm512_cmplt_epu64_mask(a, b); }
  static Mask UpTo(__m512i a, __m512i b) { return _mm512_cmple_epu64_mask(a, b); }
  static __m512i Compressed(Mask lanes, __m512i v) { return _mm512_maskz_compress_epi64(lanes, v); }

  template <int flip>
  static __m512i Flipped(__m512i v) {
    const __m512i from = _mm512_set_epi64(7 ^ flip, 6 ^ flip, 5 ^ flip, 4 ^ flip, 3 ^ flip,
                                          2 ^ flip, 1 ^ flip, 0 ^ flip);
    return _mm512_maskz_permutexvar_epi64(0xff, from, v);
  }
};

template <class K>
inline typename KeyVector<K>::Mask FirstLanes(int64_t n) {
  constexpr int kLanes = KeyVector<K>::kCount;
  return static_cast<typename KeyVector<K>::Mask>(n >= kLanes ? (1 << kLanes) - 1
                                                  : n <= 0    ? 0
                                                              : (1 << n) - 1);
}

// The lanes in which bit `bit` of their number is set.
constexpr int UpperLanes(int bit) {
  return bit == 1 ? 0xaaaa : bit == 2 ? 0xcccc : bit == 4 ? 0xf0f0 : 0xff00;
}

// Lane i meets lane i ^ flip; where bit `bit` of i is set, it becomes the larger of both.
template <class K, int flip, int bit>
inline __m512i Exchange(__m512i v) {
  using V = KeyVector<K>;
  const __m512i other = V::template Flipped<flip>(v);
  return V::Other(V::Smaller(v, other), static_cast<typename V::Mask>(UpperLanes(bit)), v, other);
}

// Lanes that first rise and then fall, or the other way round.
template <class K>
inline __m512i MergeLanes(__m512i v) {
  if constexpr (KeyVector<K>::kCount > 8) v = Exchange<K, 8, 8>(v);
  return Exchange<K, 1, 1>(Exchange<K, 2, 2>(Exchange<K, 4, 4>(v)));
}

template <class K>
inline __m512i SortLanes(__m512i v) {
  v = Exchange<K, 1, 1>(v);
  v = Exchange<K, 1, 1>(Exchange<K, 3, 2>(v));
  v = Exchange<K, 1, 1>(Exchange<K, 2, 2>(Exchange<K, 7, 4>(v)));
  if constexpr (KeyVector<K>::kCount > 8) {
    v = Exchange<K, 1, 1>(Exchange<K, 2, 2>(Exchange<K, 4, 4>(Exchange<K, 15, 8>(v))));
  }
  return v;
}

template <class K>
inline void Order(__m512i& low, __m512i& high, __m512i other) {
  using V = KeyVector<K>;
  const __m512i smaller = V::Smaller(low, other);
  high = V::Other(smaller, static_cast<typename V::Mask>(-1), low, other);
  low = smaller;
}

// Sorts all lanes of kCount vectors: a network for the next power of 2, of which the upper vectors, that are missing, hold
// nothing but the largest key.
template <class K, int kCount>
inline void SortNetwork(__m512i (&v)[kCount]) {
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) v[i] = SortLanes<K>(v[i]);
#pragma GCC unroll 4
  for (int size = 2; size < 2 * kCount; size *= 2) {
#pragma GCC unroll 8
    for (int first = 0; first < kCount; first += size) {
#pragma GCC unroll 8
      for (int i = 0; i < size / 2; ++i) {
        const int last = first + size - 1 - i;
        if (last >= kCount) continue;
        Order<K>(v[first + i], v[last],
                 KeyVector<K>::template Flipped<KeyVector<K>::kCount - 1>(v[last]));
      }
    }
#pragma GCC unroll 3
    for (int apart = size / 4; apart > 0; apart /= 2) {
#pragma GCC unroll 16
      for (int i = 0; i < kCount; ++i) {
        if (i & apart || i + apart >= kCount) continue;
        Order<K>(v[i], v[i + apart], v[i + apart]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) v[i] = MergeLanes<K>(v[i]);
  }
}

// Sorts n keys, at most kCount vectors of them.
template <class K, int kCount>
void SortFew(const K* from, K* to, int64_t n) {
  using V = KeyVector<K>;
  __m512i v[kCount];
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) {
    v[i] = V::LoadFirst(FirstLanes<K>(n - i * V::kCount), V::Splat(~K{0}), from + i * V::kCount);
  }
  SortNetwork<K, kCount>(v);
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) {
    V::StoreFirst(to + i * V::kCount, FirstLanes<K>(n - i * V::kCount), v[i]);
  }
}

template <class K>
constexpr int64_t kNetworkKeys = 16 * KeyVector<K>::kCount;

template <class K>
void SortUpToNetwork(const K* from, K* to, int64_t n) {
  constexpr int64_t kLanes = KeyVector<K>::kCount;
  if (n <= kLanes) {
    SortFew<K, 1>(from, to, n);
  } else if (n <= 2 * kLanes) {
    SortFew<K, 2>(from, to, n);
  } else if (n <= 4 * kLanes) {
    SortFew<K, 4>(from, to, n);
  } else if (n <= 8 * kLanes) {
    SortFew<K, 8>(from, to, n);
  } else if (n <= 12 * kLanes) {
    SortFew<K, 12>(from, to, n);
  } else {
    SortFew<K, 16>(from, to, n);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif

#endif  // PENSTOCK_KERNELS_CPU_SORT_NETWORK_H_
