// The histogram of a node: for every bin of every column the sums over the node's rows.
#ifndef PENSTOCK_KERNELS_CPU_TREES_HISTOGRAM_H_
#define PENSTOCK_KERNELS_CPU_TREES_HISTOGRAM_H_

#include "trees.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int64_t kRowsPerBlock = 4096, kMostBlocks = 16;
constexpr int kGroup = 16;  // columns that are read at once

typedef uint8_t SixteenBins __attribute__((vector_size(16)));
typedef uint16_t SixteenOffsets __attribute__((vector_size(32), may_alias));

// Adds rows index[begin, end) to the bins of kWidth columns from `first` on. Row after row: additions to one bin are
// then far apart, and do not wait for each other.
template <int kWidth>
void AddRows(const TreeTask& task, const uint32_t* index, int64_t begin, int64_t end, int64_t first,
             BinSums* histogram) {
  SixteenBins most = {};
  for (int c = 0; c < kWidth; ++c) most[c] = static_cast<uint8_t>(task.columns[first + c].size);
  char* to = reinterpret_cast<char*>(histogram + Slot(first));
  const int64_t width = task.width;
  const int count_bits = task.count_bits;
  const uint8_t* from = task.bins + first;
  const RowSums* row_sums = task.sums;
  // What lies behind the last row must not be read.
  const int64_t room = task.rows * width - first - kGroup;
  const int64_t whole = room < 0 ? 0 : room / width + 1;
  const auto load = [=](int64_t row) {
    SixteenBins bins = {};
    if (__builtin_expect(row < whole, 1)) {
      memcpy(&bins, from + row * width, sizeof bins);
      return bins;
    }
    SixteenBins some = {};
    for (int c = 0; c < kWidth; ++c) some[c] = from[row * width + c];
    return some;
  };
  for (int64_t i = begin; i < end; ++i) {
    const uint32_t row = index[i];
    const BinSums sums = Widen(row_sums[row], count_bits);
    SixteenBins bins = load(row);
    bins = bins < most ? bins : most;  // from the column's size on, all is missing
    SixteenOffsets offset = __builtin_convertvector(bins, SixteenOffsets) << 4;  // in bytes
    // Reading the parts from memory and one address with fixed distances are quicker than what GCC makes of it.
    __asm__("" : "+m"(offset), "+r"(to));
    const uint16_t* parts = reinterpret_cast<const uint16_t*>(&offset);
#pragma GCC unroll 16
    for (int c = 0; c < kWidth; ++c) {
      BinSums* at = reinterpret_cast<BinSums*>(to + parts[c]) + c * kColumnStride;
      *at += sums;
    }
  }
}

// The same for as many columns as there are in the group.
template <int kWidth>
void AddGroup(const TreeTask& task, const uint32_t* index, int64_t begin, int64_t end,
              int64_t first, int64_t width, BinSums* histogram) {
  if constexpr (kWidth > 1) {
    if (width < kWidth) {
      return AddGroup<kWidth - 1>(task, index, begin, end, first, width, histogram);
    }
  }
  AddRows<kWidth>(task, index, begin, end, first, histogram);
}

// body(slot) for every slot of columns [begin, end) that is in use.
template <class Body>
void ForSlots(const TreeTask& task, int64_t begin, int64_t end, Body&& body) {
  for (int64_t c = begin; c < end; ++c) {
    for (int64_t s = Slot(c); s <= Slot(c) + task.columns[c].size; ++s) body(s);
  }
}

// `blocks` has room for kMostBlocks histograms.
inline int MakeHistogram(const TreeTask& task, const uint32_t* index, int64_t begin, int64_t end,
                         BinSums* blocks, BinSums* histogram) {
  const int64_t groups = CeilDiv(task.width, kGroup);
  const int64_t count = MinOf(kMostBlocks, MaxOf<int64_t>(1, (end - begin) / kRowsPerBlock));
  const int64_t rows = CeilDiv(MaxOf<int64_t>(end - begin, 1), count);
  const int64_t grain = Grain(rows * kGroup, 2 * kChunk);
  const int status =
      ParallelFor(task.call, count * groups, grain, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
          const int64_t block = i / groups, column = i % groups * kGroup;
          BinSums* to = block == 0 ? histogram : blocks + (block - 1) * task.slots;
          const int64_t width = MinOf<int64_t>(kGroup, task.width - column);
          ForSlots(task, column, column + width, [=](int64_t s) { to[s] = BinSums{}; });
          AddGroup<kGroup>(task, index, begin + block * rows,
                           MinOf(end, begin + (block + 1) * rows), column, width, to);
        }
      });
  if (status != PENSTOCK_OK || count == 1) return status;
  const int64_t cost = kMostBins * count;
  return ParallelFor(task.call, task.width, Grain(cost), [&](int64_t first, int64_t last) {
    for (int64_t block = 0; block < count - 1; ++block) {
      const BinSums* from = blocks + block * task.slots;
      ForSlots(task, first, last, [=](int64_t s) { histogram[s] += from[s]; });
    }
  });
}

// parent -= child.
inline int Subtract(const TreeTask& task, BinSums* parent, const BinSums* child) {
  return ParallelFor(task.call, task.width, Grain(kMostBins), [&](int64_t first, int64_t last) {
    ForSlots(task, first, last, [=](int64_t s) { parent[s] -= child[s]; });
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TREES_HISTOGRAM_H_
