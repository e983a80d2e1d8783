// The gradient of attention. It makes the scores again from what forward kept, the logarithm of each query's sum.
//
// Short sequences are cut by heads: a task makes the scores of a block once, for all three results. Long ones are cut
// into blocks, once of queries (dquery) and once of keys (dkey, dvalue), so that no two tasks add to the same number.
// Which it is depends on sizes alone, and so does every sum's order: results never depend on the threads.
#include "attention.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Backward {
  Attention a;
  const float *logsumexp, *y, *dy;
  float *dquery, *dkey, *dvalue;
  float* products;  // for every query dy . y
  Packed keys_transposed, values_transposed, keys, queries, slopes_of_y;

  void Pack(int64_t head, int64_t slot) const {
    const float* key = a.key + a.At(a.key_at, head);
    PackTransposed(key, a.key_at.row, a.keys, a.depth, keys_transposed.Of(slot));
    PackTokens(key, a.key_at.row, a.keys, a.depth, keys.Of(slot));
    PackTransposed(a.value + a.At(a.value_at, head), a.value_at.row, a.keys, a.width,
                   values_transposed.Of(slot));
    PackTokens(a.query + a.At(a.query_at, head), a.query_at.row, a.queries, a.depth,
               queries.Of(slot));
    PackTokens(dy + a.At(a.y_at, head), a.y_at.row, a.queries, a.width, slopes_of_y.Of(slot));
    Products(head);
  }

  void Products(int64_t head) const {
    const int64_t at = a.At(a.y_at, head);
    for (int64_t i = 0; i < a.queries; ++i) {
      const float *p = y + at + i * a.y_at.row, *q = dy + at + i * a.y_at.row;
      Vf sum = {};
      ForEachVector(a.width, [&](int64_t j, int64_t n) {
        sum += LoadUpTo(p + j, n, 0.0f) * LoadUpTo(q + j, n, 0.0f);
      });
      products[head * a.queries + i] = SumLanes(sum);
    }
  }
};

// The weights of a block again, and ds = weights * (dy . value - products) * scale, both [queries][kKeys].
void WeightsAndSlopes(const Backward& g, const Bias& bias, const Block& b, float* weights,
                      float* slopes) {
  const Attention& a = g.a;
  RawScores(a, g.keys_transposed, b, weights);
  const float* dy = g.dy + a.At(a.y_at, b.head) + b.query * a.y_at.row;
  Multiply({dy, a.y_at.row, 1, g.values_transposed, b.slot, 0, b.key}, b.queries, b.keys, a.width,
           false, slopes, kKeys);
  const int64_t first = b.head * a.queries + b.query;
  for (int64_t i = 0; i < b.queries; ++i) {
    float *p = weights + i * kKeys, *s = slopes + i * kKeys;
    const float known = g.logsumexp[first + i];
    const float shift = known == -INFINITY ? INFINITY : known;  // sees nothing: all weights are 0
    const float product = g.products[first + i];
    const int64_t seen = Seen(a, b, i);
    ForScores(a, bias, b, i, p, seen, [&](int64_t j, int64_t n, Vf score) {
      const Vf w = Exp(score - shift);
      StoreUpTo(p + j, w, n);
      StoreUpTo(s + j, w * (LoadUpTo(s + j, n, 0.0f) - product) * a.scale, n);
    });
    for (int64_t j = seen; j < b.keys; ++j) p[j] = s[j] = 0.0f;
  }
}

void Clear(float* rows, int64_t row, int64_t count, int64_t width) {
  for (int64_t i = 0; i < count; ++i) {
    memset(rows + i * row, 0, static_cast<size_t>(width) * sizeof(float));
  }
}

void AddToQueries(const Backward& g, const Block& b, const float* slopes) {
  const Attention& a = g.a;
  float* out = g.dquery + a.At(a.query_at, b.head) + b.query * a.query_at.row;
  Multiply({slopes, kKeys, 1, g.keys, b.slot, b.key, 0}, b.queries, a.depth, b.keys, b.key > 0, out,
           a.query_at.row);
}

void QueryGradient(const Backward& g, int64_t head, int64_t block) {
  alignas(64) float weights[kQueries * kKeys], slopes[kQueries * kKeys];
  const Attention& a = g.a;
  const int64_t query = block * kQueries, queries = MinOf(kQueries, a.queries - query);
  const Bias bias = BiasOf(a, head);
  const int64_t visible = a.Visible(query + queries);
  for (int64_t key = 0; key < visible; key += kKeys) {
    const Block b = {head, head, query, queries, key, MinOf(kKeys, visible - key)};
    WeightsAndSlopes(g, bias, b, weights, slopes);
    AddToQueries(g, b, slopes);
  }
}

// dkey and dvalue of a block of keys; with `whole`, what the block adds to dquery too.
void KeyGradient(const Backward& g, int64_t head, int64_t slot, int64_t block, bool whole) {
  alignas(64) float weights[kQueries * kKeys], slopes[kQueries * kKeys];
  const Attention& a = g.a;
  const int64_t key = block * kKeys, keys = MinOf(kKeys, a.keys - key);
  float* out_key = g.dkey + a.At(a.key_at, head) + key * a.key_at.row;
  float* out_value = g.dvalue + a.At(a.value_at, head) + key * a.value_at.row;
  const Bias bias = BiasOf(a, head);
  // Queries before the block's first key do not see it.
  const int64_t from = a.causal ? key / kQueries * kQueries : 0;
  for (int64_t query = from; query < a.queries; query += kQueries) {
    const Block b = {head, slot, query, MinOf(kQueries, a.queries - query), key, keys};
    WeightsAndSlopes(g, bias, b, weights, slopes);
    const bool more = query > from;
    Multiply({weights, 1, kKeys, g.slopes_of_y, slot, query, 0}, keys, a.width, b.queries, more,
             out_value, a.value_at.row);
    Multiply({slopes, 1, kKeys, g.queries, slot, query, 0}, keys, a.depth, b.queries, more, out_key,
             a.key_at.row);
    if (whole) AddToQueries(g, b, slopes);
  }
  if (from >= a.queries) {  // nobody sees these keys
    Clear(out_key, a.key_at.row, keys, a.depth);
    Clear(out_value, a.value_at.row, keys, a.width);
  }
}

// Room for the packed operands of so many heads.
bool MakeRoom(penstock_call* call, int64_t slots, Backward* g) {
  const Attention& a = g->a;
  g->keys_transposed = {nullptr, a.depth, a.keys};
  g->values_transposed = {nullptr, a.width, a.keys};
  g->keys = {nullptr, a.keys, a.depth};
  g->queries = {nullptr, a.queries, a.depth};
  g->slopes_of_y = {nullptr, a.queries, a.width};
  Packed* all[] = {&g->keys_transposed, &g->values_transposed, &g->keys, &g->queries,
                   &g->slopes_of_y};
  int64_t size = 0;
  for (const Packed* p : all) size += slots * p->Size();
  float* room = Scratch<float>(call, size + a.batch * a.queries);
  if (room == nullptr) return false;
  for (Packed* p : all) {
    p->data = room;
    room += slots * p->Size();
  }
  g->products = room;
  return true;
}

int ByHeads(penstock_call* call, const Backward& g, int64_t per_chunk) {
  return ParallelFor(call, g.a.batch, per_chunk, [&](int64_t begin, int64_t end) {
    const int64_t slot = begin / per_chunk;
    for (int64_t head = begin; head < end; ++head) {
      g.Pack(head, slot);
      for (int64_t i = 0; i < g.a.KeyBlocks(); ++i) KeyGradient(g, head, slot, i, true);
    }
  });
}

int ByBlocks(penstock_call* call, const Backward& g) {
  const int64_t query_blocks = g.a.QueryBlocks(), key_blocks = g.a.KeyBlocks();
  int status = ParallelFor(call, g.a.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) g.Pack(head, head);
  });
  if (status != PENSTOCK_OK) return status;
  status = ParallelFor(call, g.a.batch * query_blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) QueryGradient(g, i / query_blocks, i % query_blocks);
  });
  if (status != PENSTOCK_OK) return status;
  return ParallelFor(call, g.a.batch * key_blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      KeyGradient(g, i / key_blocks, i / key_blocks, i % key_blocks, false);
    }
  });
}

int Gradient(penstock_call* call, bool biased) {
  const int first = biased ? 4 : 3;
  Backward g = {};
  g.a = MakeAttention(call, biased);
  g.y = Input<float>(call, first);
  g.logsumexp = Input<float>(call, first + 1);
  g.dy = Input<float>(call, first + 2);
  g.dquery = Output<float>(call, 0);
  g.dkey = Output<float>(call, 1);
  g.dvalue = Output<float>(call, 2);
  if (g.a.batch == 0) return PENSTOCK_OK;
  if (g.a.keys == 0) {
    memset(g.dquery, 0, static_cast<size_t>(Count(call->outputs[0])) * sizeof(float));
    return PENSTOCK_OK;
  }
  const int64_t per_chunk = CeilDiv(g.a.batch, kChunks);
  if (!MakeRoom(call, g.a.ByHeads() ? CeilDiv(g.a.batch, per_chunk) : g.a.batch, &g)) {
    return PENSTOCK_NO_MEMORY;
  }
  return g.a.ByHeads() ? ByHeads(call, g, per_chunk) : ByBlocks(call, g);
}

}  // namespace

int AttentionGrad(penstock_call* call) { return Gradient(call, false); }
int AttentionBiasedGrad(penstock_call* call) { return Gradient(call, true); }

}  // namespace penstock::cpu::PENSTOCK_ISA
