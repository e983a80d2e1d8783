#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {

void rule_constant(InferContext& ctx) {
  auto* value = std::get_if<std::shared_ptr<const Tensor>>(&ctx.attrs[0]);
  if (!value || !*value) ctx.fail(ErrorKind::kValue, "has no value; give it a tensor");
  ctx.output((*value)->dtype, (*value)->shape, (*value)->weak);
}

void rule_placeholder(InferContext& ctx) { ctx.output(ctx.get_dtype(0), shape_attr(ctx, 1)); }

// One input passes through, and a Python scalar stays one. Several must be alike, as y and dy of
// relu_grad.
void rule_same(InferContext& ctx) {
  const Aval& x = ctx.input(0);
  if (ctx.num_inputs() == 1) return ctx.output(x.dtype, x.shape, x.weak);
  DType type = common_dtype(ctx, kAny, 0, ctx.num_inputs());
  for (int i = 1; i < ctx.num_inputs(); ++i) {
    if (ctx.shape(i) != x.shape && !ctx.same_shape(ctx.shape(i), x.shape))
      ctx.fail(ErrorKind::kShape, "got shapes ", ctx.dims(x.shape), " and ", ctx.dims(ctx.shape(i)),
               " (", input_name(ctx, i),
               "); expected equal shapes; broadcast or reshape one of them");
  }
  ctx.output(type, x.shape);
}

void rule_cast(InferContext& ctx) {
  DType from = ctx.dtype(0), to = ctx.get_dtype(0);
  if (from != to && (from == DType::kString || to == DType::kString))
    ctx.fail(
        ErrorKind::kDType, "cannot convert ", dtype_name(from), " to ", dtype_name(to), "; use ",
        to == DType::kString ? "penstock.as_string(x)" : "penstock.string_to_number(x, dtype)");
  ctx.output(to, ctx.shape(0));
}

void rule_to_device(InferContext& ctx) {
  const Aval& x = ctx.input(0);
  ctx.output(x.dtype, x.shape, x.weak);
}

// Inputs: the function's arguments, then its results, which pass through.
void rule_custom_gradient(InferContext& ctx) {
  int64_t arguments = ctx.get_int(0);
  if (arguments < 0 || arguments >= ctx.num_inputs())
    ctx.fail(ErrorKind::kValue, "got ", ctx.num_inputs(), " tensors, ", arguments,
             " of them arguments; a function with its own gradient returns a tensor or more");
  for (int i = static_cast<int>(arguments); i < ctx.num_inputs(); ++i) {
    const Aval& y = ctx.input(i);
    ctx.output(y.dtype, y.shape, y.weak);
  }
}

// parameter, m, v, gradient, learning_rate, step. The state keeps the parameter's dtype, so that it
// can be updated in place.
void rule_adam_update(InferContext& ctx) {
  DType type = ctx.dtype(0);
  if (!is_float(type))
    ctx.fail(ErrorKind::kDType, "parameter is ", dtype_name(type),
             "; expected a float dtype; convert it: parameter.astype(penstock.float32)");
  for (int i = 0; i < 6; ++i) want_stored_as(ctx, i, type);
  for (int i = 1; i < 4; ++i) need_shape(ctx, i, ctx.shape(0), "the shape of parameter");
  for (int i = 4; i < 6; ++i) need_shape(ctx, i, Shape{}, "a single number");
  for (int i = 0; i < 3; ++i) ctx.output(type, ctx.shape(0));
}

}  // namespace penstock
