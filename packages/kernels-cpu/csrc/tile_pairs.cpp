// Two sums, differences or products in one pass over a tile. Compiled without contraction: each rounds, as it does alone.
#include "tile_ops.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct FromOp {
  Vf operator()(Vf x, Vf y) const { return y - x; }
};

template <class First, class Second>
struct PairOp {
  Vf operator()(Vf x, Vf y, Vf z) const { return Second()(First()(x, y), z); }
};

template <class First, class Second>
void Pair(const TileOperand* in, float* out, int64_t n) {
  const PairOp<First, Second> op;
  const Dense<float> x = {in[0].data}, y = {in[1].data}, z = {in[2].data};
  const Scalar<float> x1 = {Splat(*x.data)}, y1 = {Splat(*y.data)}, z1 = {Splat(*z.data)};
  switch (in[0].scalar * 4 + in[1].scalar * 2 + in[2].scalar) {
    case 0:
      return Row<float>(op, out, n, x, y, z);
    case 1:
      return Row<float>(op, out, n, x, y, z1);
    case 2:
      return Row<float>(op, out, n, x, y1, z);
    case 3:
      return Row<float>(op, out, n, x, y1, z1);
    case 4:
      return Row<float>(op, out, n, x1, y, z);
    case 5:
      return Row<float>(op, out, n, x1, y, z1);
    case 6:
      return Row<float>(op, out, n, x1, y1, z);
    default:
      return FillTile(out, n, op(x1.value, y1.value, z1.value)[0]);
  }
}

template <class First>
TileInstruction WithSecond(int64_t second, bool turned) {
  switch (second) {
    case PENSTOCK_TILE_ADD:
      return Pair<First, AddOp>;
    case PENSTOCK_TILE_MULTIPLY:
      return Pair<First, MultiplyOp>;
    case PENSTOCK_TILE_SUBTRACT:
      return turned ? Pair<First, FromOp> : Pair<First, SubtractOp>;
    default:
      return nullptr;
  }
}

}  // namespace

TileInstruction FindTilePair(int64_t first, int64_t second, bool turned) {
  switch (first) {
    case PENSTOCK_TILE_ADD:
      return WithSecond<AddOp>(second, turned);
    case PENSTOCK_TILE_MULTIPLY:
      return WithSecond<MultiplyOp>(second, turned);
    case PENSTOCK_TILE_SUBTRACT:
      return WithSecond<SubtractOp>(second, turned);
    default:
      return nullptr;
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
