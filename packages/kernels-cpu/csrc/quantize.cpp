// Between real numbers and integers: quantize, dequantize, fake_quant.
#include "loop.h"
#include "quantized.h"
#include "vec.h"
#include "vec_round.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// [outer, size, inner], with a scale and a zero point for each of `size`.
AxisView ParameterView(const penstock_call* call) {
  const penstock_tensor* x = call->inputs[0];
  if (call->inputs[1]->ndim == 0) return AxisView(1, 1, Count(x));
  return AxisView(x, IntAttr(call, 0));
}

// run(first element, elements, channel) over pieces that share a scale.
template <class Run>
int ForEachPiece(penstock_call* call, const AxisView& view, const Run& run) {
  if (view.outer * view.size * view.inner == 0) return PENSTOCK_OK;
  const int64_t pieces = CeilDiv(view.inner, kChunk);
  return ParallelFor(call, view.outer * view.size * pieces, Grain(MinOf(view.inner, kChunk)),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         const int64_t row = i / pieces, first = i % pieces * kChunk;
                         run(row * view.inner + first, MinOf(kChunk, view.inner - first),
                             row % view.size);
                       }
                     });
}

inline Vf Pick(Vi mask, Vf a, Vf b) {
  return reinterpret_cast<Vf>((reinterpret_cast<Vi>(a) & mask) | (reinterpret_cast<Vi>(b) & ~mask));
}

// NaN, which compares false with everything, becomes 0.
inline int32_t Steps(float x) {
  constexpr float kMost = 1073741824.0f;
  const float low = x >= -kMost ? x : (x < 0 ? -kMost : 0.0f);
  return static_cast<int32_t>(low <= kMost ? low : kMost);
}

// Steps(RoundAway(x)), a vector at a time.
inline Vi Steps(Vf x) {
  constexpr float kMost = 1073741824.0f;
  const Vf whole = Trunc(x), rest = x - whole, one = Splat(1), zero = Splat(0);
  Vf steps = whole + Pick(rest >= 0.5f, one, zero) - Pick(rest <= -0.5f, one, zero);
  steps = Pick(steps == steps, steps, zero);
  steps = Pick(steps > kMost, Splat(kMost), steps);
  steps = Pick(steps < -kMost, Splat(-kMost), steps);
  return __builtin_convertvector(steps, Vi);
}

// Divides by a scale and rounds, halves away from zero. Products with the inverse, which are known much sooner, decide where
// they cannot be wrong: below 4096 they are off by less than 2^-10.
class Divider {
 public:
  explicit Divider(float scale) : scale_(scale), inverse_(1.0f / scale) {
    constexpr float kLeast = 1.1754944e-38f, kNaN = __builtin_nanf("");
    if (!(inverse_ >= kLeast && inverse_ <= 3.4028235e38f)) inverse_ = kNaN;
  }
  Vi operator()(Vf x) const {
    constexpr float kWhole = 12582912.0f;  // 1.5 * 2^23: a sum with it is whole
    const Vf quick = x * inverse_, nearest = (quick + kWhole) - kWhole;
    if (__builtin_expect(AllBelow(quick, 4096.0f) && AllBelow(quick - nearest, 0.5f - 1.0f / 1024),
                         1))
      return __builtin_convertvector(nearest, Vi);
    return Steps(x / scale_);
  }

 private:
  float scale_, inverse_;
};

template <class T>
int QuantizeTo(penstock_call* call) {
  const AxisView view = ParameterView(call);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const int32_t* zero = Input<int32_t>(call, 2);
  T* y = Output<T>(call, 0);
  const int status = CheckScales(call, "scale", scale, view.size);
  if (status != PENSTOCK_OK) return status;
  return ForEachPiece(call, view, [&](int64_t first, int64_t n, int64_t channel) {
    constexpr int32_t kMost = (1 << 30) - 1;
    const float s = scale[channel];
    const Divider steps(s);
    const int32_t z = MinOf(MaxOf(zero[channel], -kMost), kMost);
    int64_t i = first;
    for (; i + kLanes <= first + n; i += kLanes) {
      Vi moved = steps(Load(x + i)) + z;
      moved = moved < Limits<T>::kLow ? Limits<T>::kLow - Vi{} : moved;
      moved = moved > Limits<T>::kHigh ? Limits<T>::kHigh - Vi{} : moved;
      const Vb bytes = __builtin_convertvector(moved, Vb);
      memcpy(y + i, &bytes, sizeof bytes);
    }
    for (; i < first + n; ++i) {
      const int32_t moved = Steps(RoundAway(x[i] / s)) + z;
      y[i] = static_cast<T>(MinOf(MaxOf(moved, Limits<T>::kLow), Limits<T>::kHigh));
    }
  });
}

template <class T>
int DequantizeFrom(penstock_call* call) {
  const AxisView view = ParameterView(call);
  const T* x = Input<T>(call, 0);
  const float* scale = Input<float>(call, 1);
  const int32_t* zero = Input<int32_t>(call, 2);
  float* y = Output<float>(call, 0);
  return ForEachPiece(call, view, [&](int64_t first, int64_t n, int64_t channel) {
    const double s = static_cast<double>(scale[channel]), z = zero[channel];
    for (int64_t i = first; i < first + n; ++i)
      y[i] = static_cast<float>(s * (static_cast<double>(x[i]) - z));
  });
}

// ---- fake quantisation ----

// Keeps a product from being contracted with the sum that follows: its rounding decides between two steps.
inline Vf Rounded(Vf x) {
#if defined(__SSE2__)
  asm("" : "+v"(x));
#else
  asm("" : "+m"(x));
#endif
  return x;
}

// The limits, moved so that 0 is a step, and the size of a step.
struct Nudged {
  Vf low, high, scale, inverse, zero;
  Nudged(Vf min, Vf max, float first, float last) {
    scale = (max - min) / (last - first);
    const Vf real = first - Rounded(min / scale), whole = Trunc(real), rest = real - whole;
    Vf near =
        whole + Pick(rest >= 0.5f, Splat(1), Splat(0)) - Pick(rest <= -0.5f, Splat(1), Splat(0));
    near = Pick(near < first, Splat(first), near);
    near = Pick(near > last, Splat(last), near);
    low = Rounded((first - near) * scale);
    high = Rounded((last - near) * scale);
    inverse = 1.0f / scale;
    zero = Floor(Rounded(-low * inverse) + 0.5f);
  }
  Vf operator()(Vf x) const {
    x = Pick(x < low, low, x);
    x = Pick(x > high, high, x);
    const Vf steps = Floor(Rounded((x - low) * inverse) - zero + 0.5f);
    return Pick(scale == 0.0f, Splat(0), steps * scale);
  }
};

}  // namespace

int Quantize(penstock_call* call) {
  return TypeKey(call->outputs[0]) == kI8 ? QuantizeTo<int8_t>(call) : QuantizeTo<uint8_t>(call);
}

int Dequantize(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kI8:
      return DequantizeFrom<int8_t>(call);
    case kU8:
      return DequantizeFrom<uint8_t>(call);
    default:
      return DequantizeFrom<int32_t>(call);
  }
}

int FakeQuant(penstock_call* call) {
  const auto loop = ElementwiseLoop<4>(call);
  const float *x = Input<float>(call, 0), *min = Input<float>(call, 1),
              *max = Input<float>(call, 2);
  float* y = Output<float>(call, 0);
  const float first = BoolAttr(call, 1) ? 1.0f : 0.0f;
  const float last = static_cast<float>((1 << IntAttr(call, 0)) - 1);
  const int64_t sx = loop.InnerStride(1), smin = loop.InnerStride(2), smax = loop.InnerStride(3);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[4], int64_t n) {
    const auto gathered = [&](const float* from, int64_t stride, int64_t i, int64_t count) {
      if (stride == 1) return count == kLanes ? Load(from + i) : LoadPartial(from + i, count);
      Vf v = Splat(*from);
      for (int64_t k = 0; stride != 0 && k < count; ++k) v[k] = from[(i + k) * stride];
      return v;
    };
    const bool shared = smin == 0 && smax == 0;
    Nudged limits(Splat(min[at[2]]), Splat(max[at[3]]), first, last);
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t count = MinOf<int64_t>(kLanes, n - i);
      if (!shared) {
        limits = Nudged(gathered(min + at[2], smin, i, count),
                        gathered(max + at[3], smax, i, count), first, last);
      }
      const Vf result = limits(gathered(x + at[1], sx, i, count));
      if (count == kLanes) {
        Store(y + at[0] + i, result);
      } else {
        StorePartial(y + at[0] + i, result, count);
      }
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
