// Order: sort, argsort, top_k and searchsorted.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

DType sorted_along(InferContext& ctx, int attr) {
  DType type = accept(ctx, ctx.dtype(0), kReal);
  ctx.want(0, type);
  ctx.attrs[static_cast<size_t>(attr)] = ctx.axis(ctx.get_int(attr), ctx.shape(0).ndim);
  return type;
}

}  // namespace

void rule_sort(InferContext& ctx) { ctx.output(sorted_along(ctx, 0), ctx.shape(0)); }

void rule_argsort(InferContext& ctx) {
  sorted_along(ctx, 0);
  ctx.output(DType::kI64, ctx.shape(0));
}

void rule_top_k(InferContext& ctx) {
  DType type = sorted_along(ctx, 1);
  int64_t k = ctx.get_int(0);
  int axis = static_cast<int>(ctx.get_int(1));
  Shape out = ctx.shape(0);
  if (k < 0 || !at_most(ctx, k, out[axis]))
    ctx.fail(ErrorKind::kValue, "got k=", k, " for axis ", axis, " of size ", dim_text(out[axis]),
             "; use 0 to ", dim_text(out[axis]));
  out[axis] = k;
  ctx.output(type, out);
  ctx.output(DType::kI64, out);
}

void rule_searchsorted(InferContext& ctx) {
  common_dtype(ctx, kReal, 0, 2);
  const Shape &sorted = ctx.shape(0), &values = ctx.shape(1);
  const std::string& side = ctx.get_str(0);
  if (side != "left" && side != "right")
    ctx.fail(ErrorKind::kValue, "got side=\"", side, "\"; use \"left\" or \"right\"");
  need_rank_at_least(ctx, 0, 1);
  bool ok = sorted.ndim == 1 || sorted.ndim == values.ndim;
  for (int i = 0; ok && i < sorted.ndim - 1; ++i) ok = ctx.equal(sorted[i], values[i]);
  if (!ok)
    ctx.fail(ErrorKind::kShape, "got sorted sequences of shape ", ctx.dims(sorted),
             " and values of shape ", ctx.dims(values),
             "; expected one sequence, or the same sizes but for the last axis; reshape one");
  ctx.output(DType::kI64, values);
}

}  // namespace penstock
