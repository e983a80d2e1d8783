// The instructions of tile programs: one loop over a tile for every opcode.
#ifndef PENSTOCK_KERNELS_CPU_TILE_OPS_H_
#define PENSTOCK_KERNELS_CPU_TILE_OPS_H_

#include "vector_ops.h"

namespace penstock::cpu::PENSTOCK_ISA {

// A value of a program on one tile: elements one after the other, or the same one everywhere. Masks
// are stored as floats, all bits set or none.
struct TileOperand {
  const float* data;
  bool scalar;
};

// out[i] = op(in[0][i], ...) for i < n. `out` may be the memory of any of `in`.
using TileInstruction = void (*)(const TileOperand* in, float* out, int64_t n);

// NULL for reductions, and for codes that are not in the table.
TileInstruction FindTileInstruction(int64_t opcode);

// second(first(in[0], in[1]), in[2]), or second(in[2], first(...)) when turned. NULL where there is no such pair.
TileInstruction FindTilePair(int64_t first, int64_t second, bool turned);

void FillTile(float* out, int64_t n, float value);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TILE_OPS_H_
