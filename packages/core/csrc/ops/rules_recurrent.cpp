// Sequences: recurrent networks over [batch, time, ...], and the loss that aligns labels with time.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

constexpr const char* kGates = "[batch, time, gates * units]";

// What the sequence ops share: x * kernel for every gate, and the sizes that follow from it.
struct Sequence {
  Dim batch, time, units;
  int64_t gates;
  Shape Gates(int64_t n) const { return {batch, time, dim_mul(units, n)}; }
  Shape Steps() const { return {batch, time, units}; }
  Shape State() const { return {batch, units}; }
};

// `weights` is the input with the recurrent kernel, [units, gates * units].
Sequence read_sequence(InferContext& ctx, int64_t gates, int weights) {
  need_rank(ctx, 0, 3, kGates);
  need_rank(ctx, weights, 2, "[units, gates * units]");
  const Shape& x = ctx.shape(0);
  Sequence s{x[0], x[1], ctx.shape(weights)[0], gates};
  need_shape(ctx, weights, {s.units, dim_mul(s.units, gates)}, "units rows of all gates");
  need_shape(ctx, 0, s.Gates(gates), "the units of all gates for each step");
  return s;
}

// [batch, time] of booleans, either of them possibly 1.
void need_mask(InferContext& ctx, int i, const Sequence& s) {
  if (ctx.dtype(i) != DType::kBool)
    ctx.fail(ErrorKind::kDType, "mask is ", dtype_name(ctx.dtype(i)),
             "; expected bool; compare it: mask != 0");
  ctx.want(i, DType::kBool);
  Shape steps{s.batch, s.time};
  const Shape& mask = ctx.shape(i);
  bool ok = mask.ndim == 2;
  for (int k = 0; ok && k < 2; ++k) ok = mask[k] == 1 || ctx.equal(mask[k], steps[k]);
  if (!ok)
    ctx.fail(ErrorKind::kShape, "mask has shape ", ctx.dims(mask), "; expected [batch, time], ",
             ctx.dims(steps), "; reshape it");
}

void activation_attr(InferContext& ctx, int attr) {
  const std::string& name = ctx.get_str(attr);
  if (name != "tanh" && name != "relu")
    ctx.fail(ErrorKind::kValue, "got activation '", name, "'; use 'tanh' or 'relu'");
}

// A class number; negative ones count from the last class.
void need_class(const InferContext& ctx, int attr, Dim classes) {
  int64_t blank = ctx.get_int(attr);
  if (!is_symbolic(classes) && (blank < -classes || blank >= classes))
    ctx.fail(ErrorKind::kValue, "got blank_index=", blank, " for ", classes,
             " classes; use a number from 0 to ", classes - 1, ", or -1 for the last class");
}

constexpr const char* kResult = "the shape of the result";
constexpr const char* kKept = "what the forward op kept";

}  // namespace

// gates, h, c, recurrent kernel, mask -> every h, every c, activated gates.
void rule_lstm(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 4);
  Sequence s = read_sequence(ctx, 4, 3);
  need_shape(ctx, 1, s.State(), "one state for each sequence");
  need_shape(ctx, 2, s.State(), "one state for each sequence");
  need_mask(ctx, 4, s);
  ctx.output(type, s.Steps());
  ctx.output(type, s.Steps());
  ctx.output(type, s.Gates(4));
}

// activated gates, every c, the first c, recurrent kernel, mask, dh, dc -> dgates, dh, dc at the start.
void rule_lstm_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 4);
  Sequence s = read_sequence(ctx, 4, 3);
  need_shape(ctx, 1, s.Steps(), kKept);
  need_shape(ctx, 2, s.State(), "one state for each sequence");
  need_mask(ctx, 4, s);
  for (int i : {5, 6}) {
    want_stored_as(ctx, i, type);
    need_shape(ctx, i, s.Steps(), kResult);
  }
  ctx.output(type, s.Gates(4));
  ctx.output(type, s.State());
  ctx.output(type, s.State());
}

// gates, h, recurrent kernel, recurrent bias, mask; reset_after -> every h; z, r, candidate, what r is applied to.
void rule_gru(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 4);
  Sequence s = read_sequence(ctx, 3, 2);
  need_shape(ctx, 1, s.State(), "one state for each sequence");
  need_shape(ctx, 3, {dim_mul(s.units, 3)}, "one number for each unit of all gates");
  need_mask(ctx, 4, s);
  ctx.output(type, s.Steps());
  ctx.output(type, s.Gates(4));
}

// what was kept, every h, the first h, recurrent kernel, mask, dh; reset_after -> dgates, d(recurrent part), dh.
void rule_gru_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 4);
  need_rank(ctx, 0, 3, kGates);
  need_rank(ctx, 3, 2, "[units, gates * units]");
  Sequence s{ctx.shape(0)[0], ctx.shape(0)[1], ctx.shape(3)[0], 3};
  need_shape(ctx, 3, {s.units, dim_mul(s.units, 3)}, "units rows of all gates");
  need_shape(ctx, 0, s.Gates(4), kKept);
  need_shape(ctx, 1, s.Steps(), kKept);
  need_shape(ctx, 2, s.State(), "one state for each sequence");
  need_mask(ctx, 4, s);
  want_stored_as(ctx, 5, type);
  need_shape(ctx, 5, s.Steps(), kResult);
  ctx.output(type, s.Gates(3));
  ctx.output(type, s.Gates(3));
  ctx.output(type, s.State());
}

// gates, h, recurrent kernel, mask; activation -> every h.
void rule_simple_rnn(InferContext& ctx) {
  activation_attr(ctx, 0);
  DType type = common_dtype(ctx, kRealFloat, 0, 3);
  Sequence s = read_sequence(ctx, 1, 2);
  need_shape(ctx, 1, s.State(), "one state for each sequence");
  need_mask(ctx, 3, s);
  ctx.output(type, s.Steps());
}

// every h, recurrent kernel, mask, dh; activation -> dgates, dh at the start.
void rule_simple_rnn_grad(InferContext& ctx) {
  activation_attr(ctx, 0);
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  Sequence s = read_sequence(ctx, 1, 1);
  need_mask(ctx, 2, s);
  want_stored_as(ctx, 3, type);
  need_shape(ctx, 3, s.Steps(), kResult);
  ctx.output(type, s.Steps());
  ctx.output(type, s.State());
}

// logits [batch, time, classes], labels [batch, length], label_length, logit_length [batch]; blank -> the loss, and
// its gradient by the logits.
void rule_ctc_loss(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  need_rank(ctx, 0, 3, "[batch, time, classes]");
  need_rank(ctx, 1, 2, "[batch, length]");
  for (int i = 1; i <= 3; ++i) want_index(ctx, i);
  const Shape& x = ctx.shape(0);
  Shape batch{x[0]};
  need_shape(ctx, 1, {x[0], ctx.shape(1)[1]}, "one row of labels for each sequence");
  need_shape(ctx, 2, batch, "one length for each sequence");
  need_shape(ctx, 3, batch, "one length for each sequence");
  need_class(ctx, 0, x[2]);
  ctx.output(type, batch);
  ctx.output(type, x);
}

// logits [batch, time, classes], logit_length [batch]; beam_width, top_paths, blank -> the paths, and their scores.
void rule_ctc_beam(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  need_rank(ctx, 0, 3, "[batch, time, classes]");
  want_index(ctx, 1);
  const Shape& x = ctx.shape(0);
  need_shape(ctx, 1, {x[0]}, "one length for each sequence");
  int64_t width = ctx.get_int(0), paths = ctx.get_int(1);
  if (paths < 1 || paths > width)
    ctx.fail(ErrorKind::kValue, "got top_paths=", paths, " and beam_width=", width,
             "; top_paths must be from 1 to beam_width");
  need_class(ctx, 2, x[2]);
  ctx.output(DType::kI64, {x[0], paths, x[1]});
  ctx.output(type, {x[0], paths});
}

}  // namespace penstock
