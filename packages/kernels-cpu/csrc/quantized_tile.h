// Sums of products of bytes, four to an instruction (AVX-512 VNNI), for a tile of rows and columns.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_TILE_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_TILE_H_

#include "quantized_rescale.h"

#if defined(PENSTOCK_BYTE_PRODUCTS)

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int kByteRows = 12;  // a tile has up to 12, or up to 6 of wide panels
constexpr int kTileSums = 24 * 16;

inline bool HasByteProducts() { return __builtin_cpu_supports("avx512vnni"); }

// sums + four products of bytes for each. In assembler, for then the rest of the file is compiled without the instruction,
// and GCC keeps an array of sums in registers.
inline Vi AddProducts(Vi sums, Vi x, Vi w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
  return sums;
}

// How the inner dimension of a row lies in memory: in segments, the rows of a window for instance, of whole quads.
struct ByteShape {
  int64_t segment;          // how far apart they begin
  int64_t segments, quads;  // how many, and how long each is
  int64_t Quads() const { return segments * quads; }
  int64_t Depth() const { return Quads() * 4; }
};

// A part of the inner dimension.
struct BytePart {
  ByteShape shape;
  int64_t skip;   // bytes of a row before it
  int64_t begin;  // quads before it
};

// The parts of an inner dimension, of at most `most` quads: whole segments, or pieces of one.
class ByteParts {
 public:
  ByteParts(const ByteShape& shape, int64_t most)
      : shape_(shape),
        pieces_(MaxOf<int64_t>(1, CeilDiv(shape.quads, most))),
        together_(pieces_ > 1 ? 1 : MaxOf<int64_t>(1, most / MaxOf<int64_t>(1, shape.quads))) {
    together_ = CeilDiv(shape.segments, CeilDiv(shape.segments, together_));
  }
  int64_t Count() const { return CeilDiv(shape_.segments, together_) * pieces_; }
  BytePart At(int64_t i) const {
    const int64_t segment = i / pieces_ * together_, piece = i % pieces_;
    const int64_t quad = shape_.quads * piece / pieces_;
    return {{shape_.segment, MinOf(together_, shape_.segments - segment),
             shape_.quads * (piece + 1) / pieces_ - quad},
            segment * shape_.segment + quad * 4,
            segment * shape_.quads + quad};
  }

 private:
  ByteShape shape_;
  int64_t pieces_, together_;
};

// What a tile begins with, rows `start_step` apart, or one row for all; and what is brought to the second cache meanwhile:
// a line for each quad.
struct TileCall {
  const int32_t* start;
  int64_t start_step;
  const int8_t* ahead;
  int64_t ahead_step;
};

// acc[row][vector] += Σ rows[row][skip + k] * b[k, vector] over one segment; *b moves behind it. Brings a line from `ahead` on
// for each quad, and returns where the next one is.
template <int kVectors, int kRows>
inline __attribute__((always_inline)) const int8_t* AddQuads(const uint8_t* const* rows,
                                                             int64_t skip, int64_t quads,
                                                             const int8_t* ahead,
                                                             int64_t ahead_step, const int8_t** b,
                                                             Vi (&acc)[kRows][kVectors]) {
  const uint8_t* from[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) from[r] = rows[r] + skip;
  const int8_t* w = *b;
  for (int64_t k = 0; k < quads; ++k, w += kVectors * 64, ahead += ahead_step) {
    __builtin_prefetch(ahead, 0, 2);
    Vi right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) memcpy(&right[v], w + v * 64, sizeof right[v]);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      memcpy(&four, from[r] + 4 * k, sizeof four);
      const Vi left = four - Vi{};
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = AddProducts(acc[r][v], left, right[v]);
    }
  }
  *b = w;
  return ahead;
}

// sums[row][col] = start[row][col] + Σ rows[row][k] * b[k, col]. b: for each quad 4 bytes of each column.
template <int kVectors, int kRows>
void SumBytes(const uint8_t* const* rows, const BytePart& part, const int8_t* b,
              const TileCall& tile, int32_t* sums) {
  Vi acc[kRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      memcpy(&acc[r][v], tile.start + r * tile.start_step + v * 16, sizeof acc[r][v]);
  const int8_t* ahead = tile.ahead;
  for (int64_t s = 0; s < part.shape.segments; ++s)
    ahead = AddQuads<kVectors, kRows>(rows, part.skip + s * part.shape.segment, part.shape.quads,
                                      ahead, tile.ahead_step, &b, acc);
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      memcpy(sums + (r * kVectors + v) * 16, &acc[r][v], sizeof acc[r][v]);
}

using SumBytesTile = void (*)(const uint8_t* const*, const BytePart&, const int8_t*,
                              const TileCall&, int32_t*);

// The height of the tiles that `rows` rows are cut into: as even as can be.
inline int64_t TileHeight(int64_t rows, int vectors) {
  const int64_t most = vectors == 4 ? 6 : vectors == 3 ? 8 : kByteRows;
  return CeilDiv(rows, CeilDiv(rows, most));
}

template <int kVectors>
SumBytesTile PickHeight(int64_t height) {
  constexpr bool kWide = kVectors > 2;
  constexpr SumBytesTile kTiles[] = {
      SumBytes<kVectors, 1>,   SumBytes<kVectors, 2>,   SumBytes<kVectors, 3>,
      SumBytes<kVectors, 4>,   SumBytes<kVectors, 5>,   SumBytes<kVectors, 6>,
      SumBytes < kVectors,     kVectors == 4 ? 6 : 7 >, SumBytes < kVectors,
      kVectors == 4 ? 6 : 8 >, SumBytes < kVectors,     kWide ? 6 : 9 >,
      SumBytes < kVectors,     kWide ? 6 : 10 >,        SumBytes < kVectors,
      kWide ? 6 : 11 >,        SumBytes < kVectors,     kWide ? 6 : 12 > };
  return kTiles[height - 1];
}

inline SumBytesTile PickTile(int64_t height, int vectors) {
  return vectors == 1   ? PickHeight<1>(height)
         : vectors == 2 ? PickHeight<2>(height)
         : vectors == 3 ? PickHeight<3>(height)
                        : PickHeight<4>(height);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_BYTE_PRODUCTS
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_TILE_H_
