// Quantised numbers; convolution and pooling of them are in rules_conv.cpp.
#include "ops/rules_quantized.h"

#include "ops/rules.h"

namespace penstock {
namespace {

constexpr Accepts kQuantizedAs{
    dtype_range(DType::kI8, DType::kI32) | dtype_range(DType::kU8, DType::kU8), false,
    "an integer dtype", "int8"};

void want_zero_point(InferContext& ctx, int i) {
  if (!is_integer(ctx.dtype(i)))
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)),
             "; expected integers; convert it: ", input_name(ctx, i), ".astype(penstock.int32)");
  ctx.want(i, DType::kI32);
}

void want_scale(InferContext& ctx, int i) {
  accept(ctx, ctx.dtype(i), kRealFloat);
  ctx.want(i, DType::kF32);
}

// Attribute 0, the axis of scales that have one, and inputs 1 and 2, scale and zero point.
void parameters_along_axis(InferContext& ctx) {
  if (ctx.shape(1).ndim == 0) return need_parameters(ctx, 1);
  int64_t axis = ctx.axis(ctx.get_int(0), ctx.shape(0).ndim);
  ctx.attrs[0] = axis;
  Dim size = ctx.shape(0)[static_cast<int>(axis)];
  need_parameters(ctx, 1, size,
                  "one for each of the " + dim_text(size) + " along axis " + std::to_string(axis));
}

// x [..., in] and weights [in / per_row, out].
void need_inner_size(InferContext& ctx, int64_t per_row) {
  need_rank_at_least(ctx, 0, 1);
  need_rank(ctx, 1, 2, "[channels in, channels out]");
  const Shape &x = ctx.shape(0), &weights = ctx.shape(1);
  Dim in = dim_mul(weights[0], per_row);
  if (!ctx.equal(x[x.ndim - 1], in))
    ctx.fail(ErrorKind::kShape, "x has shape ", ctx.dims(x), " and weights ", ctx.dims(weights),
             ": the last axis of x (", dim_text(x[x.ndim - 1]), ") must have the size of ",
             dim_text(in), "; reshape x");
}

void need_weights_of(InferContext& ctx, DType want) {
  if (ctx.dtype(1) != want)
    ctx.fail(ErrorKind::kDType, "weights is ", dtype_name(ctx.dtype(1)), "; expected ",
             dtype_name(want),
             want == DType::kU8 ? ", two numbers in each: bits=8 takes int8"
                                : "; quantise them: penstock.quantize(weights, scale, 0)");
}

void product_of_rows(InferContext& ctx) {
  const DType type = accept(ctx, ctx.dtype(0), kRealFloat);
  ctx.want(0, type);
  Shape result = ctx.shape(0);
  result[result.ndim - 1] = ctx.shape(1)[1];
  ctx.output(type, result);
}

}  // namespace

DType need_quantized(InferContext& ctx, std::initializer_list<int> inputs) {
  DType first = ctx.dtype(*inputs.begin());
  for (int i : inputs) {
    DType t = ctx.dtype(i);
    if (t != DType::kI8 && t != DType::kU8)
      ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(t),
               "; expected int8 or uint8; quantise it: penstock.quantize(", input_name(ctx, i),
               ", scale, zero_point)");
    if (t != first)
      ctx.fail(ErrorKind::kDType, input_name(ctx, *inputs.begin()), " is ", dtype_name(first),
               " and ", input_name(ctx, i), " is ", dtype_name(t),
               "; expected one dtype; bring one to the other: penstock.requantize(..., dtype=...)");
  }
  return first;
}

void need_parameters(InferContext& ctx, int scale) {
  want_scale(ctx, scale);
  want_zero_point(ctx, scale + 1);
  need_shape(ctx, scale, Shape{}, "a single number");
  need_shape(ctx, scale + 1, Shape{}, "the shape of scale");
}

void need_parameters(InferContext& ctx, int scale, Dim size, const std::string& what) {
  want_scale(ctx, scale);
  want_zero_point(ctx, scale + 1);
  if (ctx.shape(scale).ndim != 0) need_shape(ctx, scale, Shape{size}, what.c_str());
  need_shape(ctx, scale + 1, ctx.shape(scale), "the shape of scale");
}

void need_bias(InferContext& ctx, int i, Dim channels) {
  if (!is_integer(ctx.dtype(i)))
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)),
             "; expected int32, in steps of both scales multiplied; quantise it: "
             "penstock.quantize(",
             input_name(ctx, i), ", x_scale * weights_scale, 0, dtype='int32')");
  ctx.want(i, DType::kI32);
  need_shape(ctx, i, Shape{channels}, "one number for each channel of the result");
}

void need_activation(InferContext& ctx, int attr) {
  if (ctx.is_none(attr)) return;
  const std::string& name = ctx.get_str(attr);
  if (name != "relu" && name != "relu6" && name != "relu_n1_to_1")
    ctx.fail(ErrorKind::kValue, "got activation '", name,
             "'; use None, 'relu', 'relu6' or 'relu_n1_to_1'");
}

// x, scale, zero_point; axis, dtype.
void rule_quantize(InferContext& ctx) {
  accept(ctx, ctx.dtype(0), kRealFloat);
  if (!is_float(ctx.dtype(0))) ctx.want(0, kDefaultFloat);
  parameters_along_axis(ctx);
  DType type = ctx.get_dtype(1);
  if (!kQuantizedAs.has(type))
    ctx.fail(ErrorKind::kDType, "got dtype ", dtype_name(type),
             "; use int8, uint8, int16 or int32");
  ctx.output(type, ctx.shape(0));
}

void rule_dequantize(InferContext& ctx) {
  DType from = ctx.dtype(0), to = ctx.get_dtype(1);
  if (!kQuantizedAs.has(from))
    ctx.fail(ErrorKind::kDType, "x is ", dtype_name(from),
             "; expected int8, uint8, int16 or int32; quantise it first: "
             "penstock.quantize(x, scale, zero_point)");
  parameters_along_axis(ctx);
  if (!is_float(to))
    ctx.fail(ErrorKind::kDType, "got dtype ", dtype_name(to), "; use a float dtype");
  ctx.output(to, ctx.shape(0));
}

void rule_fake_quant(InferContext& ctx) {
  rule_elementwise_real_float(ctx);
  int64_t bits = ctx.get_int(0);
  if (bits < 2 || bits > 16)
    ctx.fail(ErrorKind::kValue, "got num_bits=", bits, "; use a number from 2 to 16");
}

// x, its scale and zero point, those of the result; dtype.
void rule_requantize(InferContext& ctx) {
  need_quantized(ctx, {0});
  need_parameters(ctx, 1);
  need_parameters(ctx, 3);
  DType type = ctx.get_dtype(0);
  if (type != DType::kI8 && type != DType::kU8)
    ctx.fail(ErrorKind::kDType, "got dtype ", dtype_name(type), "; use int8 or uint8");
  ctx.output(type, ctx.shape(0));
}

// x, y, then scale and zero point of x, y and the result; activation.
void rule_quantized_binary(InferContext& ctx) {
  DType type = need_quantized(ctx, {0, 1});
  for (int scale : {2, 4, 6}) need_parameters(ctx, scale);
  need_activation(ctx, 0);
  ctx.output(type, ctx.broadcast(ctx.shape(0), ctx.shape(1)));
}

// x, its scale and zero point; beta.
void rule_quantized_softmax(InferContext& ctx) {
  DType type = need_quantized(ctx, {0});
  want_scale(ctx, 1);
  need_shape(ctx, 1, Shape{}, "a single number");
  need_rank_at_least(ctx, 0, 1);
  if (!(ctx.get_float(0) > 0))
    ctx.fail(ErrorKind::kValue, "got beta=", ctx.get_float(0), "; use a positive number");
  ctx.output(type, ctx.shape(0));
}

// x, weights, bias, then scale and zero point of x, weights and the result; transpose_weights, activation.
void rule_quantized_matmul(InferContext& ctx) {
  DType type = need_quantized(ctx, {0, 1});
  need_rank_at_least(ctx, 0, 1);
  need_rank(ctx, 1, 2,
            ctx.get_bool(0) ? "[channels out, channels in]" : "[channels in, channels out]");
  const Shape &x = ctx.shape(0), &weights = ctx.shape(1);
  Dim in = weights[ctx.get_bool(0) ? 1 : 0], out = weights[ctx.get_bool(0) ? 0 : 1];
  if (!ctx.equal(x[x.ndim - 1], in))
    ctx.fail(ErrorKind::kShape, "x has shape ", ctx.dims(x), " and weights ", ctx.dims(weights),
             ": the last axis of x (", dim_text(x[x.ndim - 1]), ") must have the size of ",
             dim_text(in), "; transpose the weights, or give transpose_weights=True");
  need_bias(ctx, 2, out);
  need_parameters(ctx, 3);
  need_parameters(ctx, 5, out, "one for each channel of the result");
  need_parameters(ctx, 7);
  need_activation(ctx, 1);
  Shape result = x;
  result[x.ndim - 1] = out;
  ctx.output(type, result);
}

// x, weights, scales; bits.
void rule_weight_only_matmul(InferContext& ctx) {
  const int64_t bits = ctx.get_int(0);
  if (bits != 4 && bits != 8) ctx.fail(ErrorKind::kValue, "got bits=", bits, "; use 4 or 8");
  need_weights_of(ctx, bits == 4 ? DType::kU8 : DType::kI8);
  need_inner_size(ctx, bits == 4 ? 2 : 1);
  accept(ctx, ctx.dtype(2), kRealFloat);
  ctx.want(2, DType::kF32);
  need_rank(ctx, 2, 2, "[groups, channels out]");
  const Shape &scales = ctx.shape(2), &weights = ctx.shape(1);
  if (!ctx.equal(scales[1], weights[1]))
    ctx.fail(ErrorKind::kShape, "scales has shape ", ctx.dims(scales), " for weights ",
             ctx.dims(weights), "; give [groups, ", dim_text(weights[1]), "]");
  const bool sized = !is_symbolic(scales[0]) && !is_symbolic(weights[0]);
  if (sized && (scales[0] == 0 || weights[0] % scales[0] != 0))
    ctx.fail(ErrorKind::kShape, "scales has ", dim_text(scales[0]), " groups for the ",
             dim_text(weights[0]), " rows of weights; the rows must be a multiple of the groups");
  product_of_rows(ctx);
}

// x, weights, scales.
void rule_dynamic_quantized_matmul(InferContext& ctx) {
  need_weights_of(ctx, DType::kI8);
  need_inner_size(ctx, 1);
  accept(ctx, ctx.dtype(2), kRealFloat);
  ctx.want(2, DType::kF32);
  Dim out = ctx.shape(1)[1];
  need_shape(ctx, 2, Shape{out}, "one for each channel of the result");
  product_of_rows(ctx);
}

// scales and zero points, one of each for every tensor, those of the result, then the tensors; axis.
void rule_quantized_concat(InferContext& ctx) {
  int n = ctx.num_inputs() - 4;
  if (n < 1) ctx.fail(ErrorKind::kValue, "got no tensors; give at least one");
  for (int i = 0; i < n; ++i) need_quantized(ctx, {4, 4 + i});
  want_scale(ctx, 0);
  want_zero_point(ctx, 1);
  for (int i : {0, 1}) need_shape(ctx, i, Shape{n}, "one number for each tensor");
  need_parameters(ctx, 2);
  ctx.output(ctx.dtype(4), concat_shape(ctx, 4, 0));
}

}  // namespace penstock
