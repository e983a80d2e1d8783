// Sums, products, softmax and joins of quantised numbers. A byte has 256 values: what can be is looked up.
#include "loop.h"
#include "quantized_bytes.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <class T>
int Index(T x) {
  return static_cast<int>(x) - Limits<T>::kLow;
}

// ---- two operands: x, y, then scale and zero point of x, y and the result; activation ----

struct Operands {
  Parameters x, y, z;
};

int ReadOperands(penstock_call* call, Operands* o) {
  *o = {ParametersAt(call, 2), ParametersAt(call, 4), ParametersAt(call, 6)};
  int status = CheckScales(call, "x_scale", o->x.scale, 1);
  if (status == PENSTOCK_OK) status = CheckScales(call, "y_scale", o->y.scale, 1);
  if (status == PENSTOCK_OK) status = CheckScales(call, "z_scale", o->z.scale, 1);
  return status;
}

// The loop over output, x and y, whose shapes broadcast.
Loop<3> BroadcastLoop(const penstock_call* call) {
  const penstock_tensor *out = call->outputs[0], *in[2] = {call->inputs[0], call->inputs[1]};
  int64_t strides[kMaxDims][3];
  int64_t dense[3] = {1, 1, 1};
  for (int d = out->ndim - 1; d >= 0; --d) {
    for (int k = 0; k < 3; ++k) {
      const penstock_tensor* t = k == 0 ? out : in[k - 1];
      const int own = d - (out->ndim - t->ndim);
      const int64_t size = own < 0 ? 1 : t->shape[own];
      strides[d][k] = size == 1 ? 0 : dense[k];
      dense[k] *= size;
    }
  }
  Loop<3> loop;
  for (int d = 0; d < out->ndim; ++d) loop.Add(out->shape[d], strides[d]);
  return loop;
}

#if defined(PENSTOCK_BYTE_PRODUCTS)
inline __m512i Widened(const int8_t* x, __mmask16 some) {
  return _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(some, x));
}
inline __m512i Widened(const uint8_t* x, __mmask16 some) {
  return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(some, x));
}

// Whether floats may decide: they hold every difference to the zero points.
template <class T>
bool HaveByteZeros(const Operands& o) {
  const auto is_byte = [](int32_t x) { return x >= Limits<T>::kLow && x <= Limits<T>::kHigh; };
  return is_byte(o.x.Zero()) && is_byte(o.y.Zero());
}

// Operands of one shape. to_sum gets 16 numbers of each without their zero points, to_real as they are, as floats, and gives
// the result in steps, wrong by less than `doubt` where it can become a byte; without a doubt it is not asked.
template <class T, class ToSum, class ToReal>
int RunPairs(penstock_call* call, const Operands& o, double real, float doubt, const ToSum& to_sum,
             const ToReal& to_real) {
  const T *x = Input<T>(call, 0), *y = Input<T>(call, 1);
  T* out = Output<T>(call, 0);
  const Vectors m(MakeMultiplier(real));
  const Finish limits(o.z.Zero(), ActivationRange<T>(call, 0, o.z.Scale(), o.z.Zero()));
  const FinishBytes<T> finish(limits);
  const Nearest nearest(doubt);
  const bool in_floats = doubt > 0 && HaveByteZeros<T>(o) && finish.IsQuick(limits);
  const __m512i x_zero = _mm512_set1_epi32(o.x.Zero()), y_zero = _mm512_set1_epi32(o.y.Zero());
  const auto exactly = [&](int64_t i, uint64_t some) {
    for (int v = 0; v < 4; ++v, some >>= 16, i += 16) {
      const __mmask16 mine = static_cast<__mmask16>(some);
      const __m512i sum = to_sum(_mm512_sub_epi32(Widened(x + i, mine), x_zero),
                                 _mm512_sub_epi32(Widened(y + i, mine), y_zero));
      _mm_mask_storeu_epi8(out + i, mine, finish.Exact(m.Times(sum)));
    }
  };
  return ParallelFor(call, Count(call->outputs[0]), kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 64) {
      const uint64_t some = end - i >= 64 ? ~uint64_t{0} : (uint64_t{1} << (end - i)) - 1;
      __m512 reals[4];
      __m512i steps[4];
      for (int v = 0; in_floats && v < 4; ++v) {
        const __mmask16 mine = static_cast<__mmask16>(some >> (16 * v));
        reals[v] = to_real(_mm512_cvtepi32_ps(Widened(x + i + 16 * v, mine)),
                           _mm512_cvtepi32_ps(Widened(y + i + 16 * v, mine)));
      }
      if (in_floats && __builtin_expect(nearest(reals, steps), 1)) {
        _mm512_mask_storeu_epi8(out + i, some,
                                finish.Quick(steps[0], steps[1], steps[2], steps[3]));
      } else {
        exactly(i, some);
      }
    }
  });
}

bool HaveOneShape(const penstock_call* call) {
  const int64_t n = Count(call->outputs[0]);
  return Count(call->inputs[0]) == n && Count(call->inputs[1]) == n;
}
#endif

// to_sum(x, y) gives the 32 bits that are brought to the result's scale by `real`.
template <class T, class ToSum>
int RunBinary(penstock_call* call, const Operands& o, double real, const ToSum& to_sum) {
  const auto loop = BroadcastLoop(call);
  const T *x = Input<T>(call, 0), *y = Input<T>(call, 1);
  T* out = Output<T>(call, 0);
  const Multiplier m = MakeMultiplier(real);
  const Finish finish(o.z.Zero(), ActivationRange<T>(call, 0, o.z.Scale(), o.z.Zero()));
  const int64_t sx = loop.InnerStride(1), sy = loop.InnerStride(2);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[3], int64_t n) {
    const auto row = [&](int64_t x_step, int64_t y_step) {
      for (int64_t i = 0; i < n; ++i) {
        const int32_t sum = to_sum(x[at[1] + i * x_step], y[at[2] + i * y_step]);
        out[at[0] + i] = static_cast<T>(finish(Times(sum, m)));
      }
    };
    if (sx == 1 && sy == 1) {
      row(1, 1);
    } else {
      row(sx, sy);
    }
  });
}

// Both terms are raised by 20 bits before they are brought to twice the larger scale.
constexpr int32_t kRoom = 20;

template <class T>
void RaisedTerms(const Parameters& p, double twice_max, int32_t (&table)[256]) {
  const Multiplier m = MakeMultiplier(static_cast<double>(p.Scale()) / twice_max);
  for (int i = 0; i < 256; ++i) {
    const uint32_t steps =
        static_cast<uint32_t>(i + Limits<T>::kLow) - static_cast<uint32_t>(p.Zero());
    table[i] = Times(static_cast<int32_t>(steps << kRoom), m);
  }
}

template <class T>
int RunAdd(penstock_call* call) {
  Operands o;
  const int status = ReadOperands(call, &o);
  if (status != PENSTOCK_OK) return status;
  const double twice_max = 2.0 * static_cast<double>(MaxOf(o.x.Scale(), o.y.Scale()));
  const double real = twice_max / ((1 << kRoom) * static_cast<double>(o.z.Scale()));
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (HaveOneShape(call)) {
    const Vectors mx(MakeMultiplier(static_cast<double>(o.x.Scale()) / twice_max));
    const Vectors my(MakeMultiplier(static_cast<double>(o.y.Scale()) / twice_max));
    const double a = static_cast<double>(o.x.Scale()) / static_cast<double>(o.z.Scale());
    const double b = static_cast<double>(o.y.Scale()) / static_cast<double>(o.z.Scale());
    const __m512 x_steps = _mm512_set1_ps(static_cast<float>(a));
    const __m512 y_steps = _mm512_set1_ps(static_cast<float>(b));
    const __m512 zeros = _mm512_set1_ps(static_cast<float>(-(a * o.x.Zero() + b * o.y.Zero())));
    // With up to 2 steps of the result for one of x or y floats are wrong by 11 / 2^16, and terms rounded to whole numbers by
    // 1 / 2^16; with more steps by as much more. Beyond 16 most vectors would be in doubt.
    const double steps = MaxOf(MaxOf(a, b), 2.0);
    const float doubt = steps <= 16 ? static_cast<float>(steps) / 8192 : 0.0f;
    return RunPairs<T>(
        call, o, real, doubt,
        [&](__m512i x, __m512i y) {
          return _mm512_add_epi32(mx.Times(_mm512_slli_epi32(x, kRoom)),
                                  my.Times(_mm512_slli_epi32(y, kRoom)));
        },
        [&](__m512 x, __m512 y) {
          return _mm512_fmadd_ps(x, x_steps, _mm512_fmadd_ps(y, y_steps, zeros));
        });
  }
#endif
  int32_t x_terms[256], y_terms[256];
  RaisedTerms<T>(o.x, twice_max, x_terms);
  RaisedTerms<T>(o.y, twice_max, y_terms);
  return RunBinary<T>(call, o, real, [&](T x, T y) {
    return static_cast<int32_t>(static_cast<uint32_t>(x_terms[Index(x)]) +
                                static_cast<uint32_t>(y_terms[Index(y)]));
  });
}

template <class T>
int RunMultiply(penstock_call* call) {
  Operands o;
  const int status = ReadOperands(call, &o);
  if (status != PENSTOCK_OK) return status;
  const float real = o.x.Scale() * o.y.Scale() / o.z.Scale();
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (HaveOneShape(call)) {
    const Multiplier m = MakeMultiplier(static_cast<double>(real));
    const __m512 nudge = _mm512_set1_ps(static_cast<float>(ldexp(0.5, m.shift)));
    const __m512 sign = _mm512_set1_ps(-0.0f), factor = _mm512_set1_ps(real);
    const __m512 x_zero = _mm512_set1_ps(static_cast<float>(o.x.Zero()));
    const __m512 y_zero = _mm512_set1_ps(static_cast<float>(o.y.Zero()));
    const float doubt = m.value != 0 && m.shift < 0 ? 1.0f / 8192 : 0.0f;
    return RunPairs<T>(
        call, o, static_cast<double>(real), doubt,
        [](__m512i x, __m512i y) { return _mm512_mullo_epi32(x, y); },
        [&](__m512 x, __m512 y) {
          const __m512 product = _mm512_mul_ps(_mm512_sub_ps(x, x_zero), _mm512_sub_ps(y, y_zero));
          const __m512 moved = _mm512_or_ps(_mm512_and_ps(product, sign), nudge);
          return _mm512_fmadd_ps(product, factor, moved);
        });
  }
#endif
  const uint32_t x_zero = static_cast<uint32_t>(o.x.Zero()),
                 y_zero = static_cast<uint32_t>(o.y.Zero());
  return RunBinary<T>(call, o, static_cast<double>(real), [=](T x, T y) {
    return static_cast<int32_t>((static_cast<uint32_t>(x) - x_zero) *
                                (static_cast<uint32_t>(y) - y_zero));
  });
}

// ---- one operand through a table ----

template <class T, class U>
void LookUp(const T* x, int64_t n, const U (&table)[256], U* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = table[Index(x[i])];
}

template <class T, class U>
int RunRequantize(penstock_call* call) {
  const Parameters from = ParametersAt(call, 1), to = ParametersAt(call, 3);
  int status = CheckScales(call, "x_scale", from.scale, 1);
  if (status == PENSTOCK_OK) status = CheckScales(call, "y_scale", to.scale, 1);
  if (status != PENSTOCK_OK) return status;
  const Multiplier m =
      MakeMultiplier(static_cast<double>(from.Scale()) / static_cast<double>(to.Scale()));
  const Finish finish(to.Zero(), Range{Limits<U>::kLow, Limits<U>::kHigh});
  U table[256];
  for (int i = 0; i < 256; ++i) {
    const uint32_t steps =
        static_cast<uint32_t>(i + Limits<T>::kLow) - static_cast<uint32_t>(from.Zero());
    table[i] = static_cast<U>(finish(Times(static_cast<int32_t>(steps), m)));
  }
  const T* x = Input<T>(call, 0);
  U* y = Output<U>(call, 0);
  return ParallelFor(call, Count(call->outputs[0]), kChunk, [&](int64_t begin, int64_t end) {
    LookUp(x + begin, end - begin, table, y + begin);
  });
}

// ---- softmax in fixed point; numbers Qm.n have m integer bits ----

constexpr int32_t kOne = 2147483647;  // Q0.31

int32_t SaturatedShift(int32_t x, int bits) {
  const int64_t wide = static_cast<int64_t>(static_cast<uint64_t>(int64_t{x}) << bits);
  return static_cast<int32_t>(MinOf<int64_t>(MaxOf<int64_t>(wide, -2147483648LL), kOne));
}

// As DoublingHighMul, for b of either sign.
int32_t Product(int32_t a, int32_t b) {
  const int64_t high = (int64_t{a} * b + (int64_t{1} << 30)) >> 31;
  return static_cast<int32_t>(MinOf<int64_t>(high, kOne));
}

// e^a for -1/4 <= a < 0, Q0.31: a series around -1/8.
int32_t ExpBelowQuarter(int32_t a) {
  constexpr int32_t kExpEighth = 1895147668, kThird = 715827883;
  const int32_t x = a + (1 << 28), x2 = Product(x, x), x3 = Product(x2, x), x4 = Product(x2, x2);
  const int32_t fourth = DivideByPowerOfTwo(x4, 2);
  const int32_t rest = DivideByPowerOfTwo(Product(fourth + x3, kThird) + x2, 1);
  return kExpEighth + Product(kExpEighth, x + rest);
}

// e^a for a <= 0: Q5.26 in, Q0.31 out.
int32_t ExpOfNegative(int32_t a) {
  // e^-(2^k) for the bits k = -2, ..., 4 of a.
  constexpr int32_t kPowers[7] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  constexpr int32_t kQuarter = 1 << 24;
  if (a == 0) return kOne;
  const int32_t part = (a & (kQuarter - 1)) - kQuarter;
  int32_t result = ExpBelowQuarter(SaturatedShift(part, 5));
  const int32_t rest = part - a;
  for (int k = 0; k < 7; ++k) {
    if (rest >> (24 + k) & 1) result = Product(result, kPowers[k]);
  }
  return result;
}

// 1 / (1 + a) for 0 <= a < 1, Q0.31, by three steps of Newton's from a line.
int32_t ReciprocalOfOnePlus(int32_t a) {
  constexpr int32_t k48By17 = 1515870810, kMinus32By17 = -1010580540;
  const int32_t half = static_cast<int32_t>((int64_t{a} + kOne + 1) / 2);
  int32_t x = k48By17 + Product(half, kMinus32By17);
  for (int i = 0; i < 3; ++i) {
    const int32_t error = (1 << 29) - Product(half, x);
    x += SaturatedShift(Product(x, error), 2);
  }
  return SaturatedShift(x, 1);
}

template <class T>
int RunSoftmax(penstock_call* call) {
  const float* scale = Input<float>(call, 1);
  const int status = CheckScales(call, "x_scale", scale, 1);
  if (status != PENSTOCK_OK) return status;
  const penstock_tensor* in = call->inputs[0];
  const int64_t size = in->shape[in->ndim - 1], rows = Extent(in, 0, in->ndim - 1);
  const double beta = static_cast<double>(static_cast<float>(FloatAttr(call, 0)));
  const double real = MinOf(beta * static_cast<double>(*scale) * (1 << 26), 2147483647.0);
  const Multiplier m = MakeMultiplier(real);
  const double least = -floor(31.0 * (1 << 26) / ldexp(1.0, m.shift));
  // What each difference to the largest contributes; 0 where it does not count.
  int32_t exps[256];
  for (int diff = 0; diff < 256; ++diff) {
    exps[diff] = -diff < least ? -1 : ExpOfNegative(Times(-diff, m));
  }
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  return ParallelFor(call, rows, Grain(size), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * size;
      int32_t largest = Limits<T>::kLow;
      for (int64_t i = 0; i < size; ++i) largest = MaxOf(largest, int32_t{from[i]});
      uint64_t sum = 0;  // Q12.19
      for (int64_t i = 0; i < size; ++i) {
        const int32_t e = exps[largest - from[i]];
        if (e >= 0) sum += static_cast<uint64_t>(DivideByPowerOfTwo(e, 12));
      }
      if (size == 0) continue;
      const int above = __builtin_clzll(sum) - 32;  // bits up to 2^31; negative for huge rows
      const uint64_t leading = above >= 0 ? sum << above : sum >> -above;
      const int32_t inverse =
          ReciprocalOfOnePlus(static_cast<int32_t>(leading - (uint64_t{1} << 31)));
      const int exponent = 12 - above + 31 - 8;
      T results[256];
      for (int diff = 0; diff < 256; ++diff) {
        const int32_t share = exps[diff] < 0 || exponent > 31
                                  ? 0
                                  : DivideByPowerOfTwo(Product(inverse, exps[diff]), exponent);
        results[diff] = static_cast<T>(MinOf(share + Limits<T>::kLow, Limits<T>::kHigh));
      }
      for (int64_t i = 0; i < size; ++i) y[row * size + i] = results[largest - from[i]];
    }
  });
}

// ---- concat: scales, zero points, scale and zero point of the result, tensors; axis ----

template <class T>
void JoinTable(float scale, int32_t zero, float y_scale, int32_t y_zero, T (&table)[256]) {
  const float factor = scale * (1.0f / y_scale);
  const Finish finish(y_zero, Range{Limits<T>::kLow, Limits<T>::kHigh});
  // Not contracted with the product below: TensorFlow Lite rounds both.
  volatile float offset = -static_cast<float>(zero) * factor;
  for (int i = 0; i < 256; ++i) {
    const int32_t value = i + Limits<T>::kLow;
    if (scale == y_scale && zero == y_zero) {
      table[i] = static_cast<T>(value);
      continue;
    }
    volatile float product = static_cast<float>(value) * factor;
    const float moved = MinOf(MaxOf(RoundAway(product + offset), -1e9f), 1e9f);
    table[i] = static_cast<T>(finish(static_cast<int64_t>(moved)));
  }
}

template <class T>
int RunJoin(penstock_call* call) {
  const int n = call->num_inputs - 4;
  const float *scales = Input<float>(call, 0), *y_scale = Input<float>(call, 2);
  const int32_t *zeros = Input<int32_t>(call, 1), *y_zero = Input<int32_t>(call, 3);
  int status = CheckScales(call, "scale", scales, n);
  if (status == PENSTOCK_OK) status = CheckScales(call, "y_scale", y_scale, 1);
  if (status != PENSTOCK_OK) return status;
  const AxisView out(call->outputs[0], IntAttr(call, 0));
  T* y = Output<T>(call, 0);
  int64_t offset = 0;
  for (int k = 0; k < n; ++k) {
    T table[256];
    JoinTable(scales[k], zeros[k], *y_scale, *y_zero, table);
    const T* x = Input<T>(call, 4 + k);
    const int64_t block = call->inputs[4 + k]->shape[IntAttr(call, 0)] * out.inner;
    for (int64_t row = 0; row < out.outer; ++row)
      LookUp(x + row * block, block, table, y + row * out.size * out.inner + offset);
    offset += block;
  }
  return PENSTOCK_OK;
}

bool IsSigned(const penstock_tensor* tensor) { return TypeKey(tensor) == kI8; }

}  // namespace

int QuantizedAdd(penstock_call* call) {
  return IsSigned(call->inputs[0]) ? RunAdd<int8_t>(call) : RunAdd<uint8_t>(call);
}

int QuantizedMultiply(penstock_call* call) {
  return IsSigned(call->inputs[0]) ? RunMultiply<int8_t>(call) : RunMultiply<uint8_t>(call);
}

int Requantize(penstock_call* call) {
  const bool to_signed = IsSigned(call->outputs[0]);
  if (IsSigned(call->inputs[0]))
    return to_signed ? RunRequantize<int8_t, int8_t>(call) : RunRequantize<int8_t, uint8_t>(call);
  return to_signed ? RunRequantize<uint8_t, int8_t>(call) : RunRequantize<uint8_t, uint8_t>(call);
}

int QuantizedSoftmax(penstock_call* call) {
  return IsSigned(call->inputs[0]) ? RunSoftmax<int8_t>(call) : RunSoftmax<uint8_t>(call);
}

int QuantizedConcat(penstock_call* call) {
  return IsSigned(call->outputs[0]) ? RunJoin<int8_t>(call) : RunJoin<uint8_t>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
