// Tables of rows: reading some of them, and updating only those.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {

// table, ids.
void rule_embedding(InferContext& ctx) {
  DType type = accept(ctx, ctx.dtype(0), kFloat);
  ctx.want(0, type);
  want_index(ctx, 1);
  need_rank_at_least(ctx, 0, 1);
  Shape out = ctx.shape(1);
  for (int i = 1; i < ctx.shape(0).ndim; ++i) out.push(ctx.shape(0)[i]);
  ctx.output(type, out);
}

// parameter, m, v, indices, gradient, learning_rate, step. As in adam_update the state keeps the
// parameter's dtype.
void rule_adam_update_rows(InferContext& ctx) {
  DType type = ctx.dtype(0);
  if (!is_float(type))
    ctx.fail(ErrorKind::kDType, "parameter is ", dtype_name(type),
             "; expected a float dtype; convert it: parameter.astype(penstock.float32)");
  need_rank_at_least(ctx, 0, 1);
  want_index(ctx, 3);
  need_rank(ctx, 3, 1, "[rows]");
  for (int i : {0, 1, 2, 4, 5, 6}) want_stored_as(ctx, i, type);
  for (int i = 1; i < 3; ++i) need_shape(ctx, i, ctx.shape(0), "the shape of parameter");
  Shape rows = ctx.shape(0);
  rows[0] = ctx.shape(3)[0];
  need_shape(ctx, 4, rows, "one row of parameter for each index");
  for (int i = 5; i < 7; ++i) need_shape(ctx, i, Shape{}, "a single number");
  for (int i = 0; i < 3; ++i) ctx.output(type, ctx.shape(0));
}

}  // namespace penstock
