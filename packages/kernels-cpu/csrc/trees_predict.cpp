// tree_predict: the answers of many trees, added up.
#include <stdlib.h>

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kLanes = 8;  // walks that go side by side, so that none waits for memory alone
constexpr int64_t kRowBlock = 256;  // rows that meet one tree while it is near
constexpr int kMissing = 255, kWords = 8;

// A leaf leads to itself, since nothing is above its threshold; `column` is then 0.
template <class T>
struct Node {
  T threshold;
  int32_t column, left, missing_right, set;  // set: -1 at a numeric node
};

// An ensemble that has been checked.
template <class T>
struct Trees {
  const Node<T>* nodes;
  const T* values;
  const int32_t* roots;
  const uint32_t* sets;
  int64_t count, outputs, columns;
  bool categorical;
};

const char* Problem(const int32_t* node, int64_t at, int64_t nodes, int64_t columns, int64_t sets,
                    char* text, size_t size) {
  const long long number = static_cast<long long>(at), all = static_cast<long long>(nodes);
  if (node[1] <= at || node[1] >= nodes - 1) {
    snprintf(text, size,
             "node %lld has left child %d; children stand side by side, behind the node, and there "
             "are %lld nodes",
             number, node[1], all);
  } else if (node[0] >= columns) {
    snprintf(text, size, "node %lld asks column %d of %lld", number, node[0],
             static_cast<long long>(columns));
  } else if (node[3] >= sets) {
    snprintf(text, size, "node %lld has set %d of %lld", number, node[3],
             static_cast<long long>(sets));
  } else {
    return nullptr;
  }
  return text;
}

// Fills `nodes`; returns what is wrong with the ensemble, in `text`, or NULL.
template <class T>
const char* Check(const penstock_call* call, Node<T>* nodes, bool* categorical, char* text,
                  size_t size) {
  const int64_t count = call->inputs[2]->shape[0], columns = call->inputs[0]->shape[1];
  const int64_t sets = call->inputs[5]->shape[0], trees = call->inputs[1]->shape[0];
  const int32_t* from = Input<int32_t>(call, 2);
  const T* thresholds = Input<T>(call, 3);
  *categorical = false;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t* node = from + 4 * i;
    if (node[0] < 0) {
      nodes[i] = {static_cast<T>(__builtin_inf()), 0, static_cast<int32_t>(i), 0, -1};
      continue;
    }
    if (Problem(node, i, count, columns, sets, text, size)) return text;
    nodes[i] = {thresholds[i], node[0], node[1], node[2] == 0, node[3] < 0 ? -1 : node[3]};
    *categorical |= node[3] >= 0;
  }
  const int32_t* roots = Input<int32_t>(call, 1);
  for (int64_t t = 0; t < trees; ++t) {
    if (roots[t] >= 0 && roots[t] < count) continue;
    snprintf(text, size, "tree %lld begins at node %d of %lld", static_cast<long long>(t), roots[t],
             static_cast<long long>(count));
    return text;
  }
  return nullptr;
}

// Without a jump, which would often be guessed wrongly.
template <class T>
int GoesRight(const Trees<T>& trees, const Node<T>& node, T x) {
  const int missing = static_cast<int>(x != x) & node.missing_right;
  const int above = static_cast<int>(x > node.threshold) | missing;
  // Compared before it is converted: most numbers have no integer.
  const bool fits = (x >= 0) & (x < kMissing);
  const T number = fits ? x : static_cast<T>(kMissing);
  int code = static_cast<int>(number);
  code = static_cast<T>(code) == number ? code : kMissing;
  const int64_t set = MaxOf(node.set, 0);
  const int outside = static_cast<int>(~trees.sets[set * kWords + code / 32] >> (code % 32) & 1);
  const int lost = code == kMissing ? node.missing_right : outside;
  return node.set < 0 ? above : lost;
}

// Walks from at[i] down to a leaf with row x[i], in all lanes.
template <bool kCategorical, class T>
void Walk(const Trees<T>& trees, const T* const* x, int32_t* at) {
  for (int32_t moved = 1; moved != 0;) {
    moved = 0;
    for (int i = 0; i < kLanes; ++i) {
      const Node<T>& node = trees.nodes[at[i]];
      const T number = x[i][node.column];
      int32_t next;
      if constexpr (kCategorical) {
        next = node.left + GoesRight(trees, node, number);
      } else {
        const int missing = static_cast<int>(number != number) & node.missing_right;
        next = node.left + (static_cast<int>(number > node.threshold) | missing);
      }
      moved |= next ^ at[i];
      at[i] = next;
    }
  }
}

template <class T>
void WalkAll(const Trees<T>& trees, const T* const* x, int32_t* at) {
  if (trees.columns == 0) return;  // there is nothing to ask: the roots are leaves
  trees.categorical ? Walk<true>(trees, x, at) : Walk<false>(trees, x, at);
}

// One row: trees side by side.
template <class T>
void OneRow(const Trees<T>& trees, const T* row, double* scores) {
  const T* x[kLanes];
  for (const T*& each : x) each = row;
  for (int64_t t = 0; t < trees.count; t += kLanes) {
    const int lanes = static_cast<int>(MinOf<int64_t>(kLanes, trees.count - t));
    int32_t at[kLanes];
    for (int i = 0; i < kLanes; ++i) at[i] = trees.roots[t + (i < lanes ? i : 0)];
    WalkAll(trees, x, at);
    for (int i = 0; i < lanes; ++i)
      scores[(t + i) % trees.outputs] += static_cast<double>(trees.values[at[i]]);
  }
}

// Rows side by side, tree after tree; `count` is a multiple of the lanes.
template <class T>
void ManyRows(const Trees<T>& trees, const T* rows, int64_t count, double* scores) {
  for (int64_t t = 0; t < trees.count; ++t) {
    double* score = scores + t % trees.outputs;
    for (int64_t r = 0; r < count; r += kLanes) {
      const T* x[kLanes];
      int32_t at[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        x[i] = rows + (r + i) * trees.columns;
        at[i] = trees.roots[t];
      }
      WalkAll(trees, x, at);
      for (int i = 0; i < kLanes; ++i)
        score[(r + i) * trees.outputs] += static_cast<double>(trees.values[at[i]]);
    }
  }
}

template <class T>
int Answer(penstock_call* call, const Trees<T>& trees) {
  const int64_t rows = call->inputs[0]->shape[0];
  const T* x = Input<T>(call, 0);
  T* out = Output<T>(call, 0);
  double* scores = Scratch<double>(call, rows * trees.outputs);
  if (scores == nullptr) return PENSTOCK_NO_MEMORY;
  constexpr int64_t kCost = 8;  // of a tree, in simple steps
  const int64_t blocks = CeilDiv(rows, kRowBlock);
  const int64_t grain = Grain(MinOf(rows, kRowBlock) * trees.count * kCost);
  return ParallelFor(call, blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kRowBlock, last = MinOf(rows, first + kRowBlock);
      double* sums = scores + first * trees.outputs;
      for (int64_t i = 0; i < (last - first) * trees.outputs; ++i) sums[i] = 0;
      const int64_t together = (last - first) / kLanes * kLanes;
      ManyRows(trees, x + first * trees.columns, together, sums);
      for (int64_t r = together; r < last - first; ++r) {
        OneRow(trees, x + (first + r) * trees.columns, sums + r * trees.outputs);
      }
      for (int64_t i = 0; i < (last - first) * trees.outputs; ++i) {
        out[first * trees.outputs + i] = static_cast<T>(sums[i]);
      }
    }
  });
}

// What is kept between calls: this, and the nodes behind it.
struct alignas(64) Kept {
  bool categorical;
};

template <class T>
int Predict(penstock_call* call) {
  const int64_t count = call->inputs[2]->shape[0];
  bool categorical;
  const Node<T>* nodes;
  if (call->state != nullptr) {
    const Kept* kept = static_cast<const Kept*>(call->state);
    categorical = kept->categorical;
    nodes = reinterpret_cast<const Node<T>*>(kept + 1);
  } else {
    Node<T>* made = Scratch<Node<T>>(call, count);
    if (made == nullptr) return PENSTOCK_NO_MEMORY;
    char text[192];
    if (Check(call, made, &categorical, text, sizeof text)) return Fail(call, "%s", text);
    nodes = made;
  }
  return Answer<T>(
      call, {nodes, Input<T>(call, 4), Input<int32_t>(call, 1), Input<uint32_t>(call, 5),
             call->inputs[1]->shape[0], IntAttr(call, 0), call->inputs[0]->shape[1], categorical});
}

template <class T>
int Prepare(penstock_call* call, void** state) {
  const size_t size =
      sizeof(Kept) + static_cast<size_t>(call->inputs[2]->shape[0]) * sizeof(Node<T>);
  void* memory = nullptr;
  if (posix_memalign(&memory, alignof(Kept), size) != 0) return PENSTOCK_NO_MEMORY;
  Kept* kept = static_cast<Kept*>(memory);
  char text[192];
  Node<T>* nodes = reinterpret_cast<Node<T>*>(kept + 1);
  if (Check(call, nodes, &kept->categorical, text, sizeof text)) {
    free(memory);  // the run will say it
    return PENSTOCK_OK;
  }
  *state = memory;
  return PENSTOCK_OK;
}

}  // namespace

int TreePredict(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kF64 ? Predict<double>(call) : Predict<float>(call);
}

// Needs all of the ensemble: what one part says of the others is checked here.
int PrepareTreePredict(penstock_call* call, void** state) {
  for (int i = 1; i < call->num_inputs; ++i) {
    if (call->inputs[i]->data == nullptr && Count(call->inputs[i]) > 0) return PENSTOCK_OK;
  }
  return TypeKey(call->inputs[0]) == kF64 ? Prepare<double>(call, state)
                                          : Prepare<float>(call, state);
}

void ReleaseTreePredict(void* state) { free(state); }

}  // namespace penstock::cpu::PENSTOCK_ISA
