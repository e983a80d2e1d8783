// Attention: queries [..., queries, depth], keys [..., keys, depth], values [..., keys, width]. By token, the axis before
// the last counts heads: [..., queries, heads, depth].
#include <utility>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

Shape batch_of(const Shape& s) {
  Shape out = s;
  out.ndim -= 2;
  return out;
}

constexpr int kByToken = 2;  // the attribute

// With heads before tokens, as the rule speaks of them; and back.
Shape by_heads(const InferContext& ctx, const Shape& s) {
  Shape out = s;
  if (ctx.get_bool(kByToken)) std::swap(out[s.ndim - 3], out[s.ndim - 2]);
  return out;
}

struct Attention {
  Shape y, logsumexp;
};

// Checks inputs 0, 1, 2, and 3 if there is a bias.
Attention attention(InferContext& ctx, bool biased) {
  for (int i = 0; i < 3; ++i) need_rank_at_least(ctx, i, ctx.get_bool(kByToken) ? 3 : 2);
  const Shape query = by_heads(ctx, ctx.shape(0)), key = by_heads(ctx, ctx.shape(1));
  const Shape value = by_heads(ctx, ctx.shape(2));
  Attention out{batch_of(query), batch_of(query)};
  Shape keys = batch_of(query), values = keys;
  Dim count = key[key.ndim - 2];
  keys.push(count);
  keys.push(query[query.ndim - 1]);
  need_shape(ctx, 1, by_heads(ctx, keys),
             "query's leading axes, then [keys, depth] with query's depth");
  values.push(count);
  values.push(value[value.ndim - 1]);
  need_shape(ctx, 2, by_heads(ctx, values),
             "query's leading axes, then [keys, width] with the keys of key");
  out.y.push(query[query.ndim - 2]);
  out.y.push(value[value.ndim - 1]);
  out.logsumexp.push(query[query.ndim - 2]);
  out.y = by_heads(ctx, out.y);
  if (!biased) return out;
  Shape scores = out.logsumexp;
  scores.push(count);
  if (ctx.shape(3).ndim > scores.ndim ||
      !ctx.same_shape(ctx.broadcast(ctx.shape(3), scores), scores))
    ctx.fail(ErrorKind::kShape, "bias has shape ", ctx.dims(ctx.shape(3)),
             "; expected one that broadcasts to the scores, ", ctx.dims(scores),
             " (the leading axes, queries, keys); reshape it");
  return out;
}

void forward(InferContext& ctx, int inputs) {
  DType type = common_dtype(ctx, kRealFloat, 0, inputs);
  Attention out = attention(ctx, inputs == 4);
  ctx.output(type, out.y);
  ctx.output(type, out.logsumexp);
}

// The inputs of forward, then y, logsumexp, dy -> dquery, dkey, dvalue.
void gradient(InferContext& ctx, int inputs) {
  DType type = common_dtype(ctx, kRealFloat, 0, inputs + 3);
  Attention out = attention(ctx, inputs == 4);
  need_shape(ctx, inputs, out.y, "the shape of attention's result");
  need_shape(ctx, inputs + 1, out.logsumexp, "what attention returned");
  need_shape(ctx, inputs + 2, out.y, "the shape of attention's result");
  for (int i = 0; i < 3; ++i) ctx.output(type, ctx.shape(i));
}

}  // namespace

void rule_attention(InferContext& ctx) { forward(ctx, 3); }
void rule_attention_biased(InferContext& ctx) { forward(ctx, 4); }
void rule_attention_grad(InferContext& ctx) { gradient(ctx, 3); }
void rule_attention_biased_grad(InferContext& ctx) { gradient(ctx, 4); }

}  // namespace penstock
