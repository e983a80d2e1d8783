#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

Shape without_last(const Shape& x) {
  Shape out = x;
  --out.ndim;
  return out;
}

// x (or y) as matmul sees it: batch axes, rows, columns.
struct Matrix {
  Shape batch;
  Dim rows, columns;
};

Matrix as_matrix(const InferContext& ctx, int i, bool transposed) {
  need_rank_at_least(ctx, i, 2);
  const Shape& s = ctx.shape(i);
  Dim last = s[s.ndim - 1], before = s[s.ndim - 2];
  return {without_last(without_last(s)), transposed ? last : before, transposed ? before : last};
}

// Labels: integers in the shape of the logits without the classes.
void need_labels(InferContext& ctx, int i) {
  need_rank_at_least(ctx, 0, 1);
  want_index(ctx, i);
  need_shape(ctx, i, without_last(ctx.shape(0)), "one class number for each row of classes");
}

Shape channels(const Shape& x) { return {x[x.ndim - 1]}; }

}  // namespace

void rule_matmul(InferContext& ctx) {
  DType type = common_dtype(ctx, kNumeric, 0, 2);
  bool tx = ctx.get_bool(0), ty = ctx.get_bool(1);
  Matrix x = as_matrix(ctx, 0, tx), y = as_matrix(ctx, 1, ty);
  if (!ctx.equal(x.columns, y.rows))
    ctx.fail(ErrorKind::kShape, "got shapes ", ctx.dims(ctx.shape(0)), " and ",
             ctx.dims(ctx.shape(1)), ": the ",
             tx ? "second to last axis of the transposed x (" : "last axis of x (",
             dim_text(x.columns), ") must equal the ",
             ty ? "last of the transposed y (" : "second to last of y (", dim_text(y.rows),
             "); transpose one of them, or reshape");
  Shape out = ctx.broadcast(x.batch, y.batch);
  out.push(x.rows);
  out.push(y.columns);
  ctx.output(type, out);
}

void rule_softmax(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  ctx.attrs[0] = ctx.axis(ctx.get_int(0), ctx.shape(0).ndim);
  ctx.output(type, ctx.shape(0));
}

// Two tensors of one shape, whose rows are reduced.
void rule_rows(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank_at_least(ctx, 0, 1);
  need_shape(ctx, 1, ctx.shape(0), "the shape of the other tensor");
  ctx.output(type, without_last(ctx.shape(0)));
}

void rule_softmax_cross_entropy(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  need_labels(ctx, 1);
  ctx.output(type, without_last(ctx.shape(0)));
  ctx.output(type, ctx.shape(0));
}

void rule_softmax_cross_entropy_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  need_labels(ctx, 1);
  want_stored_as(ctx, 2, type);
  need_shape(ctx, 2, without_last(ctx.shape(0)), "the shape of the loss");
  ctx.output(type, ctx.shape(0));
}

void rule_batch_norm(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 3);
  need_rank_at_least(ctx, 0, 1);
  Shape c = channels(ctx.shape(0));
  need_shape(ctx, 1, c, "one number for each channel, the last axis of x");
  need_shape(ctx, 2, c, "one number for each channel, the last axis of x");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, c);
  ctx.output(type, c);
}

void infer_batch_norm_grad(InferContext& ctx, int inputs) {
  DType type = common_dtype(ctx, kRealFloat, 0, inputs);
  need_rank_at_least(ctx, 0, 1);
  Shape c = channels(ctx.shape(0));
  for (int i = 1; i < inputs; ++i) {
    if (i == 4) continue;
    need_shape(ctx, i, c, "one number for each channel, the last axis of x");
  }
  need_shape(ctx, 4, ctx.shape(0), "the shape of x");
  ctx.output(type, ctx.shape(0));
  ctx.output(type, c);
  ctx.output(type, c);
}

void rule_batch_norm_grad(InferContext& ctx) { infer_batch_norm_grad(ctx, 5); }

// The same, with the offset behind dy.
void rule_batch_norm_relu_grad(InferContext& ctx) { infer_batch_norm_grad(ctx, 6); }

}  // namespace penstock
