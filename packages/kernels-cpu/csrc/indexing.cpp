// Reading at indices that are data: take, embedding, take_along_axis, gather_nd, one_hot.
#include "copy.h"
#include "indices.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <class T>
int TakeSized(penstock_call* call, const AxisView& view, const int64_t* index, int64_t count) {
  const T* x = Input<T>(call, 0);
  T* out = Output<T>(call, 0);
  const int64_t n = view.inner;
  return ParallelFor(call, view.outer * count, Grain(n), [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    while (
        i <
        end) {  // what is left of one outer part at a time: a division for each element would cost more than it
      const T* from = x + i / count * view.size * n;
      const int64_t* which = index + i % count;
      const int64_t stop = MinOf(end, i - i % count + count);
      for (; n == 1 && i < stop; ++i) out[i] = from[*which++];
      for (; i < stop; ++i) {
        memcpy(out + i * n, from + *which++ * n, static_cast<size_t>(n) * sizeof(T));
      }
    }
  });
}

int TakeRows(penstock_call* call, const AxisView& view, const int64_t* index, int64_t count) {
  return WithElement(ElementSize(call->inputs[0]), [&](auto* element) {
    using T = decltype(Pointee(element));
    return TakeSized<T>(call, view, index, count);
  });
}

int TakeSlices(penstock_call* call, int64_t axis) {
  const AxisView view(call->inputs[0], axis);
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  int status;
  const int64_t* index = CheckedIndices(call, call->inputs[1], view.size, &status);
  if (status != PENSTOCK_OK) return status;
  return TakeRows(call, view, index, Count(call->inputs[1]));
}

// What a step along one axis means in the result, in x and in the indices.
struct Steps {
  int64_t count, out, x, index;
};

template <class T>
int TakeAlong(penstock_call* call, const Loop<3>& loop, const Steps& step, const int64_t* index) {
  const T* x = Input<T>(call, 0);
  T* out = Output<T>(call, 0);
  return ForEachRow(call, loop, Grain(step.count), [&](const int64_t (&at)[3], int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      T* to = out + at[0] + i * loop.InnerStride(0);
      const T* from = x + at[1] + i * loop.InnerStride(1);
      const int64_t* which = index + at[2] + i * loop.InnerStride(2);
      for (int64_t j = 0; j < step.count; ++j) {
        to[j * step.out] = from[which[j * step.index] * step.x];
      }
    }
  });
}

}  // namespace

int Take(penstock_call* call) { return TakeSlices(call, IntAttr(call, 0)); }

int Embedding(penstock_call* call) { return TakeSlices(call, 0); }

int GatherNd(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *indices = call->inputs[1];
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  int status;
  const int64_t* row = CheckedCoordinates(call, indices, x, &status);
  if (status != PENSTOCK_OK) return status;
  const int k = static_cast<int>(indices->shape[indices->ndim - 1]);
  const AxisView view(1, Extent(x, 0, k), Extent(x, k, x->ndim));
  return TakeRows(call, view, row, Extent(indices, 0, indices->ndim - 1));
}

int TakeAlongAxis(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *indices = call->inputs[1], *out = call->outputs[0];
  const int axis = static_cast<int>(IntAttr(call, 0));
  if (Count(out) == 0) return PENSTOCK_OK;
  int status;
  const int64_t* index = CheckedIndices(call, indices, x->shape[axis], &status);
  if (status != PENSTOCK_OK) return status;
  Loop<3> loop;
  for (int d = 0; d < out->ndim; ++d) {
    if (d == axis) continue;
    loop.Add(out->shape[d], {out->strides[d], x->shape[d] == 1 ? 0 : x->strides[d],
                             indices->shape[d] == 1 ? 0 : indices->strides[d]});
  }
  const Steps step = {out->shape[axis], out->strides[axis], x->strides[axis],
                      indices->strides[axis]};
  return WithElement(ElementSize(x), [&](auto* element) {
    using T = decltype(Pointee(element));
    return TakeAlong<T>(call, loop, step, index);
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
