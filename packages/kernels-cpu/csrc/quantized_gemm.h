// Products of int16 matrices with int32 sums: what quantised convolution and dense layers are made of.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_GEMM_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_GEMM_H_

#include "quantized.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

// A tile of sums is kRows rows by kColVectors vectors of int32.
#if defined(__AVX512BW__)
constexpr int kSumRows = 6, kColVectors = 4;
#else
constexpr int kSumRows = 4, kColVectors = 2;
#endif
constexpr int kSumCols = kColVectors * kLanes;

// Two neighbours of the inner dimension lie together; the products of a pair are added in one instruction.
inline int64_t Pairs(int64_t depth) { return CeilDiv(depth, 2); }

// sums[row][col] += a[row, 2k] * b[2k, col] + a[row, 2k + 1] * b[2k + 1, col].
// a: rows of `pairs` pairs; b: for each pair kSumCols pairs, one for each column.
inline void SumTile(const int16_t* a, int64_t row_stride, const int16_t* b, int64_t pairs,
                    int32_t (*sums)[kSumCols]) {
#if defined(__AVX512BW__) || defined(__AVX2__)
  Vi acc[kSumRows][kColVectors] = {};
  for (int64_t k = 0; k < pairs; ++k) {
    Vi right[kColVectors];
    for (int v = 0; v < kColVectors; ++v)
      memcpy(&right[v], b + (k * kSumCols + v * kLanes) * 2, sizeof(Vi));
#pragma GCC unroll 6
    for (int r = 0; r < kSumRows; ++r) {
      int32_t pair;
      memcpy(&pair, a + r * row_stride + 2 * k, sizeof pair);
      const Vi left = pair - Vi{};
#pragma GCC unroll 4
      for (int v = 0; v < kColVectors; ++v) {
#if defined(__AVX512BW__)
        acc[r][v] += reinterpret_cast<Vi>(_mm512_madd_epi16(reinterpret_cast<__m512i>(left),
                                                            reinterpret_cast<__m512i>(right[v])));
#else
        acc[r][v] += reinterpret_cast<Vi>(_mm256_madd_epi16(reinterpret_cast<__m256i>(left),
                                                            reinterpret_cast<__m256i>(right[v])));
#endif
      }
    }
  }
  memcpy(sums, acc, sizeof acc);
#else
  memset(sums, 0, sizeof(int32_t) * kSumRows * kSumCols);
  for (int r = 0; r < kSumRows; ++r) {
    for (int64_t k = 0; k < pairs; ++k) {
      const int32_t even = a[r * row_stride + 2 * k], odd = a[r * row_stride + 2 * k + 1];
      const int16_t* right = b + k * kSumCols * 2;
      for (int c = 0; c < kSumCols; ++c) sums[r][c] += even * right[2 * c] + odd * right[2 * c + 1];
    }
  }
#endif
}

// at(k, col): the weight without its zero point. Panels of kSumCols columns, zeros behind the last.
inline int64_t PackedPairs(int64_t depth, int64_t cols) {
  return CeilDiv(cols, kSumCols) * Pairs(depth) * kSumCols * 2;
}

template <class At>
int PackWeights(penstock_call* call, int64_t depth, int64_t cols, const At& at, int16_t* out) {
  const int64_t panels = CeilDiv(cols, kSumCols), size = Pairs(depth) * kSumCols * 2;
  return ParallelFor(call, panels, Grain(size), [&](int64_t begin, int64_t end) {
    memset(out + begin * size, 0, static_cast<size_t>((end - begin) * size) * sizeof(int16_t));
    for (int64_t p = begin; p < end; ++p) {
      const int64_t wide = MinOf<int64_t>(kSumCols, cols - p * kSumCols);
      for (int64_t k = 0; k < depth; ++k) {
        int16_t* to = out + p * size + k / 2 * kSumCols * 2 + k % 2;
        for (int64_t c = 0; c < wide; ++c)
          to[2 * c] = static_cast<int16_t>(at(k, p * kSumCols + c));
      }
    }
  });
}

// The product, row by row: gather(row, to) writes `depth` numbers of a row without their zero point, and
// store(sums, row, col, n) takes n of its results.
template <class Gather, class Store>
int MultiplyRows(penstock_call* call, int64_t rows, int64_t depth, int64_t cols,
                 const int16_t* weights, const Gather& gather, const Store& store) {
  const int64_t stride = Pairs(depth) * 2, panels = CeilDiv(cols, kSumCols);
  // Rows that are gathered together stay in the second cache.
  const int64_t block =
      RoundUp(MinOf<int64_t>(48, MaxOf<int64_t>(kSumRows, 32 * 1024 / MaxOf<int64_t>(1, stride))),
              kSumRows);
  const int64_t blocks = CeilDiv(rows, block);
  const int64_t tasks = MinOf<int64_t>(blocks, 32);
  int16_t* gathered = Scratch<int16_t>(call, tasks * block * stride);
  if (gathered == nullptr) return PENSTOCK_NO_MEMORY;
  const auto one_block = [&](int64_t first, int16_t* a) {
    const int64_t here = MinOf(block, rows - first);
    for (int64_t r = 0; r < here; ++r) {
      if (stride > 0) a[r * stride + stride - 1] = 0;
      gather(first + r, a + r * stride);
    }
    memset(a + here * stride, 0,
           static_cast<size_t>((RoundUp(here, kSumRows) - here) * stride) * sizeof(int16_t));
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t col = p * kSumCols, wide = MinOf<int64_t>(kSumCols, cols - col);
      for (int64_t r = 0; r < here; r += kSumRows) {
        int32_t sums[kSumRows][kSumCols];
        SumTile(a + r * stride, stride, weights + p * stride * kSumCols, stride / 2, sums);
        for (int64_t i = 0; i < MinOf<int64_t>(kSumRows, here - r); ++i) {
          store(sums[i], first + r + i, col, wide);
        }
      }
    }
  };
  const int64_t grain = blocks * block * stride * cols < 1 << 21 ? tasks : 1;
  return ParallelFor(call, tasks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      for (int64_t b = blocks * task / tasks; b < blocks * (task + 1) / tasks; ++b)
        one_block(b * block, gathered + task * block * stride);
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_GEMM_H_
