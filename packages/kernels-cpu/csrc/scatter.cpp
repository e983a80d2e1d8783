// Writing at indices that are data: the scatters along an axis, at coordinates, and put_along_axis.
#include "combine.h"
#include "copy.h"
#include "indices.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <class Mode, class F>
int WithType(const penstock_tensor* tensor, F&& f) {
  if constexpr (__is_same(Mode, Set)) {
    return WithElement(ElementSize(tensor), f);
  } else {
    return WithNumber(tensor, f);
  }
}

void StartFromX(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  if (Data<char>(out) != Data<char>(x)) {
    CopyBytes(Data<char>(out), Data<char>(x), Count(x), ElementSize(x));
  }
}

// ---- whole slices

// Updates of one place follow each other in their order: parallel over the outer part and blocks of the inner, never
// over the indices.
template <class Mode, class T>
int ScatterRows(penstock_call* call, const AxisView& view, const int64_t* index, int64_t count) {
  const T* updates = Input<T>(call, 2);
  T* out = Output<T>(call, 0);
  constexpr int64_t kBlock = 64;
  const int64_t blocks = CeilDiv(view.inner, kBlock);
  const int64_t cost = count * MinOf(kBlock, view.inner);
  return ParallelFor(call, view.outer * blocks, Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i / blocks, col = i % blocks * kBlock;
      const int64_t n = MinOf(kBlock, view.inner - col);
      for (int64_t k = 0; k < count; ++k) {
        T* to = out + (o * view.size + index[k]) * view.inner + col;
        const T* from = updates + (o * count + k) * view.inner + col;
        for (int64_t c = 0; c < n; ++c) to[c] = Mode::Of(to[c], from[c]);
      }
    }
  });
}

template <class Mode>
int Scattered(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  int status;
  const int64_t* index = CheckedIndices(call, call->inputs[1], view.size, &status);
  if (status != PENSTOCK_OK) return status;
  StartFromX(call);
  return WithType<Mode>(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    return ScatterRows<Mode, T>(call, view, index, Count(call->inputs[1]));
  });
}

template <class Mode>
int ScatteredNd(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *indices = call->inputs[1];
  int status;
  const int64_t* row = CheckedCoordinates(call, indices, x, &status);
  if (status != PENSTOCK_OK) return status;
  StartFromX(call);
  const int k = static_cast<int>(indices->shape[indices->ndim - 1]);
  const AxisView view(1, Extent(x, 0, k), Extent(x, k, x->ndim));
  return WithType<Mode>(x, [&](auto* element) {
    using T = decltype(Pointee(element));
    return ScatterRows<Mode, T>(call, view, row, Extent(indices, 0, indices->ndim - 1));
  });
}

// ---- single elements

// What a step along one axis means in the result, in the indices and in the values.
struct Steps {
  int64_t count, out, index, value;
};

template <class Mode, class T>
int PutAlong(penstock_call* call, const Loop<3>& loop, const Steps& step, const int64_t* index) {
  const T* values = Input<T>(call, 2);
  T* out = Output<T>(call, 0);
  return ForEachRow(call, loop, Grain(step.count), [&](const int64_t (&at)[3], int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      T* to = out + at[0] + i * loop.InnerStride(0);
      const int64_t* which = index + at[1] + i * loop.InnerStride(1);
      const T* from = values + at[2] + i * loop.InnerStride(2);
      for (int64_t j = 0; j < step.count; ++j) {
        T& place = to[which[j * step.index] * step.out];
        place = Mode::Of(place, from[j * step.value]);
      }
    }
  });
}

// The stride of a tensor that broadcasts, along axis d of one with `ndim` axes.
int64_t BroadcastStride(const penstock_tensor* tensor, int d, int ndim) {
  const int own = d - (ndim - tensor->ndim);
  return own < 0 || tensor->shape[own] == 1 ? 0 : tensor->strides[own];
}

template <class Mode>
int Put(penstock_call* call) {
  const penstock_tensor *indices = call->inputs[1], *values = call->inputs[2];
  const penstock_tensor* out = call->outputs[0];
  const int axis = static_cast<int>(IntAttr(call, 0));
  int status;
  const int64_t* index = CheckedIndices(call, indices, out->shape[axis], &status);
  if (status != PENSTOCK_OK) return status;
  StartFromX(call);
  Loop<3> loop;
  for (int d = 0; d < out->ndim; ++d) {
    if (d == axis) continue;
    loop.Add(out->shape[d], {out->strides[d], BroadcastStride(indices, d, out->ndim),
                             BroadcastStride(values, d, out->ndim)});
  }
  const Steps step = {indices->shape[axis], out->strides[axis], indices->strides[axis],
                      BroadcastStride(values, axis, out->ndim)};
  return WithType<Mode>(out, [&](auto* element) {
    using T = decltype(Pointee(element));
    return PutAlong<Mode, T>(call, loop, step, index);
  });
}

}  // namespace

int Scatter(penstock_call* call) { return Scattered<Set>(call); }
int ScatterAdd(penstock_call* call) { return Scattered<AddUp>(call); }
int ScatterMax(penstock_call* call) { return Scattered<Larger>(call); }
int ScatterMin(penstock_call* call) { return Scattered<Smaller>(call); }
int ScatterNdUpdate(penstock_call* call) { return ScatteredNd<Set>(call); }
int ScatterNdAdd(penstock_call* call) { return ScatteredNd<AddUp>(call); }
int ScatterNdMax(penstock_call* call) { return ScatteredNd<Larger>(call); }
int ScatterNdMin(penstock_call* call) { return ScatteredNd<Smaller>(call); }

int PutAlongAxis(penstock_call* call) {
  if (StrAttrIs(call, 1, "add")) return Put<AddUp>(call);
  if (StrAttrIs(call, 1, "max")) return Put<Larger>(call);
  if (StrAttrIs(call, 1, "min")) return Put<Smaller>(call);
  return Put<Set>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
