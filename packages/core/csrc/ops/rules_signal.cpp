// Signals: the last axis is time.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

int64_t positive(const InferContext& ctx, int attr) {
  int64_t value = ctx.get_int(attr);
  if (value < 1)
    ctx.fail(ErrorKind::kValue, "got ", ctx.op.schema.attrs[static_cast<size_t>(attr)].name, "=",
             value, "; use 1 or more");
  return value;
}

// A kShape attribute of one size.
Dim size_attr(InferContext& ctx, int attr) {
  Shape size = shape_attr(ctx, attr);
  if (size.ndim != 1)
    ctx.fail(ErrorKind::kValue, "got ", ctx.op.schema.attrs[static_cast<size_t>(attr)].name, " ",
             attr_text(ctx.attrs[static_cast<size_t>(attr)], {}), "; expected one number");
  return size[0];
}

}  // namespace

// frames, frame_length, frame_step: [..., n] to [..., frames, frame_length].
void rule_frame(InferContext& ctx) {
  DType type = common_dtype(ctx, kNumeric, 0, 1);
  need_rank_at_least(ctx, 0, 1);
  Shape out = ctx.shape(0);
  out[out.ndim - 1] = size_attr(ctx, 0);
  out.push(positive(ctx, 1));
  positive(ctx, 2);
  ctx.output(type, out);
}

// length, frame_step: [..., frames, frame_length] to [..., length].
void rule_overlap_and_add(InferContext& ctx) {
  DType type = common_dtype(ctx, kNumeric, 0, 1);
  need_rank_at_least(ctx, 0, 2);
  Shape out;
  for (int d = 0; d < ctx.shape(0).ndim - 2; ++d) out.push(ctx.shape(0)[d]);
  out.push(size_attr(ctx, 0));
  positive(ctx, 1);
  ctx.output(type, out);
}

}  // namespace penstock
