// Convolution and pooling over images [batch, height, width, channels] and volumes [batch, depth, height, width,
// channels].
#include <algorithm>
#include <cctype>

#include "ops/rules.h"
#include "ops/rules_quantized.h"

namespace penstock {
namespace {

// What is slid over: the sides of a window.
struct Space {
  int sides;
  const char* names[3];
  const char *image, *filter, *how_many, *all, *padding;
};

constexpr Space kPlane{2,
                       {"height", "width", ""},
                       "[batch, height, width, channels]",
                       "[height, width, channels in / groups, channels out]",
                       "one or two numbers",
                       "height and width",
                       "(top, bottom, left, right)"};
constexpr Space kVolume{3,
                        {"depth", "height", "width"},
                        "[batch, depth, height, width, channels]",
                        "[depth, height, width, channels in / groups, channels out]",
                        "one or three numbers",
                        "depth, height and width",
                        "(front, back, top, bottom, left, right)"};
constexpr const char* kImage = kPlane.image;
constexpr const char* kDepthwise = "[height, width, channels, multiplier]";
constexpr const char* kTransposed = "[height, width, channels out, channels in]";

// One number stands for all sides.
const std::vector<int64_t>& positive(InferContext& ctx, const Space& space, int attr,
                                     const char* name) {
  std::vector<int64_t>& v = ctx.get_ints(attr);
  const size_t sides = static_cast<size_t>(space.sides);
  if (v.size() == 1) v.resize(sides, v[0]);
  if (v.size() != sides || *std::min_element(v.begin(), v.end()) < 1)
    ctx.fail(ErrorKind::kValue, "got ", name, " ",
             attr_text(ctx.attrs[static_cast<size_t>(attr)], {}), "; expected ", space.how_many,
             " of at least 1, for ", space.all);
  return v;
}

const std::string& padding(InferContext& ctx, int attr, bool allows_explicit) {
  std::string name = ctx.get_str(attr);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name != "valid" && name != "same" && !(allows_explicit && name == "explicit"))
    ctx.fail(ErrorKind::kValue, "got padding '", ctx.get_str(attr), "'; use 'valid'",
             allows_explicit ? ", 'same' or 'explicit'" : " or 'same'");
  ctx.attrs[static_cast<size_t>(attr)] = std::move(name);
  return ctx.get_str(attr);
}

// Where a window fits along one side of an image.
struct Window {
  Dim kernel;
  int64_t stride = 1, dilation = 1, padded = 0;  // padded: both ends together
  bool same = false;
};

Dim out_size(InferContext& ctx, const char* side, Dim in, const Window& w) {
  if (w.same) return dim_ceildiv(in, w.stride);
  Dim reach = dim_add(dim_mul(dim_sub(w.kernel, 1), w.dilation), 1);
  Dim room = dim_add(in, w.padded);
  if (!at_most(ctx, reach, room))
    ctx.fail(ErrorKind::kShape, "the window needs a ", side, " of ", dim_text(reach),
             ", but the padded input has ", dim_text(room),
             "; use padding='same', a smaller window, or a larger input");
  return dim_add(dim_floordiv(dim_sub(room, reach), w.stride), 1);
}

// The attributes that the three convolutions share, normalised, from position `first` on.
struct Conv {
  Window side[3];
  int64_t groups = 1;
};

void read_explicit_padding(InferContext& ctx, const Space& space, int attr, bool is_explicit,
                           Conv* conv) {
  if (ctx.is_none(attr) && !is_explicit) return;
  if (!is_explicit)
    ctx.fail(ErrorKind::kValue, "got explicit_padding with padding='", ctx.get_str(attr - 1),
             "'; it goes with padding='explicit'");
  const size_t ends = 2 * static_cast<size_t>(space.sides);
  bool ok = !ctx.is_none(attr) && ctx.get_ints(attr).size() == ends;
  for (size_t i = 0; ok && i < ends; ++i) ok = ctx.get_ints(attr)[i] >= 0;
  if (!ok)
    ctx.fail(ErrorKind::kValue, "got explicit_padding ",
             attr_text(ctx.attrs[static_cast<size_t>(attr)], {}), "; padding='explicit' expects ",
             space.padding, ", none of them negative");
  const std::vector<int64_t>& pad = ctx.get_ints(attr);
  for (size_t i = 0; i < ends / 2; ++i) conv->side[i].padded = pad[2 * i] + pad[2 * i + 1];
}

// strides, padding, explicit_padding, dilations.
Conv read_windows(InferContext& ctx, const Space& space, int first, const Shape& filter) {
  Conv conv;
  const std::vector<int64_t>& strides = positive(ctx, space, first, "strides");
  const std::vector<int64_t>& dilations = positive(ctx, space, first + 3, "dilations");
  const std::string& kind = padding(ctx, first + 1, true);
  for (int i = 0; i < space.sides; ++i) {
    size_t k = static_cast<size_t>(i);
    conv.side[i] = {filter[i], strides[k], dilations[k], 0, kind == "same"};
  }
  read_explicit_padding(ctx, space, first + 2, kind == "explicit", &conv);
  return conv;
}

Conv read_conv(InferContext& ctx, const Space& space, int first, const Shape& filter) {
  Conv conv = read_windows(ctx, space, first, filter);
  conv.groups = ctx.get_int(first + 4);
  if (conv.groups < 1) ctx.fail(ErrorKind::kValue, "got groups=", conv.groups, "; use 1 or more");
  return conv;
}

void need_channels(InferContext& ctx, const Space& space, const Shape& x, const Shape& filter,
                   int64_t groups) {
  const int last = space.sides;  // of the filter's sides; then channels in and out
  if (!ctx.equal(x[last + 1], dim_mul(filter[last], groups)))
    ctx.fail(ErrorKind::kShape, "x has shape ", ctx.dims(x), " and filter ", ctx.dims(filter),
             ": the channels of x (", dim_text(x[last + 1]), ") must equal the ",
             space.sides == 2 ? "third" : "fourth", " axis of filter (", dim_text(filter[last]),
             ") times groups (", groups, "); images are ", space.image, ", filters ", space.filter);
  if (!is_symbolic(filter[last + 1]) && filter[last + 1] % groups != 0)
    ctx.fail(ErrorKind::kShape, "filter has ", filter[last + 1], " output channels, which ", groups,
             " groups do not divide; change groups, or the filter");
}

// [batch, the sides that windows leave, channels].
Shape windowed(InferContext& ctx, const Space& space, const Shape& x, const Window* sides,
               Dim channels) {
  Shape out{x[0]};
  for (int i = 0; i < space.sides; ++i) out.push(out_size(ctx, space.names[i], x[1 + i], sides[i]));
  out.push(channels);
  return out;
}

Shape conv_shape(InferContext& ctx, const Space& space, int first, const Shape& x,
                 const Shape& filter) {
  Conv conv = read_conv(ctx, space, first, filter);
  need_channels(ctx, space, x, filter, conv.groups);
  return windowed(ctx, space, x, conv.side, filter[space.sides + 1]);
}

Shape depthwise_shape(InferContext& ctx, int first, const Shape& x, const Shape& filter) {
  Conv conv = read_windows(ctx, kPlane, first, filter);
  if (!ctx.equal(x[3], filter[2]))
    ctx.fail(ErrorKind::kShape, "x has shape ", ctx.dims(x), " and filter ", ctx.dims(filter),
             ": the channels of x (", dim_text(x[3]), ") must equal the third axis of filter (",
             dim_text(filter[2]), "); images are ", kImage, ", filters ", kDepthwise);
  return windowed(ctx, kPlane, x, conv.side, dim_mul(filter[2], filter[3]));
}

// A side of the image whose convolution has `in` rows: Keras' rule, or with output_padding the exact one.
Dim transposed_size(InferContext& ctx, int side, Dim in, const Window& w,
                    const int64_t* output_padding) {
  Dim reach = dim_add(dim_mul(dim_sub(w.kernel, 1), w.dilation), 1);
  Dim steps = dim_mul(dim_sub(in, 1), w.stride);
  if (!output_padding && w.same) return dim_mul(in, w.stride);
  if (!output_padding) {
    Dim rest = dim_sub(reach, w.stride);
    return dim_add(dim_mul(in, w.stride), at_most(ctx, 0, rest) ? rest : 0);
  }
  if (*output_padding < 0 || *output_padding >= w.stride)
    ctx.fail(ErrorKind::kValue, "got output_padding ", *output_padding, " for the ",
             kPlane.names[side], " with a stride of ", w.stride,
             "; use a number from 0 to stride - 1");
  Dim cut = w.same ? dim_mul(dim_floordiv(reach, 2), 2) : w.padded;
  Dim out = dim_sub(dim_add(dim_add(steps, reach), *output_padding), cut);
  if (!at_most(ctx, 1, out))
    ctx.fail(ErrorKind::kShape, "the padding leaves a ", kPlane.names[side], " of ", dim_text(out),
             "; use less of it");
  return out;
}

// input_shape or filter_shape of a gradient.
Shape shape_with_axes(InferContext& ctx, int attr, int axes, const char* layout) {
  Shape s = shape_attr(ctx, attr);
  if (s.ndim != axes)
    ctx.fail(ErrorKind::kShape, "got ", ctx.op.schema.attrs[static_cast<size_t>(attr)].name, " ",
             ctx.dims(s), "; expected ", axes, " axes, ", layout);
  return s;
}

Shape four_axes(InferContext& ctx, int attr, const char* layout) {
  return shape_with_axes(ctx, attr, 4, layout);
}

// Reads pool_size, strides and padding from position `first` on.
Shape pool_shape(InferContext& ctx, const Space& space, int first, const Shape& x) {
  const std::vector<int64_t> size = positive(ctx, space, first, "pool_size");
  if (ctx.is_none(first + 1)) ctx.attrs[static_cast<size_t>(first) + 1] = size;
  const std::vector<int64_t>& strides = positive(ctx, space, first + 1, "strides");
  bool same = padding(ctx, first + 2, false) == "same";
  Window sides[3];
  for (int i = 0; i < space.sides; ++i) {
    size_t k = static_cast<size_t>(i);
    sides[i] = {size[k], strides[k], 1, 0, same};
  }
  return windowed(ctx, space, x, sides, x[space.sides + 1]);
}

void pool(InferContext& ctx, const Space& space, const Accepts& accepts) {
  DType type = common_dtype(ctx, accepts, 0, 1);
  need_rank(ctx, 0, space.sides + 2, space.image);
  ctx.output(type, pool_shape(ctx, space, 0, ctx.shape(0)));
}

void max_pool_grad(InferContext& ctx, const Space& space) {
  DType type = common_dtype(ctx, kReal, 0, 3);
  need_rank(ctx, 0, space.sides + 2, space.image);
  Shape y = pool_shape(ctx, space, 0, ctx.shape(0));
  need_shape(ctx, 1, y, "the shape of the pooling's result");
  need_shape(ctx, 2, y, "the shape of the pooling's result");
  ctx.output(type, ctx.shape(0));
}

void avg_pool_grad(InferContext& ctx, const Space& space) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  Shape x = shape_with_axes(ctx, 0, space.sides + 2, space.image);
  need_shape(ctx, 0, pool_shape(ctx, space, 1, x), "the shape of the pooling's result");
  ctx.output(type, x);
}

void conv(InferContext& ctx, const Space& space) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, space.sides + 2, space.image);
  need_rank(ctx, 1, space.sides + 2, space.filter);
  ctx.output(type, conv_shape(ctx, space, 0, ctx.shape(0), ctx.shape(1)));
}

void conv_input_grad(InferContext& ctx, const Space& space) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 1, space.sides + 2, space.filter);
  Shape x = shape_with_axes(ctx, 0, space.sides + 2, space.image);
  need_shape(ctx, 0, conv_shape(ctx, space, 1, x, ctx.shape(1)),
             "the shape of the convolution's result");
  ctx.output(type, x);
}

void conv_filter_grad(InferContext& ctx, const Space& space) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, space.sides + 2, space.image);
  Shape filter = shape_with_axes(ctx, 0, space.sides + 2, space.filter);
  need_shape(ctx, 1, conv_shape(ctx, space, 1, ctx.shape(0), filter),
             "the shape of the convolution's result");
  ctx.output(type, filter);
}

}  // namespace

void rule_conv2d(InferContext& ctx) { conv(ctx, kPlane); }
void rule_conv2d_input_grad(InferContext& ctx) { conv_input_grad(ctx, kPlane); }
void rule_conv2d_filter_grad(InferContext& ctx) { conv_filter_grad(ctx, kPlane); }
void rule_conv3d(InferContext& ctx) { conv(ctx, kVolume); }
void rule_conv3d_input_grad(InferContext& ctx) { conv_input_grad(ctx, kVolume); }
void rule_conv3d_filter_grad(InferContext& ctx) { conv_filter_grad(ctx, kVolume); }

void rule_depthwise_conv2d(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, 4, kImage);
  need_rank(ctx, 1, 4, kDepthwise);
  ctx.output(type, depthwise_shape(ctx, 0, ctx.shape(0), ctx.shape(1)));
}

void rule_depthwise_conv2d_input_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 1, 4, kDepthwise);
  Shape x = four_axes(ctx, 0, kImage);
  need_shape(ctx, 0, depthwise_shape(ctx, 1, x, ctx.shape(1)),
             "the shape of the convolution's result");
  ctx.output(type, x);
}

void rule_depthwise_conv2d_filter_grad(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, 4, kImage);
  Shape filter = four_axes(ctx, 0, kDepthwise);
  need_shape(ctx, 1, depthwise_shape(ctx, 1, ctx.shape(0), filter),
             "the shape of the convolution's result");
  ctx.output(type, filter);
}

// strides, padding, explicit_padding, dilations, output_padding.
void rule_conv2d_transpose(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, 4, kImage);
  need_rank(ctx, 1, 4, kTransposed);
  const Shape &x = ctx.shape(0), &filter = ctx.shape(1);
  if (!ctx.equal(x[3], filter[3]))
    ctx.fail(ErrorKind::kShape, "x has shape ", ctx.dims(x), " and filter ", ctx.dims(filter),
             ": the channels of x (", dim_text(x[3]), ") must equal the last axis of filter (",
             dim_text(filter[3]), "); images are ", kImage, ", filters ", kTransposed);
  Conv conv = read_windows(ctx, kPlane, 0, filter);
  const int64_t* extra = nullptr;
  if (!ctx.is_none(4)) {
    std::vector<int64_t>& v = ctx.get_ints(4);
    if (v.size() == 1) v.push_back(v[0]);
    if (v.size() != 2)
      ctx.fail(ErrorKind::kValue, "got output_padding ", attr_text(ctx.attrs[4], {}),
               "; expected one or two numbers, for height and width");
    extra = v.data();
  }
  bool is_explicit = !ctx.is_none(2);
  Shape out{x[0], 0, 0, filter[2]};
  for (int i = 0; i < 2; ++i) {
    static constexpr int64_t kNone = 0;
    const int64_t* more = extra ? extra + i : (is_explicit ? &kNone : nullptr);
    out[1 + i] = transposed_size(ctx, i, x[1 + i], conv.side[i], more);
  }
  ctx.output(type, out);
}

void rule_pool2d_real(InferContext& ctx) { pool(ctx, kPlane, kReal); }
void rule_pool2d_float(InferContext& ctx) { pool(ctx, kPlane, kRealFloat); }

void rule_padded_max_pool2d(InferContext& ctx) {
  DType type = common_dtype(ctx, kReal, 0, 1);
  need_rank(ctx, 0, 4, kImage);
  const std::vector<int64_t>& size = positive(ctx, kPlane, 0, "pool_size");
  const std::vector<int64_t>& strides = positive(ctx, kPlane, 1, "strides");
  Conv windows;
  read_explicit_padding(ctx, kPlane, 2, true, &windows);
  const std::vector<int64_t>& pad = ctx.get_ints(2);
  for (size_t i = 0; i < 2; ++i) {
    if (pad[2 * i] >= size[i] || pad[2 * i + 1] >= size[i])
      ctx.fail(ErrorKind::kValue, "got explicit_padding ", attr_text(ctx.attrs[2], {}),
               " for windows of ", size[0], " x ", size[1], "; use less than a window of it");
    windows.side[i].kernel = size[i];
    windows.side[i].stride = strides[i];
  }
  ctx.output(type, windowed(ctx, kPlane, ctx.shape(0), windows.side, ctx.shape(0)[3]));
}

void rule_max_pool2d_grad(InferContext& ctx) { max_pool_grad(ctx, kPlane); }
void rule_avg_pool2d_grad(InferContext& ctx) { avg_pool_grad(ctx, kPlane); }
void rule_pool3d_real(InferContext& ctx) { pool(ctx, kVolume, kReal); }
void rule_pool3d_float(InferContext& ctx) { pool(ctx, kVolume, kRealFloat); }
void rule_max_pool3d_grad(InferContext& ctx) { max_pool_grad(ctx, kVolume); }
void rule_avg_pool3d_grad(InferContext& ctx) { avg_pool_grad(ctx, kVolume); }

namespace {

// x, filter, bias, then scale and zero point of x, filter and the result.
DType quantized_conv(InferContext& ctx, const char* filter_layout) {
  DType type = need_quantized(ctx, {0, 1});
  need_rank(ctx, 0, 4, kImage);
  need_rank(ctx, 1, 4, filter_layout);
  return type;
}

void quantized_channels(InferContext& ctx, Dim channels) {
  need_bias(ctx, 2, channels);
  need_parameters(ctx, 3);
  need_parameters(ctx, 5, channels, "one for each channel of the result");
  need_parameters(ctx, 7);
}

}  // namespace

void rule_quantized_conv2d(InferContext& ctx) {
  DType type = quantized_conv(ctx, kPlane.filter);
  Shape y = conv_shape(ctx, kPlane, 0, ctx.shape(0), ctx.shape(1));
  quantized_channels(ctx, y[3]);
  need_activation(ctx, 5);
  ctx.output(type, y);
}

void rule_quantized_depthwise_conv2d(InferContext& ctx) {
  DType type = quantized_conv(ctx, kDepthwise);
  Shape y = depthwise_shape(ctx, 0, ctx.shape(0), ctx.shape(1));
  quantized_channels(ctx, y[3]);
  need_activation(ctx, 4);
  ctx.output(type, y);
}

void rule_quantized_avg_pool2d(InferContext& ctx) {
  DType type = need_quantized(ctx, {0});
  need_rank(ctx, 0, 4, kImage);
  ctx.output(type, pool_shape(ctx, kPlane, 0, ctx.shape(0)));
}

}  // namespace penstock
