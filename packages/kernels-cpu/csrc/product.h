// What a matrix product is given: one, or a batch of equal ones.
#ifndef PENSTOCK_KERNELS_CPU_PRODUCT_H_
#define PENSTOCK_KERNELS_CPU_PRODUCT_H_

#include "epilogue.h"
#include "gemm.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Where a batch of products lies: element b of the batch begins at offset[b].
struct Batch {
  int64_t count;
  const int64_t *a_offset, *b_offset;
};

struct Product {
  int64_t m, n, k;
  Matrix a, b;
  float* c;
  const float*
      kept_b;  // all of b, packed before: block after block of the inner dimension; or nullptr
};

// Runs an epilogue on c[row.., col..] of `product`; `c` is where that begins.
inline void Finish(TileFrame* epilogue, const Product& product, const float* c, int64_t rows,
                   int64_t cols) {
  int64_t at = c - product.c;
  if (cols == product.n) return epilogue->RunAll(at, at + rows * cols);
  for (int64_t i = 0; i < rows; ++i, at += product.n) epilogue->RunAll(at, at + cols);
}

// Calls body(begin, end, frame of the epilogue) over chunks of [0, n); the frame is NULL where there is no epilogue.
template <class Body>
int ParallelProducts(penstock_call* call, int64_t n, int64_t grain, const TileProgram* epilogue,
                     const Body& body) {
  return ParallelFor(call, n, grain, [&](int64_t begin, int64_t end) {
    if (epilogue == nullptr) return body(begin, end, nullptr);
    TileFrame frame(*epilogue, PENSTOCK_TILE_SLOTS(*epilogue));
    body(begin, end, &frame);
  });
}

// The size of equal blocks that are at most `limit` long and whole multiples of `unit`, as `limit` is.
constexpr int64_t EqualBlocks(int64_t n, int64_t limit, int64_t unit) {
  return RoundUp(CeilDiv(n, CeilDiv(n, limit)), unit);
}

// The length of the blocks into which the inner dimension is cut: a panel of A that long stays near L1.
constexpr int64_t BlockK(int64_t k) { return EqualBlocks(k, 512, 8); }

// ---- a few rows: thin.cpp ----

// Whether so few rows meet so many columns of a b that lies in rows.
bool IsThin(const Product& product);

int MultiplyThin(penstock_call* call, const Product& product, const Batch& batch,
                 const TileProgram* epilogue);

// ---- products by inner products: dots.cpp ----

// Whether the rows of a and the columns of b are taken as they lie, along the inner dimension: where one side is so
// narrow that packing the other one would cost more than the product.
bool GoesByDots(const Product& product);

int MultiplyByDots(penstock_call* call, const Product& product, const Batch& batch,
                   const TileProgram* epilogue);

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_PRODUCT_H_
