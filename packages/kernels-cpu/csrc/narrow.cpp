// Casts between small types and those that kernels compute in: how weights and images of few bits become float32.
#include <string.h>

#include "elementwise.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

uint32_t BitsOf(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

float FloatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

float FromBfloat(uint16_t x) { return FloatOf(static_cast<uint32_t>(x) << 16); }

// To the nearest, ties to even; a NaN stays one.
uint16_t ToBfloat(float x) {
  const uint32_t bits = BitsOf(x);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>((nan ? bits | 0x400000 : rounded) >> 16);
}

// Exponent and mantissa move into place; a product with 2^112 sets the exponent's bias right, of subnormals too.
float FromHalf(uint16_t x) {
  const uint32_t magnitude = static_cast<uint32_t>(x & 0x7fff) << 13;
  const uint32_t sign = static_cast<uint32_t>(x & 0x8000) << 16;
  const uint32_t scaled = BitsOf(FloatOf(magnitude) * FloatOf(0x77800000));
  const bool special = magnitude >= 0x0f800000;  // infinity or NaN
  return FloatOf((special ? magnitude | 0x7f800000 : scaled) | sign);
}

uint16_t ToHalf(float x) {
  const uint32_t bits = BitsOf(x), magnitude = bits & 0x7fffffff;
  uint32_t half;
  if (magnitude > 0x7f800000) {
    half = 0x7e00 | ((magnitude >> 13) & 0x3ff);  // NaN
  } else if (magnitude >= 0x477ff000) {
    half = 0x7c00;  // past the largest: infinity
  } else if (magnitude < 0x38800000) {
    // Subnormal: adding a half lets the unit round to the right place.
    half = BitsOf(FloatOf(magnitude) + 0.5f) - 0x3f000000;
  } else {
    half = (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000) >> 13;
  }
  return static_cast<uint16_t>(half | ((bits >> 16) & 0x8000));
}

template <class From, class To, class Convert>
int CastBy(penstock_call* call, Convert convert) {
  const auto loop = ElementwiseLoop<2>(call);
  To* out = Output<To>(call, 0);
  const From* x = Input<From>(call, 0);
  const int64_t stride = loop.InnerStride(1);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[2], int64_t n) {
    To* o = out + at[0];
    const From* a = x + at[1];
    if (stride == 1) {
      for (int64_t i = 0; i < n; ++i) o[i] = convert(a[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) o[i] = convert(a[i * stride]);
    }
  });
}

template <class From>
int Widen(penstock_call* call) {
  switch (TypeKey(call->outputs[0])) {
    case kF32:
      return CastBy<From, float>(call, [](From x) { return static_cast<float>(x); });
    case kI32:
      return CastBy<From, int32_t>(call, [](From x) { return static_cast<int32_t>(x); });
    default:
      return CastBy<From, int64_t>(call, [](From x) { return static_cast<int64_t>(x); });
  }
}

}  // namespace

int CastNarrow(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kI8:
      return Widen<int8_t>(call);
    case kI16:
      return Widen<int16_t>(call);
    case kU16:
      return Widen<uint16_t>(call);
    case kF16:
      return CastBy<uint16_t, float>(call, FromHalf);
    case kBf16:
      return CastBy<uint16_t, float>(call, FromBfloat);
    default:
      if (TypeKey(call->outputs[0]) == kF16) return CastBy<float, uint16_t>(call, ToHalf);
      return CastBy<float, uint16_t>(call, ToBfloat);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
