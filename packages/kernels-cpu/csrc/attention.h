// What attention and its gradient share: where heads lie, packed operands, and the scores of a block.
#ifndef PENSTOCK_KERNELS_CPU_ATTENTION_H_
#define PENSTOCK_KERNELS_CPU_ATTENTION_H_

#include "gemm.h"
#include "lanes.h"
#include "penstock/kernel_abi.h"
#include "vec_math.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int64_t kQueries = 64, kKeys = 128;  // of a block; the scores are 32 KB
static_assert(kKeys % kTileCols == 0 && kQueries % kTileCols == 0, "blocks are whole panels");

// One task takes a whole head where that is no more than so many multiplications for a product, 0.1 ms; else a block.
constexpr int64_t kHeadCost = 8 << 20;
constexpr int64_t kChunks = 32;  // of heads, each with room of its own for packed operands

// How the rows of all heads lie: element j of token i of head h begins at entry * ... + h * head + i * row + j.
struct Layout {
  int64_t entry, head, row;
};

struct Attention {
  int64_t batch;  // heads of all entries together
  int64_t heads;  // of an entry, where tokens come before heads; else 1
  int64_t queries, keys, depth, width;
  float scale;
  bool causal, by_token;
  const float *query, *key, *value;
  Layout query_at, key_at, value_at, y_at;
  const penstock_tensor* bias;   // NULL: none
  const penstock_tensor* shape;  // the query's

  int64_t QueryBlocks() const { return CeilDiv(queries, kQueries); }
  int64_t KeyBlocks() const { return CeilDiv(keys, kKeys); }
  // Keys that queries before `end` may see.
  int64_t Visible(int64_t end) const { return causal ? MinOf(keys, end) : keys; }
  int64_t At(const Layout& l, int64_t head) const {
    return head / heads * l.entry + head % heads * l.head;
  }
  bool ByHeads() const { return queries * keys * (depth + width) <= kHeadCost; }
};

// The inputs are query, key and value, then the bias if there is one; the attributes causal, scale and by_token.
Attention MakeAttention(const penstock_call* call, bool biased);

// The bias of one head, broadcast: its first number, and its strides; col is 0 or 1.
struct Bias {
  const float* data = nullptr;
  int64_t row = 0, col = 0;
};

Bias BiasOf(const Attention& a, int64_t head);

// ---- packed operands ----

// Matrices [count, rows, cols] as panels of kTileCols columns: [count, panels, rows][kTileCols].
struct Packed {
  float* data;
  int64_t rows, cols;
  int64_t Panel() const { return rows * kTileCols; }
  int64_t Size() const { return CeilDiv(cols, kTileCols) * Panel(); }
  float* Of(int64_t slot) const { return data + slot * Size(); }
};

// Tokens' rows: the inner dimension is the tokens. Transposed, it is the width.
void PackTokens(const float* data, int64_t row, int64_t tokens, int64_t width, float* out);
void PackTransposed(const float* data, int64_t row, int64_t tokens, int64_t width, float* out);

// c[rows, cols] (+)= a[rows, k] * b, with b's inner dimension from `inner` on, and its columns from `first` on.
struct AttentionProduct {
  const float* a;
  int64_t a_row, a_k;
  Packed b;
  int64_t slot, inner, first;
};

void Multiply(const AttentionProduct& p, int64_t rows, int64_t cols, int64_t k, bool accumulate,
              float* c, int64_t c_row);

// ---- scores of one block ----

// Keys [key, key + keys) against queries [query, query + queries) of one head, whose packed operands are in a slot.
struct Block {
  int64_t head, slot, query, queries, key, keys;
};

// out[queries][kKeys] = query . key, not yet scaled.
void RawScores(const Attention& a, const Packed& keys_transposed, const Block& b, float* out);

// How many of the block's keys its query i may see.
inline int64_t Seen(const Attention& a, const Block& b, int64_t i) {
  return a.causal ? MinOf(b.keys, MaxOf<int64_t>(0, b.query + i + 1 - b.key)) : b.keys;
}

// f(j, n, scores) for the vectors of a row: scaled, and with the bias; what lies behind the end has no meaning.
template <class F>
void ForScores(const Attention& a, const Bias& bias, const Block& b, int64_t i, const float* row,
               int64_t seen, const F& f) {
  const auto scaled = [&](int64_t j, int64_t n) {
    return LoadUpTo(row + j, n, -INFINITY) * a.scale;
  };
  const float* add = bias.data ? bias.data + (b.query + i) * bias.row + b.key * bias.col : nullptr;
  if (add == nullptr) {
    ForEachVector(seen, [&](int64_t j, int64_t n) { f(j, n, scaled(j, n)); });
  } else if (bias.col == 0) {
    ForEachVector(seen, [&](int64_t j, int64_t n) { f(j, n, scaled(j, n) + *add); });
  } else {
    ForEachVector(
        seen, [&](int64_t j, int64_t n) { f(j, n, scaled(j, n) + LoadUpTo(add + j, n, 0.0f)); });
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_ATTENTION_H_
