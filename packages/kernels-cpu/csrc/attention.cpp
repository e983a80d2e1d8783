// Scaled dot-product attention without the matrix of scores, and its gradient.
//
// A task takes a block of queries and walks over blocks of keys; the scores of two blocks are a small matrix on its
// stack. The softmax is corrected as larger scores appear. The gradient makes the scores again from what forward kept,
// the logarithm of each query's sum: once for blocks of queries (dquery), once for blocks of keys (dkey, dvalue), so
// that no two tasks add to the same number and results never depend on the threads.
#include "gemm.h"
#include "penstock/kernel_abi.h"
#include "vec_math.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kQueries = 64, kKeys = 128;  // of a block; the scores are 32 KB
static_assert(kKeys % kTileCols == 0 && kQueries % kTileCols == 0, "blocks are whole panels");

struct Attention {
  int64_t batch, queries, keys, depth, width;
  float scale;
  bool causal;
  const float *query, *key, *value;
  const penstock_tensor* bias;  // NULL: none

  int64_t QueryBlocks() const { return CeilDiv(queries, kQueries); }
  int64_t KeyBlocks() const { return CeilDiv(keys, kKeys); }
  // Keys that queries before `end` may see.
  int64_t Visible(int64_t end) const { return causal ? MinOf(keys, end) : keys; }
};

Attention MakeAttention(const penstock_call* call, bool biased) {
  const penstock_tensor *q = call->inputs[0], *v = call->inputs[2];
  const int n = q->ndim;
  Attention a = {Extent(q, 0, n - 2),
                 q->shape[n - 2],
                 v->shape[n - 2],
                 q->shape[n - 1],
                 v->shape[n - 1],
                 0.0f,
                 BoolAttr(call, 0),
                 Input<float>(call, 0),
                 Input<float>(call, 1),
                 Input<float>(call, 2),
                 biased ? call->inputs[3] : nullptr};
  const double root = sqrt(static_cast<double>(MaxOf<int64_t>(a.depth, 1)));
  a.scale = static_cast<float>(IsNone(call, 1) ? 1.0 / root : FloatAttr(call, 1));
  return a;
}

// ---- the bias, broadcast ----

struct Bias {
  const float* data = nullptr;
  int64_t row = 0, col = 0;
};

// Where the bias of one batch entry begins, and its strides.
Bias BiasOf(const Attention& a, const penstock_call* call, int64_t batch) {
  if (a.bias == nullptr) return {};
  const penstock_tensor *b = a.bias, *q = call->inputs[0];
  const auto stride = [&](int d) { return d >= 0 && b->shape[d] != 1 ? b->strides[d] : 0; };
  Bias out = {Data<const float>(b), stride(b->ndim - 2), stride(b->ndim - 1)};
  for (int d = q->ndim - 3, own = b->ndim - 3; d >= 0; --d, --own) {
    out.data += batch % q->shape[d] * stride(own);
    batch /= q->shape[d];
  }
  return out;
}

// ---- packed operands ----

// Matrices [count, rows, cols] as panels of kTileCols columns: [count, panels, rows][kTileCols].
struct Packed {
  const float* data;
  int64_t rows, panels;
  int64_t Panel() const { return rows * kTileCols; }
  const float* Of(int64_t i) const { return data + i * panels * Panel(); }
};

// Element (i, j) of matrix m lies at data + m * size + i * row + j * col.
bool Pack(penstock_call* call, const float* data, int64_t count, int64_t size, int64_t rows,
          int64_t cols, int64_t row, int64_t col, Packed* out, int* status) {
  const int64_t panels = CeilDiv(cols, kTileCols), panel = rows * kTileCols;
  float* to = Scratch<float>(call, count * panels * panel);
  *out = {to, rows, panels};
  *status = PENSTOCK_NO_MEMORY;
  if (to == nullptr) return false;
  *status = ParallelFor(call, count * panels, Grain(panel), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % panels * kTileCols;
      const Matrix m = {data + i / panels * size + first * col, row, col};
      PackCols(m, rows, MinOf<int64_t>(kTileCols, cols - first), to + i * panel);
    }
  });
  return *status == PENSTOCK_OK;
}

// [rows, width] as it is: the inner dimension is the rows.
bool PackRowsOf(penstock_call* call, const float* data, const Attention& a, int64_t rows,
                int64_t width, Packed* out, int* status) {
  return Pack(call, data, a.batch, rows * width, rows, width, width, 1, out, status);
}

// [rows, width] transposed: the inner dimension is the width.
bool PackTransposed(penstock_call* call, const float* data, const Attention& a, int64_t rows,
                    int64_t width, Packed* out, int* status) {
  return Pack(call, data, a.batch, rows * width, width, rows, 1, width, out, status);
}

// c[rows, cols] (+)= a[rows, k] * b, with b's inner dimension from `inner` on, and its columns from `first` on.
struct Product {
  const float* a;
  int64_t a_row, a_k;
  Packed b;
  int64_t batch, inner, first;
};

void Multiply(const Product& p, int64_t rows, int64_t cols, int64_t k, bool accumulate, float* c,
              int64_t c_row) {
  Tile tile = {};
  tile.a = p.a;
  tile.a_row = p.a_row;
  tile.a_k = p.a_k;
  tile.b = p.b.Of(p.batch) + p.first / kTileCols * p.b.Panel() + p.inner * kTileCols;
  tile.b_k = kTileCols;
  tile.k = k;
  tile.segments = 1;
  tile.c = c;
  tile.c_row = c_row;
  tile.accumulate = accumulate;
  RunTiles(tile, rows, cols, p.b.Panel());
}

// ---- scores of one block ----

// Keys [key, key + keys) against queries [query, query + queries) of one batch entry.
struct Block {
  int64_t batch, query, queries, key, keys;
};

// out[queries][kKeys] = scale * query . key + bias, -inf where a query may not look.
void Scores(const Attention& a, const Packed& keys_transposed, const Bias& bias, const Block& b,
            float* out) {
  const float* query = a.query + (b.batch * a.queries + b.query) * a.depth;
  Multiply({query, a.depth, 1, keys_transposed, b.batch, 0, b.key}, b.queries, b.keys, a.depth,
           false, out, kKeys);
  for (int64_t i = 0; i < b.queries; ++i) {
    float* row = out + i * kKeys;
    for (int64_t j = 0; j < b.keys; ++j) row[j] *= a.scale;
    if (bias.data != nullptr) {
      const float* add = bias.data + (b.query + i) * bias.row + b.key * bias.col;
      for (int64_t j = 0; j < b.keys; ++j) row[j] += add[j * bias.col];
    }
    if (a.causal) {
      const int64_t seen = MaxOf<int64_t>(0, b.query + i + 1 - b.key);
      for (int64_t j = seen; j < b.keys; ++j) row[j] = -INFINITY;
    }
  }
}

Vf LoadUpTo(const float* p, int64_t n, float fill) {
  return n == kLanes ? Load(p) : LoadPartial(p, n, fill);
}

void StoreUpTo(float* p, Vf v, int64_t n) { n == kLanes ? Store(p, v) : StorePartial(p, v, n); }

template <class F>
void ForEachVector(int64_t size, const F& f) {
  ForVectors(
      size, [&](int64_t i) { f(i, int64_t{kLanes}); }, [&](int64_t i, int64_t n) { f(i, n); });
}

// ---- forward ----

float RowMax(const float* row, int64_t n) {
  Vf best = Splat(-INFINITY);
  ForEachVector(n, [&](int64_t j, int64_t count) {
    best = Maximum(best, LoadUpTo(row + j, count, -INFINITY));
  });
  return Across(best, [](float x, float y) { return Maximum(x, y); });
}

// row = exp(row - shift); returns the sum.
float Exponentiate(float* row, int64_t n, float shift) {
  Vf sum = {};
  ForEachVector(n, [&](int64_t j, int64_t count) {
    const Vf e = Exp(LoadUpTo(row + j, count, -INFINITY) - shift);
    StoreUpTo(row + j, e, count);
    sum += e;
  });
  return Across(sum, [](float x, float y) { return x + y; });
}

void ScaleRow(float* row, int64_t n, float factor) {
  for (int64_t j = 0; j < n; ++j) row[j] *= factor;
}

// What is known of each query of a block so far: its largest score, and the sum of the exponentials.
struct Running {
  float max[kQueries], sum[kQueries];
};

// Takes the scores of one block in: they become weights, and earlier results shrink if a score is larger than all.
void Absorb(const Attention& a, const Block& b, float* scores, Running* run, float* y) {
  for (int64_t i = 0; i < b.queries; ++i) {
    float* row = scores + i * kKeys;
    const float max = Maximum(run->max[i], RowMax(row, b.keys));
    const float shift = max == -INFINITY ? 0.0f : max;  // nothing seen yet: all weights are 0
    if (max != run->max[i] && run->sum[i] != 0.0f) {
      const float shrink = expf(run->max[i] - shift);
      run->sum[i] *= shrink;
      ScaleRow(y + i * a.width, a.width, shrink);
    }
    run->max[i] = max;
    run->sum[i] += Exponentiate(row, b.keys, shift);
  }
}

void ForwardBlock(const Attention& a, const penstock_call* call, const Packed& keys,
                  const Packed& values, int64_t batch, int64_t block, float* y, float* logsumexp) {
  alignas(64) float scores[kQueries * kKeys];
  Running run;
  const int64_t query = block * kQueries, queries = MinOf(kQueries, a.queries - query);
  const int64_t first = batch * a.queries + query;
  float* out = y + first * a.width;
  memset(out, 0, static_cast<size_t>(queries * a.width) * sizeof(float));
  for (int64_t i = 0; i < queries; ++i) run.max[i] = -INFINITY, run.sum[i] = 0.0f;
  const Bias bias = BiasOf(a, call, batch);
  const int64_t visible = a.Visible(query + queries);
  for (int64_t key = 0; key < visible; key += kKeys) {
    const Block b = {batch, query, queries, key, MinOf(kKeys, visible - key)};
    Scores(a, keys, bias, b, scores);
    Absorb(a, b, scores, &run, out);
    Multiply({scores, kKeys, 1, values, batch, key, 0}, queries, a.width, b.keys, true, out,
             a.width);
  }
  for (int64_t i = 0; i < queries; ++i) {
    const bool none = run.sum[i] == 0.0f;
    ScaleRow(out + i * a.width, a.width, none ? 0.0f : 1.0f / run.sum[i]);
    logsumexp[first + i] = none ? -INFINITY : run.max[i] + logf(run.sum[i]);
  }
}

int Forward(penstock_call* call, bool biased) {
  const Attention a = MakeAttention(call, biased);
  float *y = Output<float>(call, 0), *logsumexp = Output<float>(call, 1);
  if (a.batch == 0 || a.queries == 0) return PENSTOCK_OK;
  Packed keys, values;
  int status;
  if (!PackTransposed(call, a.key, a, a.keys, a.depth, &keys, &status) ||
      !PackRowsOf(call, a.value, a, a.keys, a.width, &values, &status)) {
    return status;
  }
  return ParallelFor(call, a.batch * a.QueryBlocks(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ForwardBlock(a, call, keys, values, i / a.QueryBlocks(), i % a.QueryBlocks(), y, logsumexp);
    }
  });
}

// ---- backward ----

struct Backward {
  Attention a;
  const penstock_call* call;
  const float *logsumexp, *dy, *products;  // products[query] = dy . y
  Packed keys_transposed, values_transposed;
};

// The weights of a block again, and ds = weights * (dy . value - products) * scale, both [queries][kKeys].
void WeightsAndSlopes(const Backward& g, const Bias& bias, const Block& b, float* weights,
                      float* slopes) {
  const Attention& a = g.a;
  Scores(a, g.keys_transposed, bias, b, weights);
  const int64_t first = b.batch * a.queries + b.query;
  Multiply({g.dy + first * a.width, a.width, 1, g.values_transposed, b.batch, 0, b.key}, b.queries,
           b.keys, a.width, false, slopes, kKeys);
  for (int64_t i = 0; i < b.queries; ++i) {
    float *p = weights + i * kKeys, *s = slopes + i * kKeys;
    const float known = g.logsumexp[first + i];
    const float shift = known == -INFINITY ? INFINITY : known;  // sees nothing: all weights are 0
    const float product = g.products[first + i];
    ForEachVector(b.keys, [&](int64_t j, int64_t n) {
      const Vf w = Exp(LoadUpTo(p + j, n, -INFINITY) - shift);
      StoreUpTo(p + j, w, n);
      StoreUpTo(s + j, w * (LoadUpTo(s + j, n, 0.0f) - product) * a.scale, n);
    });
  }
}

void QueryGradient(const Backward& g, const Packed& keys, int64_t batch, int64_t block,
                   float* dquery) {
  alignas(64) float weights[kQueries * kKeys], slopes[kQueries * kKeys];
  const Attention& a = g.a;
  const int64_t query = block * kQueries, queries = MinOf(kQueries, a.queries - query);
  float* out = dquery + (batch * a.queries + query) * a.depth;
  memset(out, 0, static_cast<size_t>(queries * a.depth) * sizeof(float));
  const Bias bias = BiasOf(a, g.call, batch);
  const int64_t visible = a.Visible(query + queries);
  for (int64_t key = 0; key < visible; key += kKeys) {
    const Block b = {batch, query, queries, key, MinOf(kKeys, visible - key)};
    WeightsAndSlopes(g, bias, b, weights, slopes);
    Multiply({slopes, kKeys, 1, keys, batch, key, 0}, queries, a.depth, b.keys, true, out, a.depth);
  }
}

void KeyGradient(const Backward& g, const Packed& queries, const Packed& slopes_of_y, int64_t batch,
                 int64_t block, float* dkey, float* dvalue) {
  alignas(64) float weights[kQueries * kKeys], slopes[kQueries * kKeys];
  const Attention& a = g.a;
  const int64_t key = block * kKeys, keys = MinOf(kKeys, a.keys - key);
  float* out_key = dkey + (batch * a.keys + key) * a.depth;
  float* out_value = dvalue + (batch * a.keys + key) * a.width;
  memset(out_key, 0, static_cast<size_t>(keys * a.depth) * sizeof(float));
  memset(out_value, 0, static_cast<size_t>(keys * a.width) * sizeof(float));
  const Bias bias = BiasOf(a, g.call, batch);
  // Queries before the block's first key do not see it.
  for (int64_t query = a.causal ? key / kQueries * kQueries : 0; query < a.queries;
       query += kQueries) {
    const Block b = {batch, query, MinOf(kQueries, a.queries - query), key, keys};
    WeightsAndSlopes(g, bias, b, weights, slopes);
    Multiply({weights, 1, kKeys, slopes_of_y, batch, query, 0}, keys, a.width, b.queries, true,
             out_value, a.width);
    Multiply({slopes, 1, kKeys, queries, batch, query, 0}, keys, a.depth, b.queries, true, out_key,
             a.depth);
  }
}

// dy . y for every query.
float* Products(penstock_call* call, const Attention& a, const float* y, const float* dy,
                int* status) {
  float* out = Scratch<float>(call, a.batch * a.queries);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status = ParallelFor(call, a.batch * a.queries, Grain(a.width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Vf sum = {};
      ForEachVector(a.width, [&](int64_t j, int64_t n) {
        sum += LoadUpTo(y + i * a.width + j, n, 0.0f) * LoadUpTo(dy + i * a.width + j, n, 0.0f);
      });
      out[i] = Across(sum, [](float x, float z) { return x + z; });
    }
  });
  return out;
}

int Gradient(penstock_call* call, bool biased) {
  const int first = biased ? 4 : 3;
  const Attention a = MakeAttention(call, biased);
  const float *y = Input<float>(call, first), *dy = Input<float>(call, first + 2);
  Backward g = {a, call, Input<float>(call, first + 1), dy, nullptr, {}, {}};
  Packed keys, queries, slopes_of_y;
  int status;
  g.products = Products(call, a, y, dy, &status);
  if (status != PENSTOCK_OK ||
      !PackTransposed(call, a.key, a, a.keys, a.depth, &g.keys_transposed, &status) ||
      !PackTransposed(call, a.value, a, a.keys, a.width, &g.values_transposed, &status) ||
      !PackRowsOf(call, a.key, a, a.keys, a.depth, &keys, &status) ||
      !PackRowsOf(call, a.query, a, a.queries, a.depth, &queries, &status) ||
      !PackRowsOf(call, dy, a, a.queries, a.width, &slopes_of_y, &status)) {
    return status;
  }
  status = ParallelFor(call, a.batch * a.QueryBlocks(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      QueryGradient(g, keys, i / a.QueryBlocks(), i % a.QueryBlocks(), Output<float>(call, 0));
    }
  });
  if (status != PENSTOCK_OK) return status;
  return ParallelFor(call, a.batch * a.KeyBlocks(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      KeyGradient(g, queries, slopes_of_y, i / a.KeyBlocks(), i % a.KeyBlocks(),
                  Output<float>(call, 1), Output<float>(call, 2));
    }
  });
}

}  // namespace

int Attend(penstock_call* call) { return Forward(call, false); }
int AttendBiased(penstock_call* call) { return Forward(call, true); }
int AttentionGrad(penstock_call* call) { return Gradient(call, false); }
int AttentionBiasedGrad(penstock_call* call) { return Gradient(call, true); }

}  // namespace penstock::cpu::PENSTOCK_ISA
