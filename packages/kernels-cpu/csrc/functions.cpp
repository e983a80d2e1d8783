// Functions of elements: exponentials, logarithms, angles, rounding, activations and losses of f32.
#include <cmath>

#include "elementwise.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// clang-format off
struct Log10Op { Vf operator()(Vf x) const { return Log10(x); } };
struct ErfcOp { Vf operator()(Vf x) const { return Erfc(x); } };
struct ErfinvOp { Vf operator()(Vf x) const { return Erfinv(x); } };
struct TanOp { Vf operator()(Vf x) const { return Tan(x); } };
struct AsinOp { Vf operator()(Vf x) const { return Asin(x); } };
struct AcosOp { Vf operator()(Vf x) const { return Acos(x); } };
struct AtanOp { Vf operator()(Vf x) const { return Atan(x); } };
struct SinhOp { Vf operator()(Vf x) const { return Sinh(x); } };
struct CoshOp { Vf operator()(Vf x) const { return Cosh(x); } };
struct AsinhOp { Vf operator()(Vf x) const { return Asinh(x); } };
struct AcoshOp { Vf operator()(Vf x) const { return Acosh(x); } };
struct AtanhOp { Vf operator()(Vf x) const { return Atanh(x); } };
struct Atan2Op { Vf operator()(Vf y, Vf x) const { return Atan2(y, x); } };
struct HypotOp { Vf operator()(Vf x, Vf y) const { return Hypot(x, y); } };
struct LogAddExpOp { Vf operator()(Vf x, Vf y) const { return LogAddExp(x, y); } };
struct CopySignOp { Vf operator()(Vf x, Vf y) const { return CopySign(x, y); } };
// clang-format on

// ---- activations ----

// scale * x above 0, else bend * (e^(x / width) - 1).
struct EluOp {
  float scale, bend, width;
  Vf operator()(Vf x) const { return x > 0.0f ? x * scale : Expm1(AtMost(x, 0.0f) / width) * bend; }
};

struct LeakyReluOp {
  float slope;
  Vf operator()(Vf x) const { return x < 0.0f ? x * slope : x; }
};

// ---- losses ----

struct SigmoidCrossEntropyOp {
  Vf operator()(Vf x, Vf z) const { return AtLeast(x, 0.0f) - x * z + Log1p(ExpBelow(-Abs(x))); }
};

struct BinaryCrossEntropyOp {
  float low, high;  // of the logarithms, since 1 - epsilon is rounded
  Vf operator()(Vf t, Vf y) const {
    const Vf p = Limit(y, 0.0f, 1.0f);
    return -(t * Limit(Log(p), low, high) + (1.0f - t) * Limit(Log1p(-p), low, high));
  }
};

struct HuberOp {
  float delta;
  Vf operator()(Vf t, Vf y) const {
    const Vf e = Abs(y - t);
    return e <= delta ? e * e * 0.5f : delta * (e - delta * 0.5f);
  }
};

struct HingeOp {
  Vf operator()(Vf t, Vf y) const { return AtLeast(1.0f - t * y, 0.0f); }
};

// cosh e = 1 + 2 sinh^2(e / 2), from which small errors keep their digits.
struct LogCoshOp {
  Vf operator()(Vf t, Vf y) const {
    const Vf e = Abs(y - t), s = Sinh(AtMost(e, 12.0f) * 0.5f);
    return e < 12.0f ? Log1p(s * s * 2.0f) : e - 0.693147181f;
  }
};

// ---- limits ----

struct ClipOp {
  template <class V>
  V operator()(V x, V low, V high) const {
    return Minimum(Maximum(x, low), high);
  }
};

template <class Op>
int MathPair(penstock_call* call, Op op = {}) {
  return Binary<float, float, Op>(call, kMathChunk, op);
}

float Attribute(const penstock_call* call) { return static_cast<float>(FloatAttr(call, 0)); }

}  // namespace

int Exp2(penstock_call* call) { return Math<Exp2Op>(call); }
int Expm1(penstock_call* call) { return Math<Expm1Op>(call); }
int Log2(penstock_call* call) { return Math<Log2Op>(call); }
int Log10(penstock_call* call) { return Math<Log10Op>(call); }
int Erf(penstock_call* call) { return Math<ErfOp>(call); }
int Erfc(penstock_call* call) { return Math<ErfcOp>(call); }
int Erfinv(penstock_call* call) { return Math<ErfinvOp>(call); }
int Tan(penstock_call* call) { return Math<TanOp>(call); }
int Asin(penstock_call* call) { return Math<AsinOp>(call); }
int Acos(penstock_call* call) { return Math<AcosOp>(call); }
int Atan(penstock_call* call) { return Math<AtanOp>(call); }
int Sinh(penstock_call* call) { return Math<SinhOp>(call); }
int Cosh(penstock_call* call) { return Math<CoshOp>(call); }
int Asinh(penstock_call* call) { return Math<AsinhOp>(call); }
int Acosh(penstock_call* call) { return Math<AcoshOp>(call); }
int Atanh(penstock_call* call) { return Math<AtanhOp>(call); }
int Round(penstock_call* call) { return Unary<float, float, RoundOp>(call); }
int Trunc(penstock_call* call) { return Unary<float, float, TruncOp>(call); }
int Reciprocal(penstock_call* call) { return Unary<float, float, ReciprocalOp>(call); }
int IsInf(penstock_call* call) { return Unary<float, uint8_t, IsInfOp>(call); }
int Atan2(penstock_call* call) { return MathPair<Atan2Op>(call); }
int Hypot(penstock_call* call) { return MathPair<HypotOp>(call); }
int LogAddExp(penstock_call* call) { return MathPair<LogAddExpOp>(call); }
int CopySign(penstock_call* call) { return Binary<float, float, CopySignOp>(call); }
int SquaredDifference(penstock_call* call) {
  return Binary<float, float, SquaredDifferenceOp>(call);
}

int Gelu(penstock_call* call) {
  return BoolAttr(call, 0) ? Math<GeluTanhOp>(call) : Math<GeluErfOp>(call);
}
int Silu(penstock_call* call) { return Math<SiluOp>(call); }
int Mish(penstock_call* call) { return Math<MishOp>(call); }
int Softplus(penstock_call* call) { return Math<SoftplusOp>(call); }
int Softsign(penstock_call* call) { return Unary<float, float, SoftsignOp>(call); }
int Elu(penstock_call* call) { return Math(call, EluOp{1.0f, Attribute(call), 1.0f}); }
int Selu(penstock_call* call) { return Math(call, EluOp{1.05070099f, 1.75809934f, 1.0f}); }
int Celu(penstock_call* call) { return Math(call, EluOp{1.0f, Attribute(call), Attribute(call)}); }
int LeakyRelu(penstock_call* call) {
  return Unary<float, float>(call, kChunk, LeakyReluOp{Attribute(call)});
}
int Relu6(penstock_call* call) { return Unary<float, float, Relu6Op>(call); }
int HardSigmoid(penstock_call* call) { return Unary<float, float, HardSigmoidOp>(call); }
int HardSwish(penstock_call* call) { return Unary<float, float, HardSwishOp>(call); }

int SigmoidCrossEntropy(penstock_call* call) { return MathPair<SigmoidCrossEntropyOp>(call); }
int BinaryCrossEntropy(penstock_call* call) {
  const float epsilon = Attribute(call);
  return MathPair(call, BinaryCrossEntropyOp{std::log(epsilon), std::log1p(-epsilon)});
}
int Huber(penstock_call* call) { return MathPair(call, HuberOp{Attribute(call)}); }
int Hinge(penstock_call* call) { return MathPair<HingeOp>(call); }
int LogCosh(penstock_call* call) { return MathPair<LogCoshOp>(call); }

int Clip(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Ternary<float, ClipOp>(call);
    case kI32:
      return Ternary<int32_t, ClipOp>(call);
    default:
      return Ternary<int64_t, ClipOp>(call);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
