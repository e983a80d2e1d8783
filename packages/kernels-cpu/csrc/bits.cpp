// Integers and booleans as rows of bits.
#include "elementwise.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// clang-format off
struct BitAndOp { template <class T> T operator()(T x, T y) const { return x & y; } };
struct BitOrOp { template <class T> T operator()(T x, T y) const { return x | y; } };
struct BitXorOp { template <class T> T operator()(T x, T y) const { return x ^ y; } };
struct BitNotOp { template <class T> T operator()(T x) const { return static_cast<T>(~x); } };
struct NotBoolOp { uint8_t operator()(uint8_t x) const { return x ^ 1; } };
// clang-format on

// Shifts by the width of the type and more, and negative ones, leave nothing but copies of the sign.
struct ShiftLeftOp {
  template <class T>
  T operator()(T x, T y) const {
    using U = typename Wrapping<T>::Type;
    return static_cast<U>(y) < sizeof(T) * 8 ? static_cast<T>(static_cast<U>(x) << y) : T{0};
  }
};

struct ShiftRightOp {
  template <class T>
  T operator()(T x, T y) const {
    using U = typename Wrapping<T>::Type;
    return x >> (static_cast<U>(y) < sizeof(T) * 8 ? y : static_cast<T>(sizeof(T) * 8 - 1));
  }
};

template <class Op>
int OfAnySize(penstock_call* call) {
  switch (ElementSize(call->inputs[0])) {
    case 1:
      return Binary<uint8_t, uint8_t, Op>(call);
    case 4:
      return Binary<uint32_t, uint32_t, Op>(call);
    default:
      return Binary<uint64_t, uint64_t, Op>(call);
  }
}

template <class Op>
int Shift(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kI32 ? Binary<int32_t, int32_t, Op>(call)
                                          : Binary<int64_t, int64_t, Op>(call);
}

}  // namespace

int LogicalXor(penstock_call* call) { return Binary<uint8_t, uint8_t, BitXorOp>(call); }
int BitwiseAnd(penstock_call* call) { return OfAnySize<BitAndOp>(call); }
int BitwiseOr(penstock_call* call) { return OfAnySize<BitOrOp>(call); }
int BitwiseXor(penstock_call* call) { return OfAnySize<BitXorOp>(call); }
int BitwiseLeftShift(penstock_call* call) { return Shift<ShiftLeftOp>(call); }
int BitwiseRightShift(penstock_call* call) { return Shift<ShiftRightOp>(call); }

int BitwiseInvert(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kBool:
      return Unary<uint8_t, uint8_t, NotBoolOp>(call);
    case kU8:
      return Unary<uint8_t, uint8_t, BitNotOp>(call);
    case kI32:
      return Unary<uint32_t, uint32_t, BitNotOp>(call);
    default:
      return Unary<uint64_t, uint64_t, BitNotOp>(call);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
