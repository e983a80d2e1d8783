// Sums of a tile of rows and columns, written as bytes of the result's scale.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_STORE_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_STORE_H_

#include "quantized_tile.h"

#if defined(PENSTOCK_BYTE_PRODUCTS)

namespace penstock::cpu::PENSTOCK_ISA {

// Takes the sums of a panel of at most 64 columns and writes bytes: rows of y are `step` apart.
template <class T>
class StoreBytes {
 public:
  StoreBytes(const Columns& columns, const Layer& layer, T* y, int64_t step, int64_t cols)
      : vectors_(static_cast<int>(CeilDiv(cols, 16))),
        lift_(columns.lift),
        bias_(columns.bias),
        rescale_(columns, layer.finish, vectors_, layer.once),
        there_(cols == 64 ? ~uint64_t{0} : (uint64_t{1} << cols) - 1),
        y_(y),
        step_(step) {}

  void operator()(const int32_t* sums, const int32_t* row_sums, int64_t first, int64_t n) const {
    T* y = y_ + first * step_;
    if (vectors_ > 2 && lift_ == nullptr) {
      const int last = vectors_ - 1;
      for (int64_t i = 0; i < n; ++i, y += step_) {
        const int32_t* from = sums + i * vectors_ * 16;
        const __m512i bytes =
            rescale_(_mm512_load_si512(from), _mm512_load_si512(from + 16),
                     _mm512_load_si512(from + 32), _mm512_load_si512(from + last * 16));
        _mm512_mask_storeu_epi8(y, there_, bytes);
      }
      return;
    }
    const int64_t at_once = vectors_ > 2 ? 1 : 4 / vectors_;
    for (int64_t i = 0; i < n; i += at_once, y += at_once * step_) {
      __m512i four[4];
      for (int v = 0; v < 4; ++v) {
        four[v] = _mm512_load_si512(sums + (i * vectors_ + MinOf(v, Used() - 1)) * 16);
        if (lift_ != nullptr) four[v] = _mm512_add_epi32(four[v], Lift(row_sums, i, v));
      }
      Write(rescale_(four[0], four[1], four[2], four[3]), y, MinOf(at_once, n - i));
    }
  }

  // Does the same for n rows and all of their inner dimension, with sums that never leave the registers. b: weights of the
  // panel. False: it does not, for this panel.
  bool SumAndStore(const uint8_t* const* rows, const ByteShape& shape, const int8_t* b,
                   int64_t first, int64_t n) const {
    if (lift_ != nullptr || vectors_ == 3) return false;
    T* y = y_ + first * step_;
    if (vectors_ == 4) {
      SumRows<4, 4>(rows, shape, b, n, y);
    } else if (vectors_ == 2) {
      SumRows<2, 6>(rows, shape, b, n, y);
    } else {
      SumRows<1, 12>(rows, shape, b, n, y);
    }
    return true;
  }

 private:
  template <int kVectors, int kRows>
  __attribute__((noinline)) void SumRows(const uint8_t* const* rows, const ByteShape& shape,
                                         const int8_t* weights, int64_t n, T* y) const {
    constexpr int kTogether = 4 / kVectors;
    const int64_t size = shape.Depth() * kVectors * 16;
    const int8_t* ahead = weights + size;  // the next panel
    for (int64_t r = 0; r < n; r += kRows, rows += kRows) {
      const int64_t ahead_step = ahead < weights + 2 * size ? 64 : 0;
      const int8_t* b = weights;
      Vi acc[kRows][kVectors];
#pragma GCC unroll 12
      for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) memcpy(&acc[i][v], bias_ + v * 16, sizeof acc[i][v]);
      for (int64_t s = 0; s < shape.segments; ++s)
        ahead = AddQuads<kVectors, kRows>(rows, s * shape.segment, shape.quads, ahead, ahead_step,
                                          &b, acc);
      asm volatile(
          "" ::
              : "memory");  // what rescaling needs is read here: held in registers, it drove sums out of them
#pragma GCC unroll 4
      for (int i = 0; i < kRows; i += kTogether) {
        if (i >= n - r) break;
        __m512i four[4];
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v)
          four[v] = reinterpret_cast<__m512i>(acc[i + v / kVectors][v % kVectors]);
        Write(rescale_(four[0], four[1], four[2], four[3]), y + (r + i) * step_,
              MinOf<int64_t>(kTogether, n - r - i));
      }
    }
  }

  int Used() const { return vectors_ == 3 ? 3 : 4; }

  __m512i Lift(const int32_t* row_sums, int64_t i, int v) const {
    const __m512i lift = _mm512_loadu_si512(lift_ + v % vectors_ * 16);
    const int64_t row = MinOf<int64_t>(i + v / vectors_, kByteRows - 1);
    return _mm512_mullo_epi32(lift, _mm512_set1_epi32(row_sums[row]));
  }

  void Write(__m512i bytes, T* y, int64_t rows) const {
    if (vectors_ > 2) return _mm512_mask_storeu_epi8(y, there_, bytes);
    if (vectors_ == 2) {
      const __mmask32 there = static_cast<__mmask32>(there_);
      _mm256_mask_storeu_epi8(y, there, _mm512_castsi512_si256(bytes));
      if (rows > 1) _mm256_mask_storeu_epi8(y + step_, there, _mm512_extracti64x4_epi64(bytes, 1));
      return;
    }
    const __mmask16 there = static_cast<__mmask16>(there_);
    _mm_mask_storeu_epi8(y, there, _mm512_castsi512_si128(bytes));
    if (rows > 1) _mm_mask_storeu_epi8(y + step_, there, _mm512_extracti32x4_epi32(bytes, 1));
    if (rows > 2) _mm_mask_storeu_epi8(y + 2 * step_, there, _mm512_extracti32x4_epi32(bytes, 2));
    if (rows > 3) _mm_mask_storeu_epi8(y + 3 * step_, there, _mm512_extracti32x4_epi32(bytes, 3));
  }

  int vectors_;
  const int32_t *lift_, *bias_;
  Rescale<T> rescale_;
  uint64_t there_;
  T* y_;
  int64_t step_;
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_BYTE_PRODUCTS
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_STORE_H_
