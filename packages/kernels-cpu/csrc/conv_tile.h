// The microkernel of convolutions: gemm.h's tile, with rows of the result wherever they lie, and with a chain of
// elementwise steps on the result while it is in registers.
#ifndef PENSTOCK_KERNELS_CPU_CONV_TILE_H_
#define PENSTOCK_KERNELS_CPU_CONV_TILE_H_

#include "chain.h"
#include "gemm.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int kPackedRow =
    kTileRows > kLanes ? kTileRows : kLanes;  // floats between steps of packed rows

struct ConvTile {
  const float* a;
  int64_t
      a_row;  // between rows, whose elements are neighbours; 0: packed, row i of step k is a[k * kPackedRow + i]
  const float* b;  // a panel
  int64_t k;       // length of a segment
  int64_t segments;
  const int64_t *a_offset, *b_offset;  // where each segment begins; NULL: one segment at 0
  float* y;                            // the whole result
  const int64_t* at;                   // where in y each row of the tile begins, at column 0
  bool accumulate;                     // y += instead of y =
  const Chain* chain;                  // or NULL
  int64_t col;                         // the tile's first column of y
  const float*
      ahead;  // memory that will be read next, fetched into the second cache meanwhile; or NULL
  int64_t ahead_step;  // floats of it for each step of k
};

// y[rows, cols] of one tile, rows <= kTileRows, cols <= kTileCols.
void RunConvTile(const ConvTile& tile, int rows, int cols);

// Packs `rows` rows of k elements as a tile reads them. `out` has k * kPackedRow floats.
void PackTileRows(const float* const* row, int rows, int64_t k, float* out);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_CONV_TILE_H_
