// Quantised convolution, dense layers and pooling: int32 sums over integers without their zero points.
#include "quantized_gemm.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Axis {
  int64_t in, kernel, out, stride, dilation, before;
};

Axis MakeAxis(const penstock_call* call, int axis, int64_t in, int64_t kernel, int64_t out) {
  Axis a = {in, kernel, out, IntsAttr(call, 0)[axis], IntsAttr(call, 3)[axis], 0};
  if (StrAttrIs(call, 1, "same")) {
    a.before = MaxOf<int64_t>((out - 1) * a.stride + (kernel - 1) * a.dilation + 1 - in, 0) / 2;
  } else if (StrAttrIs(call, 1, "explicit")) {
    a.before = IntsAttr(call, 2)[2 * axis];
  }
  return a;
}

struct Conv {
  Axis h, w;
  int64_t batch, in_channels, out_channels;
};

Conv MakeConv(const penstock_call* call) {
  const int64_t *x = call->inputs[0]->shape, *filter = call->inputs[1]->shape,
                *y = call->outputs[0]->shape;
  return {MakeAxis(call, 0, x[1], filter[0], y[1]), MakeAxis(call, 1, x[2], filter[1], y[2]), x[0],
          x[3], y[3]};
}

template <class T>
void WithoutZero(const T* x, int64_t n, int32_t zero, int16_t* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int16_t>(x[i] - zero);
}

// What the window of output pixel `index` sees of one group's channels; padding is 0.
template <class T>
void GatherWindow(const Conv& conv, const T* x, int64_t index, int64_t first, int64_t channels,
                  int32_t zero, int16_t* to) {
  const int64_t j = index % conv.w.out, i = index / conv.w.out % conv.h.out;
  const T* image =
      x + index / (conv.w.out * conv.h.out) * conv.h.in * conv.w.in * conv.in_channels + first;
  for (int64_t p = 0; p < conv.h.kernel; ++p) {
    const int64_t row = i * conv.h.stride - conv.h.before + p * conv.h.dilation;
    for (int64_t q = 0; q < conv.w.kernel; ++q, to += channels) {
      const int64_t col = j * conv.w.stride - conv.w.before + q * conv.w.dilation;
      if (row >= 0 && row < conv.h.in && col >= 0 && col < conv.w.in) {
        WithoutZero(image + (row * conv.w.in + col) * conv.in_channels, channels, zero, to);
      } else {
        memset(to, 0, static_cast<size_t>(channels) * sizeof(int16_t));
      }
    }
  }
}

template <class T>
int RunConv(penstock_call* call) {
  const Conv conv = MakeConv(call);
  const int64_t groups = IntAttr(call, 4);
  Layer layer;
  int status = MakeLayer<T>(call, conv.out_channels, 5, Limits<T>::kLow < 0, &layer);
  if (status != PENSTOCK_OK) return status;
  const T *x = Input<T>(call, 0), *filter = Input<T>(call, 1);
  T* y = Output<T>(call, 0);
  const int32_t x_zero = ParametersAt(call, 3).Zero();
  const Parameters w = ParametersAt(call, 5);
  const int64_t in = conv.in_channels / groups, out = conv.out_channels / groups;
  const int64_t depth = conv.h.kernel * conv.w.kernel * in;
  for (int64_t g = 0; g < groups && status == PENSTOCK_OK; ++g) {
    const int64_t first = g * out;
    const int16_t* packed = PackWeights(
        call, depth, out,
        [&](int64_t k, int64_t col) {
          return filter[k * conv.out_channels + first + col] - w.Zero(first + col);
        },
        &status);
    if (status != PENSTOCK_OK) return status;
    status = MultiplyRows<T>(
        call, conv.batch * conv.h.out * conv.w.out, depth, out, packed, layer, first,
        [&](int64_t row, int16_t* to) { GatherWindow(conv, x, row, g * in, in, x_zero, to); },
        [&](int64_t row) { return y + row * conv.out_channels + first; });
  }
  return status;
}

template <class T>
int RunMatMul(penstock_call* call) {
  const bool transposed = BoolAttr(call, 0);
  const penstock_tensor* weights = call->inputs[1];
  const int64_t depth = weights->shape[transposed ? 1 : 0];
  const int64_t cols = weights->shape[transposed ? 0 : 1];
  Layer layer;
  const Parameters w = ParametersAt(call, 5);
  int status = MakeLayer<T>(call, cols, 1, w.per_channel, &layer);
  if (status != PENSTOCK_OK) return status;
  layer.once = true;
  const T *x = Input<T>(call, 0), *b = Input<T>(call, 1);
  T* y = Output<T>(call, 0);
  const int32_t x_zero = ParametersAt(call, 3).Zero();
  const int64_t k_step = transposed ? 1 : cols, col_step = transposed ? depth : 1;
  const int16_t* packed = PackWeights(
      call, depth, cols,
      [&](int64_t k, int64_t col) { return b[k * k_step + col * col_step] - w.Zero(col); },
      &status);
  if (status != PENSTOCK_OK) return status;
  const int64_t rows = Extent(call->outputs[0], 0, call->outputs[0]->ndim - 1);
  return MultiplyRows<T>(
      call, rows, depth, cols, packed, layer, 0,
      [&](int64_t row, int16_t* to) { WithoutZero(x + row * depth, depth, x_zero, to); },
      [&](int64_t row) { return y + row * cols; });
}

// ---- depthwise: channels are the vectors ----

constexpr int64_t kChannelBlock = 256;

// sums[c] over the window, for channels [first, first + n) of the result.
template <class T>
void SumWindow(const Conv& conv, const T* image, const int16_t* filter, int64_t i, int64_t j,
               int64_t first, int64_t n, int64_t multiplier, int32_t zero, int32_t* sums) {
  for (int64_t c = 0; c < n; ++c) sums[c] = 0;
  for (int64_t p = 0; p < conv.h.kernel; ++p) {
    const int64_t row = i * conv.h.stride - conv.h.before + p * conv.h.dilation;
    if (row < 0 || row >= conv.h.in) continue;
    for (int64_t q = 0; q < conv.w.kernel; ++q) {
      const int64_t col = j * conv.w.stride - conv.w.before + q * conv.w.dilation;
      if (col < 0 || col >= conv.w.in) continue;
      const int16_t* taps = filter + (p * conv.w.kernel + q) * conv.out_channels + first;
      const T* pixel = image + (row * conv.w.in + col) * conv.in_channels;
      if (multiplier == 1) {
        for (int64_t c = 0; c < n; ++c) sums[c] += (pixel[first + c] - zero) * int32_t{taps[c]};
      } else {
        for (int64_t c = 0; c < n; ++c)
          sums[c] += (pixel[(first + c) / multiplier] - zero) * int32_t{taps[c]};
      }
    }
  }
}

template <class T>
int RunDepthwise(penstock_call* call) {
  const Conv conv = MakeConv(call);
  Layer layer;
  int status = MakeLayer<T>(call, conv.out_channels, 4, Limits<T>::kLow < 0, &layer);
  if (status != PENSTOCK_OK) return status;
  const Parameters w = ParametersAt(call, 5);
  const int64_t size = conv.h.kernel * conv.w.kernel * conv.out_channels;
  int16_t* filter = Scratch<int16_t>(call, size);
  if (filter == nullptr) return PENSTOCK_NO_MEMORY;
  const T* given = Input<T>(call, 1);
  for (int64_t k = 0; k < size; ++k)
    filter[k] = static_cast<int16_t>(given[k] - w.Zero(k % conv.out_channels));

  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const int32_t x_zero = ParametersAt(call, 3).Zero();
  const int64_t multiplier = call->inputs[1]->shape[3];
  const int64_t cost = conv.w.out * size;
  return ParallelFor(call, conv.batch * conv.h.out, Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const T* image = x + line / conv.h.out * conv.h.in * conv.w.in * conv.in_channels;
      for (int64_t j = 0; j < conv.w.out; ++j) {
        T* out = y + (line * conv.w.out + j) * conv.out_channels;
        for (int64_t c = 0; c < conv.out_channels; c += kChannelBlock) {
          const int64_t n = MinOf(kChannelBlock, conv.out_channels - c);
          int32_t sums[kChannelBlock];
          SumWindow(conv, image, filter, line % conv.h.out, j, c, n, multiplier, x_zero, sums);
          layer.Store(sums, c, n, out + c);
        }
      }
    }
  });
}

// ---- pooling: x; pool_size, strides, padding ----

struct PoolAxis {
  int64_t in, out, size, stride, before;
  int64_t Begin(int64_t i) const { return MaxOf<int64_t>(0, i * stride - before); }
  int64_t End(int64_t i) const { return MinOf(in, i * stride - before + size); }
};

PoolAxis MakePoolAxis(const penstock_call* call, int axis) {
  const Ints size = IntsAttr(call, 0), stride = IsNone(call, 1) ? size : IntsAttr(call, 1);
  PoolAxis a = {call->inputs[0]->shape[1 + axis], call->outputs[0]->shape[1 + axis], size[axis],
                stride[axis], 0};
  if (StrAttrIs(call, 2, "same"))
    a.before = MaxOf<int64_t>((a.out - 1) * a.stride + a.size - a.in, 0) / 2;
  return a;
}

// fold(accumulator, element) over each window, then finish(accumulator, window size).
template <class T, class Fold, class Finish>
int RunPool(penstock_call* call, int32_t start, const Fold& fold, const Finish& finish) {
  const PoolAxis h = MakePoolAxis(call, 0), w = MakePoolAxis(call, 1);
  const int64_t channels = call->inputs[0]->shape[3];
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const auto pixel = [&](const T* image, int64_t i, int64_t j, int64_t first, int64_t n, T* out) {
    int32_t acc[kChannelBlock];
    for (int64_t c = 0; c < n; ++c) acc[c] = start;
    for (int64_t row = h.Begin(i); row < h.End(i); ++row) {
      for (int64_t col = w.Begin(j); col < w.End(j); ++col) {
        const T* at = image + (row * w.in + col) * channels + first;
        for (int64_t c = 0; c < n; ++c) acc[c] = fold(acc[c], int32_t{at[c]});
      }
    }
    const int32_t size = static_cast<int32_t>((h.End(i) - h.Begin(i)) * (w.End(j) - w.Begin(j)));
    for (int64_t c = 0; c < n; ++c) out[c] = static_cast<T>(finish(acc[c], size));
  };
  const int64_t cost = w.out * channels * h.size * w.size;
  return ParallelFor(call, call->inputs[0]->shape[0] * h.out, Grain(cost),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t line = begin; line < end; ++line) {
                         const T* image = x + line / h.out * h.in * w.in * channels;
                         for (int64_t j = 0; j < w.out; ++j) {
                           for (int64_t c = 0; c < channels; c += kChannelBlock)
                             pixel(image, line % h.out, j, c, MinOf(kChannelBlock, channels - c),
                                   y + (line * w.out + j) * channels + c);
                         }
                       }
                     });
}

template <class T>
int RunAvgPool(penstock_call* call) {
  return RunPool<T>(
      call, 0, [](int32_t a, int32_t b) { return a + b; },
      [](int32_t sum, int32_t size) {
        return sum > 0 ? (sum + size / 2) / size : (sum - size / 2) / size;
      });
}

template <class T>
int RunMaxPool(penstock_call* call) {
  return RunPool<T>(
      call, Limits<T>::kLow, [](int32_t a, int32_t b) { return MaxOf(a, b); },
      [](int32_t largest, int32_t) { return largest; });
}

bool IsSigned(const penstock_call* call) { return TypeKey(call->inputs[0]) == kI8; }

}  // namespace

int QuantizedConv2d(penstock_call* call) {
  return IsSigned(call) ? RunConv<int8_t>(call) : RunConv<uint8_t>(call);
}

int QuantizedDepthwiseConv2d(penstock_call* call) {
  return IsSigned(call) ? RunDepthwise<int8_t>(call) : RunDepthwise<uint8_t>(call);
}

int QuantizedMatMul(penstock_call* call) {
  return IsSigned(call) ? RunMatMul<int8_t>(call) : RunMatMul<uint8_t>(call);
}

int QuantizedAvgPool2d(penstock_call* call) {
  return IsSigned(call) ? RunAvgPool<int8_t>(call) : RunAvgPool<uint8_t>(call);
}

int MaxPool2dOfBytes(penstock_call* call) {
  return IsSigned(call) ? RunMaxPool<int8_t>(call) : RunMaxPool<uint8_t>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
