// Integer arithmetic of quantised kernels: sums of 32 bits brought to another scale, as TensorFlow Lite rounds them.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_H_

#include <math.h>
#include <stdlib.h>

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// A real multiplier: value * 2^(shift - 31).
struct Multiplier {
  int32_t value;
  int32_t shift;
};

inline Multiplier MakeMultiplier(double real) {
  int shift = 0;
  int64_t value = static_cast<int64_t>(floor(frexp(real, &shift) * 2147483648.0 + 0.5));
  if (value == int64_t{1} << 31) value /= 2, ++shift;
  if (shift < -31) return {0, 0};
  if (shift > 30) return {2147483647, 30};
  return {static_cast<int32_t>(value), shift};
}

// The high 32 bits of 2 * a * b, rounded, for b >= 0. A shift without sign, which more instruction sets have, leaves the
// same 32 bits.
inline int32_t DoublingHighMul(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint64_t>(int64_t{a} * b + (int64_t{1} << 30)) >> 31);
}

// Halves round away from zero.
inline int32_t DivideByPowerOfTwo(int32_t x, int32_t exponent) {
  const int32_t mask = static_cast<int32_t>((uint32_t{1} << exponent) - 1);
  const int32_t threshold = (mask >> 1) + (x < 0);
  return (x >> exponent) + ((x & mask) > threshold);
}

inline int32_t ShiftLeft(int32_t x, int32_t bits) {
  return static_cast<int32_t>(static_cast<uint32_t>(x) << bits);
}

inline int32_t Times(int32_t x, Multiplier m) {
  const int32_t left = m.shift > 0 ? m.shift : 0, right = m.shift > 0 ? 0 : -m.shift;
  return DivideByPowerOfTwo(DoublingHighMul(ShiftLeft(x, left), m.value), right);
}

inline int64_t TimesRoundedOnce(int32_t x, Multiplier m) {
  const int32_t down = 31 - m.shift;
  return (int64_t{x} * m.value + (int64_t{1} << (down - 1))) >> down;
}

// To the nearest whole number, halves away from zero; in a form that compilers turn into vectors.
inline float RoundAway(float x) {
  const float whole = __builtin_truncf(x), rest = x - whole;
  return whole + (rest >= 0.5f ? 1.0f : 0.0f) - (rest <= -0.5f ? 1.0f : 0.0f);
}

// ---- parameters of a call ----

template <class T>
struct Limits;
template <>
struct Limits<int8_t> {
  static constexpr int32_t kLow = -128, kHigh = 127;
};
template <>
struct Limits<uint8_t> {
  static constexpr int32_t kLow = 0, kHigh = 255;
};

// Inputs i and i + 1: a scale and its zero point, single numbers or one of each for every channel.
struct Parameters {
  const float* scale;
  const int32_t* zero;
  bool per_channel;
  float Scale(int64_t c = 0) const { return scale[per_channel ? c : 0]; }
  int32_t Zero(int64_t c = 0) const { return zero[per_channel ? c : 0]; }
};

inline Parameters ParametersAt(const penstock_call* call, int i) {
  return {Input<float>(call, i), Input<int32_t>(call, i + 1), call->inputs[i]->ndim > 0};
}

// PENSTOCK_OK, or an error that names the scale.
inline int CheckScales(penstock_call* call, const char* name, const float* scale, int64_t n) {
  for (int64_t c = 0; c < n; ++c) {
    if (scale[c] > 0 && scale[c] <= 3.4028235e38f) continue;
    return Fail(call,
                "got a %s of %g; a scale must be positive and finite; compute it as (largest - "
                "smallest) / 255",
                name, static_cast<double>(scale[c]));
  }
  return PENSTOCK_OK;
}

// What an activation leaves of the result's integers.
struct Range {
  int32_t low, high;
};

template <class T>
Range ActivationRange(const penstock_call* call, int attr, float scale, int32_t zero) {
  Range range = {Limits<T>::kLow, Limits<T>::kHigh};
  if (IsNone(call, attr)) return range;
  const auto quantized = [&](float value) {
    const float steps = MinOf(MaxOf(RoundAway(value / scale), -2147483648.0f), 2147483520.0f);
    return MinOf(MaxOf<int64_t>(int64_t{zero} + static_cast<int64_t>(steps), Limits<T>::kLow - 1),
                 int64_t{Limits<T>::kHigh} + 1);
  };
  const bool is_symmetric = StrAttrIs(call, attr, "relu_n1_to_1");
  range.low = MaxOf(range.low, static_cast<int32_t>(quantized(is_symmetric ? -1.0f : 0.0f)));
  if (!StrAttrIs(call, attr, "relu")) {
    range.high = MinOf(range.high, static_cast<int32_t>(quantized(is_symmetric ? 1.0f : 6.0f)));
  }
  return range;
}

// Adds a zero point and clamps, in 32 bits; the upper limit wins where the limits cross.
class Finish {
 public:
  Finish() = default;
  Finish(int32_t zero, Range range)
      : zero_(static_cast<uint32_t>(zero)),
        low_(Saturated(int64_t{range.low} - zero)),
        high_(Saturated(int64_t{range.high} - zero)) {}

  int32_t operator()(int32_t x) const {
    const int32_t inside = MinOf(MaxOf(x, low_), high_);
    return static_cast<int32_t>(static_cast<uint32_t>(inside) + zero_);
  }
  int32_t operator()(int64_t x) const { return (*this)(Saturated(x)); }
  int32_t zero() const { return static_cast<int32_t>(zero_); }
  int32_t low() const { return low_; }
  int32_t high() const { return high_; }

 private:
  static int32_t Saturated(int64_t x) {
    return static_cast<int32_t>(MinOf(MaxOf(x, int64_t{-2147483647} - 1), int64_t{2147483647}));
  }
  uint32_t zero_ = 0;
  int32_t low_ = 0, high_ = 0;
};

// ---- layers: x, weights, bias, then scale and zero point of x, weights and the result ----

struct Layer {
  const int32_t* bias;
  Multiplier* multiplier;  // one for each channel
  Finish finish;
  bool once;  // rounds the product of sum and multiplier once

  // The results of n channels from `first` on.
  template <class T>
  void Store(const int32_t* sums, int64_t first, int64_t n, T* out) const {
    const int32_t* b = bias + first;
    const Multiplier* m = multiplier + first;
    const Finish f = finish;
    if (once) {
      for (int64_t c = 0; c < n; ++c)
        out[c] = static_cast<T>(f(TimesRoundedOnce(Add(sums[c], b[c]), m[c])));
    } else {
      for (int64_t c = 0; c < n; ++c) out[c] = static_cast<T>(f(Times(Add(sums[c], b[c]), m[c])));
    }
  }

  static int32_t Add(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
};

// Where packed weights lie: in scratch memory of the call, or in memory that `prepare` keeps.
struct Kept {
  void* blocks[16];
  int count;
};

class Memory {
 public:
  Memory(penstock_call* call, Kept* kept) : call_(call), kept_(kept) {}

  template <class T>
  T* Take(int64_t count) {
    if (kept_ == nullptr) return Scratch<T>(call_, count);
    if (kept_->count == 16) return nullptr;
    const size_t size = static_cast<size_t>(MaxOf<int64_t>(count, 1)) * sizeof(T);
    void* block = aligned_alloc(64, (size + 63) / 64 * 64);
    if (block != nullptr) kept_->blocks[kept_->count++] = block;
    return static_cast<T*>(block);
  }

 private:
  penstock_call* call_;
  Kept* kept_;
};

inline void FreeBlocks(Kept* kept) {
  for (int i = 0; i < kept->count; ++i) free(kept->blocks[i]);
}

// Whether all inputs but the first are constants, in a call of `prepare`.
inline bool KnowsAllButFirst(const penstock_call* call) {
  for (int i = 1; i < call->num_inputs; ++i)
    if (call->inputs[i]->data == nullptr) return false;
  return true;
}

// in_double: the product of scales is not rounded to float32 on the way.
template <class T>
int MakeLayer(penstock_call* call, Memory* memory, int64_t channels, int activation, bool in_double,
              Layer* layer) {
  const Parameters x = ParametersAt(call, 3), w = ParametersAt(call, 5), y = ParametersAt(call, 7);
  int status = CheckScales(call, "x_scale", x.scale, 1);
  if (status == PENSTOCK_OK)
    status = CheckScales(call, "scale of weights", w.scale, w.per_channel ? channels : 1);
  if (status == PENSTOCK_OK) status = CheckScales(call, "y_scale", y.scale, 1);
  if (status != PENSTOCK_OK) return status;
  layer->multiplier = memory->Take<Multiplier>(channels);
  if (layer->multiplier == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t c = 0; c < channels; ++c) {
    double product = static_cast<double>(x.Scale()) * static_cast<double>(w.Scale(c));
    if (!in_double) product = static_cast<double>(x.Scale() * w.Scale(c));
    layer->multiplier[c] = MakeMultiplier(product / static_cast<double>(y.Scale()));
  }
  layer->bias = Input<int32_t>(call, 2);
  layer->finish = Finish(y.Zero(), ActivationRange<T>(call, activation, y.Scale(), y.Zero()));
  layer->once = false;
  return PENSTOCK_OK;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_H_
