// Products of a narrow side, by inner products: vectors run along the inner dimension, so that nothing is packed and
// every element of the wide side is read once, in order.
#include "penstock/kernel_abi.h"
#include "product.h"
#include "transpose_block.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// A tile has as many sums as a vector has lanes: adding up the lanes of all of them yields one vector.
constexpr int kDotCols = kLanes >= 16 ? 4 : 2;
constexpr int kDotRows = kLanes / kDotCols;

constexpr int64_t kBlockDepth = 2048;   // a few rows of that length stay in L1
constexpr int64_t kTaskCost = 1 << 20;  // multiplications in a parallel task
constexpr int64_t kNarrowRows = 16;  // rows of a, where b's columns lie along the inner dimension
constexpr int64_t kLong = 512, kNarrowLongRows = 48;  // the same, where that is long
constexpr int64_t kNarrowCols = 16;                   // columns of b
constexpr int64_t kShortest = 4 * kLanes;  // inner dimensions that are worth a sum across lanes
constexpr int64_t kWorthTransposing = 64;  // rows of a, where b must be transposed first

constexpr int ReversedBits(int i, int width) {
  return width == 1 ? 0 : (i & 1) * (width / 2) + ReversedBits(i / 2, width / 2);
}

// Lane i of the result is the sum over the lanes of vector i. Interleaving puts pairs in the order of reversed bits.
inline Vf SumLanesOfEach(const Vf (&sums)[kLanes]) {
  Vf v[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) v[i] = sums[ReversedBits(i, kLanes)];
#pragma GCC unroll 4
  for (int width = kLanes / 2; width > 0; width /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < width; ++i) {
      v[i] = InterleaveLow(v[2 * i], v[2 * i + 1]) + InterleaveHigh(v[2 * i], v[2 * i + 1]);
    }
  }
  return v[0];
}

struct Rows {
  const float* data;
  int64_t step;
  int64_t count;
};

// c[i * c_row + j] (+)= x's row i times y's row j, for at most kDotRows by kDotCols of them from (i, j) on.
void DotTile(const Rows& x, const Rows& y, int64_t i, int64_t j, int64_t k, float* c, int64_t c_row,
             bool accumulate) {
  const float *xs[kDotRows], *ys[kDotCols];
#pragma GCC unroll 4
  for (int r = 0; r < kDotRows; ++r) xs[r] = x.data + MinOf(i + r, x.count - 1) * x.step;
#pragma GCC unroll 4
  for (int r = 0; r < kDotCols; ++r) ys[r] = y.data + MinOf(j + r, y.count - 1) * y.step;
  Vf sums[kLanes] = {};
  const auto step = [&](const auto& load, int64_t at) __attribute__((always_inline)) {
    Vf b[kDotCols];
#pragma GCC unroll 4
    for (int q = 0; q < kDotCols; ++q) b[q] = load(ys[q] + at);
#pragma GCC unroll 4
    for (int r = 0; r < kDotRows; ++r) {
      const Vf a = load(xs[r] + at);
#pragma GCC unroll 4
      for (int q = 0; q < kDotCols; ++q) sums[r * kDotCols + q] += a * b[q];
    }
  };
  int64_t at = 0;
  for (; at + kLanes <= k; at += kLanes) step([](const float* p) { return Load(p); }, at);
  if (at < k) step([rest = k - at](const float* p) { return LoadPartial(p, rest); }, at);

  float out[kLanes];
  Store(out, SumLanesOfEach(sums));
  for (int64_t r = 0; r < MinOf<int64_t>(kDotRows, x.count - i); ++r) {
    for (int64_t q = 0; q < MinOf<int64_t>(kDotCols, y.count - j); ++q) {
      float* to = c + (i + r) * c_row + j + q;
      *to = accumulate ? *to + out[r * kDotCols + q] : out[r * kDotCols + q];
    }
  }
}

// All of x's rows with all of y's. The longer side is walked once, the shorter one stays in the cache.
void DotBlock(const Rows& x, const Rows& y, int64_t k, float* c, int64_t c_row) {
  for (int64_t k0 = 0; k0 < k; k0 += kBlockDepth) {
    const Rows xs = {x.data + k0, x.step, x.count}, ys = {y.data + k0, y.step, y.count};
    const int64_t depth = MinOf(kBlockDepth, k - k0);
    if (x.count >= y.count) {
      for (int64_t i = 0; i < x.count; i += kDotRows) {
        for (int64_t j = 0; j < y.count; j += kDotCols) {
          DotTile(xs, ys, i, j, depth, c, c_row, k0 > 0);
        }
      }
    } else {
      for (int64_t j = 0; j < y.count; j += kDotCols) {
        for (int64_t i = 0; i < x.count; i += kDotRows) {
          DotTile(xs, ys, i, j, depth, c, c_row, k0 > 0);
        }
      }
    }
  }
}

// to[n][k] of b[k][n], whose rows are narrow.
void TransposeNarrow(const Matrix& b, int64_t k, int64_t n, float* to) {
  for (int64_t p = 0; p < k; ++p) {
    const float* row = b.At(p, 0);
    for (int64_t j = 0; j < n; ++j) to[j * k + p] = row[j];
  }
}

}  // namespace

bool GoesByDots(const Product& p) {
  if (p.a.col != 1 || p.k < kShortest) return false;
  if (p.b.row == 1) {
    return p.m <= (p.k >= kLong ? kNarrowLongRows : kNarrowRows) || p.n <= kNarrowCols;
  }
  return p.n <= kNarrowCols && p.m >= kWorthTransposing;
}

int MultiplyByDots(penstock_call* call, const Product& p, const Batch& batch,
                   const TileProgram* epilogue) {
  float* transposed = nullptr;
  if (p.b.row != 1) {
    transposed = Scratch<float>(call, batch.count * p.n * p.k);
    if (transposed == nullptr) return PENSTOCK_NO_MEMORY;
    const int status =
        ParallelFor(call, batch.count, Grain(p.n * p.k), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            TransposeNarrow({p.b.data + batch.b_offset[i], p.b.row, p.b.col}, p.k, p.n,
                            transposed + i * p.n * p.k);
          }
        });
    if (status != PENSTOCK_OK) return status;
  }
  // The longer side goes in pieces, whole tiles each.
  const bool by_rows = p.m >= p.n;
  const int64_t size = by_rows ? p.m : p.n, other = by_rows ? p.n : p.m;
  const int64_t unit = by_rows ? kDotRows : kDotCols;
  const int64_t piece = RoundUp(MinOf(size, Grain(other * p.k, kTaskCost)), unit);
  const int64_t pieces = CeilDiv(size, piece);
  return ParallelProducts(
      call, batch.count * pieces, Grain(piece * other * p.k, kTaskCost), epilogue,
      [&](int64_t begin, int64_t end, TileFrame* frame) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t item = i / pieces, first = i % pieces * piece;
          const int64_t row = by_rows ? first : 0, col = by_rows ? 0 : first;
          const int64_t count = MinOf(piece, size - first);
          const float* b =
              transposed ? transposed + item * p.n * p.k : p.b.data + batch.b_offset[item];
          const int64_t b_step = transposed ? p.k : p.b.col;
          const Rows x = {p.a.At(row, 0) + batch.a_offset[item], p.a.row, by_rows ? count : p.m};
          const Rows y = {b + col * b_step, b_step, by_rows ? p.n : count};
          float* c = p.c + (item * p.m + row) * p.n + col;
          DotBlock(x, y, p.k, c, p.n);
          if (frame != nullptr) Finish(frame, p, c, x.count, y.count);
        }
      });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
