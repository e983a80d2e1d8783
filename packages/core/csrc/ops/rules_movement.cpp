#include <algorithm>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

// Puts what is left of `size` in the place of the one -1.
void resolve_minus_one(InferContext& ctx, Dim size) {
  std::vector<Dim>& shape = ctx.get_ints(0);
  auto hole = std::find(shape.begin(), shape.end(), -1);
  if (hole == shape.end()) return;
  if (std::find(hole + 1, shape.end(), -1) != shape.end())
    ctx.fail(ErrorKind::kValue, "got shape ", attr_text(ctx.attrs[0], {}),
             " with more than one -1; at most one size can be left open");
  Dim known = 1;
  for (Dim d : shape)
    if (d != -1) known = dim_mul(known, d);
  if (known == 0)
    ctx.fail(ErrorKind::kShape, "got shape ", attr_text(ctx.attrs[0], {}),
             ": with a 0 in it any size would do for the -1; write the size");
  if (!is_symbolic(size) && !is_symbolic(known) && size % known != 0)
    ctx.fail(ErrorKind::kShape, "cannot reshape ", ctx.dims(ctx.shape(0)), " to ",
             attr_text(ctx.attrs[0], {}), ": ", size, " elements are not a multiple of ", known);
  *hole = dim_floordiv(size, known);
}

}  // namespace

void rule_reshape(InferContext& ctx) {
  Dim size = ctx.shape(0).size();
  resolve_minus_one(ctx, size);
  Shape out = shape_attr(ctx, 0);
  if (!ctx.equal(out.size(), size))
    ctx.fail(ErrorKind::kShape, "cannot reshape ", ctx.dims(ctx.shape(0)), " to ", ctx.dims(out),
             ": the first has ", dim_text(size), " elements, the second ", dim_text(out.size()),
             "; use -1 for one of the sizes to have it computed");
  ctx.output(ctx.dtype(0), out);
}

void rule_transpose(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  if (ctx.is_none(0)) {
    std::vector<int64_t> reverse;
    for (int i = x.ndim - 1; i >= 0; --i) reverse.push_back(i);
    ctx.attrs[0] = std::move(reverse);
  }
  std::vector<int64_t>& axes = ctx.get_ints(0);
  bool seen[kMaxRank] = {};
  bool ok = static_cast<int>(axes.size()) == x.ndim;
  Shape out;
  for (size_t i = 0; ok && i < axes.size(); ++i) {
    axes[i] = ctx.axis(axes[i], x.ndim);
    int a = static_cast<int>(axes[i]);
    ok = !seen[a];
    seen[a] = true;
    out.push(x[a]);
  }
  if (!ok)
    ctx.fail(ErrorKind::kValue, "got axes ", attr_text(ctx.attrs[0], {}), " for shape ",
             ctx.dims(x), "; expected each axis from 0 to ", x.ndim - 1, " once");
  ctx.output(ctx.dtype(0), out);
}

void rule_broadcast_to(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  Shape out = shape_attr(ctx, 0);
  bool ok = x.ndim <= out.ndim;
  for (int back = 1; ok && back <= x.ndim; ++back) {
    Dim from = x[x.ndim - back], to = out[out.ndim - back];
    ok = from == 1 || ctx.equal(from, to) || (is_symbolic(from) && ctx.equal(from, 1));
  }
  if (!ok)
    ctx.fail(ErrorKind::kShape, "cannot broadcast ", ctx.dims(x), " to ", ctx.dims(out),
             ": counted from the last axis, each size must be 1 or equal; reshape x first");
  ctx.output(ctx.dtype(0), out);
}

Shape concat_shape(InferContext& ctx, int first, int axis_attr) {
  Shape out = ctx.shape(first);
  int axis = static_cast<int>(ctx.axis(ctx.get_int(axis_attr), out.ndim));
  ctx.attrs[static_cast<size_t>(axis_attr)] = int64_t{axis};
  for (int i = first + 1; i < ctx.num_inputs(); ++i) {
    const Shape& s = ctx.shape(i);
    bool ok = s.ndim == out.ndim;
    for (int d = 0; ok && d < s.ndim; ++d) ok = d == axis || ctx.equal(s[d], out[d]);
    if (!ok)
      ctx.fail(ErrorKind::kShape, "got shapes ", ctx.dims(ctx.shape(first)), " and ", ctx.dims(s),
               " (", input_name(ctx, i), "); expected equal sizes except along axis ", axis,
               "; reshape, or concatenate along another axis");
    out[axis] = dim_add(out[axis], s[axis]);
  }
  return out;
}

void rule_concat(InferContext& ctx) {
  int n = ctx.num_inputs();
  if (n == 0) ctx.fail(ErrorKind::kValue, "got no tensors; give at least one");
  DType type = common_dtype(ctx, kAny, 0, n);
  ctx.output(type, concat_shape(ctx, 0, 0));
}

void rule_pad(InferContext& ctx) {
  Shape out = ctx.shape(0);
  const std::vector<int64_t>& width = ctx.get_ints(0);
  if (static_cast<int>(width.size()) != 2 * out.ndim)
    ctx.fail(ErrorKind::kValue, "got ", width.size(), " pad widths for shape ", ctx.dims(out),
             "; expected ", 2 * out.ndim, ": before and after for each axis");
  for (size_t i = 0; i < width.size(); ++i) {
    if (!is_symbolic(width[i]) && width[i] < 0)
      ctx.fail(ErrorKind::kValue, "got the pad width ", width[i], "; widths must not be negative; ",
               "slice x to make it smaller");
    Dim& d = out[static_cast<int>(i / 2)];
    d = dim_add(d, width[i]);
  }
  ctx.output(accept(ctx, ctx.dtype(0), kNotString), out);
}

}  // namespace penstock
