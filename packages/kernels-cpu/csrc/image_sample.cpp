// Images read at any places. A place is read from one pixel or from four.
#include <cmath>

#include "frame.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

enum class Fill { kConstant, kNearest, kReflect, kWrap, kMirror };

Fill FillAttr(const penstock_call* call, int attr) {
  static constexpr const char* kNames[] = {"constant", "nearest", "reflect", "wrap", "mirror"};
  int i = 0;
  while (!StrAttrIs(call, attr, kNames[i])) ++i;
  return static_cast<Fill>(i);
}

inline int64_t Modulo(int64_t i, int64_t n) {
  const int64_t rest = i % n;
  return rest < 0 ? rest + n : rest;
}

// The pixel that stands at number i of a line of n; -1 if none does.
inline int64_t Index(int64_t i, int64_t n, Fill fill) {
  if (i >= 0 && i < n) return i;
  switch (fill) {
    case Fill::kConstant:
      return -1;
    case Fill::kNearest:
      return i < 0 ? 0 : n - 1;
    case Fill::kWrap:
      return Modulo(i, n);
    case Fill::kReflect:
      i = Modulo(i, 2 * n);
      return i < n ? i : 2 * n - 1 - i;
    case Fill::kMirror:
      if (n == 1) return 0;
      i = Modulo(i, 2 * n - 2);
      return i < n ? i : 2 * n - 2 - i;
  }
  return -1;
}

// Where a place lies on one axis: between pixels `first` and `first` + 1, nearer to the latter the larger `offset` is.
struct Place {
  int64_t first;
  float offset;
};

inline Place PlaceOf(float at, bool nearest) {
  constexpr float kFar = 16777216.0f;
  if (!(std::fabs(at) <= kFar)) at = -kFar;
  const float corner = std::floor(nearest ? at + 0.5f : at);
  return {static_cast<int64_t>(corner), nearest ? 0.0f : at - corner};
}

struct Image {
  const float* data;
  int64_t height, width, channels;
  Fill fill;
  float outside;

  const float* At(int64_t row, int64_t column) const {
    const int64_t i = Index(row, height, fill), j = Index(column, width, fill);
    return i < 0 || j < 0 ? nullptr : data + (i * width + j) * channels;
  }
};

template <int kChannels>
inline void BlendFour(const float* a, const float* b, const float* c, const float* d,
                      const float (&w)[4], int64_t channels, float* out) {
  const int64_t n = kChannels ? kChannels : channels;
  for (int64_t k = 0; k < n; ++k) {
    out[k] = a[k] * w[0] + b[k] * w[1] + c[k] * w[2] + d[k] * w[3];
  }
}

inline void ReadEdge(const Image& image, Place y, Place x, const float (&w)[4], float* out) {
  const float* corners[4] = {image.At(y.first, x.first),
                             w[1] != 0.0f ? image.At(y.first, x.first + 1) : nullptr,
                             w[2] != 0.0f ? image.At(y.first + 1, x.first) : nullptr,
                             w[3] != 0.0f ? image.At(y.first + 1, x.first + 1) : nullptr};
  for (int64_t k = 0; k < image.channels; ++k) {
    float sum = 0.0f;
    for (int n = 0; n < 4; ++n) {
      if (w[n] != 0.0f) sum += (corners[n] ? corners[n][k] : image.outside) * w[n];
    }
    out[k] = sum;
  }
}

template <int kChannels>
void ReadRow(const Image& image, const float* places, int64_t count, bool nearest, float* out) {
  const int64_t line = image.width * image.channels;
  for (int64_t j = 0; j < count; ++j, out += image.channels) {
    const Place y = PlaceOf(places[2 * j], nearest), x = PlaceOf(places[2 * j + 1], nearest);
    const float w[4] = {(1.0f - y.offset) * (1.0f - x.offset), (1.0f - y.offset) * x.offset,
                        y.offset * (1.0f - x.offset), y.offset * x.offset};
    const bool inside =
        y.first >= 0 && y.first + 1 < image.height && x.first >= 0 && x.first + 1 < image.width;
    if (inside) {
      const float* a = image.data + y.first * line + x.first * image.channels;
      BlendFour<kChannels>(a, a + image.channels, a + line, a + line + image.channels, w,
                           image.channels, out);
    } else {
      ReadEdge(image, y, x, w, out);
    }
  }
}

}  // namespace

int ImageSample(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *at = call->inputs[1], *out = call->outputs[0];
  const bool nearest = StrAttrIs(call, 0, "nearest");
  Image first{Input<float>(call, 0), x->shape[1],       x->shape[2],
              x->shape[3],           FillAttr(call, 1), static_cast<float>(FloatAttr(call, 2))};
  const int64_t rows = out->shape[1], columns = out->shape[2], channels = first.channels;
  const int64_t image_size = first.height * first.width * channels;
  const int64_t places_step = at->shape[0] == 1 ? 0 : rows * columns * 2;
  const float* places = Input<float>(call, 1);
  float* to = Output<float>(call, 0);
  const int64_t grain = MaxOf<int64_t>(1, 4096 / MaxOf<int64_t>(1, columns * channels));
  return ParallelFor(call, out->shape[0] * rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t batch = r / rows, row = r % rows;
      Image image = first;
      image.data += batch * image_size;
      const float* line = places + batch * places_step + row * columns * 2;
      float* target = to + r * columns * channels;
      if (channels == 3) {
        ReadRow<3>(image, line, columns, nearest, target);
      } else if (channels == 1) {
        ReadRow<1>(image, line, columns, nearest, target);
      } else {
        ReadRow<0>(image, line, columns, nearest, target);
      }
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
