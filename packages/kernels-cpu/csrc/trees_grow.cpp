// tree_grow: one tree on bins, the most promising leaf first.
#include <math.h>

#include "trees_histogram.h"
#include "trees_split.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kBits = 30;                        // of the largest gradient
constexpr int64_t kMostRows = int64_t{1} << 26;  // 8 bits are left for hessians
constexpr int64_t kRowsPerPart = 8192;

TreeLimits ReadLimits(const penstock_call* call) {
  return {IntAttr(call, 0),   IsNone(call, 1) ? INT64_MAX : IntAttr(call, 1),
          IntAttr(call, 2),   FloatAttr(call, 3),
          FloatAttr(call, 4), FloatAttr(call, 5),
          FloatAttr(call, 6), FloatAttr(call, 7),
          FloatAttr(call, 8)};
}

int CheckColumns(penstock_call* call, const TreeColumn* columns, int64_t width) {
  for (int64_t c = 0; c < width; ++c) {
    const TreeColumn& column = columns[c];
    const long long number = static_cast<long long>(c);
    if (column.size < 0 || column.size > kMissingBin) {
      return Fail(call, "column %lld has %d bins; use 0 to 255", number, column.size);
    }
    if ((column.categorical & ~1) || column.monotonic < -1 || column.monotonic > 1) {
      return Fail(
          call,
          "column %lld has %d for categorical and %d for monotonic; use 0 or 1, and -1, 0 or 1",
          number, column.categorical, column.monotonic);
    }
    if (column.categorical && column.monotonic) {
      return Fail(call, "column %lld is both categorical and monotonic; choose one", number);
    }
  }
  return PENSTOCK_OK;
}

int CheckRows(penstock_call* call, const int32_t* rows, int64_t count, int64_t n) {
  if (count > kMostRows || n > kMostRows) {
    return Fail(call, "got %lld rows; at most %lld are taken: leave some out",
                static_cast<long long>(MaxOf(count, n)), static_cast<long long>(kMostRows));
  }
  for (int64_t i = 0; i < count; ++i) {
    if (rows[i] >= 0 && rows[i] < n) continue;
    Fail(call, "row %d at position %lld is out of range for %lld rows", rows[i],
         static_cast<long long>(i), static_cast<long long>(n));
    return PENSTOCK_OUT_OF_RANGE;
  }
  return PENSTOCK_OK;
}

bool IsFinite(float x) { return x - x == 0; }

// Says which number is not finite, or negative where that is forbidden.
int Refuse(penstock_call* call, const float* x, int64_t n, bool hessian) {
  for (int64_t i = 0; i < n; ++i) {
    if (IsFinite(x[i]) && (!hessian || x[i] >= 0)) continue;
    return hessian ? Fail(call, "the hessian of row %lld is negative or not finite",
                          static_cast<long long>(i))
                   : Fail(call, "the gradient of row %lld is not finite; look at the loss",
                          static_cast<long long>(i));
  }
  return PENSTOCK_OK;
}

// The largest number without its sign; fails where there is none, or where a hessian is negative.
int Largest(penstock_call* call, const float* x, int64_t n, bool hessian, float* largest) {
  const uint32_t sign = uint32_t{1} << 31;
  uint32_t most = 0, signs = 0;  // the bits of positive floats are in order, as integers
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    signs |= bits;
    most = MaxOf(most, bits & ~sign);
  }
  memcpy(largest, &most, sizeof most);
  const bool suspect = !IsFinite(*largest) || (hessian && (signs & sign));
  return suspect ? Refuse(call, x, n, hessian) : PENSTOCK_OK;
}

// A power of two, in units of which the largest number has so many bits.
double Unit(float largest, int bits) {
  int exponent;
  frexp(static_cast<double>(largest), &exponent);
  return ldexp(1.0, exponent - bits);
}

int BitLength(int64_t n) { return n == 0 ? 0 : 64 - __builtin_clzll(static_cast<uint64_t>(n)); }

// Rows as integers.
int MakeSums(TreeTask* task, int64_t learned) {
  const float* gradients = Input<float>(task->call, 1);
  const float* hessians = Input<float>(task->call, 2);
  float largest[2];
  int status = Largest(task->call, gradients, task->rows, false, &largest[0]);
  if (status != PENSTOCK_OK) return status;
  status = Largest(task->call, hessians, task->rows, true, &largest[1]);
  if (status != PENSTOCK_OK) return status;
  task->count_bits = BitLength(learned);
  task->gradient_unit = Unit(largest[0], kBits);
  task->hessian_unit = Unit(largest[1], MinOf(kBits, 62 - 2 * task->count_bits));
  RowSums* sums = Scratch<RowSums>(task->call, task->rows);
  if (sums == nullptr) return PENSTOCK_NO_MEMORY;
  const double scale = 1 / task->gradient_unit, weight = 1 / task->hessian_unit;
  task->sums = sums;
  return ParallelFor(task->call, task->rows, kChunk, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sums[i] = {static_cast<int32_t>(__builtin_rint(gradients[i] * scale)),
                 static_cast<uint32_t>(static_cast<int64_t>(__builtin_rint(hessians[i] * weight)))};
    }
  });
}

// A tree that grows.
class Grower {
 public:
  Grower(const TreeTask& task, uint32_t* index, int64_t learned)
      : task_(task), call_(task.call), index_(index), learned_(learned) {}

  int Run() {
    int status = Allocate();
    if (status != PENSTOCK_OK) return status;
    TreeLeaf root = {};
    root.end = learned_;
    root.low = -__builtin_inf();
    root.high = __builtin_inf();
    for (int64_t i = 0; i < learned_; ++i) {
      root.total += Widen(task_.sums[index_[i]], task_.count_bits);
    }
    Open(&root);
    if (leaves_ < most_ && MaySplit(root)) {
      root.histogram = NewHistogram();
      if (root.histogram == nullptr) return PENSTOCK_NO_MEMORY;
      status = MakeHistogram(task_, index_, 0, learned_, blocks_, root.histogram);
      if (status == PENSTOCK_OK) status = Offer(&root);
    }
    while (status == PENSTOCK_OK && heap_size_ > 0 && leaves_ < most_) status = Cut(Pop());
    if (status != PENSTOCK_OK) return status;
    *Output<int64_t>(call_, 4) = size_;
    return WriteLeaves();
  }

 private:
  int Allocate() {
    const TreeLimits& limits = task_.limits;
    most_ = MaxOf<int64_t>(1, MinOf(limits.max_leaves, learned_ / limits.min_samples));
    const int64_t capacity = 2 * limits.max_leaves - 1;
    nodes_ = Output<int32_t>(call_, 0);
    stats_ = Output<double>(call_, 1);
    sets_ = Output<uint32_t>(call_, 2);
    for (int64_t i = 0; i < capacity; ++i) {
      const int32_t leaf[4] = {-1, 0, 0, -1};
      memcpy(nodes_ + 4 * i, leaf, sizeof leaf);
    }
    memset(stats_, 0, static_cast<size_t>(capacity) * 4 * sizeof(double));
    memset(sets_, 0, static_cast<size_t>(capacity) * kSetWords * sizeof(uint32_t));
    begins_ = Scratch<int64_t>(call_, 2 * most_);
    ends_ = Scratch<int64_t>(call_, 2 * most_);
    heap_ = Scratch<TreeLeaf>(call_, most_ + 1);
    free_ = Scratch<BinSums*>(call_, most_ + 1);
    found_ = Scratch<TreeSplit>(call_, task_.width);
    halves_ = Scratch<uint32_t>(call_, 2 * learned_);
    lefts_ = Scratch<int64_t>(call_, 2 * CeilDiv(MaxOf<int64_t>(learned_, 1), kRowsPerPart));
    const int64_t parts = MinOf(kMostBlocks, MaxOf<int64_t>(1, learned_ / kRowsPerBlock));
    blocks_ = Scratch<BinSums>(call_, (parts - 1) * task_.slots);
    const bool all = begins_ && ends_ && heap_ && free_ && found_ && halves_ && lefts_ && blocks_;
    return all ? PENSTOCK_OK : PENSTOCK_NO_MEMORY;
  }

  BinSums* NewHistogram() {
    return free_size_ > 0 ? free_[--free_size_] : Scratch<BinSums>(call_, task_.slots);
  }

  int Drop(const TreeLeaf& leaf) {
    free_[free_size_++] = leaf.histogram;
    return PENSTOCK_OK;
  }

  bool MaySplit(const TreeLeaf& leaf) const {
    return leaf.depth < task_.limits.max_depth &&
           leaf.end - leaf.begin >= 2 * task_.limits.min_samples;
  }

  // Makes a node of a leaf.
  void Open(TreeLeaf* leaf) {
    leaf->node = static_cast<int32_t>(size_++);
    begins_[leaf->node] = leaf->begin;
    ends_[leaf->node] = leaf->end;
    const Sums sums = Take(task_, leaf->total);
    const double value =
        Judge(task_.limits, leaf->low, leaf->high, sums.gradient, sums.hessian).value;
    double* stats = stats_ + 4 * leaf->node;
    stats[0] = value * task_.limits.rate;
    stats[2] = sums.hessian;
    stats[3] = static_cast<double>(leaf->end - leaf->begin);
  }

  // ---- leaves that may be cut, the best on top

  static bool Better(const TreeLeaf& a, const TreeLeaf& b) {
    return a.split.gain > b.split.gain || (a.split.gain == b.split.gain && a.node < b.node);
  }

  // Looks for a leaf's split; without one its histogram is free again.
  int Offer(TreeLeaf* leaf) {
    const int status = FindSplit(task_, leaf, found_);
    if (status != PENSTOCK_OK) return status;
    if (!(leaf->split.gain > 0)) return Drop(*leaf);
    int64_t at = heap_size_++;
    for (; at > 0 && Better(*leaf, heap_[(at - 1) / 2]); at = (at - 1) / 2) {
      heap_[at] = heap_[(at - 1) / 2];
    }
    heap_[at] = *leaf;
    return PENSTOCK_OK;
  }

  TreeLeaf Pop() {
    const TreeLeaf top = heap_[0], last = heap_[--heap_size_];
    int64_t at = 0;
    for (int64_t child = 1; child < heap_size_; child = 2 * at + 1) {
      if (child + 1 < heap_size_ && Better(heap_[child + 1], heap_[child])) ++child;
      if (!Better(heap_[child], last)) break;
      heap_[at] = heap_[child];
      at = child;
    }
    heap_[at] = last;
    return top;
  }

  // ---- cutting

  int Cut(TreeLeaf leaf) {
    const TreeSplit& split = leaf.split;
    const int32_t entry[4] = {split.column, static_cast<int32_t>(size_), split.missing_left,
                              split.bin};
    memcpy(nodes_ + 4 * leaf.node, entry, sizeof entry);
    stats_[4 * leaf.node + 1] = split.gain;
    if (split.bin < 0) memcpy(sets_ + kSetWords * leaf.node, split.set, sizeof split.set);
    int64_t middle;
    int status = Part(leaf, &middle);
    if (status != PENSTOCK_OK) return status;
    TreeLeaf halves[2];
    Halve(leaf, middle, halves);
    ++leaves_;
    Open(&halves[0]);
    Open(&halves[1]);
    const int small = halves[0].end - halves[0].begin <= halves[1].end - halves[1].begin ? 0 : 1;
    TreeLeaf &smaller = halves[small], &larger = halves[1 - small];
    larger.histogram = leaf.histogram;
    if (leaves_ == most_ || !MaySplit(larger)) return Drop(larger);
    smaller.histogram = NewHistogram();
    if (smaller.histogram == nullptr) return PENSTOCK_NO_MEMORY;
    status = MakeHistogram(task_, index_, smaller.begin, smaller.end, blocks_, smaller.histogram);
    if (status == PENSTOCK_OK) status = Subtract(task_, larger.histogram, smaller.histogram);
    if (status == PENSTOCK_OK) status = MaySplit(smaller) ? Offer(&smaller) : Drop(smaller);
    return status == PENSTOCK_OK ? Offer(&larger) : status;
  }

  // Says of each bin whether it goes left.
  void LeftBins(const int32_t* node, const uint32_t* set, uint8_t* left) const {
    const int size = task_.columns[node[0]].size;
    for (int bin = 0; bin < kMostBins; ++bin) {
      left[bin] = node[3] < 0 ? HasBit(set, bin) : bin < size ? bin <= node[3] : node[2] != 0;
    }
  }

  // Brings the rows that go left before the others; each part keeps its order.
  int Part(const TreeLeaf& leaf, int64_t* middle) {
    uint8_t left[kMostBins];
    LeftBins(nodes_ + 4 * leaf.node, sets_ + kSetWords * leaf.node, left);
    const uint8_t* bins = task_.bins + leaf.split.column;
    const int64_t parts = CeilDiv(leaf.end - leaf.begin, kRowsPerPart);
    uint32_t* halves[2] = {halves_, halves_ + learned_};
    const auto limits = [&](int64_t part, int64_t* first, int64_t* last) {
      *first = leaf.begin + part * kRowsPerPart;
      *last = MinOf(leaf.end, *first + kRowsPerPart);
    };
    int status = ParallelFor(call_, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        int64_t first, last;
        limits(part, &first, &last);
        uint32_t *to_left = halves[0] + first, *to_right = halves[1] + first;
        for (int64_t i = first; i < last; ++i) {
          const uint32_t row = index_[i];
          const uint8_t goes_left = left[bins[row * task_.width]];
          *to_left = row;
          *to_right = row;
          to_left += goes_left;
          to_right += 1 - goes_left;
        }
        lefts_[part] = to_left - (halves[0] + first);
      }
    });
    if (status != PENSTOCK_OK) return status;
    int64_t all_left = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t here = lefts_[part];
      lefts_[part + parts] = all_left;
      all_left += here;
    }
    *middle = leaf.begin + all_left;
    return ParallelFor(call_, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        int64_t first, last;
        limits(part, &first, &last);
        const int64_t count = lefts_[part], before = lefts_[part + parts];
        const int64_t right = *middle + (first - leaf.begin - before);
        memcpy(index_ + leaf.begin + before, halves[0] + first,
               static_cast<size_t>(count) * sizeof(uint32_t));
        memcpy(index_ + right, halves[1] + first,
               static_cast<size_t>(last - first - count) * sizeof(uint32_t));
      }
    });
  }

  void Halve(const TreeLeaf& leaf, int64_t middle, TreeLeaf* halves) const {
    const TreeSplit& split = leaf.split;
    uint8_t left[kMostBins];
    LeftBins(nodes_ + 4 * leaf.node, sets_ + kSetWords * leaf.node, left);
    const BinSums* bins = leaf.histogram + Slot(split.column);
    BinSums sums = {};
    const int size = task_.columns[split.column].size;
    for (int bin = 0; bin <= size; ++bin) {
      if (left[bin]) sums += bins[bin];
    }
    for (int side = 0; side < 2; ++side) {
      halves[side] = TreeLeaf{};
      halves[side].begin = side == 0 ? leaf.begin : middle;
      halves[side].end = side == 0 ? middle : leaf.end;
      halves[side].depth = leaf.depth + 1;
      halves[side].low = leaf.low;
      halves[side].high = leaf.high;
    }
    halves[0].total = sums;
    halves[1].total = leaf.total - sums;
    // Values below lie on their side of the middle, so that the tree rises or falls as a whole.
    const int32_t monotonic = task_.columns[split.column].monotonic;
    const double between = (split.values[0] + split.values[1]) / 2;
    if (monotonic != 0) {
      (monotonic > 0 ? halves[0] : halves[1]).high = between;
      (monotonic > 0 ? halves[1] : halves[0]).low = between;
    }
  }

  // ---- which leaf each row is in

  int WriteLeaves() const {
    int32_t* leaf = Output<int32_t>(call_, 3);
    for (int64_t row = 0; row < task_.rows; ++row) leaf[row] = -1;
    for (int64_t node = 0; node < size_; ++node) {
      if (nodes_[4 * node] >= 0) continue;
      for (int64_t i = begins_[node]; i < ends_[node]; ++i) {
        leaf[index_[i]] = static_cast<int32_t>(node);
      }
    }
    return ParallelFor(call_, task_.rows, kChunk / 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        if (leaf[row] < 0) leaf[row] = Walk(task_.bins + row * task_.width);
      }
    });
  }

  int32_t Walk(const uint8_t* bins) const {
    int32_t at = 0;
    while (nodes_[4 * at] >= 0) {
      const int32_t* node = nodes_ + 4 * at;
      const int bin = bins[node[0]], size = task_.columns[node[0]].size;
      const bool left = node[3] < 0  ? HasBit(sets_ + kSetWords * at, bin)
                        : bin < size ? bin <= node[3]
                                     : node[2] != 0;
      at = node[1] + (left ? 0 : 1);
    }
    return at;
  }

  const TreeTask& task_;
  penstock_call* call_;
  uint32_t* index_;
  int64_t learned_, most_ = 1, leaves_ = 1, size_ = 0;
  int32_t* nodes_ = nullptr;
  double* stats_ = nullptr;
  uint32_t* sets_ = nullptr;
  int64_t *begins_ = nullptr, *ends_ = nullptr, *lefts_ = nullptr;
  TreeLeaf* heap_ = nullptr;
  int64_t heap_size_ = 0;
  BinSums** free_ = nullptr;
  int64_t free_size_ = 0;
  TreeSplit* found_ = nullptr;
  uint32_t* halves_ = nullptr;
  BinSums* blocks_ = nullptr;
};

}  // namespace

int TreeGrow(penstock_call* call) {
  TreeTask task = {};
  task.call = call;
  task.bins = Input<uint8_t>(call, 0);
  task.columns = Input<TreeColumn>(call, 4);
  task.rows = call->inputs[0]->shape[0];
  task.width = call->inputs[0]->shape[1];
  task.slots = Slot(task.width);
  task.limits = ReadLimits(call);
  const int64_t learned = call->inputs[3]->shape[0];
  int status = CheckColumns(call, task.columns, task.width);
  if (status == PENSTOCK_OK) status = CheckRows(call, Input<int32_t>(call, 3), learned, task.rows);
  if (status == PENSTOCK_OK) status = MakeSums(&task, learned);
  if (status != PENSTOCK_OK) return status;
  uint32_t* index = Scratch<uint32_t>(call, learned);
  if (index == nullptr) return PENSTOCK_NO_MEMORY;
  memcpy(index, Input<int32_t>(call, 3), static_cast<size_t>(learned) * sizeof(int32_t));
  return Grower(task, index, learned).Run();
}

}  // namespace penstock::cpu::PENSTOCK_ISA
