// Elements repeated or moved round: repeat, tile, roll; and diagonals.
#include <algorithm>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

void need_counts(InferContext& ctx, const std::vector<int64_t>& counts) {
  for (int64_t n : counts)
    if (!is_symbolic(n) && n < 0)
      ctx.fail(ErrorKind::kValue, "got ", attr_text(ctx.attrs[0], {}),
               "; how often to repeat must not be negative");
}

Dim dim_min(Dim a, Dim b) { return dim_sub(dim_add(a, b), dim_max(a, b)); }

// The shape of a diagonal: the axes that are left, then the diagonal itself. Attributes offset, axis1, axis2.
Shape diagonal_shape(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  need_rank_at_least(ctx, 0, 2);
  int64_t offset = ctx.get_int(0);
  int first = static_cast<int>(ctx.axis(ctx.get_int(1), x.ndim));
  int second = static_cast<int>(ctx.axis(ctx.get_int(2), x.ndim));
  if (first == second)
    ctx.fail(ErrorKind::kValue, "axis1 and axis2 are both ", first, "; name two different axes");
  ctx.attrs[1] = int64_t{first};
  ctx.attrs[2] = int64_t{second};
  Shape out;
  for (int i = 0; i < x.ndim; ++i)
    if (i != first && i != second) out.push(x[i]);
  Dim length = dim_min(dim_sub(x[first], std::max<int64_t>(-offset, 0)),
                       dim_sub(x[second], std::max<int64_t>(offset, 0)));
  out.push(offset == 0 ? length : dim_max(length, 0));
  return out;
}

}  // namespace

void rule_repeat(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  const std::vector<int64_t>& counts = ctx.get_ints(0);
  need_counts(ctx, counts);
  Shape out = x;
  int axis = 0;
  if (ctx.is_none(1)) {
    out = Shape{x.size()};
  } else {
    axis = static_cast<int>(ctx.axis(ctx.get_int(1), x.ndim));
    ctx.attrs[1] = int64_t{axis};
  }
  if (counts.size() == 1) {
    out[axis] = dim_mul(out[axis], counts[0]);
  } else if (ctx.equal(out[axis], static_cast<Dim>(counts.size()))) {
    out[axis] = 0;
    for (int64_t n : counts) out[axis] = dim_add(out[axis], n);
  } else {
    ctx.fail(ErrorKind::kShape, "got ", counts.size(), " repeats for an axis of size ",
             dim_text(out[axis]), "; give one for each element, or a single one for all");
  }
  ctx.output(ctx.dtype(0), out);
}

void rule_tile_copies(InferContext& ctx) {
  const Shape& x = ctx.shape(0);
  const std::vector<int64_t>& counts = ctx.get_ints(0);
  need_counts(ctx, counts);
  int given = static_cast<int>(counts.size()), rank = std::max(given, x.ndim);
  Shape out;
  for (int i = 0; i < rank; ++i) {
    Dim size = i < rank - x.ndim ? 1 : x[i - (rank - x.ndim)];
    int64_t n = i < rank - given ? 1 : counts[static_cast<size_t>(i - (rank - given))];
    out.push(dim_mul(size, n));
  }
  ctx.output(ctx.dtype(0), out);
}

void rule_roll(InferContext& ctx) {
  std::vector<int64_t>& shifts = ctx.get_ints(0);
  size_t wanted = 1;
  if (!ctx.is_none(1)) {
    std::vector<int64_t>& axes = ctx.get_ints(1);
    for (int64_t& axis : axes) axis = ctx.axis(axis, ctx.shape(0).ndim);
    wanted = axes.size();
    if (shifts.size() == 1) shifts.resize(wanted, shifts[0]);
  }
  if (shifts.size() != wanted)
    ctx.fail(ErrorKind::kValue, "got ", shifts.size(), " shifts for ", wanted,
             wanted == 1 ? " axis" : " axes", "; give one for each axis, or a single one for all");
  ctx.output(ctx.dtype(0), ctx.shape(0));
}

void rule_diagonal(InferContext& ctx) { ctx.output(ctx.dtype(0), diagonal_shape(ctx)); }

void rule_diagonal_scatter(InferContext& ctx) {
  want_stored_as(ctx, 1, ctx.dtype(0));
  need_shape(ctx, 1, diagonal_shape(ctx), "the shape of the diagonal");
  ctx.output(ctx.dtype(0), ctx.shape(0));
}

}  // namespace penstock
