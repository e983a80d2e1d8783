// Sums over the rows of a matrix [rows, cols], several at once, in chunks of rows fixed by the shape: the same bits at
// any number of threads. Sums of channels (bias gradients, batch statistics) are of this kind.
#ifndef PENSTOCK_KERNELS_CPU_COLUMNS_H_
#define PENSTOCK_KERNELS_CPU_COLUMNS_H_

#include "lanes.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Up to kBlock vectors of columns stay in registers while a chunk's rows run by.
template <int kSums, int kBlock, class Terms>
void SumRows(int64_t begin, int64_t end, int64_t col, const Terms& terms, int64_t cols,
             float* out) {
  Vf acc[kSums][kBlock] = {};
  for (int64_t row = begin; row < end; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlock; ++v) {
      Vf term[kSums];
      terms(row, col + v * kLanes, int64_t{kLanes}, term);
#pragma GCC unroll 2
      for (int s = 0; s < kSums; ++s) acc[s][v] += term[s];
    }
  }
  for (int s = 0; s < kSums; ++s) {
    for (int v = 0; v < kBlock; ++v) Store(out + s * cols + col + v * kLanes, acc[s][v]);
  }
}

template <int kSums, class Terms>
void SumRowsPartial(int64_t begin, int64_t end, int64_t col, int64_t n, const Terms& terms,
                    int64_t cols, float* out) {
  Vf acc[kSums] = {};
  for (int64_t row = begin; row < end; ++row) {
    Vf term[kSums];
    terms(row, col, n, term);
    for (int s = 0; s < kSums; ++s) acc[s] += term[s];
  }
  for (int s = 0; s < kSums; ++s) StorePartial(out + s * cols + col, acc[s], n);
}

// Whole vectors of columns [col, last): a few rows at a time, as memory lies, with the sums in the first cache. The same
// order of additions as in registers.
template <int kSums, class Terms>
void SumWideRows(int64_t begin, int64_t end, int64_t col, int64_t last, const Terms& terms,
                 int64_t cols, float* out) {
  constexpr int64_t kRows = 4;
  for (int s = 0; s < kSums; ++s) {
    memset(out + s * cols + col, 0, static_cast<size_t>(last - col) * sizeof(float));
  }
  for (int64_t row = begin; row < end; row += kRows) {
    const int64_t stop = MinOf(end, row + kRows);
    for (int64_t c = col; c < last; c += kLanes) {
      Vf acc[kSums];
      for (int s = 0; s < kSums; ++s) acc[s] = Load(out + s * cols + c);
      for (int64_t r = row; r < stop; ++r) {
        Vf term[kSums];
        terms(r, c, int64_t{kLanes}, term);
        for (int s = 0; s < kSums; ++s) acc[s] += term[s];
      }
      for (int s = 0; s < kSums; ++s) Store(out + s * cols + c, acc[s]);
    }
  }
}

// Rows [begin, end) of columns [col, last).
template <int kSums, class Terms>
void SumChunk(int64_t begin, int64_t end, int64_t col, int64_t last, const Terms& terms,
              int64_t cols, float* out) {
  for (; col + 4 * kLanes <= last; col += 4 * kLanes) {
    SumRows<kSums, 4>(begin, end, col, terms, cols, out);
  }
  for (; col + kLanes <= last; col += kLanes) {
    SumRows<kSums, 1>(begin, end, col, terms, cols, out);
  }
  if (col < last) SumRowsPartial<kSums>(begin, end, col, last - col, terms, cols, out);
}

// The terms of a sum that simply adds a matrix's rows.
struct MatrixRows {
  const float* data;
  int64_t cols;
  void operator()(int64_t row, int64_t col, int64_t n, Vf* term) const {
    const float* p = data + row * cols + col;
    term[0] = LoadUpTo(p, n);
  }
};

// Rows in a chunk of a matrix with `cols` columns: many of narrow rows, and always enough that
// chunks of chunks end.
constexpr int64_t RowsPerChunk(int64_t cols) {
  return MinOf<int64_t>(512, MaxOf<int64_t>(16, Grain(cols)));
}

constexpr int64_t kSumColumnBlock = 2048;  // columns of a chunk that one task takes

// out[s * cols + c] = sum over rows of what terms(row, c, n, term) puts into term[s] for n <= kLanes columns from c on.
template <int kSums, class Terms>
int SumColumns(penstock_call* call, int64_t rows, int64_t cols, const Terms& terms, float* out) {
  const int64_t per_chunk = RowsPerChunk(cols), size = kSums * cols;
  const int64_t chunks = MaxOf<int64_t>(1, CeilDiv(rows, per_chunk));
  const int64_t blocks = CeilDiv(cols, kSumColumnBlock);
  float* partial = chunks == 1 ? out : Scratch<float>(call, chunks * size);
  if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  const int64_t cost = MinOf(rows, per_chunk) * MinOf(cols, kSumColumnBlock);
  const auto sum = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / blocks * per_chunk, col = i % blocks * kSumColumnBlock;
      SumChunk<kSums>(row, MinOf(rows, row + per_chunk), col, MinOf(cols, col + kSumColumnBlock),
                      terms, cols, partial + i / blocks * size);
    }
  };
  const int status = ParallelFor(call, chunks * blocks, Grain(cost), sum);
  if (status != PENSTOCK_OK || chunks == 1) return status;
  return SumColumns<1>(call, chunks, size, MatrixRows{partial, size}, out);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_COLUMNS_H_
