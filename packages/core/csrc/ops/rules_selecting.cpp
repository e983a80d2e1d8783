// Segments, and results whose size is given because the data would decide it: nonzero, unique.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

void segment(InferContext& ctx, const Accepts& accepts) {
  DType type = accept(ctx, ctx.dtype(0), accepts);
  ctx.want(0, type);
  want_index(ctx, 1);
  const Shape &data = ctx.shape(0), &ids = ctx.shape(1);
  int64_t segments = ctx.get_int(0);
  if (segments < 0)
    ctx.fail(ErrorKind::kValue, "got num_segments=", segments, "; it must not be negative");
  bool ok = ids.ndim <= data.ndim;
  for (int i = 0; ok && i < ids.ndim; ++i) ok = ctx.equal(ids[i], data[i]);
  if (!ok)
    ctx.fail(ErrorKind::kShape, "got segment_ids of shape ", ctx.dims(ids), " for data of shape ",
             ctx.dims(data), "; expected the first sizes of data; reshape segment_ids");
  Shape out{segments};
  for (int i = ids.ndim; i < data.ndim; ++i) out.push(data[i]);
  ctx.output(type, out);
}

int64_t size_attr(const InferContext& ctx) {
  int64_t size = ctx.get_int(0);
  if (size < 0) ctx.fail(ErrorKind::kValue, "got size=", size, "; it must not be negative");
  return size;
}

}  // namespace

void rule_segment_numeric(InferContext& ctx) { segment(ctx, kNumeric); }
void rule_segment_real(InferContext& ctx) { segment(ctx, kReal); }
void rule_segment_float(InferContext& ctx) { segment(ctx, kFloat); }

void rule_nonzero(InferContext& ctx) {
  accept(ctx, ctx.dtype(0), kNotString);
  need_rank_at_least(ctx, 0, 1);
  ctx.output(DType::kI64, Shape{ctx.shape(0).ndim, size_attr(ctx)});
}

void rule_unique(InferContext& ctx) {
  Shape found{size_attr(ctx)};
  ctx.output(accept(ctx, ctx.dtype(0), kNotString), found);
  ctx.output(DType::kI64, found);
  ctx.output(DType::kI64, ctx.shape(0));
  ctx.output(DType::kI64, found);
}

// values, rows, columns, x; num_rows.
void rule_sparse_matmul(InferContext& ctx) {
  const Aval &values = ctx.input(0), &x = ctx.input(3);
  DType type =
      accept(ctx, promote(values.dtype, values.weak, x.dtype, x.weak, "sparse_matmul"), kNumeric);
  ctx.want(0, type);
  ctx.want(3, type);
  need_rank(ctx, 0, 1, "[nnz]");
  need_rank(ctx, 3, 2, "[k, n]");
  for (int i : {1, 2}) {
    want_index(ctx, i);
    need_shape(ctx, i, ctx.shape(0), "one for each value");
  }
  Shape rows = shape_attr(ctx, 0);
  if (rows.ndim != 1)
    ctx.fail(ErrorKind::kValue, "got num_rows ", attr_text(ctx.attrs[0], {}), "; use one number");
  ctx.output(type, Shape{rows[0], ctx.shape(3)[1]});
}

}  // namespace penstock
