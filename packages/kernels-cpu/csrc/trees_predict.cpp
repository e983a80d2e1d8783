// tree_predict: the answers of many trees, added up.
#include <stdlib.h>

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kLanes = 4;  // walks that go side by side, so that none waits for memory alone
constexpr int64_t kRowBlock = 256;  // rows that meet one tree while it is near
constexpr int kMissing = 255, kWords = 8;

// A leaf leads to itself, since nothing is above its threshold; `column` is then 0.
template <class T>
struct Node {
  T threshold;
  int32_t column, left, missing_right,
      set;  // set: -1 at a numeric node, else where its words begin
};

// An ensemble that has been checked. Each categorical node has a set of its own, in which 255 stands for what is missing.
template <class T>
struct Trees {
  const Node<T>* nodes;
  const uint32_t* sets;
  const T* values;
  const int32_t* roots;
  int64_t count, outputs, columns;
  bool categorical;
};

int64_t CountCategorical(const penstock_call* call) {
  const int64_t count = call->inputs[2]->shape[0];
  const int32_t* nodes = Input<int32_t>(call, 2);
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) found += (nodes[4 * i] >= 0) & (nodes[4 * i + 3] >= 0);
  return found;
}

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

// Fills `nodes` and `own`, the sets of categorical nodes; returns what is wrong with the ensemble, in `text`, or NULL.
template <class T>
const char* Check(const penstock_call* call, Node<T>* nodes, uint32_t* own, char* text,
                  size_t size) {
  const int64_t count = call->inputs[2]->shape[0], columns = call->inputs[0]->shape[1];
  const int64_t sets = call->inputs[5]->shape[0], trees = call->inputs[1]->shape[0];
  const int32_t* from = Input<int32_t>(call, 2);
  const T* thresholds = Input<T>(call, 3);
  int32_t words = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t* node = from + 4 * i;
    if (node[0] < 0) {
      nodes[i] = {static_cast<T>(__builtin_inf()), 0, static_cast<int32_t>(i), 0, -1};
      continue;
    }
    if (Problem(node, i, count, columns, sets, text, size)) return text;
    nodes[i] = {thresholds[i], node[0], node[1], node[2] == 0, -1};
    if (node[3] < 0) continue;
    const uint32_t missing = uint32_t{1} << (kMissing % 32);
    memcpy(own + words, Input<uint32_t>(call, 5) + static_cast<int64_t>(node[3]) * kWords,
           kWords * sizeof(uint32_t));
    uint32_t* last = own + words + kWords - 1;
    *last = node[2] == 0 ? *last & ~missing : *last | missing;
    nodes[i].set = words;
    words += kWords;
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

// What a number is as a category.
template <class T>
uint8_t Code(T x) {
  if (!(x >= 0 && x < kMissing)) return kMissing;
  const uint8_t code = static_cast<uint8_t>(x);
  return static_cast<T>(code) == x ? code : kMissing;
}

// Walks from at[i] down to a leaf with row x[i], whose categories are codes[i], in all lanes. No step needs a jump, which
// would often be guessed wrongly.
template <bool kCategorical, class T>
void Walk(const Trees<T>& trees, const T* const* x, const uint8_t* const* codes, int32_t* at) {
  for (int32_t moved = 1; moved != 0;) {
    moved = 0;
    for (int i = 0; i < kLanes; ++i) {
      const Node<T>& node = trees.nodes[at[i]];
      const T number = x[i][node.column];
      const int missing = static_cast<int>(number != number) & node.missing_right;
      int right = static_cast<int>(number > node.threshold) | missing;
      if constexpr (kCategorical) {
        const int numeric = node.set >> 31, code = codes[i][node.column];
        const uint32_t word = trees.sets[(node.set & ~numeric) + code / 32];
        right = (right & numeric) | (~static_cast<int>(word >> (code % 32)) & 1 & ~numeric);
      }
      const int32_t next = node.left + right;
      moved |= next ^ at[i];
      at[i] = next;
    }
  }
}

template <class T>
void WalkAll(const Trees<T>& trees, const T* const* x, const uint8_t* const* codes, int32_t* at) {
  if (trees.columns == 0) return;  // there is nothing to ask: the roots are leaves
  trees.categorical ? Walk<true>(trees, x, codes, at) : Walk<false>(trees, x, codes, at);
}

// One row: trees side by side.
template <class T>
void OneRow(const Trees<T>& trees, const T* row, const uint8_t* row_codes, double* scores) {
  const T* x[kLanes];
  const uint8_t* codes[kLanes];
  for (const T*& each : x) each = row;
  for (const uint8_t*& each : codes) each = row_codes;
  for (int64_t t = 0; t < trees.count; t += kLanes) {
    const int lanes = static_cast<int>(MinOf<int64_t>(kLanes, trees.count - t));
    int32_t at[kLanes];
    for (int i = 0; i < kLanes; ++i) at[i] = trees.roots[t + (i < lanes ? i : 0)];
    WalkAll(trees, x, codes, at);
    for (int i = 0; i < lanes; ++i)
      scores[(t + i) % trees.outputs] += static_cast<double>(trees.values[at[i]]);
  }
}

// Rows side by side, tree after tree; `count` is a multiple of the lanes.
template <class T>
void ManyRows(const Trees<T>& trees, const T* rows, const uint8_t* row_codes, int64_t count,
              double* scores) {
  for (int64_t t = 0; t < trees.count; ++t) {
    double* score = scores + t % trees.outputs;
    for (int64_t r = 0; r < count; r += kLanes) {
      const T* x[kLanes];
      const uint8_t* codes[kLanes];
      int32_t at[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        x[i] = rows + (r + i) * trees.columns;
        codes[i] = row_codes + (trees.categorical ? (r + i) * trees.columns : 0);
        at[i] = trees.roots[t];
      }
      WalkAll(trees, x, codes, at);
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
  uint8_t* codes = Scratch<uint8_t>(call, trees.categorical ? rows * trees.columns : 0);
  if (scores == nullptr || codes == nullptr) return PENSTOCK_NO_MEMORY;
  constexpr int64_t kCost = 8;  // of a tree, in simple steps
  const int64_t blocks = CeilDiv(rows, kRowBlock);
  const int64_t grain = Grain(MinOf(rows, kRowBlock) * trees.count * kCost);
  return ParallelFor(call, blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kRowBlock, last = MinOf(rows, first + kRowBlock);
      double* sums = scores + first * trees.outputs;
      for (int64_t i = 0; i < (last - first) * trees.outputs; ++i) sums[i] = 0;
      const T* from = x + first * trees.columns;
      uint8_t* as_codes = trees.categorical ? codes + first * trees.columns : codes;
      for (int64_t i = 0; trees.categorical && i < (last - first) * trees.columns; ++i) {
        as_codes[i] = Code(from[i]);
      }
      const int64_t together = (last - first) / kLanes * kLanes;
      ManyRows(trees, from, as_codes, together, sums);
      for (int64_t r = together; r < last - first; ++r) {
        const int64_t at = r * trees.columns;
        OneRow(trees, from + at, as_codes + (trees.categorical ? at : 0), sums + r * trees.outputs);
      }
      for (int64_t i = 0; i < (last - first) * trees.outputs; ++i) {
        out[first * trees.outputs + i] = static_cast<T>(sums[i]);
      }
    }
  });
}

// What is kept between calls: this, and the nodes and sets behind it.
struct alignas(64) Kept {
  int64_t categorical;
};

template <class T>
size_t KeptSize(int64_t nodes, int64_t categorical) {
  return sizeof(Kept) + static_cast<size_t>(nodes) * sizeof(Node<T>) +
         static_cast<size_t>(MaxOf<int64_t>(categorical, 1)) * kWords * sizeof(uint32_t);
}

template <class T>
const char* Fill(const penstock_call* call, Kept* kept, int64_t categorical, char* text,
                 size_t size) {
  kept->categorical = categorical;
  Node<T>* nodes = reinterpret_cast<Node<T>*>(kept + 1);
  uint32_t* sets = reinterpret_cast<uint32_t*>(nodes + call->inputs[2]->shape[0]);
  for (int i = 0; i < kWords; ++i) sets[i] = 0;  // numeric nodes look at the first set, for nothing
  return Check(call, nodes, sets, text, size);
}

template <class T>
int Predict(penstock_call* call) {
  const int64_t count = call->inputs[2]->shape[0];
  const Kept* kept = static_cast<const Kept*>(call->state);
  if (kept == nullptr) {
    const int64_t categorical = CountCategorical(call);
    const size_t size = KeptSize<T>(count, categorical);
    Kept* made = reinterpret_cast<Kept*>(Scratch<char>(call, static_cast<int64_t>(size)));
    if (made == nullptr) return PENSTOCK_NO_MEMORY;
    char text[192];
    if (Fill<T>(call, made, categorical, text, sizeof text)) return Fail(call, "%s", text);
    kept = made;
  }
  const Node<T>* nodes = reinterpret_cast<const Node<T>*>(kept + 1);
  return Answer<T>(call, {nodes, reinterpret_cast<const uint32_t*>(nodes + count),
                          Input<T>(call, 4), Input<int32_t>(call, 1), call->inputs[1]->shape[0],
                          IntAttr(call, 0), call->inputs[0]->shape[1], kept->categorical > 0});
}

template <class T>
int Prepare(penstock_call* call, void** state) {
  const int64_t categorical = CountCategorical(call);
  void* memory = nullptr;
  const size_t size = KeptSize<T>(call->inputs[2]->shape[0], categorical);
  if (posix_memalign(&memory, alignof(Kept), size) != 0) return PENSTOCK_NO_MEMORY;
  char text[192];
  if (Fill<T>(call, static_cast<Kept*>(memory), categorical, text, sizeof text)) {
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
