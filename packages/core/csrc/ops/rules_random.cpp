// Tensors made from attributes alone: random numbers, ranges, constants of one value.
#include <cmath>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

// The dtype is asked for by name, so nothing is lifted.
DType float_attr(const InferContext& ctx, int attr) {
  DType t = ctx.get_dtype(attr);
  if (!is_float(t))
    ctx.fail(ErrorKind::kDType, "got dtype ", dtype_name(t),
             "; expected a float dtype; draw float32 and convert it with .astype(penstock.",
             dtype_name(t), ")");
  return t;
}

int64_t range_length(const InferContext& ctx, double start, double stop, double step) {
  if (step == 0) ctx.fail(ErrorKind::kValue, "got step 0; use a positive or negative step");
  double n = std::ceil((stop - start) / step);
  if (!(std::isfinite(start) && std::isfinite(stop) && std::isfinite(step) && n < 9e15))
    ctx.fail(ErrorKind::kValue, "got start ", start, ", stop ", stop, ", step ", step,
             "; expected finite numbers and fewer than 9e15 elements");
  return n > 0 ? static_cast<int64_t>(n) : 0;
}

}  // namespace

void rule_random(InferContext& ctx) { ctx.output(float_attr(ctx, 3), shape_attr(ctx, 0)); }

void rule_random_uniform(InferContext& ctx) {
  double low = ctx.get_float(1), high = ctx.get_float(2);
  if (!(low <= high))
    ctx.fail(ErrorKind::kValue, "got minval ", low, " and maxval ", high,
             "; minval must not be above maxval; swap them");
  rule_random(ctx);
}

void rule_random_normal(InferContext& ctx) {
  if (!(ctx.get_float(2) >= 0))
    ctx.fail(ErrorKind::kValue, "got stddev ", ctx.get_float(2), "; it must not be negative");
  rule_random(ctx);
}

void rule_arange(InferContext& ctx) {
  DType type = accept(ctx, ctx.get_dtype(3), kReal);
  ctx.output(type, {range_length(ctx, ctx.get_float(0), ctx.get_float(1), ctx.get_float(2))});
}

void rule_full(InferContext& ctx) {
  ctx.output(accept(ctx, ctx.get_dtype(2), kNotString), shape_attr(ctx, 0));
}

void rule_size_of(InferContext& ctx) {
  DType type = accept(ctx, ctx.get_dtype(1), kNumeric);
  shape_attr(ctx, 0);
  ctx.output(type, Shape{});
}

}  // namespace penstock
