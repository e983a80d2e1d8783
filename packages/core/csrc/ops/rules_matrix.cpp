// Linear algebra of matrices, which are the last two axes; all axes before them are a batch.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

DType matrix_dtype(InferContext& ctx) {
  DType type = accept(ctx, ctx.dtype(0), kFloat);
  ctx.want(0, type);
  need_rank_at_least(ctx, 0, 2);
  return type;
}

void need_square(InferContext& ctx, int i) {
  const Shape& x = ctx.shape(i);
  if (!ctx.equal(x[x.ndim - 1], x[x.ndim - 2]))
    ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(x),
             "; expected square matrices, [..., n, n]; use lstsq or pinv for other ones");
}

DType square_dtype(InferContext& ctx) {
  DType type = matrix_dtype(ctx);
  need_square(ctx, 0);
  return type;
}

// The batch, followed by some sizes.
Shape batch_and(const Shape& x, std::initializer_list<Dim> sizes) {
  Shape out;
  for (int i = 0; i < x.ndim - 2; ++i) out.push(x[i]);
  for (Dim d : sizes) out.push(d);
  return out;
}

Dim rows(const Shape& x) { return x[x.ndim - 2]; }
Dim columns(const Shape& x) { return x[x.ndim - 1]; }

Dim smaller(InferContext& ctx) {
  Dim m = rows(ctx.shape(0)), n = columns(ctx.shape(0));
  return at_most(ctx, m, n) ? m : n;
}

}  // namespace

void rule_matrix_square(InferContext& ctx) {
  DType type = square_dtype(ctx);
  ctx.output(type, ctx.shape(0));
}

void rule_matrix_number(InferContext& ctx) {
  DType type = square_dtype(ctx);
  ctx.output(type, batch_and(ctx.shape(0), {}));
}

void rule_matrix_slogdet(InferContext& ctx) {
  DType type = square_dtype(ctx);
  Shape batch = batch_and(ctx.shape(0), {});
  ctx.output(type, batch);
  ctx.output(real_dtype(type), batch);
}

void rule_matrix_eigvalsh(InferContext& ctx) {
  DType type = square_dtype(ctx);
  ctx.output(real_dtype(type), batch_and(ctx.shape(0), {rows(ctx.shape(0))}));
}

void rule_matrix_eigh(InferContext& ctx) {
  DType type = square_dtype(ctx);
  ctx.output(real_dtype(type), batch_and(ctx.shape(0), {rows(ctx.shape(0))}));
  ctx.output(type, ctx.shape(0));
}

// Eigenvalues of a general matrix are complex whatever its dtype.
void rule_matrix_eigvals(InferContext& ctx) {
  DType type = complex_dtype(square_dtype(ctx));
  ctx.output(type, batch_and(ctx.shape(0), {rows(ctx.shape(0))}));
}

void rule_matrix_eig(InferContext& ctx) {
  DType type = complex_dtype(square_dtype(ctx));
  ctx.output(type, batch_and(ctx.shape(0), {rows(ctx.shape(0))}));
  ctx.output(type, ctx.shape(0));
}

// mode
void rule_matrix_qr(InferContext& ctx) {
  DType type = matrix_dtype(ctx);
  const std::string& mode = ctx.get_str(0);
  if (mode != "reduced" && mode != "complete")
    ctx.fail(ErrorKind::kValue, "got mode=\"", mode, "\"; use \"reduced\" or \"complete\"");
  const Shape& x = ctx.shape(0);
  Dim inner = mode == "complete" ? rows(x) : smaller(ctx);
  ctx.output(type, batch_and(x, {rows(x), inner}));
  ctx.output(type, batch_and(x, {inner, columns(x)}));
}

// full_matrices
void rule_matrix_svd(InferContext& ctx) {
  DType type = matrix_dtype(ctx);
  const Shape& x = ctx.shape(0);
  Dim k = smaller(ctx);
  bool full = ctx.get_bool(0);
  ctx.output(type, batch_and(x, {rows(x), full ? rows(x) : k}));
  ctx.output(real_dtype(type), batch_and(x, {k}));
  ctx.output(type, batch_and(x, {full ? columns(x) : k, columns(x)}));
}

void rule_matrix_svdvals(InferContext& ctx) {
  DType type = matrix_dtype(ctx);
  ctx.output(real_dtype(type), batch_and(ctx.shape(0), {smaller(ctx)}));
}

void rule_matrix_lu(InferContext& ctx) {
  DType type = matrix_dtype(ctx);
  const Shape& x = ctx.shape(0);
  Dim k = smaller(ctx);
  ctx.output(type, batch_and(x, {rows(x), rows(x)}));
  ctx.output(type, batch_and(x, {rows(x), k}));
  ctx.output(type, batch_and(x, {k, columns(x)}));
}

void rule_matrix_pinv(InferContext& ctx) {
  DType type = matrix_dtype(ctx);
  const Shape& x = ctx.shape(0);
  ctx.output(type, batch_and(x, {columns(x), rows(x)}));
}

void rule_matrix_solve(InferContext& ctx) {
  DType type = common_dtype(ctx, kFloat, 0, 2);
  need_rank_at_least(ctx, 0, 2);
  need_rank_at_least(ctx, 1, 2);
  need_square(ctx, 0);
  const Shape &a = ctx.shape(0), &b = ctx.shape(1);
  if (!ctx.equal(columns(a), rows(b)))
    ctx.fail(ErrorKind::kShape, "got matrices of shape ", ctx.dims(a), " and right sides of shape ",
             ctx.dims(b), "; expected as many rows in both; transpose one of them");
  Shape out = ctx.broadcast(batch_and(a, {}), batch_and(b, {}));
  out.push(rows(b));
  out.push(columns(b));
  ctx.output(type, out);
}

}  // namespace penstock
