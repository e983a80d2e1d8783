// Trees: numbers into bins, one tree grown, the answers of many.
#include <cmath>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

constexpr int64_t kMostEdges = 254, kMostLeaves = int64_t{1} << 20, kMostOutputs = 1 << 20;

void need_dtype(const InferContext& ctx, int i, DType type) {
  if (ctx.dtype(i) != type)
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)), "; expected ",
             dtype_name(type), "; convert it: ", input_name(ctx, i), ".astype(penstock.",
             dtype_name(type), ")");
}

std::string attr_name(const InferContext& ctx, int i) {
  return ctx.op.schema.attrs[static_cast<size_t>(i)].name;
}

void need_int(const InferContext& ctx, int i, int64_t least, int64_t most) {
  int64_t given = ctx.get_int(i);
  if (given < least || given > most)
    ctx.fail(ErrorKind::kValue, "got ", attr_name(ctx, i), "=", given, "; use ", least, " to ",
             most);
}

void need_float(const InferContext& ctx, int i, bool may_be_negative) {
  double given = ctx.get_float(i);
  if (!std::isfinite(given) || (!may_be_negative && given < 0))
    ctx.fail(ErrorKind::kValue, "got ", attr_name(ctx, i), "=", given,
             may_be_negative ? "; use a finite number" : "; use a finite number, 0 or more");
}

}  // namespace

// x [rows, columns], edges [columns, n].
void rule_tree_bins(InferContext& ctx) {
  common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, 2, "[rows, columns]");
  need_rank(ctx, 1, 2, "[columns, edges]");
  const Shape& edges = ctx.shape(1);
  need_shape(ctx, 1, {ctx.shape(0)[1], edges[1]}, "a row of edges for each column");
  if (ctx.less(kMostEdges, edges[1]))
    ctx.fail(ErrorKind::kShape, "got ", edges[1], " edges for each column; give at most ",
             kMostEdges);
  ctx.output(DType::kU8, ctx.shape(0));
}

// bins, gradients, hessians, rows, columns; max_leaves, max_depth, min_samples_leaf, min_weight, l1, l2, complexity,
// learning_rate, smoothing -> nodes, stats, sets, leaves, size.
void rule_tree_grow(InferContext& ctx) {
  constexpr int kMaxLeaves = 0, kMaxDepth = 1, kMinSamples = 2, kFirstFloat = 3, kFloats = 6,
                kLearningRate = 7;
  need_dtype(ctx, 0, DType::kU8);
  for (int i : {1, 2}) {
    accept(ctx, ctx.dtype(i), kReal);
    ctx.want(i, DType::kF32);
  }
  for (int i : {3, 4}) need_dtype(ctx, i, DType::kI32);
  need_rank(ctx, 0, 2, "[rows, columns]");
  need_rank(ctx, 3, 1, "[rows]");
  const Shape& bins = ctx.shape(0);
  for (int i : {1, 2}) need_shape(ctx, i, {bins[0]}, "one for each row of bins");
  need_shape(ctx, 4, {bins[1], 3}, "three numbers for each column");
  need_int(ctx, kMaxLeaves, 1, kMostLeaves);
  if (!ctx.is_none(kMaxDepth)) need_int(ctx, kMaxDepth, 0, kMostLeaves);
  need_int(ctx, kMinSamples, 1, INT32_MAX);
  for (int i = kFirstFloat; i < kFirstFloat + kFloats; ++i) need_float(ctx, i, i == kLearningRate);
  int64_t capacity = 2 * ctx.get_int(kMaxLeaves) - 1;
  ctx.output(DType::kI32, {capacity, 4});
  ctx.output(DType::kF64, {capacity, 4});
  ctx.output(DType::kI32, {capacity, 8});
  ctx.output(DType::kI32, {bins[0]});
  ctx.output(DType::kI64, Shape{});
}

// x, roots, nodes, thresholds, values, sets; outputs.
void rule_tree_predict(InferContext& ctx) {
  constexpr int kReals[] = {0, 3, 4};
  DType type = ctx.dtype(0);
  bool weak = ctx.input(0).weak;
  for (int i : {3, 4}) {
    type = promote(type, weak, ctx.dtype(i), ctx.input(i).weak, "tree_predict");
    weak = weak && ctx.input(i).weak;
  }
  type = accept(ctx, type, kRealFloat);
  for (int i : kReals) ctx.want(i, type);
  for (int i : {1, 2, 5}) need_dtype(ctx, i, DType::kI32);
  need_rank(ctx, 0, 2, "[rows, columns]");
  need_rank(ctx, 1, 1, "[trees]");
  need_rank(ctx, 2, 2, "[n, 4]");
  need_rank(ctx, 5, 2, "[sets, 8]");
  Shape count{ctx.shape(2)[0]};
  need_shape(ctx, 2, {count[0], 4}, "four numbers for each node, [n, 4]");
  need_shape(ctx, 5, {ctx.shape(5)[0], 8}, "eight words for each set");
  for (int i : {3, 4}) need_shape(ctx, i, count, "one for each node");
  need_int(ctx, 0, 1, kMostOutputs);
  ctx.output(type, {ctx.shape(0)[0], ctx.get_int(0)});
}

}  // namespace penstock
