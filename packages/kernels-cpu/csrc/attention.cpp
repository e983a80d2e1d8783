// Scaled dot-product attention without the matrix of scores.
//
// A task takes a block of queries and walks over blocks of keys; the scores of two blocks are a small matrix on its
// stack. The softmax is corrected as larger scores appear. Short sequences are cut by heads, so that what was packed is
// still near when it is used; long ones by blocks of queries, after all keys and values were packed.
#include "attention.h"

namespace penstock::cpu::PENSTOCK_ISA {

// ---- shared with the gradient ----

namespace {

Layout LayoutOf(int64_t heads, int64_t tokens, int64_t width, bool by_token) {
  if (by_token) return {tokens * heads * width, width, heads * width};
  return {tokens * width, 0, width};
}

// The scores' shape along axis d, which is [..., heads, queries, keys].
int64_t ScoresAxis(const Attention& a, int d) {
  return a.by_token && d == a.shape->ndim - 3 ? a.heads : a.shape->shape[d];
}

}  // namespace

Attention MakeAttention(const penstock_call* call, bool biased) {
  const penstock_tensor *q = call->inputs[0], *k = call->inputs[1], *v = call->inputs[2];
  const int n = q->ndim;
  Attention a = {};
  a.by_token = BoolAttr(call, 2);
  const int tokens = a.by_token ? n - 3 : n - 2;
  a.heads = a.by_token ? q->shape[n - 2] : 1;
  a.batch = Extent(q, 0, tokens) * a.heads;
  a.queries = q->shape[tokens];
  a.keys = k->shape[tokens];
  a.depth = q->shape[n - 1];
  a.width = v->shape[n - 1];
  a.causal = BoolAttr(call, 0);
  a.query = Input<float>(call, 0);
  a.key = Input<float>(call, 1);
  a.value = Input<float>(call, 2);
  a.query_at = LayoutOf(a.heads, a.queries, a.depth, a.by_token);
  a.key_at = LayoutOf(a.heads, a.keys, a.depth, a.by_token);
  a.value_at = LayoutOf(a.heads, a.keys, a.width, a.by_token);
  a.y_at = LayoutOf(a.heads, a.queries, a.width, a.by_token);
  a.bias = biased ? call->inputs[3] : nullptr;
  a.shape = q;
  const double root = sqrt(static_cast<double>(MaxOf<int64_t>(a.depth, 1)));
  a.scale = static_cast<float>(IsNone(call, 1) ? 1.0 / root : FloatAttr(call, 1));
  return a;
}

Bias BiasOf(const Attention& a, int64_t head) {
  if (a.bias == nullptr) return {};
  const penstock_tensor* b = a.bias;
  const auto stride = [&](int d) { return d >= 0 && b->shape[d] != 1 ? b->strides[d] : 0; };
  Bias out = {Data<const float>(b), stride(b->ndim - 2), stride(b->ndim - 1)};
  for (int d = a.shape->ndim - 3, own = b->ndim - 3; d >= 0; --d, --own) {
    const int64_t size = ScoresAxis(a, d);
    out.data += head % size * stride(own);
    head /= size;
  }
  return out;
}

void PackTokens(const float* data, int64_t row, int64_t tokens, int64_t width, float* out) {
  for (int64_t j = 0; j < width; j += kTileCols, out += tokens * kTileCols) {
    PackCols({data + j, row, 1}, tokens, MinOf<int64_t>(kTileCols, width - j), out);
  }
}

void PackTransposed(const float* data, int64_t row, int64_t tokens, int64_t width, float* out) {
  for (int64_t j = 0; j < tokens; j += kTileCols, out += width * kTileCols) {
    PackCols({data + j * row, 1, row}, width, MinOf<int64_t>(kTileCols, tokens - j), out);
  }
}

void Multiply(const AttentionProduct& p, int64_t rows, int64_t cols, int64_t k, bool accumulate,
              float* c, int64_t c_row) {
  Tile tile = {};
  tile.a = p.a;
  tile.a_row = p.a_row;
  tile.a_k = p.a_k;
  tile.b = p.b.Of(p.slot) + p.first / kTileCols * p.b.Panel() + p.inner * kTileCols;
  tile.b_k = kTileCols;
  tile.k = k;
  tile.segments = 1;
  tile.c = c;
  tile.c_row = c_row;
  tile.accumulate = accumulate;
  RunTiles(tile, rows, cols, p.b.Panel());
}

void RawScores(const Attention& a, const Packed& keys_transposed, const Block& b, float* out) {
  const float* query = a.query + a.At(a.query_at, b.head) + b.query * a.query_at.row;
  Multiply({query, a.query_at.row, 1, keys_transposed, b.slot, 0, b.key}, b.queries, b.keys,
           a.depth, false, out, kKeys);
}

// ---- forward ----

namespace {

// What is known of each query of a block so far: its largest score, and the sum of the exponentials.
struct Running {
  alignas(64) float max[kQueries], sum[kQueries];
};

void ScaleRow(float* row, int64_t n, float factor) {
  for (int64_t j = 0; j < n; ++j) row[j] *= factor;
}

// Of a and NaN it is a: the sum of the exponentials will be NaN anyway.
Vf Larger(Vf a, Vf b) { return b > a ? b : a; }

// row = the scores, scaled and with the bias; returns the largest.
float FinishRow(const Attention& a, const Bias& bias, const Block& b, int64_t i, int64_t seen,
                float* row) {
  Vf best = Splat(-INFINITY);
  ForScores(a, bias, b, i, row, seen, [&](int64_t j, int64_t n, Vf s) {
    StoreUpTo(row + j, s, n);
    best = Larger(best, n == kLanes ? s : LoadPartial(row + j, n, -INFINITY));
  });
  return FoldLanes(best, Larger);
}

// row = exp(row - shift), and 0 for keys that are not seen; returns the sum.
float Exponentiate(float* row, int64_t seen, int64_t keys, float shift) {
  Vf sum = {};
  ForEachVector(seen, [&](int64_t j, int64_t n) {
    const Vf e = Exp(LoadUpTo(row + j, n, -INFINITY) - shift);
    StoreUpTo(row + j, e, n);
    sum += e;
  });
  for (int64_t j = seen; j < keys; ++j) row[j] = 0.0f;
  return SumLanes(sum);
}

// Takes the scores of one block in: they become weights, and earlier results shrink if a score is larger than all.
void Absorb(const Attention& a, const Bias& bias, const Block& b, float* scores, Running* run,
            float* y) {
  for (int64_t i = 0; i < b.queries; ++i) {
    float* row = scores + i * kKeys;
    const int64_t seen = Seen(a, b, i);
    const float max = Maximum(run->max[i], FinishRow(a, bias, b, i, seen, row));
    const float shift = max == -INFINITY ? 0.0f : max;  // nothing seen yet: all weights are 0
    if (max != run->max[i] && run->sum[i] != 0.0f) {
      const float shrink = expf(run->max[i] - shift);
      run->sum[i] *= shrink;
      ScaleRow(y + i * a.y_at.row, a.width, shrink);
    }
    run->max[i] = max;
    run->sum[i] += Exponentiate(row, seen, b.keys, shift);
  }
}

// Divides by the sums, and keeps their logarithms for the gradient.
void Finish(const Attention& a, const Running& run, int64_t queries, float* y, float* logsumexp) {
  for (int64_t i = 0; i < queries; ++i) {
    ScaleRow(y + i * a.y_at.row, a.width, run.sum[i] == 0.0f ? 0.0f : 1.0f / run.sum[i]);
  }
  ForEachVector(queries, [&](int64_t i, int64_t n) {
    const Vf sum = LoadUpTo(run.sum + i, n, 1.0f);
    const Vf known = LoadUpTo(run.max + i, n, 0.0f) + Log(sum);
    StoreUpTo(logsumexp + i, sum == 0.0f ? Splat(-INFINITY) : known, n);
  });
}

// Keys and values of the heads that are being worked on.
struct Operands {
  Packed keys, values;

  void Pack(const Attention& a, int64_t head, int64_t slot) const {
    PackTransposed(a.key + a.At(a.key_at, head), a.key_at.row, a.keys, a.depth, keys.Of(slot));
    PackTokens(a.value + a.At(a.value_at, head), a.value_at.row, a.keys, a.width, values.Of(slot));
  }
};

struct Results {
  float *y, *logsumexp;
};

void ForwardBlock(const Attention& a, const Operands& packed, int64_t head, int64_t slot,
                  int64_t block, const Results& to) {
  alignas(64) float scores[kQueries * kKeys];
  Running run;
  const int64_t query = block * kQueries, queries = MinOf(kQueries, a.queries - query);
  float* out = to.y + a.At(a.y_at, head) + query * a.y_at.row;
  for (int64_t i = 0; i < queries; ++i) run.max[i] = -INFINITY, run.sum[i] = 0.0f;
  const Bias bias = BiasOf(a, head);
  const int64_t visible = a.Visible(query + queries);
  for (int64_t key = 0; key < visible; key += kKeys) {
    const Block b = {head, slot, query, queries, key, MinOf(kKeys, visible - key)};
    RawScores(a, packed.keys, b, scores);
    Absorb(a, bias, b, scores, &run, out);
    Multiply({scores, kKeys, 1, packed.values, slot, key, 0}, queries, a.width, b.keys, key > 0,
             out, a.y_at.row);
  }
  if (visible == 0) {
    for (int64_t i = 0; i < queries; ++i) {
      memset(out + i * a.y_at.row, 0, static_cast<size_t>(a.width) * sizeof(float));
    }
  }
  Finish(a, run, queries, out, to.logsumexp + head * a.queries + query);
}

int Forward(penstock_call* call, bool biased) {
  const Attention a = MakeAttention(call, biased);
  const Results to = {Output<float>(call, 0), Output<float>(call, 1)};
  if (a.batch == 0 || a.queries == 0) return PENSTOCK_OK;
  const int64_t per_chunk = CeilDiv(a.batch, kChunks), blocks = a.QueryBlocks();
  const int64_t slots = a.ByHeads() ? CeilDiv(a.batch, per_chunk) : a.batch;
  Operands packed = {{nullptr, a.depth, a.keys}, {nullptr, a.keys, a.width}};
  float* room = Scratch<float>(call, slots * (packed.keys.Size() + packed.values.Size()));
  if (room == nullptr) return PENSTOCK_NO_MEMORY;
  packed.keys.data = room;
  packed.values.data = room + slots * packed.keys.Size();
  if (a.ByHeads()) {
    return ParallelFor(call, a.batch, per_chunk, [&](int64_t begin, int64_t end) {
      const int64_t slot = begin / per_chunk;
      for (int64_t head = begin; head < end; ++head) {
        packed.Pack(a, head, slot);
        for (int64_t i = 0; i < blocks; ++i) ForwardBlock(a, packed, head, slot, i, to);
      }
    });
  }
  const int status = ParallelFor(call, a.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) packed.Pack(a, head, head);
  });
  if (status != PENSTOCK_OK) return status;
  return ParallelFor(call, a.batch * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ForwardBlock(a, packed, i / blocks, i / blocks, i % blocks, to);
    }
  });
}

}  // namespace

int Attend(penstock_call* call) { return Forward(call, false); }
int AttendBiased(penstock_call* call) { return Forward(call, true); }

}  // namespace penstock::cpu::PENSTOCK_ISA
