// Pooling of quantised images: averages in integers, and the largest of bytes.
#include "quantized.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kChannelBlock = 256;

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
// A is what sums up a window: bytes, where their largest is looked for, make wider vectors.
template <class T, class A, class Fold, class Finish>
int RunPool(penstock_call* call, const PoolAxis& h, const PoolAxis& w, A start, const Fold& fold,
            const Finish& finish) {
  const int64_t channels = call->inputs[0]->shape[3];
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const auto pixel = [&](const T* image, int64_t i, int64_t j, int64_t first, int64_t n, T* out) {
    A acc[kChannelBlock];
    for (int64_t c = 0; c < n; ++c) acc[c] = start;
    for (int64_t row = h.Begin(i); row < h.End(i); ++row) {
      for (int64_t col = w.Begin(j); col < w.End(j); ++col) {
        const T* at = image + (row * w.in + col) * channels + first;
        for (int64_t c = 0; c < n; ++c) acc[c] = fold(acc[c], A{at[c]});
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
  return RunPool<T, int32_t>(
      call, MakePoolAxis(call, 0), MakePoolAxis(call, 1), 0,
      [](int32_t a, int32_t b) { return a + b; },
      [](int32_t sum, int32_t size) {
        return sum > 0 ? (sum + size / 2) / size : (sum - size / 2) / size;
      });
}

template <class T>
int RunMaxPool(penstock_call* call, const PoolAxis& h, const PoolAxis& w) {
  return RunPool<T, T>(
      call, h, w, static_cast<T>(Limits<T>::kLow), [](T a, T b) { return MaxOf(a, b); },
      [](T largest, int32_t) { return largest; });
}

bool IsSigned(const penstock_call* call) { return TypeKey(call->inputs[0]) == kI8; }

}  // namespace

int QuantizedAvgPool2d(penstock_call* call) {
  return IsSigned(call) ? RunAvgPool<int8_t>(call) : RunAvgPool<uint8_t>(call);
}

int MaxPool2dOfBytes(penstock_call* call) {
  const PoolAxis h = MakePoolAxis(call, 0), w = MakePoolAxis(call, 1);
  return IsSigned(call) ? RunMaxPool<int8_t>(call, h, w) : RunMaxPool<uint8_t>(call, h, w);
}

// Attributes: pool_size, strides, explicit_padding.
int PaddedMaxPoolOfBytes(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *y = call->outputs[0];
  const Ints size = IntsAttr(call, 0), stride = IntsAttr(call, 1), padding = IntsAttr(call, 2);
  const auto axis = [&](int i) {
    return PoolAxis{x->shape[1 + i], y->shape[1 + i], size[i], stride[i], padding[2 * i]};
  };
  return IsSigned(call) ? RunMaxPool<int8_t>(call, axis(0), axis(1))
                        : RunMaxPool<uint8_t>(call, axis(0), axis(1));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
