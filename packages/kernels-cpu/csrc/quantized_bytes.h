// Products of bytes, four to an instruction (AVX-512 VNNI), and sums brought to the result's scale as vectors.
//
// The instruction takes bytes without sign on the left and with sign on the right. Images of int8 are raised by 128,
// weights of uint8 lowered by 128, and both zero points are put right afterwards, in 32 bits that wrap:
//   Σ (x - x_zero)(w - w_zero) = Σ x·w - x_zero·Σ w + lift·(Σ x - depth·x_zero), with lift = -w_zero.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_

#include "quantized.h"
#include "vec.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__)
#define PENSTOCK_BYTE_PRODUCTS 1

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int kByteCols = 64;  // of a panel of weights: at most four vectors of sums
constexpr int kByteRows = 12;  // a tile has 12, or 6 of wide panels

inline bool HasByteProducts() { return __builtin_cpu_supports("avx512vnni"); }

// sums + four products of bytes for each. In assembler, for then the rest of the file is compiled without the instruction,
// and GCC keeps an array of sums in registers.
inline Vi AddProducts(Vi sums, Vi x, Vi w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
  return sums;
}

// What a byte of T is raised by to have no sign.
template <class T>
constexpr int32_t kRaise = -Limits<T>::kLow;

// out = x raised; the memory behind neither is touched.
template <class T>
void Raise(const T* x, int64_t n, uint8_t* out) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(kRaise<T>));
  for (int64_t i = 0; i < n; i += 64) {
    const __mmask64 some = n - i >= 64 ? ~uint64_t{0} : (uint64_t{1} << (n - i)) - 1;
    _mm512_mask_storeu_epi8(out + i, some,
                            _mm512_xor_si512(_mm512_maskz_loadu_epi8(some, x + i), flip));
  }
}

// What belongs to each column of a product, padded to whole vectors.
struct Columns {
  int32_t *bias, *multiplier, *left, *right;
  int32_t* lift;  // NULL: all are 0
  Columns From(int64_t first) const {
    return {bias + first, multiplier + first, left + first, right + first,
            lift == nullptr ? nullptr : lift + first};
  }
};

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
};

// Layer::Store for 16 sums that have their bias.
template <bool kOnce>
class Rescale {
 public:
  Rescale(const Columns& columns, const Finish& finish)
      : by_(_mm512_loadu_si512(columns.multiplier), _mm512_loadu_si512(columns.left),
            _mm512_loadu_si512(columns.right)),
        low_(_mm512_set1_epi32(finish.low())),
        high_(_mm512_set1_epi32(finish.high())),
        zero_(_mm512_set1_epi32(finish.zero())) {}

  __m128i operator()(__m512i sums) const {
    const __m512i scaled = kOnce ? Once(sums) : by_.Times(sums);
    const __m512i inside = _mm512_min_epi32(_mm512_max_epi32(scaled, low_), high_);
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(inside, zero_));
  }

 private:
  // In 64 bits: eight at a time.
  __m512i Once(__m512i x) const {
    const auto half = [&](__m256i sums, __m256i multiplier, __m256i left, __m256i right) {
      const __m512i down =
          _mm512_sub_epi64(_mm512_add_epi64(_mm512_set1_epi64(31), _mm512_cvtepi32_epi64(right)),
                           _mm512_cvtepi32_epi64(left));
      const __m512i product =
          _mm512_mul_epi32(_mm512_cvtepi32_epi64(sums), _mm512_cvtepi32_epi64(multiplier));
      const __m512i one = _mm512_set1_epi64(1);
      const __m512i nudge = _mm512_sllv_epi64(one, _mm512_sub_epi64(down, one));
      return _mm512_cvtsepi64_epi32(_mm512_srav_epi64(_mm512_add_epi64(product, nudge), down));
    };
    const __m256i low = half(_mm512_castsi512_si256(x), _mm512_castsi512_si256(by_.value),
                             _mm512_castsi512_si256(by_.left), _mm512_castsi512_si256(by_.right));
    const __m256i high =
        half(_mm512_extracti64x4_epi64(x, 1), _mm512_extracti64x4_epi64(by_.value, 1),
             _mm512_extracti64x4_epi64(by_.left, 1), _mm512_extracti64x4_epi64(by_.right, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }

  Vectors by_;
  __m512i low_, high_, zero_;
};

// The left side of a product: rows whose inner dimension comes in segments, the rows of a window for instance.
struct ByteRows {
  const uint8_t* data;
  int64_t row, segment;     // how far apart they lie
  int64_t segments, quads;  // how many, and how long each is
  ByteRows From(int64_t first) const { return {data + first * row, row, segment, segments, quads}; }
};

// sums[row][col] = Σ a[row, k] * b[k, col]. b: for each quad 4 bytes of each column.
template <int kVectors, int kRows>
void SumBytes(const ByteRows& a, const int8_t* b, int32_t* sums) {
  Vi acc[kRows][kVectors] = {};
  for (int64_t s = 0; s < a.segments; ++s) {
    const uint8_t* from = a.data + s * a.segment;
    for (int64_t k = 0; k < a.quads; ++k, b += kVectors * 64) {
      Vi right[kVectors];
      for (int v = 0; v < kVectors; ++v) memcpy(&right[v], b + v * 64, sizeof right[v]);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        int32_t four;
        memcpy(&four, from + r * a.row + 4 * k, sizeof four);
        const Vi left = four - Vi{};
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = AddProducts(acc[r][v], left, right[v]);
      }
    }
  }
  memcpy(sums, acc, sizeof acc);
}

using SumBytesTile = void (*)(const ByteRows&, const int8_t*, int32_t*);

inline int TileRows(int64_t rows, int vectors) { return rows == 1 ? 1 : vectors > 2 ? 6 : 12; }

inline SumBytesTile PickTile(int64_t rows, int vectors) {
  constexpr SumBytesTile kTall[] = {SumBytes<1, 12>, SumBytes<2, 12>, SumBytes<3, 6>,
                                    SumBytes<4, 6>};
  constexpr SumBytesTile kOne[] = {SumBytes<1, 1>, SumBytes<2, 1>, SumBytes<3, 1>, SumBytes<4, 1>};
  return (rows == 1 ? kOne : kTall)[vectors - 1];
}

// The weights of one product, in panels of kByteCols columns; the last has only the vectors that it needs.
inline int64_t ByteQuads(int64_t depth) { return CeilDiv(depth, 4); }

inline int PanelVectors(int64_t cols, int64_t first) {
  return static_cast<int>(CeilDiv(MinOf<int64_t>(kByteCols, cols - first), 16));
}

inline int64_t PackedBytes(int64_t depth, int64_t cols) {
  return ByteQuads(depth) * 4 * RoundUp(cols, 16);
}

// Packs `groups` matrices; at(group, k, col) is a weight with sign. ready(group, col, sum) hears what each column adds up to.
template <class At, class Ready>
int PackByteMatrices(penstock_call* call, int64_t groups, int64_t depth, int64_t cols, const At& at,
                     const Ready& ready, int8_t* out) {
  const int64_t vectors = CeilDiv(cols, 16), stride = ByteQuads(depth) * 4;
  const int64_t size = PackedBytes(depth, cols);
  memset(out, 0, static_cast<size_t>(groups * size));
  return ParallelFor(call, groups * vectors, Grain(depth * 16), [&](int64_t begin, int64_t end) {
    for (int64_t vector = begin; vector < end; ++vector) {
      const int64_t g = vector / vectors, first = vector % vectors * 16;
      const int64_t panel = first / kByteCols * kByteCols;
      const int64_t wide = PanelVectors(cols, panel) * 64;
      int8_t* to = out + g * size + panel * stride + (first - panel) * 4;
      const int64_t some = MinOf<int64_t>(16, cols - first);
      int32_t sums[16] = {};
      for (int64_t k = 0; k < depth; ++k) {
        for (int64_t c = 0; c < some; ++c) {
          const int32_t w = at(g, k, first + c);
          sums[c] += w;
          to[k / 4 * wide + c * 4 + k % 4] = static_cast<int8_t>(w);
        }
      }
      for (int64_t c = 0; c < some; ++c) ready(g, first + c, sums[c]);
    }
  });
}

// n rows of a product, from row `first` of the result on, and the panel of columns from `col` on. row_depth: how many bytes of
// a row are added up for `store`.
template <class StoreAt>
void MultiplyBytePanel(const ByteRows& a, int64_t first, int64_t n, bool single, int64_t cols,
                       int64_t col, const int8_t* weights, int64_t row_depth,
                       const StoreAt& store_at) {
  const int vectors = PanelVectors(cols, col), tall = TileRows(single ? 1 : n + 1, vectors);
  const SumBytesTile tile = PickTile(single ? 1 : n + 1, vectors);
  const int8_t* panel = weights + col * a.segments * a.quads * 4;
  alignas(64) int32_t sums[24 * 16];
  for (int64_t r = 0; r < n; r += tall) {
    tile(a.From(r), panel, sums);
    const int64_t some = MinOf<int64_t>(tall, n - r);
    int32_t row_sums[kByteRows] = {};
    for (int64_t i = 0; i < some; ++i)
      for (int64_t k = 0; k < row_depth; ++k) row_sums[i] += a.data[(r + i) * a.row + k];
    for (int v = 0; v < vectors; ++v) {
      const int64_t at = col + v * 16, left = cols - at;
      const auto store = store_at(at);
      const __mmask16 there = static_cast<__mmask16>(left >= 16 ? 0xFFFF : (1u << left) - 1);
      for (int64_t i = 0; i < some; ++i) {
        store(_mm512_load_si512(sums + (i * vectors + v) * 16), first + r + i, row_sums[i], there);
      }
    }
  }
}

// The same product as MultiplyRows: gather(first, n, stride, to) writes `depth` raised bytes for each of n rows. What lies
// behind them, up to the next quad, meets weights of 0. store_at(col) returns a function that takes 16 sums of a row:
// (sums, row, its bytes added up if with_row_sums, mask of the columns that there are).
template <class Gather, class StoreAt>
int MultiplyByteRows(penstock_call* call, int64_t rows, int64_t depth, int64_t cols,
                     const int8_t* weights, bool with_row_sums, const Gather& gather,
                     const StoreAt& store_at) {
  const int64_t quads = ByteQuads(depth), stride = quads * 4;
  const int64_t block =
      rows == 1 ? 1 : RoundUp(MinOf<int64_t>(96, MaxOf<int64_t>(1, 32 * 1024 / stride)), kByteRows);
  const int64_t blocks = CeilDiv(rows, block), tasks = MinOf<int64_t>(blocks, 32);
  uint8_t* gathered = Scratch<uint8_t>(call, tasks * block * stride);
  if (gathered == nullptr) return PENSTOCK_NO_MEMORY;

  const auto one_panel = [&](int64_t first, int64_t here, int64_t col, const uint8_t* a) {
    const ByteRows left = {a, stride, 0, 1, quads};
    MultiplyBytePanel(left, first, here, rows == 1, cols, col, weights, with_row_sums ? depth : 0,
                      store_at);
  };
  const auto one_block = [&](int64_t first, uint8_t* a) {
    const int64_t here = MinOf(block, rows - first);
    gather(first, here, stride, a);
    for (int64_t col = 0; col < cols; col += kByteCols) one_panel(first, here, col, a);
  };
  if (rows == 1) {
    // One row: threads share its columns.
    gather(int64_t{0}, int64_t{1}, stride, gathered);
    return ParallelFor(call, CeilDiv(cols, kByteCols), Grain(depth * kByteCols, 1 << 19),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t p = begin; p < end; ++p)
                           one_panel(0, 1, p * kByteCols, gathered);
                       });
  }
  const int64_t grain = rows * stride * cols < 1 << 22 ? tasks : 1;
  return ParallelFor(call, tasks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      for (int64_t b = blocks * task / tasks; b < blocks * (task + 1) / tasks; ++b)
        one_block(b * block, gathered + task * block * stride);
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // __AVX512BW__
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_
