// Vectors that swap lanes: two interleaved, and a square block, one vector a row, transposed in registers.
#ifndef PENSTOCK_KERNELS_CPU_TRANSPOSE_BLOCK_H_
#define PENSTOCK_KERNELS_CPU_TRANSPOSE_BLOCK_H_

#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

#if PENSTOCK_VECTOR_BYTES == 64
#define INTERLEAVE_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define INTERLEAVE_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif PENSTOCK_VECTOR_BYTES == 32
#define INTERLEAVE_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define INTERLEAVE_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define INTERLEAVE_LOW 0, 4, 1, 5
#define INTERLEAVE_HIGH 2, 6, 3, 7
#endif

inline Vf InterleaveLow(Vf a, Vf b) { return __builtin_shufflevector(a, b, INTERLEAVE_LOW); }

inline Vf InterleaveHigh(Vf a, Vf b) { return __builtin_shufflevector(a, b, INTERLEAVE_HIGH); }

#undef INTERLEAVE_LOW
#undef INTERLEAVE_HIGH

// Interleaving rows i and i + kLanes / 2, log2(kLanes) times over, transposes the block.
inline void TransposeBlock(Vf (&v)[kLanes]) {
#pragma GCC unroll 4
  for (int width = 1; width < kLanes; width *= 2) {
    Vf t[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      t[2 * i] = InterleaveLow(v[i], v[i + kLanes / 2]);
      t[2 * i + 1] = InterleaveHigh(v[i], v[i + kLanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) v[i] = t[i];
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TRANSPOSE_BLOCK_H_
