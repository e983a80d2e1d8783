// Products of bytes, four to an instruction (AVX-512 VNNI), and sums brought to the result's scale as vectors.
//
// The instruction takes bytes without sign on the left and with sign on the right. Images of int8 are raised by 128,
// weights of uint8 lowered by 128, and both zero points are put right afterwards, in 32 bits that wrap:
//   Σ (x - x_zero)(w - w_zero) = Σ x·w - x_zero·Σ w + lift·(Σ x - depth·x_zero), with lift = -w_zero.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_

#include "quantized_rescale.h"

#if defined(PENSTOCK_BYTE_PRODUCTS)

namespace penstock::cpu::PENSTOCK_ISA {

// Columns of a panel of weights: four vectors of sums, or two where a wider panel would not stay in the first cache. Then a
// tile has more rows, and weights are read half as often.
constexpr int64_t PanelCols(int64_t depth) { return depth * 64 > 24 * 1024 ? 32 : 64; }
constexpr int kByteRows = 12;  // a tile has 12, or 6 of wide panels
constexpr int kTileSums = 24 * 16;

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

// How the inner dimension of a row lies in memory: in segments, the rows of a window for instance, of whole quads.
struct ByteShape {
  int64_t segment;          // how far apart they begin
  int64_t segments, quads;  // how many, and how long each is
  int64_t Depth() const { return segments * quads * 4; }
};

// sums[row][col] = start[col] + Σ rows[row][k] * b[k, col]. b: for each quad 4 bytes of each column.
template <int kVectors, int kRows>
void SumBytes(const uint8_t* const* rows, const ByteShape& shape, const int8_t* b,
              const int32_t* start, int32_t* sums) {
  Vi acc[kRows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    Vi first;
    memcpy(&first, start + v * 16, sizeof first);
    for (int r = 0; r < kRows; ++r) acc[r][v] = first;
  }
  for (int64_t s = 0; s < shape.segments; ++s) {
    const uint8_t* from[kRows];
    for (int r = 0; r < kRows; ++r) from[r] = rows[r] + s * shape.segment;
    for (int64_t k = 0; k < shape.quads; ++k, b += kVectors * 64) {
      Vi right[kVectors];
      for (int v = 0; v < kVectors; ++v) memcpy(&right[v], b + v * 64, sizeof right[v]);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        int32_t four;
        memcpy(&four, from[r] + 4 * k, sizeof four);
        const Vi left = four - Vi{};
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[r][v] = AddProducts(acc[r][v], left, right[v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r)  // one by one: as a block they would go through memory
    for (int v = 0; v < kVectors; ++v)
      memcpy(sums + (r * kVectors + v) * 16, &acc[r][v], sizeof acc[r][v]);
}

using SumBytesTile = void (*)(const uint8_t* const*, const ByteShape&, const int8_t*,
                              const int32_t*, int32_t*);

inline int TileRows(int64_t rows, int vectors) { return rows == 1 ? 1 : vectors > 2 ? 6 : 12; }

inline SumBytesTile PickTile(int64_t rows, int vectors) {
  constexpr SumBytesTile kTall[] = {SumBytes<1, 12>, SumBytes<2, 12>, SumBytes<3, 6>,
                                    SumBytes<4, 6>};
  constexpr SumBytesTile kOne[] = {SumBytes<1, 1>, SumBytes<2, 1>, SumBytes<3, 1>, SumBytes<4, 1>};
  return (rows == 1 ? kOne : kTall)[vectors - 1];
}

// The weights of one product, in panels of PanelCols columns; the last has only the vectors that it needs.
inline int64_t ByteQuads(int64_t depth) { return CeilDiv(depth, 4); }

inline int PanelVectors(int64_t wide, int64_t cols, int64_t first) {
  return static_cast<int>(CeilDiv(MinOf(wide, cols - first), 16));
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
      const int64_t panel_cols = PanelCols(stride), panel = first / panel_cols * panel_cols;
      const int64_t wide = PanelVectors(panel_cols, cols, panel) * 64;
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

// What a task has of the left side: rows of results [first, first + n), and where each one's bytes begin.
struct ByteBlock {
  int64_t first, n;
  const uint8_t** rows;  // room for the rows of a tile behind the last
};

// A block times the panel of columns from `col` on. store(sums, row sums, first row, rows) takes tiles of sums that began
// with `start`; row_depth: how many bytes of a row are added up for it.
template <class Store>
void MultiplyBytePanel(const ByteBlock& block, const ByteShape& shape, int64_t cols, int64_t col,
                       const int8_t* weights, const int32_t* start, int64_t row_depth,
                       int32_t* sums, const Store& store) {
  const int vectors = PanelVectors(PanelCols(shape.Depth()), cols, col);
  const int8_t* panel = weights + col * shape.Depth();
  int32_t row_sums[kByteRows] = {};
  for (int64_t r = 0; r < block.n;) {
    const int64_t left = block.n - r, tall = MinOf<int64_t>(TileRows(left, vectors), left);
    PickTile(left, vectors)(block.rows + r, shape, panel, start + col, sums);
    for (int64_t i = 0; row_depth > 0 && i < tall; ++i) {
      row_sums[i] = 0;
      for (int64_t k = 0; k < row_depth; ++k) row_sums[i] += block.rows[r + i][k];
    }
    store(sums, row_sums, block.first + r, tall);
    r += tall;
  }
}

// How a product is cut: blocks of rows, and for each all columns or, if there are few blocks, parts of them.
struct ByteTasks {
  int64_t blocks, parts, panels;
  int64_t tasks, grain;
  ByteTasks(int64_t blocks, int64_t rows, int64_t depth, int64_t cols)
      : blocks(blocks), panels(CeilDiv(cols, PanelCols(depth))) {
    const int64_t cost = rows * depth * RoundUp(cols, 16);
    const int64_t wanted = cost < 1 << 21 ? 1 : 8;
    parts = MinOf(panels, CeilDiv(wanted, MaxOf<int64_t>(1, blocks)));
    tasks = MinOf<int64_t>(blocks * parts, 32);
    grain = cost < 1 << 21 ? MaxOf<int64_t>(1, tasks) : 1;
  }
};

// fill(block, memory, rows) brings a block's bytes together: it writes where rows begin and returns first row and number of
// rows. At most block_rows of them, in block_bytes of memory. store_at(col) makes the function that takes the sums of a
// panel of columns.
template <class Fill, class StoreAt>
int MultiplyBytes(penstock_call* call, const ByteTasks& cut, int64_t block_rows,
                  int64_t block_bytes, const ByteShape& shape, int64_t cols, const int8_t* weights,
                  const int32_t* start, int64_t row_depth, const Fill& fill,
                  const StoreAt& store_at) {
  if (cut.tasks == 0) return PENSTOCK_OK;
  const int64_t pointers = block_rows + kByteRows, bytes = RoundUp(block_bytes, 64);
  uint8_t* memory = Scratch<uint8_t>(call, cut.tasks * bytes);
  const uint8_t** lists = Scratch<const uint8_t*>(call, cut.tasks * pointers);
  if (memory == nullptr || lists == nullptr) return PENSTOCK_NO_MEMORY;
  return ParallelFor(call, cut.tasks, cut.grain, [&](int64_t begin, int64_t end) {
    const int64_t units = cut.blocks * cut.parts;
    ByteBlock block = {0, 0, lists + begin * pointers};
    int64_t filled = -1;
    alignas(64) int32_t sums[kTileSums] = {};
    for (int64_t u = units * begin / cut.tasks; u < units * end / cut.tasks; ++u) {
      if (u / cut.parts != filled) {
        filled = u / cut.parts;
        fill(filled, memory + begin * bytes, &block);
        for (int i = 0; i < kByteRows; ++i) block.rows[block.n + i] = block.rows[block.n - 1];
      }
      const int64_t part = u % cut.parts, wide = PanelCols(shape.Depth());
      for (int64_t p = cut.panels * part / cut.parts; p < cut.panels * (part + 1) / cut.parts; ++p)
        MultiplyBytePanel(block, shape, cols, p * wide, weights, start, row_depth, sums,
                          store_at(p * wide));
    }
  });
}

// The same product as MultiplyRows: gather(first, n, stride, to) writes `depth` raised bytes for each of n rows. What lies
// behind them, up to the next quad, meets weights of 0.
template <class Gather, class StoreAt>
int MultiplyByteRows(penstock_call* call, int64_t rows, int64_t depth, int64_t cols,
                     const int8_t* weights, const int32_t* start, bool with_row_sums,
                     const Gather& gather, const StoreAt& store_at) {
  const ByteShape shape = {0, 1, ByteQuads(depth)};
  const int64_t stride = shape.Depth();
  const int64_t most = MaxOf<int64_t>(kByteRows, 64 * 1024 / stride / kByteRows * kByteRows);
  const int64_t share = RoundUp(CeilDiv(rows, rows * depth * cols < 1 << 21 ? 1 : 8), kByteRows);
  const int64_t height = MaxOf<int64_t>(1, MinOf(MinOf(most, MaxOf<int64_t>(share, 48)), rows));
  const ByteTasks cut(CeilDiv(rows, height), rows, stride, cols);
  return MultiplyBytes(
      call, cut, height, height * stride, shape, cols, weights, start, with_row_sums ? depth : 0,
      [&](int64_t b, uint8_t* memory, ByteBlock* block) {
        block->first = b * height;
        block->n = MinOf(height, rows - block->first);
        gather(block->first, block->n, stride, memory);
        for (int64_t r = 0; r < block->n; ++r) block->rows[r] = memory + r * stride;
      },
      store_at);
}

// Takes the sums of a panel of at most 64 columns and writes bytes: rows of y are `step` apart.
template <class T, bool kOnce>
class StoreBytes {
 public:
  StoreBytes(const Columns& columns, const Finish& finish, T* y, int64_t step, int64_t cols)
      : vectors_(static_cast<int>(CeilDiv(cols, 16))),
        lift_(columns.lift),
        rescale_(columns, finish, vectors_),
        there_(cols == 64 ? ~uint64_t{0} : (uint64_t{1} << cols) - 1),
        y_(y),
        step_(step) {}

  void operator()(const int32_t* sums, const int32_t* row_sums, int64_t first, int64_t n) const {
    T* y = y_ + first * step_;
    if (vectors_ > 2 && lift_ == nullptr) {
      const int last = vectors_ - 1;
      for (int64_t i = 0; i < n; ++i, y += step_) {
        const int32_t* from = sums + i * vectors_ * 16;
        const __m512i four[4] = {_mm512_load_si512(from), _mm512_load_si512(from + 16),
                                 _mm512_load_si512(from + 32), _mm512_load_si512(from + last * 16)};
        _mm512_mask_storeu_epi8(y, there_, rescale_(four));
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
      Write(rescale_(four), y, MinOf(at_once, n - i));
    }
  }

  // Four vectors of 16 columns and as many rows, complete but for the scale; n of them are there.
  void Pixels(const __m512i* sums, int64_t first, int64_t n) const {
    if (n <= 0) return;
    const __m512i four[4] = {sums[0], sums[1], sums[2], sums[3]};
    Write(rescale_(four), y_ + first * step_, n);
  }

 private:
  int Used() const { return vectors_ == 3 ? 3 : 4; }

  __m512i Lift(const int32_t* row_sums, int64_t i, int v) const {
    const __m512i lift = _mm512_loadu_si512(lift_ + v % vectors_ * 16);
    const int64_t row = MinOf<int64_t>(i + v / vectors_, kByteRows - 1);
    return _mm512_mullo_epi32(lift, _mm512_set1_epi32(row_sums[row]));
  }

  void Write(__m512i bytes, T* y, int64_t rows) const {
    if (vectors_ > 2) return _mm512_mask_storeu_epi8(y, there_, bytes);
    alignas(64) uint8_t all[64];
    _mm512_store_si512(all, bytes);
    for (int64_t r = 0; r < rows; ++r, y += step_) {
      if (vectors_ == 2) {
        _mm256_mask_storeu_epi8(y, static_cast<__mmask32>(there_),
                                _mm256_load_si256(reinterpret_cast<__m256i*>(all + r * 32)));
      } else {
        _mm_mask_storeu_epi8(y, static_cast<__mmask16>(there_),
                             _mm_load_si128(reinterpret_cast<__m128i*>(all + r * 16)));
      }
    }
  }

  int vectors_;
  const int32_t* lift_;
  Rescale<T, kOnce> rescale_;
  uint64_t there_;
  T* y_;
  int64_t step_;
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_BYTE_PRODUCTS
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_
