// Matrix products: both operands packed into panels of the microkernel, block by block of the inner dimension.
#include <cstdlib>

#include "batch.h"
#include "penstock/kernel_abi.h"
#include "product.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kBlockPanels = 12;  // a parallel task: 12 panels of A, which stay in L2 ...
constexpr int64_t kBlockCols = 6 * kTileCols;  // ... times 6 of B
constexpr int64_t kTaskCost = 8 << 20;         // multiplications in a parallel task: 0.1 ms
constexpr int64_t kMaxPacked = 4 << 20;  // floats packed at a time, over a batch of small products
constexpr int64_t kPackChunk = 16 * 1024;
constexpr int64_t kPanelsAtOnce = 8, kRowsAtOnce = 4;  // of B, while it is packed
constexpr int64_t kOnStack = 2048;  // floats: small products need no scratch memory

// Packing pays when every packed element is used often enough, and when what the microkernel would read does not fit
// side by side into the cache.
constexpr int64_t kNarrow = 128;
constexpr int64_t kConflict = 1024;  // rows that many floats apart share lines of L1
constexpr int64_t kSmallB = 32 * 1024;

bool NeedsPackingA(const Product& p) {
  if (p.a.row == 1) return p.n > kNarrow;
  return p.a.row % kConflict == 0 && p.m > 4;
}

// How many columns of B are read where they lie. The microkernel reads whole vectors, so the last ones may be packed.
int64_t ColsInPlace(const Product& p) {
  if (p.kept_b != nullptr || p.b.col != 1) return 0;
  if (p.m > 2 * kTileRows && (p.m > kNarrow || p.n * p.k < kSmallB)) return 0;
  return p.n % kLanes == 0 ? p.n : p.n / kTileCols * kTileCols;
}

// The rows of a panel: equal ones, 32 rows are 11 + 11 + 10 rather than 14 + 14 + 4.
int64_t PanelRows(int64_t m) { return CeilDiv(m, CeilDiv(m, kTileRows)); }

// PackRows stores whole vectors: past a panel of less than kLanes / 2 rows, which only the last one can be.
static_assert((kTileRows + 2) / 2 >= kLanes / 2, "the panels of two or more must be that high");

int64_t PackedRowsSize(int64_t m, int64_t k) {
  return RoundUp(RoundUp(m, PanelRows(m)) * k, kLanes) + kLanes;  // B, which follows, stays aligned
}

int64_t PackedColsSize(int64_t n, int64_t k) { return RoundUp(n, kTileCols) * k; }

// Panels [first, last) of a block [k0, k0 + k) of the inner dimension, one after the other in `out`. Rows of b go a few
// at a time into all of the panels: memory is read in longer stretches than one panel is wide.
void PackPanels(const Matrix& b, int64_t n, int64_t k0, int64_t k, int64_t first, int64_t last,
                float* out) {
  const int64_t rows = b.col == 1 ? kRowsAtOnce : k;
  for (int64_t p = 0; p < k; p += rows) {
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t col = panel * kTileCols;
      PackCols({b.At(k0 + p, col), b.row, b.col}, MinOf(rows, k - p),
               MinOf<int64_t>(kTileCols, n - col), out + ((panel - first) * k + p) * kTileCols);
    }
  }
}

// One block [k0, k0 + k) of the inner dimension, for `count` products from `first` on.
class BlockProduct {
 public:
  BlockProduct(const Product& product, const Batch& batch, float* packed_a, float* packed_b,
               int64_t size_a, int64_t size_b, const TileProgram* epilogue)
      : p_(product),
        batch_(batch),
        packed_a_(packed_a),
        packed_b_(packed_b),
        size_a_(size_a),
        size_b_(size_b),
        epilogue_(epilogue),
        panel_rows_(PanelRows(product.m)),
        block_rows_(EqualBlocks(product.m, kBlockPanels * panel_rows_, panel_rows_)),
        cols_in_place_(ColsInPlace(product)),
        pack_a_(NeedsPackingA(product)),
        pack_b_(product.kept_b == nullptr && cols_in_place_ < product.n) {}

  int Run(penstock_call* call, int64_t first, int64_t count, int64_t k0, int64_t k) {
    first_ = first;
    k0_ = k0;
    k_ = k;
    int status = Pack(call, count);
    if (status == PENSTOCK_OK) status = Multiply(call, count);
    return status;
  }

 private:
  int Pack(penstock_call* call, int64_t count) {
    const int64_t panels_a = pack_a_ ? CeilDiv(p_.m, panel_rows_) : 0;
    const int64_t first_b = cols_in_place_ / kTileCols, last_b = CeilDiv(p_.n, kTileCols);
    const int64_t groups_b =
        pack_b_ && !PacksAsItGoes() ? CeilDiv(last_b - first_b, kPanelsAtOnce) : 0;
    const int64_t parts = panels_a + groups_b;
    if (parts == 0) return PENSTOCK_OK;
    return ParallelFor(call, count * parts, Grain(kTileCols * k_, kPackChunk),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t i = begin; i < end; ++i) {
                           const int64_t item = i / parts, part = i % parts;
                           if (part < panels_a) {
                             PackPanelA(item, part);
                           } else {
                             const int64_t first = first_b + (part - panels_a) * kPanelsAtOnce;
                             PackPanelsB(item, first, MinOf(last_b, first + kPanelsAtOnce));
                           }
                         }
                       });
  }

  // Whether each panel of B belongs to one task, which packs it just before it is used.
  bool PacksAsItGoes() const { return p_.m <= block_rows_; }

  const float* A(int64_t item, int64_t row) const {
    return p_.a.At(row, k0_) + batch_.a_offset[first_ + item];
  }

  const float* B(int64_t item, int64_t col) const {
    return p_.b.At(k0_, col) + batch_.b_offset[first_ + item];
  }

  float* PackedA(int64_t item, int64_t row) const { return packed_a_ + item * size_a_ + row * k_; }

  float* PackedB(int64_t item, int64_t col) const {
    return packed_b_ + item * size_b_ + (col - cols_in_place_) * k_;
  }

  const float* Panels(int64_t item, int64_t col) const {
    if (p_.kept_b == nullptr) return PackedB(item, col);
    return p_.kept_b + PackedColsSize(p_.n, k0_) + col * k_;
  }

  void PackPanelA(int64_t item, int64_t panel) {
    const int64_t row = panel * panel_rows_;
    PackRows({A(item, row), p_.a.row, p_.a.col}, MinOf(panel_rows_, p_.m - row), k_,
             PackedA(item, row));
  }

  void PackPanelsB(int64_t item, int64_t first, int64_t last) {
    const Matrix b = {p_.b.data + batch_.b_offset[first_ + item], p_.b.row, p_.b.col};
    PackPanels(b, p_.n, k0_, k_, first, last, PackedB(item, first * kTileCols));
  }

  int Multiply(penstock_call* call, int64_t count) {
    const int64_t block_cols = EqualBlocks(p_.n, kBlockCols, kTileCols);
    const int64_t blocks_m = CeilDiv(p_.m, block_rows_), blocks_n = CeilDiv(p_.n, block_cols);
    const int64_t cost = block_rows_ * block_cols * k_;
    return ParallelProducts(call, count * blocks_m * blocks_n, Grain(cost, kTaskCost),
                            k0_ + k_ < p_.k ? nullptr : epilogue_,
                            [&](int64_t begin, int64_t end, TileFrame* epilogue) {
                              for (int64_t i = begin; i < end; ++i) {
                                const int64_t row = i / blocks_n % blocks_m * block_rows_;
                                const int64_t col = i % blocks_n * block_cols;
                                MultiplyBlock(i / blocks_n / blocks_m, row,
                                              MinOf(p_.m, row + block_rows_), col,
                                              MinOf(block_cols, p_.n - col), epilogue);
                              }
                            });
  }

  void MultiplyBlock(int64_t item, int64_t row, int64_t last_row, int64_t col, int64_t cols,
                     TileFrame* epilogue) {
    const int64_t in_place = MinOf(cols, MaxOf<int64_t>(0, cols_in_place_ - col));
    if (pack_b_ && PacksAsItGoes()) {
      PackPanelsB(item, (col + in_place) / kTileCols, CeilDiv(col + cols, kTileCols));
    }
    for (int64_t i = row; i < last_row; i += panel_rows_) {
      const int64_t rows = MinOf(panel_rows_, last_row - i);
      Tile tile = {};
      tile.a = pack_a_ ? PackedA(item, i) : A(item, i);
      tile.a_row = pack_a_ ? 1 : p_.a.row;
      tile.a_k = pack_a_ ? rows : p_.a.col;
      tile.k = k_;
      tile.segments = 1;
      float* c = p_.c + (first_ + item) * p_.m * p_.n + i * p_.n + col;
      tile.c_row = p_.n;
      tile.accumulate = k0_ > 0;
      if (in_place > 0) {
        tile.b = B(item, col);
        tile.b_k = p_.b.row;
        tile.c = c;
        RunTiles(tile, rows, in_place, kTileCols);
      }
      if (in_place < cols) {
        tile.b = Panels(item, col + in_place);
        tile.b_k = kTileCols;
        tile.c = c + in_place;
        RunTiles(tile, rows, cols - in_place, kTileCols * k_);
      }
      if (epilogue != nullptr) Finish(epilogue, p_, c, rows, cols);
    }
  }

  const Product& p_;
  const Batch& batch_;
  float *packed_a_, *packed_b_;
  int64_t size_a_, size_b_;
  const TileProgram* epilogue_;
  int64_t panel_rows_, block_rows_, cols_in_place_;
  bool pack_a_, pack_b_;
  int64_t first_ = 0, k0_ = 0, k_ = 0;
};

int Multiply(penstock_call* call, const Product& product, const Batch& batch,
             const TileProgram* epilogue) {
  if (IsThin(product)) return MultiplyThin(call, product, batch, epilogue);
  if (GoesByDots(product)) return MultiplyByDots(call, product, batch, epilogue);
  const int64_t k_block = MinOf(BlockK(product.k), product.k);
  const int64_t size_a = NeedsPackingA(product) ? PackedRowsSize(product.m, k_block) : 0;
  const int64_t packed_cols = product.kept_b ? 0 : product.n - ColsInPlace(product);
  const int64_t size_b = PackedColsSize(packed_cols, k_block);
  const int64_t group =
      MinOf(batch.count, MaxOf<int64_t>(1, kMaxPacked / MaxOf<int64_t>(1, size_a + size_b)));
  const int64_t size = group * (size_a + size_b);
  alignas(64) float small[kOnStack];
  float* packed = size <= kOnStack ? small : Scratch<float>(call, size);
  if (packed == nullptr) return PENSTOCK_NO_MEMORY;
  BlockProduct block(product, batch, packed, packed + group * size_a, size_a, size_b, epilogue);
  for (int64_t first = 0; first < batch.count; first += group) {
    const int64_t count = MinOf(group, batch.count - first);
    for (int64_t k = 0; k < product.k; k += k_block) {
      const int status = block.Run(call, first, count, k, MinOf(k_block, product.k - k));
      if (status != PENSTOCK_OK) return status;
    }
  }
  return PENSTOCK_OK;
}

Matrix LastTwo(const penstock_tensor* x, bool transpose) {
  const int64_t cols = x->shape[x->ndim - 1];
  return transpose ? Matrix{Data<const float>(x), 1, cols} : Matrix{Data<const float>(x), cols, 1};
}

// `epilogue`: what runs on the product, or nullptr.
int MultiplyAll(penstock_call* call, const TileProgram* epilogue) {
  const penstock_tensor *x = call->inputs[0], *y = call->inputs[1], *out = call->outputs[0];
  const bool transpose_x = BoolAttr(call, 0);
  Product product = {out->shape[out->ndim - 2],
                     out->shape[out->ndim - 1],
                     x->shape[x->ndim - (transpose_x ? 2 : 1)],
                     LastTwo(x, transpose_x),
                     LastTwo(y, BoolAttr(call, 1)),
                     Data<float>(out),
                     static_cast<const float*>(call->state)};
  if (Count(out) == 0) return PENSTOCK_OK;
  if (product.k == 0) {
    memset(product.c, 0, static_cast<size_t>(Count(out)) * sizeof(float));
    if (epilogue != nullptr) {
      TileFrame(*epilogue, PENSTOCK_TILE_SLOTS(*epilogue)).RunAll(0, Count(out));
    }
    return PENSTOCK_OK;
  }
  int64_t batch = Extent(out, 0, out->ndim - 2);
  if (IsOneMatrix(y) && !transpose_x) {  // a single tall product
    product.m *= batch;
    batch = 1;
  }
  if (batch == 1) {
    const int64_t none = 0;
    return Multiply(call, product, {1, &none, &none}, epilogue);
  }
  int64_t* offsets = Scratch<int64_t>(call, 2 * batch);
  if (offsets == nullptr) return PENSTOCK_NO_MEMORY;
  BatchOffsets(x, out, offsets);
  BatchOffsets(y, out, offsets + batch);
  return Multiply(call, product, {batch, offsets, offsets + batch}, epilogue);
}

// Packs all of a matrix [k, n], block after block of the inner dimension.
int PackAll(penstock_call* call, const Matrix& b, int64_t k, int64_t n, float* out) {
  const int64_t panels = CeilDiv(n, kTileCols), block = BlockK(k);
  const int64_t groups = CeilDiv(panels, kPanelsAtOnce);
  return ParallelFor(call, CeilDiv(k, block) * groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t k0 = i / groups * block, depth = MinOf(block, k - k0);
      const int64_t first = i % groups * kPanelsAtOnce;
      PackPanels(b, n, k0, depth, first, MinOf(panels, first + kPanelsAtOnce),
                 out + PackedColsSize(n, k0) + first * kTileCols * depth);
    }
  });
}

}  // namespace

int MatMul(penstock_call* call) {
  constexpr int kOwnAttrs = 2;
  if (call->num_attrs == kOwnAttrs) return MultiplyAll(call, nullptr);
  const Epilogue epilogue(call, kOwnAttrs);
  return MultiplyAll(call, &epilogue.program);
}

// The state is the right operand, packed; NULL where it is no constant, or not one matrix for all.
int PrepareMatMul(penstock_call* call, void** state) {
  const penstock_tensor* y = call->inputs[1];
  if (Data<const float>(y) == nullptr || !IsOneMatrix(y) || Count(y) == 0) return PENSTOCK_OK;
  const bool transpose = BoolAttr(call, 1);
  const int64_t k = y->shape[y->ndim - (transpose ? 1 : 2)];
  const int64_t n = y->shape[y->ndim - (transpose ? 2 : 1)];
  float* packed = KeepFloats(PackedColsSize(n, k));
  if (packed == nullptr) return PENSTOCK_NO_MEMORY;
  *state = packed;
  return PackAll(call, LastTwo(y, transpose), k, n, packed);
}

void ReleaseMatMul(void* state) { free(state); }

}  // namespace penstock::cpu::PENSTOCK_ISA
