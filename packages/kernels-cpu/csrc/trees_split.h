// The best split of a leaf. Every number is worked out as the op's reference does, in the same order.
#ifndef PENSTOCK_KERNELS_CPU_TREES_SPLIT_H_
#define PENSTOCK_KERNELS_CPU_TREES_SPLIT_H_

#include "trees.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr double kNoise = 1e-12;

struct ValueAndScore {
  double value, score;
};

inline ValueAndScore Judge(const TreeLimits& limits, double low, double high, double gradient,
                           double hessian) {
  const double over = gradient > limits.l1    ? gradient - limits.l1
                      : gradient < -limits.l1 ? gradient + limits.l1
                                              : 0.0;
  const double weight = hessian + limits.l2;
  double value = -over / (weight > 0 ? weight : 1.0);
  value = weight > 0 ? value : 0.0;
  value = value < low ? low : value;
  value = value > high ? high : value;
  return {value, -((2.0 * over + weight * value) * value)};
}

// The ways of cutting a column, in the order in which they are tried: what goes left, and what that is worth.
struct Cuts {
  int64_t left[2][kMostBins];  // the words of BinSums apart
  double gain[kMostBins];

  void Set(int i, BinSums sums) {
    left[0][i] = sums[0];
    left[1][i] = sums[1];
  }

  Sums Side(const TreeTask& task, const TreeLeaf& leaf, int i, int side) const {
    const BinSums sums = {left[0][i], left[1][i]};
    return Take(task, side == 0 ? sums : leaf.total - sums);
  }

  // Returns the best of the first `size`, the first of equal ones; -1 if none is allowed.
  int Best(const TreeTask& task, const TreeLeaf& leaf, double score, double monotonic, int size) {
    const TreeLimits limits = task.limits;
    const double noise = kNoise * score, least = noise > 0 ? noise : 0.0;
    const double low = leaf.low, high = leaf.high;
    const double units[2] = {task.gradient_unit, task.hessian_unit};
    const int64_t total[2] = {leaf.total[0], leaf.total[1]};
    const int64_t count_mask = (int64_t{1} << task.count_bits) - 1;
    const int count_bits = task.count_bits;
    for (int i = 0; i < size; ++i) {
      const int64_t words[2] = {left[1][i], total[1] - left[1][i]};
      const double hessians[2] = {static_cast<double>(words[0] >> count_bits) * units[1],
                                  static_cast<double>(words[1] >> count_bits) * units[1]};
      const ValueAndScore one =
          Judge(limits, low, high, static_cast<double>(left[0][i]) * units[0], hessians[0]);
      const ValueAndScore two = Judge(
          limits, low, high, static_cast<double>(total[0] - left[0][i]) * units[0], hessians[1]);
      const double worth = one.score + two.score - score - limits.complexity;
      const bool allowed = ((words[0] & count_mask) >= limits.min_samples) &
                           ((words[1] & count_mask) >= limits.min_samples) &
                           (hessians[0] >= limits.min_weight) & (hessians[1] >= limits.min_weight) &
                           (monotonic * (two.value - one.value) >= 0) & (worth > least);
      gain[i] = allowed ? worth : -1.0;
    }
    return First(size);
  }

  // The bits of positive doubles are in order, as integers: those have a largest in any order.
  int First(int size) const {
    int64_t most = -1;
    for (int i = 0; i < size; ++i) {
      int64_t bits;
      memcpy(&bits, gain + i, sizeof bits);
      most = MaxOf(most, bits);
    }
    if (most < 0) return -1;
    int first = 0;
    while (memcmp(gain + first, &most, sizeof most) != 0) ++first;
    return first;
  }

  void Fill(const TreeTask& task, const TreeLeaf& leaf, int i, TreeSplit* split) const {
    split->gain = gain[i];
    for (int side = 0; side < 2; ++side) {
      const Sums sums = Side(task, leaf, i, side);
      split->values[side] =
          Judge(task.limits, leaf.low, leaf.high, sums.gradient, sums.hessian).value;
    }
  }

  // Says whether more rows go left than right.
  bool LeftIsLarger(const TreeTask& task, const TreeLeaf& leaf, int i) const {
    return Side(task, leaf, i, 0).count > Side(task, leaf, i, 1).count;
  }
};

inline void SplitNumeric(const TreeTask& task, const TreeLeaf& leaf, int32_t column, double score,
                         Cuts* cuts, TreeSplit* split) {
  const TreeColumn& spec = task.columns[column];
  const BinSums* bins = leaf.histogram + Slot(column);
  const BinSums missing = bins[spec.size];
  const bool any_missing = Take(task, missing).count > 0;
  for (int missing_left = 0; missing_left <= static_cast<int>(any_missing); ++missing_left) {
    const int size = any_missing && !missing_left ? spec.size : spec.size - 1;
    BinSums left = missing_left ? missing : BinSums{};
    for (int i = 0; i < size; ++i) {
      left += bins[i];
      cuts->Set(i, left);
    }
    const int best = cuts->Best(task, leaf, score, spec.monotonic, size);
    if (best < 0 || cuts->gain[best] <= split->gain) continue;
    cuts->Fill(task, leaf, best, split);
    split->column = column;
    split->bin = best;
    split->missing_left = any_missing ? missing_left : cuts->LeftIsLarger(task, leaf, best);
  }
}

// Puts the bins that have rows in the order of their slopes, of equal ones the lower bin first.
inline int OrderBins(const TreeTask& task, const BinSums* bins, int size, int* order) {
  double slope[kMostBins];
  int seen = 0;
  for (int bin = 0; bin < size; ++bin) {
    const Sums sums = Take(task, bins[bin]);
    if (sums.count == 0) continue;
    const double weight = sums.hessian + task.limits.smoothing;
    const double steep = sums.gradient / (weight > 0 ? weight : 1.0);
    int at = seen++;
    for (; at > 0 && slope[at - 1] > steep; --at) {
      slope[at] = slope[at - 1];
      order[at] = order[at - 1];
    }
    slope[at] = steep;
    order[at] = bin;
  }
  return seen;
}

inline void SetBit(uint32_t* set, int bit, bool on) {
  const uint32_t mask = uint32_t{1} << (bit % 32);
  set[bit / 32] = on ? set[bit / 32] | mask : set[bit / 32] & ~mask;
}

inline bool HasBit(const uint32_t* set, int bit) { return set[bit / 32] >> (bit % 32) & 1; }

inline void SplitCategorical(const TreeTask& task, const TreeLeaf& leaf, int32_t column,
                             double score, Cuts* cuts, TreeSplit* split) {
  const int size = task.columns[column].size;
  const BinSums* bins = leaf.histogram + Slot(column);
  int order[kMostBins];
  const int seen = OrderBins(task, bins, size + 1, order);
  BinSums left = {};
  for (int i = 0; i < seen - 1; ++i) {
    left += bins[order[i]];
    cuts->Set(i, left);
  }
  const int best = cuts->Best(task, leaf, score, 0, seen - 1);
  if (best < 0 || cuts->gain[best] <= split->gain) return;
  cuts->Fill(task, leaf, best, split);
  split->column = column;
  split->bin = -1;
  const bool larger = cuts->LeftIsLarger(task, leaf, best);
  for (uint32_t& word : split->set) word = larger ? ~uint32_t{0} : 0;
  for (int i = 0; i < seen; ++i) SetBit(split->set, order[i], i <= best);
  for (int bin = size + 1; bin < kMostBins; ++bin) {
    SetBit(split->set, bin, HasBit(split->set, size));
  }
  split->missing_left = HasBit(split->set, kMissingBin);
}

// `found` has room for a split of each column.
inline int FindSplit(const TreeTask& task, TreeLeaf* leaf, TreeSplit* found) {
  const Sums total = Take(task, leaf->total);
  const double score =
      Judge(task.limits, leaf->low, leaf->high, total.gradient, total.hessian).score;
  constexpr int64_t kCost = 1 << 11;  // of a column, in simple steps
  const int status =
      ParallelFor(task.call, task.width, Grain(kCost), [&](int64_t begin, int64_t end) {
        Cuts cuts;
        for (int64_t c = begin; c < end; ++c) {
          found[c].gain = 0;
          if (task.columns[c].size == 0) continue;
          const auto split = task.columns[c].categorical ? SplitCategorical : SplitNumeric;
          split(task, *leaf, static_cast<int32_t>(c), score, &cuts, &found[c]);
        }
      });
  leaf->split.gain = 0;
  for (int64_t c = 0; c < task.width; ++c) {
    if (found[c].gain > leaf->split.gain) leaf->split = found[c];
  }
  return status;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TREES_SPLIT_H_
