// Walking several tensors of one shape and different strides in step, with as few dimensions as possible.
#ifndef PENSTOCK_KERNELS_CPU_LOOP_H_
#define PENSTOCK_KERNELS_CPU_LOOP_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// A tile has two dimensions for each of the tensor's.
constexpr int kMaxLoopDims = 2 * kMaxDims;

// The common shape of kOperands tensors, without dimensions of size 1 and with neighbours merged where every operand
// allows it. Two dense tensors of any rank become one dimension; [N, H, W, C] + [C] becomes two.
template <int kOperands>
struct Loop {
  int ndim = 0;
  int64_t count = 1;
  int64_t shape[kMaxLoopDims];
  int64_t stride[kOperands][kMaxLoopDims];

  // Appends an inner dimension.
  void Add(int64_t size, const int64_t (&strides)[kOperands]) {
    count *= size;
    if (size == 1) return;
    if (ndim > 0 && Continues(size, strides)) {
      shape[ndim - 1] *= size;
    } else {
      shape[ndim++] = size;
    }
    for (int k = 0; k < kOperands; ++k) stride[k][ndim - 1] = strides[k];
  }

  int64_t InnerSize() const { return ndim > 0 ? shape[ndim - 1] : 1; }

  int64_t InnerStride(int k) const { return ndim > 0 ? stride[k][ndim - 1] : 1; }

 private:
  bool Continues(int64_t size, const int64_t (&strides)[kOperands]) const {
    for (int k = 0; k < kOperands; ++k) {
      if (stride[k][ndim - 1] != strides[k] * size) return false;
    }
    return true;
  }
};

// The loop over an elementwise call: operand 0 is the output, the others the inputs.
template <int kOperands>
Loop<kOperands> ElementwiseLoop(const penstock_call* call) {
  Loop<kOperands> loop;
  const penstock_tensor* out = call->outputs[0];
  for (int d = 0; d < out->ndim; ++d) {
    int64_t strides[kOperands];
    strides[0] = out->strides[d];
    for (int k = 1; k < kOperands; ++k) strides[k] = call->inputs[k - 1]->strides[d];
    loop.Add(out->shape[d], strides);
  }
  return loop;
}

// Where the rows of a loop begin, in each operand.
template <int kOperands>
class RowCursor {
 public:
  RowCursor(const Loop<kOperands>& loop, int64_t row) : loop_(loop) {
    for (int64_t& offset : offset_) offset = 0;
    for (int d = loop.ndim - 2; d >= 0; --d) {
      index_[d] = row % loop.shape[d];
      row /= loop.shape[d];
      for (int k = 0; k < kOperands; ++k) offset_[k] += index_[d] * loop.stride[k][d];
    }
  }

  void Next() {
    for (int d = loop_.ndim - 2; d >= 0; --d) {
      for (int k = 0; k < kOperands; ++k) offset_[k] += loop_.stride[k][d];
      if (++index_[d] < loop_.shape[d]) return;
      for (int k = 0; k < kOperands; ++k) offset_[k] -= loop_.stride[k][d] * loop_.shape[d];
      index_[d] = 0;
    }
  }

  const int64_t (&offset() const)[kOperands] { return offset_; }

 private:
  const Loop<kOperands>& loop_;
  int64_t index_[kMaxLoopDims];
  int64_t offset_[kOperands];
};

// body(offsets, n) for every innermost row, cut into pieces of at most `chunk` elements.
template <int kOperands, class Body>
int ForEachRow(penstock_call* call, const Loop<kOperands>& loop, int64_t chunk, Body&& body) {
  if (loop.count == 0) return PENSTOCK_OK;
  const int64_t inner = loop.InnerSize();
  if (loop.ndim <= 1 && inner <= chunk) {
    const int64_t origin[kOperands] = {};
    body(origin, inner);
    return PENSTOCK_OK;
  }
  const int64_t pieces = CeilDiv(inner, chunk);
  const int64_t rows = loop.count / inner;
  return ParallelFor(call, rows * pieces, Grain(inner, chunk), [&](int64_t begin, int64_t end) {
    RowCursor<kOperands> cursor(loop, begin / pieces);
    int64_t piece = begin % pieces;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = piece * chunk;
      int64_t at[kOperands];
      for (int k = 0; k < kOperands; ++k) {
        at[k] = cursor.offset()[k] + first * loop.InnerStride(k);
      }
      body(at, MinOf(chunk, inner - first));
      if (++piece == pieces) {
        piece = 0;
        cursor.Next();
      }
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_LOOP_H_
