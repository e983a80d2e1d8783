#include <algorithm>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

// Rewrites an int or a list to a list of distinct axes in rising order; None stays.
void normalise_axes(InferContext& ctx) {
  if (ctx.is_none(0)) return;
  if (auto* one = std::get_if<int64_t>(&ctx.attrs[0])) {
    int64_t axis = *one;  // a copy: the assignment below destroys what it points to
    ctx.attrs[0] = std::vector<int64_t>{axis};
  }
  std::vector<int64_t>& axes = ctx.get_ints(0);
  for (int64_t& a : axes) a = ctx.axis(a, ctx.shape(0).ndim);
  std::sort(axes.begin(), axes.end());
  auto twice = std::adjacent_find(axes.begin(), axes.end());
  if (twice != axes.end())
    ctx.fail(ErrorKind::kValue, "axis ", *twice, " is given twice; name each axis once");
}

// The shape without the axes, or with 1 in their places.
Shape reduced(const Shape& x, const std::vector<int64_t>* axes, bool keepdims) {
  Shape out;
  for (int i = 0; i < x.ndim; ++i) {
    bool gone = !axes || std::find(axes->begin(), axes->end(), i) != axes->end();
    if (!gone || keepdims) out.push(gone ? 1 : x[i]);
  }
  return out;
}

// max and min of nothing have no value.
void need_elements(const InferContext& ctx, const std::vector<int64_t>* axes) {
  const Shape& x = ctx.shape(0);
  for (int i = 0; i < x.ndim; ++i) {
    bool gone = !axes || std::find(axes->begin(), axes->end(), i) != axes->end();
    if (gone && x[i] == 0)
      ctx.fail(ErrorKind::kShape, "got shape ", ctx.dims(x), ": axis ", i,
               " has no elements to choose from; reduce over another axis, or skip empty tensors");
  }
}

void reduce(InferContext& ctx, DType type) {
  normalise_axes(ctx);
  ctx.want(0, type);
  const std::vector<int64_t>* axes = ctx.is_none(0) ? nullptr : &ctx.get_ints(0);
  ctx.output(type, reduced(ctx.shape(0), axes, ctx.get_bool(1)));
}

// The array API's widening, so that a sum of int8 does not overflow at 127.
DType sum_dtype(DType t) {
  switch (dtype_kind(t)) {
    case DTypeKind::kBool:
    case DTypeKind::kSigned:
      return DType::kI64;
    case DTypeKind::kUnsigned:
      return DType::kU64;
    default:
      return t;
  }
}

// `dtype`, attribute 2, says in what to add up; None leaves it to the array API's widening.
DType wanted_sum_dtype(InferContext& ctx) {
  DType from = accept(ctx, ctx.dtype(0), kNotString);
  if (ctx.is_none(2)) return sum_dtype(from);
  DType to = ctx.get_dtype(2);
  if (!kNumeric.has(to) || (is_complex(from) && !is_complex(to)))
    ctx.fail(ErrorKind::kDType, "got dtype ", dtype_name(to), " for ", dtype_name(from),
             "; expected ", is_complex(from) ? "a complex dtype" : "a numeric dtype",
             "; leave dtype out, or convert the result");
  return to;
}

// One number for each element, of the flattened tensor if there is no axis.
void cumulate(InferContext& ctx, DType type) {
  ctx.want(0, type);
  const Shape& x = ctx.shape(0);
  if (ctx.is_none(0)) return ctx.output(type, Shape{x.size()});
  ctx.attrs[0] = ctx.axis(ctx.get_int(0), x.ndim);
  ctx.output(type, x);
}

}  // namespace

void rule_reduce_same(InferContext& ctx) { reduce(ctx, accept(ctx, ctx.dtype(0), kNotString)); }
void rule_reduce_numeric(InferContext& ctx) { reduce(ctx, accept(ctx, ctx.dtype(0), kNumeric)); }
void rule_reduce_float(InferContext& ctx) { reduce(ctx, accept(ctx, ctx.dtype(0), kFloat)); }
void rule_reduce_real_float(InferContext& ctx) {
  reduce(ctx, accept(ctx, ctx.dtype(0), kRealFloat));
}
void rule_reduce_sum(InferContext& ctx) { reduce(ctx, wanted_sum_dtype(ctx)); }

void rule_reduce_bool(InferContext& ctx) {
  accept(ctx, ctx.dtype(0), kNotString);
  reduce(ctx, DType::kBool);
}

void rule_reduce_real(InferContext& ctx) {
  reduce(ctx, accept(ctx, ctx.dtype(0), kReal));
  need_elements(ctx, ctx.is_none(0) ? nullptr : &ctx.get_ints(0));
}

void rule_argreduce(InferContext& ctx) {
  ctx.want(0, accept(ctx, ctx.dtype(0), kReal));
  std::vector<int64_t> axes;
  if (!ctx.is_none(0)) {
    axes.push_back(ctx.axis(ctx.get_int(0), ctx.shape(0).ndim));
    ctx.attrs[0] = axes[0];
  }
  const std::vector<int64_t>* which = ctx.is_none(0) ? nullptr : &axes;
  need_elements(ctx, which);
  ctx.output(DType::kI64, reduced(ctx.shape(0), which, ctx.get_bool(1)));
}

void rule_cumulative_sum(InferContext& ctx) {
  cumulate(ctx, sum_dtype(accept(ctx, ctx.dtype(0), kNotString)));
}

void rule_cumulative_float(InferContext& ctx) {
  cumulate(ctx, accept(ctx, ctx.dtype(0), kRealFloat));
}

void rule_cumulative_real(InferContext& ctx) { cumulate(ctx, accept(ctx, ctx.dtype(0), kReal)); }

}  // namespace penstock
