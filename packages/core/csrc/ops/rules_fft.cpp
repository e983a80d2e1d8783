// Fourier transforms: of complex numbers along several axes, from real numbers and to them along one.
#include <algorithm>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

void check_norm(const InferContext& ctx, int attr) {
  const std::string& norm = ctx.get_str(attr);
  if (norm != "backward" && norm != "ortho" && norm != "forward")
    ctx.fail(ErrorKind::kValue, "got norm=\"", norm,
             "\"; use \"backward\", \"ortho\" or \"forward\"");
}

void need_points(const InferContext& ctx, int axis) {
  if (ctx.shape(0)[axis] == 0)
    ctx.fail(ErrorKind::kShape, "got shape ", ctx.dims(ctx.shape(0)), ": axis ", axis,
             " has no elements to transform; give n, or skip empty tensors");
}

// Reads and normalises the axis at an attribute.
int axis_attr(InferContext& ctx, int attr) {
  int64_t axis = ctx.axis(ctx.get_int(attr), ctx.shape(0).ndim);
  ctx.attrs[static_cast<size_t>(attr)] = axis;
  need_points(ctx, static_cast<int>(axis));
  return static_cast<int>(axis);
}

}  // namespace

// axes, norm, inverse
void rule_fft_complex(InferContext& ctx) {
  DType type = complex_dtype(accept(ctx, ctx.dtype(0), kFloat));
  ctx.want(0, type);
  std::vector<int64_t>& axes = ctx.get_ints(0);
  for (int64_t& a : axes) {
    a = ctx.axis(a, ctx.shape(0).ndim);
    need_points(ctx, static_cast<int>(a));
  }
  std::sort(axes.begin(), axes.end());
  auto twice = std::adjacent_find(axes.begin(), axes.end());
  if (twice != axes.end())
    ctx.fail(ErrorKind::kValue, "axis ", *twice, " is given twice; name each axis once");
  check_norm(ctx, 1);
  ctx.output(type, ctx.shape(0));
}

// axis, norm
void rule_fft_of_real(InferContext& ctx) {
  DType type = accept(ctx, ctx.dtype(0), kRealFloat);
  type = type == DType::kF64 ? type : DType::kF32;
  ctx.want(0, type);
  int axis = axis_attr(ctx, 0);
  check_norm(ctx, 1);
  Shape out = ctx.shape(0);
  out[axis] = dim_add(dim_floordiv(out[axis], 2), 1);
  ctx.output(complex_dtype(type), out);
}

// size (of the result along the axis), axis, norm
void rule_fft_to_real(InferContext& ctx) {
  DType type = complex_dtype(accept(ctx, ctx.dtype(0), kFloat));
  ctx.want(0, type);
  int axis = axis_attr(ctx, 1);
  check_norm(ctx, 2);
  Shape size = shape_attr(ctx, 0);
  if (size.ndim != 1 || size[0] == 0)
    ctx.fail(ErrorKind::kValue, "got size ", ctx.dims(size), "; expected one number, at least 1");
  Shape out = ctx.shape(0);
  out[axis] = size[0];
  ctx.output(real_dtype(type), out);
}

}  // namespace penstock
