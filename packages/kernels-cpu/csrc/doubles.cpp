// Elementwise operators on f64: what checks of gradients and scientific data are made of. Their elements go one by one
// in the source; the compiler makes vectors of them.
#include "elementwise.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <class Op>
int UnaryF64(penstock_call* call) {
  return Unary<double, double, Op>(call);
}

template <class Op>
int AskF64(penstock_call* call) {
  return Unary<double, uint8_t, Op>(call);
}

template <class Op>
int BinaryF64(penstock_call* call) {
  return Binary<double, double, Op>(call);
}

template <class Op>
int CompareF64(penstock_call* call) {
  return Binary<double, uint8_t, Op>(call);
}

// clang-format off
struct AbsD { double operator()(double x) const { return __builtin_fabs(x); } };
struct SignD { double operator()(double x) const { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x + 0.0; } };
struct SqrtD { double operator()(double x) const { return __builtin_sqrt(x); } };
struct RsqrtD { double operator()(double x) const { return 1.0 / __builtin_sqrt(x); } };
struct ReciprocalD { double operator()(double x) const { return 1.0 / x; } };
struct FloorD { double operator()(double x) const { return __builtin_floor(x); } };
struct CeilD { double operator()(double x) const { return __builtin_ceil(x); } };
struct TruncD { double operator()(double x) const { return __builtin_trunc(x); } };
struct RoundD { double operator()(double x) const { return __builtin_rint(x); } };
struct ReluD { double operator()(double x) const { return x < 0.0 ? 0.0 : x; } };
struct IsNanD { bool operator()(double x) const { return x != x; } };
struct IsInfD { bool operator()(double x) const { return __builtin_fabs(x) == INFINITY; } };
struct IsFiniteD { bool operator()(double x) const { return __builtin_fabs(x) < INFINITY; } };
struct SquaredDifferenceD { double operator()(double x, double y) const { return (x - y) * (x - y); } };
// clang-format on

}  // namespace

int NegativeF64(penstock_call* call) { return UnaryF64<NegativeOp>(call); }
int AbsF64(penstock_call* call) { return UnaryF64<AbsD>(call); }
int SignF64(penstock_call* call) { return UnaryF64<SignD>(call); }
int SquareF64(penstock_call* call) { return UnaryF64<SquareOp>(call); }
int SqrtF64(penstock_call* call) { return UnaryF64<SqrtD>(call); }
int RsqrtF64(penstock_call* call) { return UnaryF64<RsqrtD>(call); }
int ReciprocalF64(penstock_call* call) { return UnaryF64<ReciprocalD>(call); }
int FloorF64(penstock_call* call) { return UnaryF64<FloorD>(call); }
int CeilF64(penstock_call* call) { return UnaryF64<CeilD>(call); }
int TruncF64(penstock_call* call) { return UnaryF64<TruncD>(call); }
int RoundF64(penstock_call* call) { return UnaryF64<RoundD>(call); }
int ReluF64(penstock_call* call) { return UnaryF64<ReluD>(call); }

int IsNanF64(penstock_call* call) { return AskF64<IsNanD>(call); }
int IsInfF64(penstock_call* call) { return AskF64<IsInfD>(call); }
int IsFiniteF64(penstock_call* call) { return AskF64<IsFiniteD>(call); }

int AddF64(penstock_call* call) { return BinaryF64<AddOp>(call); }
int SubtractF64(penstock_call* call) { return BinaryF64<SubtractOp>(call); }
int MultiplyF64(penstock_call* call) { return BinaryF64<MultiplyOp>(call); }
int DivideF64(penstock_call* call) { return BinaryF64<DivideOp>(call); }
int MaximumF64(penstock_call* call) { return BinaryF64<MaximumOp>(call); }
int MinimumF64(penstock_call* call) { return BinaryF64<MinimumOp>(call); }
int SquaredDifferenceF64(penstock_call* call) { return BinaryF64<SquaredDifferenceD>(call); }

int EqualF64(penstock_call* call) { return CompareF64<EqualOp>(call); }
int NotEqualF64(penstock_call* call) { return CompareF64<NotEqualOp>(call); }
int LessF64(penstock_call* call) { return CompareF64<LessOp>(call); }
int LessEqualF64(penstock_call* call) { return CompareF64<LessEqualOp>(call); }
int GreaterF64(penstock_call* call) { return CompareF64<GreaterOp>(call); }
int GreaterEqualF64(penstock_call* call) { return CompareF64<GreaterEqualOp>(call); }

}  // namespace penstock::cpu::PENSTOCK_ISA
