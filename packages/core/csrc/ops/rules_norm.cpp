// Normalisation of each sample by itself: over its last axes, or over groups of its channels.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

// x's shape with size 1 in place of the axes that are normalised: the last ones, as many as scale (input 1) has.
Shape row_statistics(InferContext& ctx) {
  const Shape &x = ctx.shape(0), &scale = ctx.shape(1);
  if (scale.ndim < 1 || scale.ndim > x.ndim)
    ctx.fail(ErrorKind::kShape, "scale has shape ", ctx.dims(scale), " for x of shape ",
             ctx.dims(x), "; expected the shape of the last axes of x, those that are normalised");
  Shape last, statistics = x;
  for (int i = x.ndim - scale.ndim; i < x.ndim; ++i) {
    last.push(x[i]);
    statistics[i] = 1;
  }
  need_shape(ctx, 1, last, "the shape of the last axes of x");
  return statistics;
}

// [batch, groups], and the checks on x, scale and groups.
Shape group_statistics(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  need_rank_at_least(ctx, 0, 2);
  int64_t groups = ctx.get_int(0);
  Dim channels = x[x.ndim - 1];
  if (groups < 1) ctx.fail(ErrorKind::kValue, "got groups=", groups, "; use 1 or more");
  if (!ctx.equal(channels, dim_mul(dim_floordiv(channels, groups), groups)))
    ctx.fail(ErrorKind::kShape, "x has shape ", ctx.dims(x), ": ", groups,
             " groups do not divide its channels, the last axis; change groups");
  need_shape(ctx, 1, {channels}, "one number for each channel, the last axis of x");
  return {x[0], groups};
}

void need_like(InferContext& ctx, int i, const Shape& shape) {
  need_shape(ctx, i, shape, "what the normalisation returned");
}

}  // namespace

// x, scale, offset -> y, mean, 1 / deviation.
void rule_layer_norm(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 3);
  Shape statistics = row_statistics(ctx);
  need_shape(ctx, 2, ctx.shape(1), "the shape of scale");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, statistics);
  ctx.output(type, statistics);
}

// x, scale, mean, 1 / deviation, dy -> dx, dscale, doffset.
void rule_layer_norm_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 5);
  Shape statistics = row_statistics(ctx);
  need_like(ctx, 2, statistics);
  need_like(ctx, 3, statistics);
  need_shape(ctx, 4, ctx.shape(0), "the shape of x");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, ctx.shape(1));
  ctx.output(type, ctx.shape(1));
}

// x, scale -> y, 1 / root mean square.
void rule_rms_norm(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  Shape statistics = row_statistics(ctx);
  ctx.output(type, ctx.shape(0));
  ctx.output(type, statistics);
}

// x, scale, 1 / root mean square, dy -> dx, dscale.
void rule_rms_norm_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 4);
  need_like(ctx, 2, row_statistics(ctx));
  need_shape(ctx, 3, ctx.shape(0), "the shape of x");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, ctx.shape(1));
}

// x, scale, offset -> y, mean, 1 / deviation.
void rule_group_norm(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 3);
  Shape statistics = group_statistics(ctx);
  need_shape(ctx, 2, ctx.shape(1), "one number for each channel, the last axis of x");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, statistics);
  ctx.output(type, statistics);
}

// x, scale, mean, 1 / deviation, dy -> dx, dscale, doffset.
void rule_group_norm_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 5);
  Shape statistics = group_statistics(ctx);
  need_like(ctx, 2, statistics);
  need_like(ctx, 3, statistics);
  need_shape(ctx, 4, ctx.shape(0), "the shape of x");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, ctx.shape(1));
  ctx.output(type, ctx.shape(1));
}

}  // namespace penstock
