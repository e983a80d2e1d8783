// Casts between small types and those that kernels compute in: how weights and images of few bits become float32.
#include "narrow.h"

#include "elementwise.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

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
      return CastBy<uint16_t, float>(call, [](uint16_t x) { return FromHalf(x); });
    case kBf16:
      return CastBy<uint16_t, float>(call, [](uint16_t x) { return FromBfloat(x); });
    default:
      if (TypeKey(call->outputs[0]) == kF16)
        return CastBy<float, uint16_t>(call, [](float x) { return ToHalf(x); });
      return CastBy<float, uint16_t>(call, [](float x) { return ToBfloat(x); });
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
