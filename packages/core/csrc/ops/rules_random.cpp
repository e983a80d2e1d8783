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

DType integer_attr(const InferContext& ctx, int attr, const char* otherwise) {
  DType t = ctx.get_dtype(attr);
  if (!is_integer(t))
    ctx.fail(ErrorKind::kDType, "got dtype ", dtype_name(t), "; expected an integer dtype",
             otherwise);
  return t;
}

// Does an integer dtype hold `value`?
bool holds(DType t, int64_t value) {
  bool is_signed = dtype_kind(t) == DTypeKind::kSigned;
  int64_t bits = 8 * static_cast<int64_t>(dtype_size(t)) - (is_signed ? 1 : 0);
  if (value < 0) return is_signed && (bits >= 63 || value >= -(int64_t{1} << bits));
  return bits >= 63 || value < (int64_t{1} << bits);
}

void need_key(InferContext& ctx) {
  if (ctx.dtype(0) != DType::kU32)
    ctx.fail(ErrorKind::kDType, "got a key of ", dtype_name(ctx.dtype(0)),
             "; expected uint32; cast the key: penstock.astype(key, 'uint32')");
  need_shape(ctx, 0, Shape{2}, "a key, which is two numbers");
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

// key; then as above.
void rule_random_keyed_uniform(InferContext& ctx) {
  need_key(ctx);
  rule_random_uniform(ctx);
}

void rule_random_keyed_normal(InferContext& ctx) {
  need_key(ctx);
  rule_random_normal(ctx);
}

// shape, minval, maxval, dtype, seed.
void rule_random_integers(InferContext& ctx) {
  DType type = integer_attr(ctx, 3, "; use random.uniform for numbers between whole ones");
  int64_t low = ctx.get_int(1), high = ctx.get_int(2);
  if (low >= high)
    ctx.fail(ErrorKind::kValue, "got minval ", low, " and maxval ", high,
             "; minval must be below maxval, which is never drawn; swap them, or add 1 to maxval");
  if (!holds(type, low) || !holds(type, high - 1))
    ctx.fail(ErrorKind::kValue, "got minval ", low, " and maxval ", high, ", which ",
             dtype_name(type), " does not hold; use a wider dtype");
  ctx.output(type, shape_attr(ctx, 0));
}

// One number for each element of tensors that broadcast; attribute 0 is the result's dtype.
void rule_random_counts(InferContext& ctx) {
  common_dtype(ctx, kRealFloat, 0, ctx.num_inputs());
  Shape out = ctx.shape(0);
  for (int i = 1; i < ctx.num_inputs(); ++i) out = ctx.broadcast(out, ctx.shape(i));
  ctx.output(accept(ctx, ctx.get_dtype(0), kReal), out);
}

// logits; num_samples, dtype, seed.
void rule_random_categorical(InferContext& ctx) {
  common_dtype(ctx, kRealFloat, 0, 1);
  need_rank_at_least(ctx, 0, 1);
  DType type = integer_attr(ctx, 1, ", to number the classes; use int64");
  Shape out = ctx.shape(0);
  int64_t samples = ctx.get_int(0);
  if (samples < 0)
    ctx.fail(ErrorKind::kValue, "got num_samples=", samples, "; it must not be negative");
  if (out[out.ndim - 1] == 0)
    ctx.fail(ErrorKind::kShape, "logits has shape ", ctx.dims(out),
             "; expected at least one class on the last axis");
  out[out.ndim - 1] = samples;
  ctx.output(type, out);
}

// num_sampled, range_max, unique, seed -> the classes, and how many draws they took.
void rule_random_candidates(InferContext& ctx) {
  int64_t count = ctx.get_int(0), classes = ctx.get_int(1);
  if (count < 0 || classes < 1)
    ctx.fail(ErrorKind::kValue, "got num_sampled=", count, " and range_max=", classes,
             "; expected a number that is not negative, and at least one class");
  if (ctx.get_bool(2) && count > classes)
    ctx.fail(ErrorKind::kValue, "got num_sampled=", count, " of range_max=", classes,
             " classes; sample fewer, or use unique=False");
  ctx.output(DType::kI64, Shape{count});
  ctx.output(DType::kI64, Shape{});
}

void rule_arange(InferContext& ctx) {
  DType type = accept(ctx, ctx.get_dtype(3), kReal);
  ctx.output(type, {range_length(ctx, ctx.get_float(0), ctx.get_float(1), ctx.get_float(2))});
}

void rule_full(InferContext& ctx) {
  if (ctx.get_dtype(2) == DType::kString)
    ctx.fail(ErrorKind::kDType,
             "got string; expected any dtype but string; to repeat a text use "
             "penstock.broadcast_to(penstock.asarray(text), shape)");
  ctx.output(ctx.get_dtype(2), shape_attr(ctx, 0));
}

void rule_size_of(InferContext& ctx) {
  DType type = accept(ctx, ctx.get_dtype(1), kNumeric);
  shape_attr(ctx, 0);
  ctx.output(type, Shape{});
}

}  // namespace penstock
