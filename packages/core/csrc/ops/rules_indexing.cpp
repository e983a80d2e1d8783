#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

void need_length(const InferContext& ctx, const char* what, size_t got, int rank) {
  if (static_cast<int>(got) != rank)
    ctx.fail(ErrorKind::kValue, "got ", got, " ", what, " for a tensor of rank ", rank,
             "; expected one per axis");
}

// Whether a slice that ends at `end` stays inside. Of a size that nothing is known about, and that cuts an axis of a known
// size, this is assumed: positions[:, :tokens] of 512 positions. The guard is checked when the graph is run.
bool ends_inside(InferContext& ctx, Dim end, Dim dim) {
  if (is_symbolic(end) && !is_symbolic(dim)) return ctx.less(-1, dim_sub(dim, end));
  return at_most(ctx, end, dim);
}

// start, start + step, ..., start + (size - 1) * step must lie in 0 ... dim - 1.
void need_inside(InferContext& ctx, int axis, Dim start, Dim size, int64_t step) {
  if (step == 0) ctx.fail(ErrorKind::kValue, "the step of axis ", axis, " is 0; use 1 or -1");
  if (size == 0) return;
  Dim dim = ctx.shape(0)[axis];
  Dim reach = dim_mul(dim_sub(size, 1), step);
  Dim low = step > 0 ? start : dim_add(start, reach);
  Dim high = step > 0 ? dim_add(start, reach) : start;
  // A symbolic size may turn out as 0: then reach is -step, and the bounds still hold for what
  // Python's slices produce.
  if (!at_most(ctx, 0, low) || !ends_inside(ctx, dim_add(high, 1), dim))
    ctx.fail(ErrorKind::kIndex, "the slice of axis ", axis, " starts at ", dim_text(start),
             " and takes ", dim_text(size), " elements by steps of ", step,
             ", which leaves the axis of size ", dim_text(dim), "; shorten it");
}

Shape take_shape(const Shape& x, const Shape& indices, int axis) {
  Shape out;
  for (int i = 0; i < axis; ++i) out.push(x[i]);
  for (int i = 0; i < indices.ndim; ++i) out.push(indices[i]);
  for (int i = axis + 1; i < x.ndim; ++i) out.push(x[i]);
  return out;
}

int normalise_axis(InferContext& ctx) {
  int64_t axis = ctx.axis(ctx.get_int(0), ctx.shape(0).ndim);
  ctx.attrs[0] = axis;
  return static_cast<int>(axis);
}

void scatter(InferContext& ctx, const Accepts& accepts) {
  DType type = accept(ctx, ctx.dtype(0), accepts);
  want_index(ctx, 1);
  want_stored_as(ctx, 2, type);
  int axis = normalise_axis(ctx);
  need_shape(ctx, 2, take_shape(ctx.shape(0), ctx.shape(1), axis),
             "x's shape with that of indices in place of the axis");
  ctx.output(type, ctx.shape(0));
}

}  // namespace

void rule_slice(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  const std::vector<int64_t>&starts = ctx.get_ints(0), &steps = ctx.get_ints(2);
  Shape sizes = shape_attr(ctx, 1);
  need_length(ctx, "starts", starts.size(), x.ndim);
  need_length(ctx, "sizes", static_cast<size_t>(sizes.ndim), x.ndim);
  need_length(ctx, "steps", steps.size(), x.ndim);
  for (int i = 0; i < x.ndim; ++i) {
    size_t k = static_cast<size_t>(i);
    need_inside(ctx, i, starts[k], sizes[i], steps[k]);
  }
  ctx.output(ctx.dtype(0), sizes);
}

void rule_slice_update(InferContext& ctx) {
  const Shape &x = ctx.shape(0), &update = ctx.shape(1);
  const std::vector<int64_t>&starts = ctx.get_ints(0), &steps = ctx.get_ints(1);
  need_length(ctx, "starts", starts.size(), x.ndim);
  need_length(ctx, "steps", steps.size(), x.ndim);
  if (update.ndim != x.ndim)
    ctx.fail(ErrorKind::kShape, "got update of shape ", ctx.dims(update), " for x of shape ",
             ctx.dims(x), "; expected the same number of axes; reshape update");
  for (int i = 0; i < x.ndim; ++i) {
    size_t k = static_cast<size_t>(i);
    need_inside(ctx, i, starts[k], update[i], steps[k]);
  }
  want_stored_as(ctx, 1, ctx.dtype(0));
  ctx.want(0, ctx.dtype(0));
  ctx.output(ctx.dtype(0), x);
}

void rule_take(InferContext& ctx) {
  want_index(ctx, 1);
  int axis = normalise_axis(ctx);
  ctx.output(ctx.dtype(0), take_shape(ctx.shape(0), ctx.shape(1), axis));
}

void rule_scatter_any(InferContext& ctx) { scatter(ctx, kAny); }
void rule_scatter_numeric(InferContext& ctx) { scatter(ctx, kNumeric); }
void rule_scatter_real(InferContext& ctx) { scatter(ctx, kReal); }

void rule_one_hot(InferContext& ctx) {
  want_index(ctx, 0);
  if (ctx.get_int(0) < 0)
    ctx.fail(ErrorKind::kValue, "got depth ", ctx.get_int(0),
             "; the number of classes is not negative");
  Shape out = ctx.shape(0);
  out.push(ctx.get_int(0));
  ctx.output(accept(ctx, ctx.get_dtype(1), kNotString), out);
}

}  // namespace penstock
