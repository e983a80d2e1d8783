// Elements at positions that are data: take_along_axis, gather_nd and the scatters.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

int normalise_axis(InferContext& ctx) {
  int64_t axis = ctx.axis(ctx.get_int(0), ctx.shape(0).ndim);
  ctx.attrs[0] = axis;
  return static_cast<int>(axis);
}

Shape with_axis(const Shape& shape, int axis, Dim size) {
  Shape out = shape;
  out[axis] = size;
  return out;
}

// The axis that x and indices share, after a check that they have as many axes.
int along_axis(InferContext& ctx) {
  want_index(ctx, 1);
  int axis = normalise_axis(ctx);
  if (ctx.shape(1).ndim != ctx.shape(0).ndim)
    ctx.fail(ErrorKind::kShape, "got indices of shape ", ctx.dims(ctx.shape(1)), " for x of shape ",
             ctx.dims(ctx.shape(0)), "; expected as many axes as x has; insert axes of size 1");
  return axis;
}

// indices.shape[:-1] + x.shape[k:], where the last axis of indices has size k.
Shape nd_shape(InferContext& ctx) {
  const Shape &x = ctx.shape(0), &indices = ctx.shape(1);
  want_index(ctx, 1);
  if (indices.ndim == 0)
    ctx.fail(ErrorKind::kShape,
             "indices is a single number; expected [..., k], with one number for each of the "
             "first k axes of x; reshape it");
  Dim k = indices[indices.ndim - 1];
  // How many axes are indexed decides the rank of the result, so it cannot stay a symbol.
  for (int i = 0; is_symbolic(k) && i <= x.ndim; ++i)
    if (ctx.equal(k, i)) k = i;
  if (is_symbolic(k) || k > x.ndim)
    ctx.fail(ErrorKind::kShape, "got indices of shape ", ctx.dims(indices), " for x of shape ",
             ctx.dims(x),
             "; the last axis holds one number for each indexed axis of x, so its size",
             " is at most ", x.ndim, "; reshape indices");
  Shape out;
  for (int i = 0; i < indices.ndim - 1; ++i) out.push(indices[i]);
  for (int i = static_cast<int>(k); i < x.ndim; ++i) out.push(x[i]);
  return out;
}

void scatter_nd(InferContext& ctx, const Accepts& accepts) {
  DType type = accept(ctx, ctx.dtype(0), accepts);
  want_stored_as(ctx, 2, type);
  need_shape(ctx, 2, nd_shape(ctx),
             "the shape of indices without its last axis, then the axes of x "
             "that are not indexed");
  ctx.output(type, ctx.shape(0));
}

}  // namespace

void rule_take_along_axis(InferContext& ctx) {
  int axis = along_axis(ctx);
  const Shape &x = ctx.shape(0), &indices = ctx.shape(1);
  Shape out = ctx.broadcast(with_axis(x, axis, 1), with_axis(indices, axis, 1));
  out[axis] = indices[axis];
  ctx.output(ctx.dtype(0), out);
}

void rule_put_along_axis(InferContext& ctx) {
  int axis = along_axis(ctx);
  const std::string& mode = ctx.get_str(1);
  if (mode != "set" && mode != "add" && mode != "max" && mode != "min")
    ctx.fail(ErrorKind::kValue, "got mode=\"", mode,
             "\"; use \"set\", \"add\", \"max\" or \"min\"");
  DType type = accept(ctx, ctx.dtype(0), mode == "set" ? kAny : mode == "add" ? kNumeric : kReal);
  want_stored_as(ctx, 2, type);
  const Shape& x = ctx.shape(0);
  Shape places = with_axis(x, axis, ctx.shape(1)[axis]);
  for (int i : {1, 2})
    if (!ctx.same_shape(ctx.broadcast(ctx.shape(i), places), places))
      ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(ctx.shape(i)),
               ", which does not broadcast to ", ctx.dims(places),
               ", x's shape with the number of indices along axis ", axis, "; reshape it");
  ctx.output(type, x);
}

void rule_gather_nd(InferContext& ctx) { ctx.output(ctx.dtype(0), nd_shape(ctx)); }

void rule_scatter_nd_any(InferContext& ctx) { scatter_nd(ctx, kAny); }
void rule_scatter_nd_numeric(InferContext& ctx) { scatter_nd(ctx, kNumeric); }
void rule_scatter_nd_real(InferContext& ctx) { scatter_nd(ctx, kReal); }

}  // namespace penstock
