// Sums of 32 bits become bytes of the result's scale, 64 at a time, with the bits of `Times` (quantized.h).
//
// `Times` rounds twice: to y = floor(x·m / 2^31 + 1/2), then y / 2^r with halves away from zero. For r >= 1 that is
//   floor(real + 1/2 + 2^-(r+1)) for x >= 0, and floor(real + 1/2 - 2^-(r+1)) for x < 0, with real = x·m / 2^(31+r).
// A float knows `real`, where it can become a byte, to 2^-13. So floats decide, and what lies nearer than that to the
// border between two results is computed again in integers: one vector of a few dozen.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_RESCALE_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_RESCALE_H_

#include "quantized.h"
#include "vec.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define PENSTOCK_BYTE_PRODUCTS 1

namespace penstock::cpu::PENSTOCK_ISA {

// What belongs to each column of a product, padded to whole vectors.
struct Columns {
  int32_t *bias, *multiplier, *left, *right;
  float *factor, *nudge;  // the multiplier, and 2^-(r+1)
  int32_t* lift;          // NULL: all are 0
  bool in_floats;         // whether floats can decide: every multiplier is below 1/2
  Columns From(int64_t first) const {
    return {bias + first,
            multiplier + first,
            left + first,
            right + first,
            factor + first,
            nudge + first,
            lift == nullptr ? nullptr : lift + first,
            in_floats};
  }
  void Set(int64_t at, Multiplier m) {
    multiplier[at] = m.value;
    left[at] = MaxOf(m.shift, 0);
    right[at] = MaxOf(-m.shift, 0);
    factor[at] = static_cast<float>(ldexp(m.value, m.shift - 31));
    nudge[at] = m.value == 0 ? 0.0f : static_cast<float>(ldexp(0.5, m.shift));
  }
};

// Whether floats can decide about these multipliers.
inline bool AreBelowHalf(const Multiplier* m, int64_t n) {
  for (int64_t c = 0; c < n; ++c)
    if (m[c].value != 0 && m[c].shift >= 0) return false;
  return true;
}

// Multipliers for 16 numbers.
struct Vectors {
  __m512i value, odd, left, right, mask, half;
  Vectors(__m512i value, __m512i left, __m512i right)
      : value(value),
        odd(_mm512_srli_epi64(value, 32)),
        left(left),
        right(right),
        mask(
            _mm512_sub_epi32(_mm512_sllv_epi32(_mm512_set1_epi32(1), right), _mm512_set1_epi32(1))),
        half(_mm512_srli_epi32(mask, 1)) {}
  explicit Vectors(Multiplier m)
      : Vectors(_mm512_set1_epi32(m.value), _mm512_set1_epi32(MaxOf(m.shift, 0)),
                _mm512_set1_epi32(MaxOf(-m.shift, 0))) {}
  explicit Vectors(const Columns& c)
      : Vectors(_mm512_loadu_si512(c.multiplier), _mm512_loadu_si512(c.left),
                _mm512_loadu_si512(c.right)) {}

  // Times for each.
  __m512i Times(__m512i x) const {
    const __m512i nudge = _mm512_set1_epi64(1 << 30), shifted = _mm512_sllv_epi32(x, left);
    const __m512i low = _mm512_add_epi64(_mm512_mul_epi32(shifted, value), nudge);
    const __m512i high =
        _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(shifted, 32), odd), nudge);
    const __m512i product =
        _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(low, 31), _mm512_slli_epi64(high, 1));
    const __m512i threshold = _mm512_add_epi32(half, _mm512_srli_epi32(product, 31));
    const __mmask16 up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(product, mask), threshold);
    const __m512i down = _mm512_srav_epi32(product, right);
    return _mm512_mask_sub_epi32(down, up, down, _mm512_set1_epi32(-1));
  }

  // TimesRoundedOnce for each, in 64 bits: eight at a time.
  __m512i TimesRoundedOnce(__m512i x) const {
    const auto half_of = [](__m256i sums, __m256i by, __m256i left, __m256i right) {
      const __m512i down =
          _mm512_sub_epi64(_mm512_add_epi64(_mm512_set1_epi64(31), _mm512_cvtepi32_epi64(right)),
                           _mm512_cvtepi32_epi64(left));
      const __m512i product =
          _mm512_mul_epi32(_mm512_cvtepi32_epi64(sums), _mm512_cvtepi32_epi64(by));
      const __m512i one = _mm512_set1_epi64(1);
      const __m512i nudge = _mm512_sllv_epi64(one, _mm512_sub_epi64(down, one));
      return _mm512_cvtsepi64_epi32(_mm512_srav_epi64(_mm512_add_epi64(product, nudge), down));
    };
    const __m256i low = half_of(_mm512_castsi512_si256(x), _mm512_castsi512_si256(value),
                                _mm512_castsi512_si256(left), _mm512_castsi512_si256(right));
    const __m256i high =
        half_of(_mm512_extracti64x4_epi64(x, 1), _mm512_extracti64x4_epi64(value, 1),
                _mm512_extracti64x4_epi64(left, 1), _mm512_extracti64x4_epi64(right, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
};

// What `Finish` does with 64 numbers, in their order.
template <class T>
class FinishBytes {
 public:
  explicit FinishBytes(const Finish& finish)
      : low_(_mm512_set1_epi32(finish.low())),
        high_(_mm512_set1_epi32(finish.high())),
        zero_(_mm512_set1_epi32(finish.zero())) {}

  // Whether `Quick` gives the same: zero point and limits are bytes.
  static bool IsQuick(const Finish& finish) {
    const auto is_byte = [](int64_t x) { return x >= Limits<T>::kLow && x <= Limits<T>::kHigh; };
    return is_byte(finish.zero()) && is_byte(int64_t{finish.low()} + finish.zero()) &&
           is_byte(int64_t{finish.high()} + finish.zero());
  }

  __m128i Exact(__m512i x) const {
    const __m512i inside = _mm512_min_epi32(_mm512_max_epi32(x, low_), high_);
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(inside, zero_));
  }

  // In the order of lanes: four numbers of a, b, c and d each, and so on.
  __m512i QuickByLanes(__m512i a, __m512i b, __m512i c, __m512i d) const {
    const __m512i zero = _mm512_packs_epi32(zero_, zero_);
    return Packed(_mm512_adds_epi16(_mm512_packs_epi32(a, b), zero),
                  _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero));
  }

  // The same of numbers that have their zero point.
  __m512i MovedByLanes(__m512i a, __m512i b, __m512i c, __m512i d) const {
    return Packed(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
  }

  // From the order of lanes to that of the vectors, and back.
  static __m512i Turned(__m512i bytes) {
    const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(lanes, bytes);
  }

  __m512i Quick(__m512i a, __m512i b, __m512i c, __m512i d) const {
    return Turned(QuickByLanes(a, b, c, d));
  }

 private:
  __m512i Packed(__m512i ab, __m512i cd) const {
    const __m512i least = Splat8(_mm512_add_epi32(low_, zero_));
    const __m512i most = Splat8(_mm512_add_epi32(high_, zero_));
    return Limits<T>::kLow < 0 ? Inside(_mm512_packs_epi16(ab, cd), least, most)
                               : InsideUnsigned(_mm512_packus_epi16(ab, cd), least, most);
  }

  static __m512i Splat8(__m512i x) { return _mm512_broadcastb_epi8(_mm512_castsi512_si128(x)); }
  static __m512i Inside(__m512i x, __m512i low, __m512i high) {
    return _mm512_min_epi8(_mm512_max_epi8(x, low), high);
  }
  static __m512i InsideUnsigned(__m512i x, __m512i low, __m512i high) {
    return _mm512_min_epu8(_mm512_max_epu8(x, low), high);
  }
  __m512i low_, high_, zero_;
};

// Whole numbers nearest to floats, and whether all were clear: none lies within `doubt` of the middle between two.
class Nearest {
 public:
  explicit Nearest(float doubt) : least_(_mm512_set1_ps(0.5f - doubt)) {}
  bool operator()(const __m512 (&real)[4], __m512i (&steps)[4]) const {
    constexpr int kToNearest = 8, kLargestSize = 11;
    __m512 rest[4];
    for (int v = 0; v < 4; ++v) {
      steps[v] = _mm512_cvtps_epi32(real[v]);
      rest[v] = _mm512_reduce_ps(real[v], kToNearest);
    }
    const __m512 most =
        _mm512_range_ps(_mm512_range_ps(rest[0], rest[1], kLargestSize),
                        _mm512_range_ps(rest[2], rest[3], kLargestSize), kLargestSize);
    return _mm512_cmp_ps_mask(most, least_, _CMP_GE_OQ) == 0;
  }

 private:
  __m512 least_;
};

// 64 sums that have their bias, as four vectors: those of a panel of columns, again and again where it has fewer.
// kByLanes: the bytes come in the order of lanes (FinishBytes). once: as TimesRoundedOnce rounds.
template <class T, bool kByLanes = false>
class Rescale {
 public:
  Rescale(const Columns& columns, const Finish& finish, int vectors, bool once)
      : columns_(columns),
        vectors_(vectors),
        once_(once),
        finish_(finish),
        nearest_(1.0f / 8192),
        in_floats_(columns.in_floats && FinishBytes<T>::IsQuick(finish)),
        is_positive_(finish.low() >= 0) {
    // What is below 0 becomes the limit, so that nudges need no sign and can bring the zero point along.
    const __m512 zero = _mm512_set1_ps(is_positive_ ? static_cast<float>(finish.zero()) : 0.0f);
    for (int v = 0; v < 4; ++v) {
      factor_[v] = _mm512_loadu_ps(columns.factor + v % vectors * 16);
      nudge_[v] = once ? _mm512_setzero_ps() : _mm512_loadu_ps(columns.nudge + v % vectors * 16);
      nudge_[v] = _mm512_add_ps(nudge_[v], zero);
    }
  }

  __m512i operator()(__m512i a, __m512i b, __m512i c, __m512i d) const {
    if (!in_floats_) return Exactly(a, b, c, d);
    __m512i steps[4], bytes;
    if (is_positive_) {
      const __m512 real[4] = {Moved(a, 0), Moved(b, 1), Moved(c, 2), Moved(d, 3)};
      if (__builtin_expect(!nearest_(real, steps), 0)) return Exactly(a, b, c, d);
      bytes = finish_.MovedByLanes(steps[0], steps[1], steps[2], steps[3]);
    } else {
      const __m512 real[4] = {Signed(a, 0), Signed(b, 1), Signed(c, 2), Signed(d, 3)};
      if (__builtin_expect(!nearest_(real, steps), 0)) return Exactly(a, b, c, d);
      bytes = finish_.QuickByLanes(steps[0], steps[1], steps[2], steps[3]);
    }
    return kByLanes ? bytes : FinishBytes<T>::Turned(bytes);
  }

 private:
  __m512 Moved(__m512i sum, int v) const {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), factor_[v], nudge_[v]);
  }

  __m512 Signed(__m512i sum, int v) const {
    constexpr int kSignOfFirst = 0xEA;  // (a & b) | c
    const __m512i sign = _mm512_set1_epi32(static_cast<int32_t>(0x80000000u));
    const __m512i nudge =
        _mm512_ternarylogic_epi32(sum, sign, _mm512_castps_si512(nudge_[v]), kSignOfFirst);
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), factor_[v], _mm512_castsi512_ps(nudge));
  }

  // By values: an array here would keep the caller's sums in memory.
  __attribute__((noinline)) __m512i Exactly(__m512i a, __m512i b, __m512i c, __m512i d) const {
    const __m512i sums[4] = {a, b, c, d};
    alignas(64) __m128i bytes[4];
    for (int v = 0; v < 4; ++v) {
      const Vectors by(columns_.From(v % vectors_ * 16));
      bytes[v] = finish_.Exact(once_ ? by.TimesRoundedOnce(sums[v]) : by.Times(sums[v]));
    }
    const __m512i all = _mm512_load_si512(bytes);
    return kByLanes ? FinishBytes<T>::Turned(all) : all;
  }

  Columns columns_;
  int vectors_;
  bool once_;
  FinishBytes<T> finish_;
  Nearest nearest_;
  bool in_floats_, is_positive_;
  __m512 factor_[4], nudge_[4];
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // __AVX512BW__
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_RESCALE_H_
