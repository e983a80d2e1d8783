// What growing a tree works on: rows as integers, and their sums bin by bin.
#ifndef PENSTOCK_KERNELS_CPU_TREES_H_
#define PENSTOCK_KERNELS_CPU_TREES_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int kMissingBin = 255, kMostBins = 256, kSetWords = 8;
// From one column of a histogram to the next: a power of two would bring the first bins of all to the same places of
// the cache.
constexpr int64_t kColumnStride = 260;

// Gradient in word 0; in word 1 hessian above, number of rows below (`count_bits`). Sums of integers do not depend on
// their order, and a sibling is exactly the parent less the other child.
typedef int64_t BinSums __attribute__((vector_size(16)));

struct RowSums {
  int32_t gradient;
  uint32_t hessian;
};

struct TreeColumn {
  int32_t size, categorical, monotonic;
};

struct TreeLimits {
  int64_t max_leaves, max_depth, min_samples;
  double min_weight, l1, l2, complexity, rate, smoothing;
};

struct TreeTask {
  penstock_call* call;
  const uint8_t* bins;
  const TreeColumn* columns;
  int64_t rows, width;
  TreeLimits limits;
  const RowSums* sums;  // of each row
  int count_bits;
  double gradient_unit, hessian_unit;
  int64_t slots;  // of a histogram; behind a column's last bin is the one for missing values
};

inline int64_t Slot(int64_t column) { return column * kColumnStride; }

inline BinSums Widen(RowSums row, int count_bits) {
  return BinSums{row.gradient, static_cast<int64_t>(row.hessian) << count_bits | 1};
}

struct Sums {
  double gradient, hessian;
  int64_t count;
};

inline Sums Take(const TreeTask& task, BinSums sums) {
  return {static_cast<double>(sums[0]) * task.gradient_unit,
          static_cast<double>(sums[1] >> task.count_bits) * task.hessian_unit,
          sums[1] & ((int64_t{1} << task.count_bits) - 1)};
}

// Where a node is cut, and what that is worth.
struct TreeSplit {
  double gain;  // not above 0: nowhere
  double values[2];
  int32_t column, missing_left, bin;  // bin is -1 in a categorical column
  uint32_t set[kSetWords];            // the bins that go left
};

// A node's rows are index[begin, end).
struct TreeLeaf {
  int64_t begin, end, depth;
  BinSums total;
  double low, high;
  BinSums* histogram;
  TreeSplit split;
  int32_t node;
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TREES_H_
