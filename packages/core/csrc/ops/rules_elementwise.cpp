#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

Shape broadcast_all(InferContext& ctx) {
  if (ctx.num_inputs() == 1) return ctx.shape(0);
  Shape out = ctx.broadcast(ctx.shape(0), ctx.shape(1));
  for (int i = 2; i < ctx.num_inputs(); ++i) out = ctx.broadcast(out, ctx.shape(i));
  return out;
}

// Two strong inputs alike in dtype and shape: what nearly every call of a training loop is.
bool alike(const InferContext& ctx) {
  if (ctx.num_inputs() != 2) return false;
  const Aval &a = ctx.input(0), &b = ctx.input(1);
  return a.dtype == b.dtype && !a.weak && !b.weak && a.shape == b.shape;
}

void elementwise(InferContext& ctx, const Accepts& accepts) {
  if (alike(ctx) && accepts.has(ctx.dtype(0))) return ctx.output(ctx.dtype(0), ctx.shape(0));
  int n = ctx.num_inputs();
  DType type = common_dtype(ctx, accepts, 0, n);
  ctx.output(type, broadcast_all(ctx), all_weak(ctx, 0, n));
}

bool is_ordering(const InferContext& ctx) {
  return ctx.op.name() != "equal" && ctx.op.name() != "not_equal";
}

}  // namespace

void rule_elementwise_any(InferContext& ctx) { elementwise(ctx, kAny); }
void rule_elementwise_numeric(InferContext& ctx) { elementwise(ctx, kNumeric); }
void rule_elementwise_real(InferContext& ctx) { elementwise(ctx, kReal); }
void rule_elementwise_float(InferContext& ctx) { elementwise(ctx, kFloat); }
void rule_elementwise_real_float(InferContext& ctx) { elementwise(ctx, kRealFloat); }
void rule_elementwise_bits(InferContext& ctx) { elementwise(ctx, kBits); }
void rule_elementwise_bool(InferContext& ctx) { elementwise(ctx, kBoolOnly); }
void rule_elementwise_integer(InferContext& ctx) { elementwise(ctx, kIntegerOnly); }

void rule_comparison(InferContext& ctx) {
  if (alike(ctx) && kReal.has(ctx.dtype(0))) return ctx.output(DType::kBool, ctx.shape(0));
  DType type = common_dtype(ctx, kAny, 0, ctx.num_inputs());
  if ((type == DType::kString || is_complex(type)) && is_ordering(ctx))
    ctx.fail(ErrorKind::kDType, "got ", dtype_name(type),
             ", which has no order; only == and != work");
  ctx.output(DType::kBool, broadcast_all(ctx));
}

void rule_predicate(InferContext& ctx) {
  common_dtype(ctx, kNumeric, 0, 1);
  ctx.output(DType::kBool, ctx.shape(0));
}

void rule_predicate_real(InferContext& ctx) {
  common_dtype(ctx, kReal, 0, 1);
  ctx.output(DType::kBool, ctx.shape(0));
}

// One complex input becomes its real dtype; a real one keeps its own.
void rule_real_part(InferContext& ctx) {
  DType type = common_dtype(ctx, kNumeric, 0, 1);
  ctx.output(real_dtype(type), ctx.shape(0), ctx.input(0).weak);
}

// Two real parts become one complex number; dtypes below float32 become float32.
void rule_complex_of(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  DType part = type == DType::kF64 ? DType::kF64 : DType::kF32;
  ctx.want(0, part);
  ctx.want(1, part);
  ctx.output(complex_dtype(part), broadcast_all(ctx));
}

void rule_where(InferContext& ctx) {
  if (ctx.dtype(0) != DType::kBool)
    ctx.fail(ErrorKind::kDType, input_name(ctx, 0), " is ", dtype_name(ctx.dtype(0)),
             "; expected bool; compare it: ", input_name(ctx, 0), " != 0");
  ctx.want(0, DType::kBool);
  DType type = common_dtype(ctx, kAny, 1, 3);
  ctx.output(type, broadcast_all(ctx), all_weak(ctx, 1, 3));
}

}  // namespace penstock
