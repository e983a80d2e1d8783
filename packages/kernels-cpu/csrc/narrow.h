// Floats of 16 bits: to and from float32, in a form that compilers turn into vectors.
#ifndef PENSTOCK_KERNELS_CPU_NARROW_H_
#define PENSTOCK_KERNELS_CPU_NARROW_H_

#include <stdint.h>
#include <string.h>

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

inline uint32_t BitsOf(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float FloatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

inline float FromBfloat(uint16_t x) { return FloatOf(static_cast<uint32_t>(x) << 16); }

// To the nearest, ties to even; a NaN stays one.
inline uint16_t ToBfloat(float x) {
  const uint32_t bits = BitsOf(x);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>((nan ? bits | 0x400000 : rounded) >> 16);
}

// Exponent and mantissa move into place; a product with 2^112 sets the exponent's bias right, of subnormals too.
inline float FromHalf(uint16_t x) {
  const uint32_t magnitude = static_cast<uint32_t>(x & 0x7fff) << 13;
  const uint32_t sign = static_cast<uint32_t>(x & 0x8000) << 16;
  const uint32_t scaled = BitsOf(FloatOf(magnitude) * FloatOf(0x77800000));
  const bool special = magnitude >= 0x0f800000;  // infinity or NaN
  return FloatOf((special ? magnitude | 0x7f800000 : scaled) | sign);
}

inline uint16_t ToHalf(float x) {
  const uint32_t bits = BitsOf(x), magnitude = bits & 0x7fffffff;
  // Subnormal: adding a half lets the unit round to the right place.
  const uint32_t subnormal = BitsOf(FloatOf(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000) >> 13;
  const uint32_t nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
  half = magnitude >= 0x477ff000 ? 0x7c00 : half;  // past the largest: infinity
  half = magnitude > 0x7f800000 ? nan : half;
  return static_cast<uint16_t>(half | ((bits >> 16) & 0x8000));
}

inline bool IsHalfOrBfloat(const penstock_tensor* t) {
  return TypeKey(t) == kF16 || TypeKey(t) == kBf16;
}

inline void WidenFloats(const uint16_t* from, int64_t n, bool bfloat, float* to) {
  if (bfloat) {
    for (int64_t i = 0; i < n; ++i) to[i] = FromBfloat(from[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = FromHalf(from[i]);
  }
}

inline void NarrowFloats(const float* from, int64_t n, bool bfloat, uint16_t* to) {
  if (bfloat) {
    for (int64_t i = 0; i < n; ++i) to[i] = ToBfloat(from[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = ToHalf(from[i]);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_NARROW_H_
