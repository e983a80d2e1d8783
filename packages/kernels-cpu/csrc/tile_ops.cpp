#include "tile_ops.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// ---- masks in the place of bools ----

template <class Op>
struct MaskOf {
  template <class... V>
  Vf operator()(V... x) const {
    return FromBits(Op()(x...));
  }
};

// clang-format off
struct MaskAndOp { Vi operator()(Vf x, Vf y) const { return Bits(x) & Bits(y); } };
struct MaskOrOp { Vi operator()(Vf x, Vf y) const { return Bits(x) | Bits(y); } };
struct MaskNotOp { Vi operator()(Vf x) const { return ~Bits(x); } };
struct NonZeroOp { Vi operator()(Vf x) const { return x != 0.0f; } };
struct NumberOp { Vf operator()(Vf m) const { return FromBits(Bits(m) & Bits(Splat(1.0f))); } };
struct WhereOp { Vf operator()(Vf m, Vf x, Vf y) const { return Bits(m) != 0 ? x : y; } };
// clang-format on

// ---- loops ----

// A scalar where the loops below want elements.
Dense<float> Spread(const TileOperand& x, float* room, int64_t n) {
  if (!x.scalar) return {x.data};
  FillTile(room, n, *x.data);
  return {room};
}

Scalar<float> Same(const TileOperand& x) { return {Splat(*x.data)}; }

template <class Op>
void Unary(const TileOperand* in, float* out, int64_t n) {
  Row<float>(Op(), out, n, Spread(in[0], out, n));
}

template <class Op>
void Binary(const TileOperand* in, float* out, int64_t n) {
  if (in[1].scalar) {
    Row<float>(Op(), out, n, Spread(in[0], out, n), Same(in[1]));
  } else if (in[0].scalar) {
    Row<float>(Op(), out, n, Same(in[0]), Dense<float>{in[1].data});
  } else {
    Row<float>(Op(), out, n, Dense<float>{in[0].data}, Dense<float>{in[1].data});
  }
}

void Where(const TileOperand* in, float* out, int64_t n) {
  const WhereOp op;
  const Dense<float> x = {in[1].data}, y = {in[2].data};
  // A scalar mask is spread into `out`, which may be x or y themselves: then it chooses at once.
  if (in[0].scalar) {
    int32_t bits;
    memcpy(&bits, in[0].data, sizeof bits);
    const TileOperand& chosen = bits != 0 ? in[1] : in[2];
    if (chosen.scalar) return FillTile(out, n, *chosen.data);
    memmove(out, chosen.data, static_cast<size_t>(n) * sizeof(float));
    return;
  }
  const Dense<float> mask = {in[0].data};
  if (in[1].scalar && in[2].scalar) return Row<float>(op, out, n, mask, Same(in[1]), Same(in[2]));
  if (in[1].scalar) return Row<float>(op, out, n, mask, Same(in[1]), y);
  if (in[2].scalar) return Row<float>(op, out, n, mask, x, Same(in[2]));
  Row<float>(op, out, n, mask, x, y);
}

}  // namespace

void FillTile(float* out, int64_t n, float value) {
  for (int64_t i = 0; i < n; ++i) out[i] = value;
}

TileInstruction FindTileInstruction(int64_t opcode) {
  switch (opcode) {
      // clang-format off
    case PENSTOCK_TILE_NEGATIVE: return Unary<NegativeOp>;
    case PENSTOCK_TILE_ABS: return Unary<AbsOp>;
    case PENSTOCK_TILE_SIGN: return Unary<SignOp>;
    case PENSTOCK_TILE_SQUARE: return Unary<SquareOp>;
    case PENSTOCK_TILE_SQRT: return Unary<SqrtOp>;
    case PENSTOCK_TILE_RSQRT: return Unary<RsqrtOp>;
    case PENSTOCK_TILE_EXP: return Unary<ExpOp>;
    case PENSTOCK_TILE_LOG: return Unary<LogOp>;
    case PENSTOCK_TILE_LOG1P: return Unary<Log1pOp>;
    case PENSTOCK_TILE_SIN: return Unary<SinOp>;
    case PENSTOCK_TILE_COS: return Unary<CosOp>;
    case PENSTOCK_TILE_TANH: return Unary<TanhOp>;
    case PENSTOCK_TILE_SIGMOID: return Unary<SigmoidOp>;
    case PENSTOCK_TILE_RELU: return Unary<ReluOp>;
    case PENSTOCK_TILE_FLOOR: return Unary<FloorOp>;
    case PENSTOCK_TILE_CEIL: return Unary<CeilOp>;
    case PENSTOCK_TILE_EXP2: return Unary<Exp2Op>;
    case PENSTOCK_TILE_EXPM1: return Unary<Expm1Op>;
    case PENSTOCK_TILE_LOG2: return Unary<Log2Op>;
    case PENSTOCK_TILE_ERF: return Unary<ErfOp>;
    case PENSTOCK_TILE_ROUND: return Unary<RoundOp>;
    case PENSTOCK_TILE_TRUNC: return Unary<TruncOp>;
    case PENSTOCK_TILE_RECIPROCAL: return Unary<ReciprocalOp>;
    case PENSTOCK_TILE_GELU: return Unary<GeluTanhOp>;
    case PENSTOCK_TILE_GELU_ERF: return Unary<GeluErfOp>;
    case PENSTOCK_TILE_SILU: return Unary<SiluOp>;
    case PENSTOCK_TILE_MISH: return Unary<MishOp>;
    case PENSTOCK_TILE_SOFTPLUS: return Unary<SoftplusOp>;
    case PENSTOCK_TILE_SOFTSIGN: return Unary<SoftsignOp>;
    case PENSTOCK_TILE_RELU6: return Unary<Relu6Op>;
    case PENSTOCK_TILE_HARD_SIGMOID: return Unary<HardSigmoidOp>;
    case PENSTOCK_TILE_HARD_SWISH: return Unary<HardSwishOp>;
    case PENSTOCK_TILE_ADD: return Binary<AddOp>;
    case PENSTOCK_TILE_SUBTRACT: return Binary<SubtractOp>;
    case PENSTOCK_TILE_MULTIPLY: return Binary<MultiplyOp>;
    case PENSTOCK_TILE_DIVIDE: return Binary<DivideOp>;
    case PENSTOCK_TILE_POWER: return Binary<PowerOp>;
    case PENSTOCK_TILE_MAXIMUM: return Binary<MaximumOp>;
    case PENSTOCK_TILE_MINIMUM: return Binary<MinimumOp>;
    case PENSTOCK_TILE_FLOOR_DIVIDE: return Binary<FloorDivideOp>;
    case PENSTOCK_TILE_REMAINDER: return Binary<RemainderOp>;
    case PENSTOCK_TILE_RELU_GRAD: return Binary<ReluGradOp>;
    case PENSTOCK_TILE_SQUARED_DIFFERENCE: return Binary<SquaredDifferenceOp>;
    case PENSTOCK_TILE_ISINF: return Unary<MaskOf<IsInfOp>>;
    case PENSTOCK_TILE_ISNAN: return Unary<MaskOf<IsNanOp>>;
    case PENSTOCK_TILE_ISFINITE: return Unary<MaskOf<IsFiniteOp>>;
    case PENSTOCK_TILE_EQUAL: return Binary<MaskOf<EqualOp>>;
    case PENSTOCK_TILE_NOT_EQUAL: return Binary<MaskOf<NotEqualOp>>;
    case PENSTOCK_TILE_LESS: return Binary<MaskOf<LessOp>>;
    case PENSTOCK_TILE_LESS_EQUAL: return Binary<MaskOf<LessEqualOp>>;
    case PENSTOCK_TILE_GREATER: return Binary<MaskOf<GreaterOp>>;
    case PENSTOCK_TILE_GREATER_EQUAL: return Binary<MaskOf<GreaterEqualOp>>;
    case PENSTOCK_TILE_LOGICAL_AND: return Binary<MaskOf<MaskAndOp>>;
    case PENSTOCK_TILE_LOGICAL_OR: return Binary<MaskOf<MaskOrOp>>;
    case PENSTOCK_TILE_LOGICAL_NOT: return Unary<MaskOf<MaskNotOp>>;
    case PENSTOCK_TILE_WHERE: return Where;
    case PENSTOCK_TILE_NUMBER: return Unary<NumberOp>;
    case PENSTOCK_TILE_MASK: return Unary<MaskOf<NonZeroOp>>;
    default: return nullptr;
      // clang-format on
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
