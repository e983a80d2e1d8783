// Images [batch, height, width, channels], their colours, and boxes in them.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

constexpr const char* kImage = "[batch, height, width, channels]";
constexpr const char* kBoxes = "[boxes, 4]";

// A kShape attribute of two sizes.
Shape size_attr(InferContext& ctx, int attr) {
  const std::vector<int64_t>& v = ctx.get_ints(attr);
  bool ok = v.size() == 2;
  for (size_t i = 0; ok && i < 2; ++i) ok = is_symbolic(v[i]) || v[i] >= 1;
  if (!ok)
    ctx.fail(ErrorKind::kValue, "got ", ctx.op.schema.attrs[static_cast<size_t>(attr)].name, " ",
             attr_text(ctx.attrs[static_cast<size_t>(attr)], {}),
             "; expected height and width, both at least 1");
  return {v[0], v[1]};
}

void need_method(const InferContext& ctx, int attr, std::initializer_list<const char*> methods) {
  std::string all;
  for (const char* method : methods) {
    if (ctx.get_str(attr) == method) return;
    all += (all.empty() ? "'" : ", '") + std::string(method) + "'";
  }
  ctx.fail(ErrorKind::kValue, "got method '", ctx.get_str(attr), "'; use ", all);
}

void need_pixels(InferContext& ctx, const Shape& images) {
  if (images[1] == 0 || images[2] == 0)
    ctx.fail(ErrorKind::kShape, "the image has no pixels: its shape is ", ctx.dims(images),
             "; leave it out");
}

void need_last(InferContext& ctx, int i, int64_t size, const char* layout) {
  const Shape& s = ctx.shape(i);
  if (s.ndim < 1 || !ctx.equal(s[s.ndim - 1], size))
    ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(s), "; expected ",
             layout, "; reshape or slice it");
}

// size, method, antialias.
void resize(InferContext& ctx, bool keeps_integers) {
  need_rank(ctx, 0, 4, kImage);
  Shape size = size_attr(ctx, 0);
  need_method(
      ctx, 1,
      {"nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchell"});
  const Shape& x = ctx.shape(0);
  bool as_is = keeps_integers && ctx.get_str(1) == "nearest";
  DType type = common_dtype(ctx, as_is ? kReal : kRealFloat, 0, 1);
  need_pixels(ctx, x);
  ctx.output(type, {x[0], size[0], size[1], x[3]});
}

}  // namespace

void rule_image_resize(InferContext& ctx) { resize(ctx, true); }
void rule_image_resize_grad(InferContext& ctx) { resize(ctx, false); }

// interpolation, fill_mode, as attributes `first` and `first` + 1; and places as input 1.
void need_places(InferContext& ctx, int first) {
  constexpr const char* kPlaces = "[batch, rows, columns, 2]";
  need_rank(ctx, 0, 4, kImage);
  need_rank(ctx, 1, 4, kPlaces);
  need_last(ctx, 1, 2, kPlaces);
  need_method(ctx, first, {"bilinear", "nearest"});
  need_method(ctx, first + 1, {"constant", "nearest", "reflect", "wrap", "mirror"});
  const Shape &x = ctx.shape(0), &at = ctx.shape(1);
  if (!ctx.equal(at[0], 1) && !ctx.equal(at[0], x[0]))
    ctx.fail(ErrorKind::kShape, "got images of shape ", ctx.dims(x), " and coordinates of shape ",
             ctx.dims(at),
             "; expected one batch of places for each image, or one for all: slice them");
}

void rule_image_sample(InferContext& ctx) {
  need_places(ctx, 0);
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  const Shape &x = ctx.shape(0), &at = ctx.shape(1);
  need_pixels(ctx, x);
  ctx.output(type, {x[0], at[1], at[2], x[3]});
}

void rule_image_sample_grad(InferContext& ctx) {
  Shape size = size_attr(ctx, 0);
  need_places(ctx, 1);
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  const Shape &dy = ctx.shape(0), &at = ctx.shape(1);
  if (!ctx.equal(dy[1], at[1]) || !ctx.equal(dy[2], at[2]))
    ctx.fail(ErrorKind::kShape, "dy has shape ", ctx.dims(dy),
             "; expected rows and columns as the places have, ", ctx.dims(at), "; slice it");
  ctx.output(type, {dy[0], size[0], size[1], dy[3]});
}

// crop_size, method, extrapolation_value.
void rule_crop_and_resize(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  want_index(ctx, 2);
  need_rank(ctx, 0, 4, kImage);
  need_rank(ctx, 1, 2, kBoxes);
  need_last(ctx, 1, 4, kBoxes);
  need_shape(ctx, 2, {ctx.shape(1)[0]}, "one index for each box");
  need_method(ctx, 1, {"bilinear", "nearest"});
  Shape size = size_attr(ctx, 0);
  need_pixels(ctx, ctx.shape(0));
  ctx.output(type, {ctx.shape(1)[0], size[0], size[1], ctx.shape(0)[3]});
}

void rule_color_same(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  need_last(ctx, 0, 3, "[..., 3], three colours for each pixel");
  ctx.output(type, ctx.shape(0));
}

void rule_color_gray(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 1);
  need_last(ctx, 0, 3, "[..., 3], three colours for each pixel");
  Shape out = ctx.shape(0);
  out[out.ndim - 1] = 1;
  ctx.output(type, out);
}

// Boxes of each batch with each other: [..., n, 4] and [..., m, 4] make [..., n, m].
void rule_box_iou(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  Shape lead[2], out;
  for (int i = 0; i < 2; ++i) {
    need_rank_at_least(ctx, i, 2);
    need_last(ctx, i, 4, "[..., boxes, 4]");
    for (int d = 0; d < ctx.shape(i).ndim - 2; ++d) lead[i].push(ctx.shape(i)[d]);
  }
  out = ctx.broadcast(lead[0], lead[1]);
  for (int i = 0; i < 2; ++i) out.push(ctx.shape(i)[ctx.shape(i).ndim - 2]);
  ctx.output(type, out);
}

// max_output_size, thresholds, sigma: indices, scores, how many there are.
void rule_non_max_suppression(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 2);
  need_rank(ctx, 0, 2, kBoxes);
  need_last(ctx, 0, 4, kBoxes);
  need_shape(ctx, 1, {ctx.shape(0)[0]}, "one score for each box");
  int64_t size = ctx.get_int(0);
  if (size < 0)
    ctx.fail(ErrorKind::kValue, "got max_output_size=", size, "; it must not be negative");
  if (!(ctx.get_float(1) >= 0 && ctx.get_float(1) <= 1))
    ctx.fail(ErrorKind::kValue, "got iou_threshold=", ctx.get_float(1), "; use 0 to 1");
  if (!(ctx.get_float(3) >= 0))
    ctx.fail(ErrorKind::kValue, "got soft_nms_sigma=", ctx.get_float(3), "; use 0 or more");
  ctx.output(DType::kI64, {size});
  ctx.output(type, {size});
  ctx.output(DType::kI64, Shape{});
}

// images, boxes [batch, boxes, 4], colours [n, channels].
void rule_draw_bounding_boxes(InferContext& ctx) {
  DType type = common_dtype(ctx, kRealFloat, 0, 3);
  need_rank(ctx, 0, 4, kImage);
  need_rank(ctx, 1, 3, "[batch, boxes, 4]");
  need_last(ctx, 1, 4, "[batch, boxes, 4]");
  need_rank(ctx, 2, 2, "[colours, channels]");
  const Shape &x = ctx.shape(0), &colors = ctx.shape(2);
  need_shape(ctx, 1, {x[0], ctx.shape(1)[1], 4}, "boxes for each image");
  need_shape(ctx, 2, {colors[0], x[3]}, "colours of as many channels as the images have");
  if (colors[0] == 0) ctx.fail(ErrorKind::kShape, "there is no colour; give one or more");
  ctx.output(type, x);
}

// Attribute 0 is the image's shape; the text is one string.
void rule_decode_image(InferContext& ctx) {
  if (ctx.dtype(0) != DType::kString)
    ctx.fail(ErrorKind::kDType, "contents is ", dtype_name(ctx.dtype(0)),
             "; expected string, the bytes of a file; read it with open(name, 'rb').read()");
  need_shape(ctx, 0, Shape{}, "the bytes of one file");
  Shape out = shape_attr(ctx, 0);
  if (out.ndim != 3)
    ctx.fail(ErrorKind::kShape, "got shape ", ctx.dims(out),
             "; expected 3 axes, [height, width, channels]");
  ctx.output(DType::kU8, out);
}

void rule_encode_image(InferContext& ctx) {
  if (ctx.dtype(0) != DType::kU8)
    ctx.fail(ErrorKind::kDType, "image is ", dtype_name(ctx.dtype(0)),
             "; expected uint8; convert it: penstock.image.convert_image_dtype(image, 'uint8')");
  need_rank(ctx, 0, 3, "[height, width, channels]");
  need_pixels(ctx, Shape{1, ctx.shape(0)[0], ctx.shape(0)[1], ctx.shape(0)[2]});
  ctx.output(DType::kString, Shape{});
}

}  // namespace penstock
