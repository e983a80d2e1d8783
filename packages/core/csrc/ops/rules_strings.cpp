// Strings: one result for each element.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

void need_strings(const InferContext& ctx, int i) {
  if (ctx.dtype(i) != DType::kString)
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)),
             "; expected string; convert it: penstock.as_string(", input_name(ctx, i), ")");
}

Shape strings(InferContext& ctx) {
  Shape shape;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    need_strings(ctx, i);
    shape = i == 0 ? ctx.shape(0) : ctx.broadcast(shape, ctx.shape(i));
  }
  return shape;
}

// Attribute 0: how many parts of each string there is room for.
Shape with_parts(InferContext& ctx, Shape shape) {
  int64_t size = ctx.get_int(0);
  const std::string& name = ctx.op.schema.attrs[0].name;
  if (size < 0) ctx.fail(ErrorKind::kValue, "got ", name, "=", size, "; it must not be negative");
  shape.push(size);
  return shape;
}

}  // namespace

void rule_string_to_string(InferContext& ctx) { ctx.output(DType::kString, strings(ctx)); }
void rule_string_to_bool(InferContext& ctx) { ctx.output(DType::kBool, strings(ctx)); }
void rule_string_to_int(InferContext& ctx) { ctx.output(DType::kI64, strings(ctx)); }

void rule_string_to_bucket(InferContext& ctx) {
  if (ctx.get_int(0) < 1)
    ctx.fail(ErrorKind::kValue, "got num_buckets=", ctx.get_int(0), "; use 1 or more");
  ctx.output(DType::kI64, strings(ctx));
}

void rule_string_to_number(InferContext& ctx) {
  ctx.output(accept(ctx, ctx.get_dtype(0), kReal), strings(ctx));
}

void rule_number_to_string(InferContext& ctx) {
  accept(ctx, ctx.dtype(0), kNotString);
  ctx.output(DType::kString, ctx.shape(0));
}

// size: the parts of each string, and how many it has.
void rule_string_split(InferContext& ctx) {
  Shape shape = strings(ctx);
  ctx.output(DType::kString, with_parts(ctx, shape));
  ctx.output(DType::kI64, shape);
}

// size: the code points of each string, and how many it has.
void rule_string_to_codes(InferContext& ctx) {
  Shape shape = strings(ctx);
  ctx.output(DType::kI32, with_parts(ctx, shape));
  ctx.output(DType::kI64, shape);
}

// A vocabulary beside the strings; size: the numbers of each string's pieces, and how many it has.
void rule_string_to_pieces(InferContext& ctx) {
  need_strings(ctx, 0);
  need_strings(ctx, 1);
  need_rank(ctx, 1, 1, "[pieces]");
  Shape shape = ctx.shape(0);
  ctx.output(DType::kI32, with_parts(ctx, shape));
  ctx.output(DType::kI64, shape);
}

// columns: the fields of each line.
void rule_string_columns(InferContext& ctx) {
  Shape shape = strings(ctx);
  ctx.output(DType::kString, with_parts(ctx, shape));
}

// A list of names beside the strings: one result for each.
void rule_string_fields(InferContext& ctx) {
  need_strings(ctx, 0);
  need_strings(ctx, 1);
  need_rank(ctx, 1, 1, "[names]");
  Shape out = ctx.shape(0);
  out.push(ctx.shape(1)[0]);
  ctx.output(DType::kString, out);
}

// Code points [..., n], and how many of them each string has [...].
void rule_codes_to_string(InferContext& ctx) {
  for (int i = 0; i < 2; ++i) want_index(ctx, i);
  need_rank_at_least(ctx, 0, 1);
  Shape out;
  for (int d = 0; d < ctx.shape(0).ndim - 1; ++d) out.push(ctx.shape(0)[d]);
  need_shape(ctx, 1, out, "one count for each row of codes");
  ctx.want(0, DType::kI64);
  ctx.want(1, DType::kI64);
  ctx.output(DType::kString, out);
}

// width: windows along the last axis.
void rule_string_ngrams(InferContext& ctx) {
  Shape out = strings(ctx);
  need_rank_at_least(ctx, 0, 1);
  int64_t width = ctx.get_int(0);
  if (width < 1) ctx.fail(ErrorKind::kValue, "got width=", width, "; use 1 or more");
  Dim& last = out[out.ndim - 1];
  last = at_most(ctx, width, last) ? dim_sub(last, width - 1) : 0;
  ctx.output(DType::kString, out);
}

// axis, keepdims.
void rule_string_reduce(InferContext& ctx) {
  need_strings(ctx, 0);
  const Shape& x = ctx.shape(0);
  int64_t axis = ctx.axis(ctx.get_int(0), x.ndim);
  ctx.attrs[0] = axis;
  Shape out;
  for (int d = 0; d < x.ndim; ++d)
    if (d != axis || ctx.get_bool(1)) out.push(d == axis ? 1 : x[d]);
  ctx.output(DType::kString, out);
}

// Places of strings in a sorted list.
void rule_string_search(InferContext& ctx) {
  need_strings(ctx, 0);
  need_strings(ctx, 1);
  need_rank(ctx, 1, 1, "[words], sorted");
  ctx.output(DType::kI64, ctx.shape(0));
}

}  // namespace penstock
