// The microkernel that matrix products and convolutions share, and the panels that it reads.
//
// A tile is kTileRows x kTileCols of C, held in registers while the inner dimension runs by: one element of A is
// broadcast against one or two vectors of B. The inner dimension comes in segments (the taps of a filter, the rows of
// an image), so that convolutions read their images in place.
#ifndef PENSTOCK_KERNELS_CPU_GEMM_H_
#define PENSTOCK_KERNELS_CPU_GEMM_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 14;  // 28 accumulators of 32 registers
#elif defined(__AVX2__)
constexpr int kTileRows = 6;  // 12 accumulators of 16 registers
#else
constexpr int kTileRows = 4;  // 8 of 16; packing wants no more rows than a vector has lanes
#endif
constexpr int kTileCols = 2 * kLanes;

struct Tile {
  const float* a;
  int64_t a_row, a_k;  // strides along the rows and the inner dimension; one of them must be 1
  const float* b;
  int64_t b_k;  // b's rows are contiguous
  int64_t k;    // length of a segment
  int64_t segments;
  const int64_t *a_offset, *b_offset;  // where each segment begins; NULL: one segment at 0
  float* c;
  int64_t c_row;
  bool accumulate;  // C += instead of C =
};

// C[rows, cols] of one tile, rows <= kTileRows, cols <= kTileCols. B must be readable up to the next full vector.
void RunTile(const Tile& tile, int rows, int cols);

// C[rows, cols], any size, tile after tile; `panel` is how far apart B's panels of kTileCols columns lie.
void RunTiles(Tile tile, int64_t rows, int64_t cols, int64_t panel);

// Memory for what a kernel's `prepare` keeps, for free(); NULL if there is none.
float* KeepFloats(int64_t count);

// A strided matrix; one of the strides is 1.
struct Matrix {
  const float* data;
  int64_t row, col;
  const float* At(int64_t i, int64_t j) const { return data + i * row + j * col; }
};

// out[k][rows], rows <= kTileRows: A's layout.
void PackRows(Matrix a, int64_t rows, int64_t k, float* out);

// out[k][kTileCols], zeros beyond cols: B's layout.
void PackCols(Matrix b, int64_t k, int64_t cols, float* out);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_GEMM_H_
