// The register-tiled microkernel and the packing of its operands.
#include "gemm.h"

#include <cstdlib>

#include "transpose_block.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

static_assert(kTileRows <= kLanes, "PackRows transposes one block");

// ---- the microkernel ----

// B streams from L2: fetched this many steps of the inner dimension ahead.
constexpr int64_t kPrefetch = 8;

#define ALWAYS_INLINE \
  inline __attribute__((always_inline))  // or the accumulators would travel through memory

// A step has nearly as many instructions as the processor can issue while its products run, fewer where a sibling
// thread issues too. So some elements are broadcast by the products themselves, which spares an instruction for a
// load: those of every third row, whose addresses need no index, as long as ports for loads are free.
#if defined(__AVX512F__)
constexpr int kSplatTwice = 9;
ALWAYS_INLINE void AddSplat(Vf& sum, const float* a, Vf b) {
  asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b), "m"(*a));
}
#else
constexpr int kSplatTwice = 0;
ALWAYS_INLINE void AddSplat(Vf& sum, const float* a, Vf b) { sum += Splat(*a) * b; }
#endif

// The last vector of a row may be a part of one: masks cost nothing where the instruction set has them.
#if defined(__AVX512F__)
struct LastVector {
  explicit LastVector(int n) : mask(static_cast<__mmask16>((1u << n) - 1)) {}
  Vf LoadFrom(const float* p) const { return _mm512_maskz_loadu_ps(mask, p); }
  void StoreTo(float* p, Vf v) const { _mm512_mask_storeu_ps(p, mask, v); }
  __mmask16 mask;
};
#else
struct LastVector {
  explicit LastVector(int n) : n(n) {}
  Vf LoadFrom(const float* p) const { return n == kLanes ? Load(p) : LoadPartial(p, n); }
  void StoreTo(float* p, Vf v) const { n == kLanes ? Store(p, v) : StorePartial(p, v, n); }
  int n;
};
#endif

template <int kRows, int kVectors, bool kAccumulate>
ALWAYS_INLINE void StoreTile(const Tile& tile, const Vf (&acc)[kRows][kVectors], LastVector last) {
  float* c = tile.c;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i, c += tile.c_row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + v * kLanes;
      if (v < kVectors - 1) {
        Store(to, kAccumulate ? acc[i][v] + Load(to) : acc[i][v]);
      } else {
        last.StoreTo(to, kAccumulate ? acc[i][v] + last.LoadFrom(to) : acc[i][v]);
      }
    }
  }
}

template <int kRows, int kVectors>
ALWAYS_INLINE void PrefetchC(const Tile& tile) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      __builtin_prefetch(tile.c + i * tile.c_row + v * kLanes, 1);
    }
  }
}

template <int kRows, int kVectors, bool kUnitRows>
void ComputeTile(const Tile& tile, int cols) {
  const int64_t a_row = kUnitRows ? 1 : tile.a_row;
  const int64_t a_k = kUnitRows ? tile.a_k : 1;
  Vf acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[i][v] = Vf{};
  }
  PrefetchC<kRows, kVectors>(tile);
  for (int64_t segment = 0; segment < tile.segments; ++segment) {
    const float* a = tile.a + (tile.a_offset ? tile.a_offset[segment] : 0);
    const float* b = tile.b + (tile.b_offset ? tile.b_offset[segment] : 0);
    // Every third row has a pointer of its own: the others are reached by addressing modes.
    const float *a3 = a + 3 * a_row, *a6 = a + 6 * a_row, *a9 = a + 9 * a_row,
                *a12 = a + 12 * a_row;
    for (int64_t k = 0; k < tile.k; ++k) {
      if (!kUnitRows) asm("" : "+r"(a), "+r"(a3), "+r"(a6), "+r"(a9), "+r"(a12));
      const float* const row[] = {a, a3, a6, a9, a12};
      Vf bv[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        bv[v] = Load(b + v * kLanes);
        __builtin_prefetch(b + kPrefetch * tile.b_k + v * kLanes);
      }
      if (kUnitRows) __builtin_prefetch(a + kPrefetch * a_k);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const float* at = kUnitRows ? a + i : row[i / 3] + i % 3 * a_row;
        if (!kUnitRows && i % 3 == 0 && i < kSplatTwice) {
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v) AddSplat(acc[i][v], at, bv[v]);
        } else {
          const Vf ai = Splat(*at);
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v) acc[i][v] += ai * bv[v];
        }
      }
      a += a_k;
      if (!kUnitRows) ++a3, ++a6, ++a9, ++a12;
      b += tile.b_k;
    }
  }
  const LastVector last(cols - (kVectors - 1) * kLanes);
  tile.accumulate ? StoreTile<kRows, kVectors, true>(tile, acc, last)
                  : StoreTile<kRows, kVectors, false>(tile, acc, last);
}

template <int kRows>
void ComputeRows(const Tile& tile, int cols) {
  if (cols > kLanes) {
    tile.a_row == 1 ? ComputeTile<kRows, 2, true>(tile, cols)
                    : ComputeTile<kRows, 2, false>(tile, cols);
  } else {
    tile.a_row == 1 ? ComputeTile<kRows, 1, true>(tile, cols)
                    : ComputeTile<kRows, 1, false>(tile, cols);
  }
}

template <int kRows>
void Dispatch(const Tile& tile, int rows, int cols) {
  if (rows == kRows) {
    ComputeRows<kRows>(tile, cols);
  } else if constexpr (kRows > 1) {
    Dispatch<kRows - 1>(tile, rows, cols);
  }
}

// ---- transposing through registers ----

// out[j * out_row + i] = x[i * x_row + j] for i < rows <= kLanes, j < cols. Stores whole vectors, each overlapped by
// the next, but for the last: what follows belongs to another thread.
void TransposePanel(const float* x, int64_t x_row, int64_t rows, int64_t cols, float* out,
                    int64_t out_row) {
  for (int64_t j = 0; j < cols; j += kLanes) {
    const int64_t n = MinOf<int64_t>(kLanes, cols - j);
    Vf block[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      const float* row = x + MinOf<int64_t>(i, rows - 1) * x_row + j;
      block[i] = n == kLanes ? Load(row) : LoadPartial(row, n);
    }
    TransposeBlock(block);
    const int64_t whole = j + n < cols || rows == kLanes ? n : n - 1;
    for (int64_t i = 0; i < whole; ++i) Store(out + (j + i) * out_row, block[i]);
    if (whole < n) StorePartial(out + (j + whole) * out_row, block[whole], rows);
  }
}

// out[0, kTileCols): the first `cols` of a row, then zeros.
inline void PackRow(const float* row, int64_t cols, float* out) {
  for (int v = 0; v < kTileCols; v += kLanes, cols -= kLanes) {
    Store(out + v, cols >= kLanes ? Load(row + v) : cols > 0 ? LoadPartial(row + v, cols) : Vf{});
  }
}

void ClearTail(int64_t k, int64_t cols, float* out) {
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = cols; j < kTileCols; ++j) out[i * kTileCols + j] = 0.0f;
  }
}

}  // namespace

void RunTile(const Tile& tile, int rows, int cols) { Dispatch<kTileRows>(tile, rows, cols); }

void RunTiles(Tile tile, int64_t rows, int64_t cols, int64_t panel) {
  // Equal tiles: 26 rows are 13 + 13, not 14 + 12.
  const int64_t step = CeilDiv(rows, MaxOf<int64_t>(1, CeilDiv(rows, kTileRows)));
  const float* b = tile.b;
  for (int64_t i = 0; i < rows; i += step) {
    Tile t = tile;
    t.a += i * tile.a_row;
    for (int64_t j = 0; j < cols; j += kTileCols) {
      t.b = b + j / kTileCols * panel;
      t.c = tile.c + i * tile.c_row + j;
      RunTile(t, static_cast<int>(MinOf(step, rows - i)),
              static_cast<int>(MinOf<int64_t>(kTileCols, cols - j)));
    }
  }
}

float* KeepFloats(int64_t count) {
  constexpr int64_t kAlignment = 64;
  const int64_t bytes = RoundUp(count * static_cast<int64_t>(sizeof(float)), kAlignment);
  return static_cast<float*>(aligned_alloc(kAlignment, static_cast<size_t>(bytes)));
}

void PackRows(Matrix a, int64_t rows, int64_t k, float* out) {
  if (a.col == 1) {
    TransposePanel(a.data, a.row, rows, k, out, rows);
    return;
  }
  for (int64_t p = 0; p < k; ++p, out += rows) {
    const float* column = a.At(0, p);
    if (rows < kLanes) {
      StorePartial(out, LoadPartial(column, rows), rows);
    } else {
      Store(out, Load(column));
    }
  }
}

void PackCols(Matrix b, int64_t k, int64_t cols, float* out) {
  if (b.col == 1) {
    for (int64_t p = 0; p < k; ++p) PackRow(b.At(p, 0), cols, out + p * kTileCols);
    return;
  }
  for (int64_t j = 0; j < cols; j += kLanes) {
    TransposePanel(b.At(0, j), b.col, MinOf<int64_t>(kLanes, cols - j), k, out + j, kTileCols);
  }
  if (cols < kTileCols) ClearTail(k, cols, out);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
