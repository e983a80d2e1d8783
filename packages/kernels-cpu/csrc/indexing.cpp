// Ops whose indices are data: take, scatter_add, one_hot.
#include "copy.h"
#include "indices.h"
#include "rows.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <class T>
int TakeSized(penstock_call* call, const AxisView& view, const int64_t* index, int64_t count) {
  const T* x = Input<T>(call, 0);
  T* out = Output<T>(call, 0);
  const int64_t n = view.inner;
  return ParallelFor(call, view.outer * count, Grain(n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* from = x + (i / count * view.size + index[i % count]) * n;
      if (n == 1) {
        out[i] = *from;
      } else {
        memcpy(out + i * n, from, static_cast<size_t>(n) * sizeof(T));
      }
    }
  });
}

int TakeAlong(penstock_call* call, int64_t axis) {
  const AxisView view(call->inputs[0], axis);
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  int status;
  const int64_t* index = CheckedIndices(call, call->inputs[1], view.size, &status);
  if (status != PENSTOCK_OK) return status;
  return WithElement(ElementSize(call->inputs[0]), [&](auto* element) {
    using T = decltype(Pointee(element));
    return TakeSized<T>(call, view, index, Count(call->inputs[1]));
  });
}

}  // namespace

int Take(penstock_call* call) { return TakeAlong(call, IntAttr(call, 0)); }

int Embedding(penstock_call* call) { return TakeAlong(call, 0); }

// Equal indices add up in their order: parallel over the outer part and blocks of the inner, never over the indices.
int ScatterAdd(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  const int64_t count = Count(call->inputs[1]);
  const float *x = Input<float>(call, 0), *updates = Input<float>(call, 2);
  float* out = Output<float>(call, 0);
  int status;
  const int64_t* index = CheckedIndices(call, call->inputs[1], view.size, &status);
  if (status != PENSTOCK_OK) return status;
  if (out != x) CopyBytes(out, x, Count(call->inputs[0]), sizeof(float));

  constexpr int64_t kBlock = 64;
  const int64_t blocks = CeilDiv(view.inner, kBlock);
  const int64_t cost = count * MinOf(kBlock, view.inner);
  return ParallelFor(call, view.outer * blocks, Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i / blocks, col = i % blocks * kBlock;
      const int64_t n = MinOf(kBlock, view.inner - col);
      for (int64_t k = 0; k < count; ++k) {
        float* to = out + (o * view.size + index[k]) * view.inner + col;
        const float* from = updates + (o * count + k) * view.inner + col;
        for (int64_t c = 0; c < n; ++c) to[c] += from[c];
      }
    }
  });
}

int OneHot(penstock_call* call) {
  const penstock_tensor* indices = call->inputs[0];
  const int64_t depth = IntAttr(call, 0);
  float* out = Output<float>(call, 0);
  return ParallelFor(call, Count(indices), Grain(depth), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      memset(out + i * depth, 0, static_cast<size_t>(depth) * sizeof(float));
      const int64_t index = Index(indices, i);
      if (index >= 0 && index < depth) out[i * depth + index] = 1.0f;
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
