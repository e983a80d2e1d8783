// Products of a few rows: the right operand flows by once, in the order in which it lies.
#include "penstock/kernel_abi.h"
#include "product.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kMostRows = 4;
constexpr int64_t kPiece = 512;         // columns whose sums stay in L1
constexpr int64_t kTaskCost = 1 << 20;  // multiplications in a parallel task
constexpr int kSteps = 4;               // rows of b between a load and a store of a sum

// sums[r * kPiece + j] += a[r, k] * b[k, j] for kCount rows of b from k on; j < cols.
template <int kRows, int kCount>
void AddRows(const Matrix& a, const Matrix& b, int64_t cols, float* sums) {
  Vf factor[kRows][kCount];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int s = 0; s < kCount; ++s) factor[r][s] = Splat(*a.At(r, s));
  }
  const auto add = [&](const auto& load, int64_t j) __attribute__((always_inline)) {
    Vf row[kCount];
#pragma GCC unroll 4
    for (int s = 0; s < kCount; ++s) row[s] = load(b.At(s, j));
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      Vf sum = Load(sums + r * kPiece + j);
#pragma GCC unroll 4
      for (int s = 0; s < kCount; ++s) sum += factor[r][s] * row[s];
      Store(sums + r * kPiece + j, sum);
    }
  };
  ForVectors(
      cols, [&](int64_t j) { add([](const float* p) { return Load(p); }, j); },
      [&](int64_t j, int64_t rest) {
        add([rest](const float* p) { return LoadPartial(p, rest); }, j);
      });
}

// c[kRows, cols] = a[kRows, k] * b[k, cols], with the same sums of blocks as tiles make.
template <int kRows>
void ThinPiece(const Matrix& a, const Matrix& b, int64_t k, int64_t cols, float* c, int64_t c_row) {
  alignas(64) float sums[kRows * kPiece];
  const int64_t block = BlockK(k);
  for (int64_t k0 = 0; k0 < k; k0 += block) {
    memset(sums, 0, sizeof sums);
    const int64_t end = MinOf(k, k0 + block);
    int64_t i = k0;
    for (; i + kSteps <= end; i += kSteps) {
      AddRows<kRows, kSteps>({a.At(0, i), a.row, a.col}, {b.At(i, 0), b.row, 1}, cols, sums);
    }
    for (; i < end; ++i) {
      AddRows<kRows, 1>({a.At(0, i), a.row, a.col}, {b.At(i, 0), b.row, 1}, cols, sums);
    }
    for (int r = 0; r < kRows; ++r) {
      const float* sum = sums + r * kPiece;
      float* to = c + r * c_row;
      for (int64_t j = 0; j < cols; ++j) to[j] = k0 > 0 ? to[j] + sum[j] : sum[j];
    }
  }
}

void RunPiece(const Matrix& a, const Matrix& b, int64_t k, int64_t rows, int64_t cols, float* c,
              int64_t c_row) {
  switch (rows) {
    case 1:
      return ThinPiece<1>(a, b, k, cols, c, c_row);
    case 2:
      return ThinPiece<2>(a, b, k, cols, c, c_row);
    case 3:
      return ThinPiece<3>(a, b, k, cols, c, c_row);
    default:
      return ThinPiece<kMostRows>(a, b, k, cols, c, c_row);
  }
}

}  // namespace

bool IsThin(const Product& p) {
  return p.m <= kMostRows && p.n >= kPiece / 2 && p.b.col == 1 && p.kept_b == nullptr;
}

int MultiplyThin(penstock_call* call, const Product& p, const Batch& batch,
                 const TileProgram* epilogue) {
  const int64_t pieces = CeilDiv(p.n, kPiece);
  return ParallelProducts(call, batch.count * pieces, Grain(kPiece * p.m * p.k, kTaskCost),
                          epilogue, [&](int64_t begin, int64_t end, TileFrame* frame) {
                            for (int64_t i = begin; i < end; ++i) {
                              const int64_t item = i / pieces, col = i % pieces * kPiece;
                              const int64_t cols = MinOf(kPiece, p.n - col);
                              const Matrix a = {p.a.data + batch.a_offset[item], p.a.row, p.a.col};
                              const Matrix b = {p.b.At(0, col) + batch.b_offset[item], p.b.row, 1};
                              float* c = p.c + item * p.m * p.n + col;
                              RunPiece(a, b, p.k, p.m, cols, c, p.n);
                              if (frame != nullptr) Finish(frame, p, c, p.m, cols);
                            }
                          });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
