// Elementwise operators with broadcasting: unary, binary, comparisons, logic, where, cast.
#include "elementwise.h"

#include <type_traits>

#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// ---- choosing the element type ----

template <class Op>
int Arithmetic(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Binary<float, float, Op>(call);
    case kI32:
      return Binary<uint32_t, uint32_t, Op>(call);
    default:
      return Binary<uint64_t, uint64_t, Op>(call);
  }
}

template <class Op>
int Signed(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Binary<float, float, Op>(call);
    case kI32:
      return Binary<int32_t, int32_t, Op>(call);
    default:
      return Binary<int64_t, int64_t, Op>(call);
  }
}

template <class Op>
int Compare(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Binary<float, uint8_t, Op>(call);
    case kI32:
      return Binary<int32_t, uint8_t, Op>(call);
    case kI64:
      return Binary<int64_t, uint8_t, Op>(call);
    default:
      return Binary<uint8_t, uint8_t, Op>(call);
  }
}

struct WholeAbsOp {
  template <class T>
  T operator()(T x) const {
    using U = typename Wrapping<T>::Type;
    return x < 0 ? static_cast<T>(U{0} - static_cast<U>(x)) : x;  // the least integer stays
  }
};

// ---- where, cast ----

// Only the size of an element matters.
template <class T>
int WhereSized(penstock_call* call) {
  const auto loop = ElementwiseLoop<4>(call);
  T* out = Output<T>(call, 0);
  const uint8_t* condition = Input<uint8_t>(call, 0);
  const T *x = Input<T>(call, 1), *y = Input<T>(call, 2);
  const int64_t sc = loop.InnerStride(1), sx = loop.InnerStride(2), sy = loop.InnerStride(3);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[4], int64_t n) {
    T* o = out + at[0];
    const uint8_t* c = condition + at[1];
    const T *a = x + at[2], *b = y + at[3];
    if (sc == 0 && sx == 1 && sy == 1) {
      memcpy(o, *c ? a : b, static_cast<size_t>(n) * sizeof(T));
    } else if (sc == 1 && sx == 1 && sy == 1) {
      for (int64_t i = 0; i < n; ++i) o[i] = c[i] ? a[i] : b[i];
    } else {
      for (int64_t i = 0; i < n; ++i) o[i] = c[i * sc] ? a[i * sx] : b[i * sy];
    }
  });
}

template <class From, class To>
int CastTo(penstock_call* call) {
  const auto loop = ElementwiseLoop<2>(call);
  To* out = Output<To>(call, 0);
  const From* x = Input<From>(call, 0);
  const int64_t stride = loop.InnerStride(1);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[2], int64_t n) {
    To* o = out + at[0];
    const From* a = x + at[1];
    if (stride == 1) {
      for (int64_t i = 0; i < n; ++i) o[i] = static_cast<To>(a[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) o[i] = static_cast<To>(a[i * stride]);
    }
  });
}

template <class From>
int CastFrom(penstock_call* call) {
  if constexpr (!std::is_floating_point_v<From>) {  // floats beyond small integers have no meaning
    switch (TypeKey(call->outputs[0])) {
      case kI8:
        return CastTo<From, int8_t>(call);
      case kI16:
        return CastTo<From, int16_t>(call);
      default:
        break;
    }
  }
  switch (TypeKey(call->outputs[0])) {
    case kF32:
      return CastTo<From, float>(call);
    case kF64:
      return CastTo<From, double>(call);
    case kI32:
      return CastTo<From, int32_t>(call);
    case kI64:
      return CastTo<From, int64_t>(call);
    case kU8:
      return CastTo<From, uint8_t>(call);
    default:
      return CastTo<From, bool>(call);
  }
}

}  // namespace

int Negative(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Unary<float, float, NegativeOp>(call);
    case kI32:
      return Unary<uint32_t, uint32_t, NegativeOp>(call);
    default:
      return Unary<uint64_t, uint64_t, NegativeOp>(call);
  }
}

int Square(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Unary<float, float, SquareOp>(call);
    case kI32:
      return Unary<uint32_t, uint32_t, SquareOp>(call);
    default:
      return Unary<uint64_t, uint64_t, SquareOp>(call);
  }
}

int Abs(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Unary<float, float, AbsOp>(call);
    case kI32:
      return Unary<int32_t, int32_t, WholeAbsOp>(call);
    default:
      return Unary<int64_t, int64_t, WholeAbsOp>(call);
  }
}
int Sign(penstock_call* call) { return Unary<float, float, SignOp>(call); }
int Sqrt(penstock_call* call) { return Unary<float, float, SqrtOp>(call); }
int Rsqrt(penstock_call* call) { return Unary<float, float, RsqrtOp>(call); }
int Relu(penstock_call* call) { return Unary<float, float, ReluOp>(call); }
int Floor(penstock_call* call) { return Unary<float, float, FloorOp>(call); }
int Ceil(penstock_call* call) { return Unary<float, float, CeilOp>(call); }
int Exp(penstock_call* call) { return Math<ExpOp>(call); }
int Log(penstock_call* call) { return Math<LogOp>(call); }
int Log1p(penstock_call* call) { return Math<Log1pOp>(call); }
int Sin(penstock_call* call) { return Math<SinOp>(call); }
int Cos(penstock_call* call) { return Math<CosOp>(call); }
int Tanh(penstock_call* call) { return Math<TanhOp>(call); }
int Sigmoid(penstock_call* call) { return Math<SigmoidOp>(call); }

int IsNan(penstock_call* call) { return Unary<float, uint8_t, IsNanOp>(call); }
int IsFinite(penstock_call* call) { return Unary<float, uint8_t, IsFiniteOp>(call); }
int LogicalNot(penstock_call* call) { return Unary<uint8_t, uint8_t, NotOp>(call); }

int Add(penstock_call* call) { return Arithmetic<AddOp>(call); }
int Subtract(penstock_call* call) { return Arithmetic<SubtractOp>(call); }
int Multiply(penstock_call* call) { return Arithmetic<MultiplyOp>(call); }
int Divide(penstock_call* call) { return Binary<float, float, DivideOp>(call); }
int Power(penstock_call* call) {
  const penstock_tensor* y = call->inputs[1];
  bool one = true;
  for (int d = 0; d < y->ndim; ++d) one = one && (y->strides[d] == 0 || y->shape[d] == 1);
  if (one && Count(call->outputs[0]) > 0 && *Input<float>(call, 1) == 2.0f) {
    return Unary<float, float, SquareOp>(call);
  }
  return Binary<float, float, PowerOp>(call, kMathChunk);
}

int Maximum(penstock_call* call) { return Signed<MaximumOp>(call); }
int Minimum(penstock_call* call) { return Signed<MinimumOp>(call); }
int ReluGrad(penstock_call* call) { return Binary<float, float, ReluGradOp>(call); }

int Equal(penstock_call* call) { return Compare<EqualOp>(call); }
int NotEqual(penstock_call* call) { return Compare<NotEqualOp>(call); }
int Less(penstock_call* call) { return Compare<LessOp>(call); }
int LessEqual(penstock_call* call) { return Compare<LessEqualOp>(call); }
int Greater(penstock_call* call) { return Compare<GreaterOp>(call); }
int GreaterEqual(penstock_call* call) { return Compare<GreaterEqualOp>(call); }
int LogicalAnd(penstock_call* call) { return Binary<uint8_t, uint8_t, AndOp>(call); }
int LogicalOr(penstock_call* call) { return Binary<uint8_t, uint8_t, OrOp>(call); }

int Where(penstock_call* call) {
  switch (ElementSize(call->outputs[0])) {
    case 1:
      return WhereSized<uint8_t>(call);
    case 2:
      return WhereSized<uint16_t>(call);
    case 4:
      return WhereSized<uint32_t>(call);
    default:
      return WhereSized<uint64_t>(call);
  }
}

int Cast(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return CastFrom<float>(call);
    case kF64:
      return CastFrom<double>(call);
    case kI32:
      return CastFrom<int32_t>(call);
    case kI64:
      return CastFrom<int64_t>(call);
    default:
      return CastFrom<uint8_t>(call);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
