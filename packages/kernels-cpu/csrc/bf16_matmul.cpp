// Matrix products of bfloat16 by pairs along the inner dimension. Sums are float32, rounded to bfloat16 once.
//
// A tile of the result stays in registers for the whole inner dimension, so there is no float32 matrix on the way. Rows of
// a are read as they lie, two numbers at a time; b is packed, a pair of its rows interleaved.
#include <stdlib.h>

#include "batch.h"
#include "bf16_pairs.h"
#include "narrow.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kRows = 14, kVectors = 2, kCols = kVectors * kLanes;  // 28 sums in 32 registers
constexpr int64_t kTaskRows = 8 * kRows, kTaskPanels = 8;
constexpr int64_t kTaskCost = 8 << 20, kPackChunk = 16 * 1024;

struct Numbers {
  const uint16_t* data;
  int64_t row, col;
  const uint16_t* At(int64_t i, int64_t j) const { return data + i * row + j * col; }
};

struct PairProduct {
  int64_t m, n, k;
  int64_t Pairs() const { return CeilDiv(k, 2); }
  int64_t Panels() const { return CeilDiv(n, kCols); }
  int64_t PanelSize() const { return Pairs() * kCols; }
};

// Panel `panel` of b: for each pair of rows kCols pairs, zeros behind the ends.
void PackPanel(const Numbers& b, const PairProduct& p, int64_t panel, uint32_t* out) {
  const int64_t first = panel * kCols, cols = MinOf<int64_t>(kCols, p.n - first);
  for (int64_t k = 0; k < p.k; k += 2, out += kCols) {
    const bool whole = k + 1 < p.k;
    for (int64_t j = 0; j < cols; ++j) {
      const uint32_t upper = whole ? *b.At(k + 1, first + j) : 0;
      out[j] = upper << 16 | *b.At(k, first + j);
    }
    for (int64_t j = cols; j < kCols; ++j) out[j] = 0;
  }
}

// out[rows][2 * pairs]: a's rows, with a zero at the end where their length is odd.
void PackRow(const Numbers& a, const PairProduct& p, int64_t row, uint16_t* out) {
  for (int64_t k = 0; k < p.k; ++k) out[k] = *a.At(row, k);
  if (p.k % 2 != 0) out[p.k] = 0;
}

template <int kCount>
void RunTile(const uint16_t* a, int64_t a_row, const uint32_t* b, int64_t pairs, uint16_t* c,
             int64_t c_row, int64_t cols) {
  Vf sums[kCount][kVectors] = {};
  for (int64_t k = 0; k < pairs; ++k, a += 2, b += kCols) {
    Vi right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) memcpy(&right[v], b + v * kLanes, sizeof(Vi));
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) {
      int32_t pair;
      memcpy(&pair, a + i * a_row, sizeof pair);
      const Vi left = pair - Vi{};
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[i][v] = DotPairs(sums[i][v], left, right[v]);
    }
  }
  for (int i = 0; i < kCount; ++i, c += c_row) {
    float row[kCols];
    for (int v = 0; v < kVectors; ++v) Store(row + v * kLanes, sums[i][v]);
    NarrowFloats(row, cols, true, c);
  }
}

template <int kCount, class... Args>
void RunRows(int64_t rows, Args... args) {
  if (rows == kCount) return RunTile<kCount>(args...);
  if constexpr (kCount > 1) RunRows<kCount - 1>(rows, args...);
}

Numbers LastTwo(const penstock_tensor* x, bool transpose) {
  const auto* data = Data<const uint16_t>(x);
  const int64_t cols = x->shape[x->ndim - 1];
  return transpose ? Numbers{data, 1, cols} : Numbers{data, cols, 1};
}

// Packs `count` matrices b, of which matrix i begins at offset[i].
int PackAll(penstock_call* call, const Numbers& b, const PairProduct& p, const int64_t* offset,
            int64_t count, uint32_t* out) {
  const int64_t panels = p.Panels();
  return ParallelFor(call, count * panels, Grain(p.PanelSize(), kPackChunk),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         const Numbers one = {b.data + offset[i / panels], b.row, b.col};
                         PackPanel(one, p, i % panels, out + i * p.PanelSize());
                       }
                     });
}

// A batch of products. Rows of matrix i of a begin at a + a_offset[i], a_row apart; b is packed, once or for each product.
struct PairBatch {
  int64_t count;
  const uint16_t* a;
  const int64_t* a_offset;
  int64_t a_row;
  const uint32_t* b;
  int64_t b_step;  // from one matrix to the next
  uint16_t* c;
};

// Copies a where its rows cannot be read as pairs.
int PackLeft(penstock_call* call, const Numbers& a, const PairProduct& p, PairBatch* batch) {
  const int64_t count = batch->count, length = 2 * p.Pairs();
  const int64_t* from = batch->a_offset;
  auto* rows = Scratch<uint16_t>(call, count * p.m * length);
  auto* offset = Scratch<int64_t>(call, count);
  if (rows == nullptr || offset == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t i = 0; i < count; ++i) offset[i] = i * p.m * length;
  batch->a = rows;
  batch->a_offset = offset;
  batch->a_row = length;
  return ParallelFor(call, count * p.m, Grain(p.k, kPackChunk), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      PackRow({a.data + from[i / p.m], a.row, a.col}, p, i % p.m, rows + i * length);
    }
  });
}

// Some rows of one matrix times one panel.
void MultiplyPanel(const PairProduct& p, const PairBatch& batch, int64_t item, int64_t row,
                   int64_t panel) {
  const uint16_t* a = batch.a + batch.a_offset[item];
  const uint32_t* b = batch.b + item * batch.b_step + panel * p.PanelSize();
  const int64_t col = panel * kCols, cols = MinOf<int64_t>(kCols, p.n - col);
  const int64_t last = MinOf(p.m, row + kTaskRows);
  for (int64_t i = row; i < last; i += kRows) {
    RunRows<kRows>(MinOf<int64_t>(kRows, last - i), a + i * batch.a_row, batch.a_row, b, p.Pairs(),
                   batch.c + (item * p.m + i) * p.n + col, p.n, cols);
  }
}

int Multiply(penstock_call* call, const PairProduct& p, const PairBatch& batch) {
  const int64_t blocks_m = CeilDiv(p.m, kTaskRows), blocks_n = CeilDiv(p.Panels(), kTaskPanels);
  const int64_t cost = MinOf(p.m, kTaskRows) * MinOf<int64_t>(p.n, kTaskPanels * kCols) * p.k;
  return ParallelFor(call, batch.count * blocks_m * blocks_n, Grain(cost, kTaskCost),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         const int64_t first = i % blocks_n * kTaskPanels;
                         const int64_t last = MinOf(p.Panels(), first + kTaskPanels);
                         const int64_t row = i / blocks_n % blocks_m * kTaskRows;
                         for (int64_t panel = first; panel < last; ++panel) {
                           MultiplyPanel(p, batch, i / blocks_n / blocks_m, row, panel);
                         }
                       }
                     });
}

}  // namespace

int MatMulBf16(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *y = call->inputs[1], *out = call->outputs[0];
  const bool transpose_x = BoolAttr(call, 0);
  if (Count(out) == 0) return PENSTOCK_OK;
  PairProduct p = {out->shape[out->ndim - 2], out->shape[out->ndim - 1],
                   x->shape[x->ndim - (transpose_x ? 2 : 1)]};
  const int64_t count = Extent(out, 0, out->ndim - 2), matrices = IsOneMatrix(y) ? 1 : count;
  int64_t* offsets = Scratch<int64_t>(call, 2 * count);
  if (offsets == nullptr) return PENSTOCK_NO_MEMORY;
  BatchOffsets(x, out, offsets);
  BatchOffsets(y, out, offsets + count);
  const Numbers a = LastTwo(x, transpose_x);
  PairBatch batch = {count,
                     a.data,
                     offsets,
                     a.row,
                     static_cast<const uint32_t*>(call->state),
                     matrices == 1 ? 0 : p.Panels() * p.PanelSize(),
                     Data<uint16_t>(out)};
  if (matrices == 1 && !transpose_x) {  // a single tall product
    p.m *= count;
    batch.count = 1;
  }
  int status = PENSTOCK_OK;
  if (batch.b == nullptr) {
    auto* room = Scratch<uint32_t>(call, matrices * p.Panels() * p.PanelSize());
    if (room == nullptr) return PENSTOCK_NO_MEMORY;
    status = PackAll(call, LastTwo(y, BoolAttr(call, 1)), p, offsets + count, matrices, room);
    batch.b = room;
  }
  if (status == PENSTOCK_OK && (a.col != 1 || p.k % 2 != 0)) status = PackLeft(call, a, p, &batch);
  return status == PENSTOCK_OK ? Multiply(call, p, batch) : status;
}

// The state is the right operand, packed; NULL where it is no constant, or not one matrix for all.
int PrepareMatMulBf16(penstock_call* call, void** state) {
  const penstock_tensor* y = call->inputs[1];
  if (Data<const uint16_t>(y) == nullptr || !IsOneMatrix(y) || Count(y) == 0) return PENSTOCK_OK;
  const bool transpose = BoolAttr(call, 1);
  const PairProduct p = {1, y->shape[y->ndim - (transpose ? 2 : 1)],
                         y->shape[y->ndim - (transpose ? 1 : 2)]};
  constexpr int64_t kAlignment = 64;
  const int64_t bytes = p.Panels() * p.PanelSize() * static_cast<int64_t>(sizeof(uint32_t));
  auto* packed = static_cast<uint32_t*>(
      aligned_alloc(kAlignment, static_cast<size_t>(RoundUp(bytes, kAlignment))));
  if (packed == nullptr) return PENSTOCK_NO_MEMORY;
  *state = packed;
  const int64_t none = 0;
  return PackAll(call, LastTwo(y, transpose), p, &none, 1, packed);
}

void ReleaseMatMulBf16(void* state) { free(state); }

}  // namespace penstock::cpu::PENSTOCK_ISA
