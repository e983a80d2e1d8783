// The convolutions' microkernel; see gemm.cpp for its twin of matrix products.
#include "conv_tile.h"

#include "chain_steps.h"
#include "transpose_block.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// B streams from L2: fetched this many steps of the inner dimension ahead.
constexpr int64_t kPrefetch = 8;

template <int kRows, int kVectors>
ALWAYS_INLINE void Finish(const ConvTile& tile, int cols, Accumulators<kRows, kVectors>& acc) {
  constexpr int kLast = kVectors - 1;
  const int last = cols - kLast * kLanes;
  float* y = tile.y + tile.col;
  if (tile.accumulate) {
    ForAll<kRows, kVectors>(acc, [&](Vf x, int i, int v) {
      return x + LoadColumns<kVectors>(y + tile.at[i], v, cols);
    });
  }
  if (tile.chain != nullptr) {
    RunChain<kRows, kVectors>(*tile.chain, tile.at, tile.col, cols, acc);
  }
  ForAll<kRows, kVectors>(acc, [&](Vf x, int i, int v) {
    float* to = y + tile.at[i] + v * kLanes;
    if (v < kLast || last == kLanes) {
      Store(to, x);
    } else {
      StorePartial(to, x, last);
    }
    return x;
  });
}

// What Finish will read and write.
template <int kRows, int kVectors>
ALWAYS_INLINE void FetchResult(const ConvTile& tile) {
  const float* full = nullptr;
  if (tile.chain != nullptr) {
    for (int s = 0; s < tile.chain->count(); ++s) {
      if (tile.chain->step(s).full) full = tile.chain->step(s).operand;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = tile.at[i] + tile.col + v * kLanes;
      __builtin_prefetch(tile.y + at, 1);
      if (full != nullptr) __builtin_prefetch(full + at);
    }
  }
}

template <int kRows, int kVectors, bool kPacked>
void Compute(const ConvTile& tile, int cols) {
  const int64_t a_row = kPacked ? 1 : tile.a_row;
  constexpr int64_t kStep = kPacked ? kPackedRow : 1;
  Accumulators<kRows, kVectors> acc;
  ForAll<kRows, kVectors>(acc, [](Vf, int, int) { return Vf{}; });
  FetchResult<kRows, kVectors>(tile);
  const float* ahead = tile.ahead;
  for (int64_t segment = 0; segment < tile.segments; ++segment) {
    const float* a = tile.a + (tile.a_offset ? tile.a_offset[segment] : 0);
    const float* b = tile.b + (tile.b_offset ? tile.b_offset[segment] : 0);
    // Every third row has a pointer of its own: the others are reached by addressing modes.
    const float *a3 = a + 3 * a_row, *a6 = a + 6 * a_row, *a9 = a + 9 * a_row,
                *a12 = a + 12 * a_row;
    for (int64_t k = 0; k < tile.k; ++k) {
      if (!kPacked) asm("" : "+r"(a), "+r"(a3), "+r"(a6), "+r"(a9), "+r"(a12));
      const float* const row[] = {a, a3, a6, a9, a12};
      Vf bv[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        bv[v] = Load(b + v * kLanes);
        __builtin_prefetch(b + kPrefetch * kTileCols + v * kLanes);
      }
      __builtin_prefetch(ahead, 0, 2);
      ahead += tile.ahead_step;
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const Vf ai = Splat(kPacked ? a[i] : row[i / 3][i % 3 * a_row]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) acc[i][v] += ai * bv[v];
      }
      a += kStep;
      if (!kPacked) ++a3, ++a6, ++a9, ++a12;
      b += kTileCols;
    }
  }
  Finish<kRows, kVectors>(tile, cols, acc);
}

template <int kRows>
void ComputeRows(const ConvTile& tile, int cols) {
  if (cols > kLanes) {
    tile.a_row == 0 ? Compute<kRows, 2, true>(tile, cols) : Compute<kRows, 2, false>(tile, cols);
  } else {
    tile.a_row == 0 ? Compute<kRows, 1, true>(tile, cols) : Compute<kRows, 1, false>(tile, cols);
  }
}

template <int kRows>
void Dispatch(const ConvTile& tile, int rows, int cols) {
  if (rows == kRows) {
    ComputeRows<kRows>(tile, cols);
  } else if constexpr (kRows > 1) {
    Dispatch<kRows - 1>(tile, rows, cols);
  }
}

}  // namespace

void RunConvTile(const ConvTile& tile, int rows, int cols) {
  Dispatch<kTileRows>(tile, rows, cols);
}

void PackTileRows(const float* const* row, int rows, int64_t k, float* out) {
  for (int64_t j = 0; j < k; j += kLanes, out += kLanes * kPackedRow) {
    const int64_t n = MinOf<int64_t>(kLanes, k - j);
    for (int first = 0; first < rows; first += kLanes) {
      Vf block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const float* from = row[MinOf(first + i, rows - 1)] + j;
        block[i] = n == kLanes ? Load(from) : LoadPartial(from, n);
      }
      TransposeBlock(block);
      for (int64_t i = 0; i < n; ++i) Store(out + i * kPackedRow + first, block[i]);
    }
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
