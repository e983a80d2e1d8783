// Resizing of NHWC images and its gradient: first the rows are blended, then the pixels of the blended row.
#include "penstock/kernel_abi.h"
#include "resample.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

Filter FilterAttr(const penstock_call* call, int attr) {
  static constexpr const char* kNames[] = {"nearest",  "bilinear", "bicubic",  "area",
                                           "lanczos3", "lanczos5", "gaussian", "mitchell"};
  int i = 0;
  while (!StrAttrIs(call, attr, kNames[i])) ++i;
  return static_cast<Filter>(i);
}

struct Sizes {
  int64_t batch, height, width, channels;
  explicit Sizes(const penstock_tensor* x)
      : batch(x->shape[0]), height(x->shape[1]), width(x->shape[2]), channels(x->shape[3]) {}
};

// out = sum of weight[k] * row k, for `count` rows of n numbers.
void BlendRows(const float* rows, int64_t n, const float* weight, int64_t count, float* out) {
  ForVectors(
      n,
      [&](int64_t i) {
        Vf sum = Load(rows + i) * weight[0];
        for (int64_t k = 1; k < count; ++k) sum += Load(rows + k * n + i) * weight[k];
        Store(out + i, sum);
      },
      [&](int64_t i, int64_t rest) {
        Vf sum = LoadPartial(rows + i, rest) * weight[0];
        for (int64_t k = 1; k < count; ++k) sum += LoadPartial(rows + k * n + i, rest) * weight[k];
        StorePartial(out + i, sum, rest);
      });
}

// Few channels stay in registers.
template <int kChannels>
void BlendPixels(const float* row, const Taps& taps, float* out) {
  for (int64_t j = 0; j < taps.out; ++j) {
    const float* pixel = row + taps.first[j] * kChannels;
    const float* weight = taps.Weights(j);
    float sum[kChannels] = {};
    for (int64_t k = 0; k < taps.count[j]; ++k) {
      for (int c = 0; c < kChannels; ++c) sum[c] += pixel[k * kChannels + c] * weight[k];
    }
    for (int c = 0; c < kChannels; ++c) out[j * kChannels + c] = sum[c];
  }
}

typedef float V4 __attribute__((vector_size(16)));

// Two taps of three channels, as bilinear filters have them: a pixel is read and written with a fourth number beside
// it, which belongs to the next pixel. Pixels at the ends of the lines go one number at a time.
void BlendPairs(const float* row, int64_t width, const Taps& taps, float* out) {
  int64_t whole = taps.out;
  while (whole > 0 && (whole == taps.out || taps.first[whole - 1] + 2 >= width)) --whole;
  for (int64_t j = 0; j < whole; ++j) {
    const float* pixel = row + taps.first[j] * 3;
    const float* weight = taps.Weights(j);
    V4 left, right;
    memcpy(&left, pixel, sizeof left);
    memcpy(&right, pixel + 3, sizeof right);
    const V4 sum = taps.count[j] == 2 ? left * weight[0] + right * weight[1] : left * weight[0];
    memcpy(out + j * 3, &sum, sizeof sum);
  }
  for (int64_t j = whole; j < taps.out; ++j) {
    const float* pixel = row + taps.first[j] * 3;
    const float* weight = taps.Weights(j);
    for (int c = 0; c < 3; ++c) {
      out[j * 3 + c] = pixel[c] * weight[0];
      if (taps.count[j] == 2) out[j * 3 + c] += pixel[3 + c] * weight[1];
    }
  }
}

void BlendRow(const float* row, int64_t width, int64_t channels, const Taps& taps, float* out) {
  if (channels == 3 && taps.most == 2 && taps.all) return BlendPairs(row, width, taps, out);
  if (channels == 1) return BlendPixels<1>(row, taps, out);
  if (channels == 3) return BlendPixels<3>(row, taps, out);
  if (channels == 4) return BlendPixels<4>(row, taps, out);
  for (int64_t j = 0; j < taps.out; ++j) {
    float* pixel = out + j * channels;
    if (taps.count[j] == 0) {
      memset(pixel, 0, static_cast<size_t>(channels) * sizeof(float));
    } else {
      BlendRows(row + taps.first[j] * channels, channels, taps.Weights(j), taps.count[j], pixel);
    }
  }
}

int Blend(penstock_call* call, const Taps& down, const Taps& across) {
  const Sizes x(call->inputs[0]), y(call->outputs[0]);
  const float* from = Input<float>(call, 0);
  float* to = Output<float>(call, 0);
  const int64_t line = x.width * x.channels, rows = y.batch * y.height;
  const int64_t grain = Grain(line * down.most + y.width * y.channels * across.most);
  float* blended = Scratch<float>(call, CeilDiv(rows, grain) * line);
  if (blended == nullptr) return PENSTOCK_NO_MEMORY;
  return ParallelFor(call, rows, grain, [&](int64_t begin, int64_t end) {
    float* buffer = blended + begin / grain * line;
    for (int64_t r = begin; r < end; ++r) {
      const int64_t image = r / y.height, i = r % y.height, count = down.count[i];
      const float* row = from + (image * x.height + down.first[i]) * line;
      if (count == 0) {
        memset(buffer, 0, static_cast<size_t>(line) * sizeof(float));
        row = buffer;
      } else if (count > 1 || down.Weights(i)[0] != 1.0f) {
        BlendRows(row, line, down.Weights(i), count, buffer);
        row = buffer;
      }
      BlendRow(row, x.width, x.channels, across, to + r * y.width * y.channels);
    }
  });
}

// Whole pixels are copied, of any type.
int CopyNearest(penstock_call* call) {
  const Sizes x(call->inputs[0]), y(call->outputs[0]);
  const int64_t pixel = x.channels * ElementSize(call->inputs[0]);
  const Line down(Filter::kNearest, x.height, y.height, false);
  const Line across(Filter::kNearest, x.width, y.width, false);
  const char* from = Data<char>(call->inputs[0]);
  char* to = Data<char>(call->outputs[0]);
  return ParallelFor(
      call, y.batch * y.height, Grain(y.width * y.channels), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t image = r / y.height, i = down.First(r % y.height);
          const char* row = from + (image * x.height + i) * x.width * pixel;
          char* out = to + r * y.width * pixel;
          for (int64_t j = 0; j < y.width; ++j) {
            memcpy(out + j * pixel, row + across.First(j) * pixel, static_cast<size_t>(pixel));
          }
        }
      });
}

}  // namespace

int ImageResize(penstock_call* call) {
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  const Filter filter = FilterAttr(call, 1);
  if (filter == Filter::kNearest) return CopyNearest(call);
  const Sizes x(call->inputs[0]), y(call->outputs[0]);
  Taps down, across;
  if (!MakeTaps(call, Line(filter, x.height, y.height, BoolAttr(call, 2)), &down) ||
      !MakeTaps(call, Line(filter, x.width, y.width, BoolAttr(call, 2)), &across)) {
    return PENSTOCK_NO_MEMORY;
  }
  return Blend(call, down, across);
}

int ImageResizeGrad(penstock_call* call) {
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  const Filter filter = FilterAttr(call, 1);
  const Sizes y(call->inputs[0]), x(call->outputs[0]);
  if (y.height == 0 || y.width == 0) {
    memset(Output<float>(call, 0), 0, static_cast<size_t>(Count(call->outputs[0])) * sizeof(float));
    return PENSTOCK_OK;
  }
  Taps given[2], back[2];
  if (!MakeTaps(call, Line(filter, x.height, y.height, BoolAttr(call, 2)), &given[0]) ||
      !MakeTaps(call, Line(filter, x.width, y.width, BoolAttr(call, 2)), &given[1]) ||
      !Transpose(call, given[0], x.height, &back[0]) ||
      !Transpose(call, given[1], x.width, &back[1])) {
    return PENSTOCK_NO_MEMORY;
  }
  return Blend(call, back[0], back[1]);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
