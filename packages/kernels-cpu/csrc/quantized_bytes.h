// Products of bytes, four to an instruction (AVX-512 VNNI), and sums brought to the result's scale as vectors.
//
// The instruction takes bytes without sign on the left and with sign on the right. Images of int8 are raised by 128,
// weights of uint8 lowered by 128, and both zero points are put right afterwards, in 32 bits that wrap:
//   Σ (x - x_zero)(w - w_zero) = Σ x·w - x_zero·Σ w + lift·(Σ x - depth·x_zero), with lift = -w_zero.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_

#include "quantized_store.h"

#if defined(PENSTOCK_BYTE_PRODUCTS)

namespace penstock::cpu::PENSTOCK_ISA {

// Bytes of weights that stay in the first cache while they meet all rows of a block.
constexpr int64_t kPartBytes = 24 * 1024;

// Columns of a panel of weights: four vectors of sums, or two where a wider panel would come in parts. Then a tile has more
// rows, and sums that wait for the next part are read half as often.
constexpr int64_t PanelCols(int64_t depth) { return depth * 64 > kPartBytes ? 32 : 64; }

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

// Up to here a tile is so short that writing and reading its sums would take a good part of the time.
constexpr int64_t kShallow = 32;

// Whether a store can do all of a panel by itself, and did.
template <class Store>
bool SumAndStore(const Store&, const ByteBlock&, const ByteShape&, const int8_t*) {
  return false;
}
template <class T>
bool SumAndStore(const StoreBytes<T>& store, const ByteBlock& block, const ByteShape& shape,
                 const int8_t* panel) {
  return shape.Quads() <= kShallow && block.n > 1 &&
         store.SumAndStore(block.rows, shape, panel, block.first, block.n);
}

// A block times the panel of columns from `col` on. store(sums, row sums, first row, rows) takes tiles of sums that began
// with `start`; row_depth: how many bytes of a row are added up for it. sums: room for those of all rows, if the weights come
// in parts.
template <class Store>
void MultiplyBytePanel(const ByteBlock& block, const ByteShape& shape, int64_t cols, int64_t col,
                       const int8_t* weights, const int32_t* start, int64_t row_depth,
                       int32_t* sums, const Store& store) {
  const int vectors = PanelVectors(PanelCols(shape.Depth()), cols, col);
  const int8_t* panel = weights + col * shape.Depth();
  const ByteParts parts(shape, kPartBytes / (vectors * 64));
  const int64_t height = TileHeight(block.n, vectors), count = parts.Count();
  if (SumAndStore(store, block, shape, panel)) return;
  const SumBytesTile sum = PickTile(height, vectors);
  int32_t row_sums[kByteRows] = {};
  for (int64_t i = 0; i < count; ++i) {
    const BytePart part = parts.At(i);
    const int64_t quads = part.shape.Quads();
    const int8_t* b = panel + part.begin * vectors * 64;
    for (int64_t r = 0, tile = 0; r < block.n; r += height, ++tile) {
      int32_t* mine = count > 1 ? sums + r * vectors * 16 : sums;
      const bool fetches = tile < vectors;  // the next part, which lies behind this one
      const TileCall call = {i > 0 ? mine : start + col, i > 0 ? vectors * 16 : 0,
                             b + (fetches ? (vectors + tile) * quads * 64 : 0), fetches ? 64 : 0};
      sum(block.rows + r, part, b, call, mine);
      if (i + 1 < count) continue;
      const int64_t tall = MinOf(height, block.n - r);
      for (int64_t j = 0; row_depth > 0 && j < tall; ++j) {
        row_sums[j] = 0;
        for (int64_t k = 0; k < row_depth; ++k) row_sums[j] += block.rows[r + j][k];
      }
      store(mine, row_sums, block.first + r, tall);
    }
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
  const int64_t room = MaxOf<int64_t>(kTileSums, pointers * PanelCols(shape.Depth()));
  int32_t* all_sums = Scratch<int32_t>(call, cut.tasks * room);
  if (memory == nullptr || lists == nullptr || all_sums == nullptr) return PENSTOCK_NO_MEMORY;
  return ParallelFor(call, cut.tasks, cut.grain, [&](int64_t begin, int64_t end) {
    const int64_t units = cut.blocks * cut.parts;
    ByteBlock block = {0, 0, lists + begin * pointers};
    int64_t filled = -1;
    for (int64_t u = units * begin / cut.tasks; u < units * end / cut.tasks; ++u) {
      if (u / cut.parts != filled) {
        filled = u / cut.parts;
        fill(filled, memory + begin * bytes, &block);
        for (int i = 0; i < kByteRows; ++i) block.rows[block.n + i] = block.rows[block.n - 1];
      }
      const int64_t part = u % cut.parts, wide = PanelCols(shape.Depth());
      for (int64_t p = cut.panels * part / cut.parts; p < cut.panels * (part + 1) / cut.parts; ++p)
        MultiplyBytePanel(block, shape, cols, p * wide, weights, start, row_depth,
                          all_sums + begin * room, store_at(p * wide));
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

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_BYTE_PRODUCTS
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_BYTES_H_
