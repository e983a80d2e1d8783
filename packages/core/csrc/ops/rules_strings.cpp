// Strings: one result for each element.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

Shape strings(InferContext& ctx) {
  Shape shape;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    if (ctx.dtype(i) != DType::kString)
      ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)),
               "; expected string; convert it: penstock.as_string(", input_name(ctx, i), ")");
    shape = i == 0 ? ctx.shape(0) : ctx.broadcast(shape, ctx.shape(i));
  }
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

}  // namespace penstock
