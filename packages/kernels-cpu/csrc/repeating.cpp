// Elements repeated or moved round, and diagonals: copies between strided views, so any type of that size will do.
#include "copy.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

char* Bytes(const penstock_tensor* tensor) { return Data<char>(tensor); }

// Each element along the axis its own number of times.
int RepeatEach(penstock_call* call, const AxisView& view, const Ints& counts) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  int64_t length = 0;
  for (int64_t i = 0; i < view.size; ++i) length += counts[static_cast<int>(i)];
  const int64_t slice = view.inner * ElementSize(x);
  return ParallelFor(call, view.outer, Grain(length * view.inner), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      char* to = Bytes(out) + o * length * slice;
      const char* from = Bytes(x) + o * view.size * slice;
      for (int64_t i = 0; i < view.size; ++i, from += slice) {
        for (int64_t k = 0; k < counts[static_cast<int>(i)]; ++k, to += slice) {
          memcpy(to, from, static_cast<size_t>(slice));
        }
      }
    }
  });
}

// Every element `times` times, one after the other.
template <class T>
int RepeatElements(penstock_call* call, const T* x, int64_t count, int64_t times, T* out) {
  return ParallelFor(call, count, Grain(times), [&](int64_t begin, int64_t end) {
    T* to = out + begin * times;
    if (times == 2) {
      for (int64_t i = begin; i < end; ++i, to += 2) to[0] = to[1] = x[i];
      return;
    }
    for (int64_t i = begin; i < end; ++i, to += times) {
      for (int64_t k = 0; k < times; ++k) to[k] = x[i];
    }
  });
}

// The loop over a diagonal of `matrices`, whose dense counterpart is `line`; the matrices are operand kMatrices.
template <int kMatrices>
CopyLoop DiagonalLoop(const penstock_call* call, const penstock_tensor* matrices,
                      const penstock_tensor* line) {
  CopyLoop loop;
  const auto add = [&](int64_t size, int64_t matrix_stride, int64_t line_stride) {
    if (kMatrices == 0) {
      loop.Add(size, {matrix_stride, line_stride});
    } else {
      loop.Add(size, {line_stride, matrix_stride});
    }
  };
  const int64_t first = IntAttr(call, 1), second = IntAttr(call, 2);
  int at = 0;
  for (int d = 0; d < matrices->ndim; ++d) {
    if (d == first || d == second) continue;
    add(matrices->shape[d], matrices->strides[d], line->strides[at]);
    ++at;
  }
  add(line->shape[at], matrices->strides[first] + matrices->strides[second], line->strides[at]);
  return loop;
}

// Where the diagonal begins, in bytes.
int64_t DiagonalStart(const penstock_call* call, const penstock_tensor* matrices) {
  const int64_t offset = IntAttr(call, 0);
  const int64_t axis = offset < 0 ? IntAttr(call, 1) : IntAttr(call, 2);
  return (offset < 0 ? -offset : offset) * matrices->strides[axis] * ElementSize(matrices);
}

// How far each axis is rolled, all shifts together, from 0 to its size - 1.
void Distances(const penstock_call* call, const penstock_tensor* x, int64_t (&distance)[kMaxDims]) {
  const Ints shifts = IntsAttr(call, 0), axes = IntsAttr(call, 1);
  for (int64_t& d : distance) d = 0;
  for (int i = 0; i < axes.size; ++i) {
    const int64_t size = x->shape[axes[i]], shift = shifts[i] % size;
    distance[axes[i]] = (distance[axes[i]] + shift + size) % size;
  }
}

}  // namespace

int Repeat(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const Ints counts = IntsAttr(call, 0);
  const AxisView view = IsNone(call, 1) ? AxisView(1, Count(x), 1) : AxisView(x, IntAttr(call, 1));
  if (Count(out) == 0) return PENSTOCK_OK;
  if (counts.size != 1) return RepeatEach(call, view, counts);
  const int64_t n = counts[0];
  if (view.inner == 1) {
    return WithElement(ElementSize(x), [&](auto* element) {
      using T = decltype(Pointee(element));
      return RepeatElements(call, Data<const T>(x), Count(x), n, Data<T>(out));
    });
  }
  CopyLoop loop;
  loop.Add(view.outer * view.size, {n * view.inner, view.inner});
  loop.Add(n, {view.inner, 0});
  loop.Add(view.inner, {1, 1});
  return Copy(call, loop, Bytes(out), Bytes(x), ElementSize(x));
}

int TileCopies(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  if (Count(out) == 0) return PENSTOCK_OK;
  const int added = out->ndim - x->ndim;
  CopyLoop loop;
  for (int d = 0; d < out->ndim; ++d) {
    const int64_t size = d < added ? 1 : x->shape[d - added];
    const int64_t stride = d < added ? 0 : x->strides[d - added];
    loop.Add(out->shape[d] / size, {size * out->strides[d], 0});
    loop.Add(size, {out->strides[d], stride});
  }
  return Copy(call, loop, Bytes(out), Bytes(x), ElementSize(x));
}

// Every rolled axis has two parts, which change places; each combination of parts is one block.
int Roll(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const int64_t count = Count(x), element = ElementSize(x);
  if (count == 0) return PENSTOCK_OK;
  if (IsNone(call, 1)) {
    const int64_t head = (IntsAttr(call, 0)[0] % count + count) % count * element;
    const int64_t tail = count * element - head;
    memcpy(Bytes(out), Bytes(x) + tail, static_cast<size_t>(head));
    memcpy(Bytes(out) + head, Bytes(x), static_cast<size_t>(tail));
    return PENSTOCK_OK;
  }
  int64_t distance[kMaxDims];
  Distances(call, x, distance);
  int64_t blocks = 1;
  for (int d = 0; d < x->ndim; ++d) blocks *= distance[d] ? 2 : 1;
  for (int64_t block = 0; block < blocks; ++block) {
    CopyLoop loop;
    int64_t to = 0, from = 0, choice = block;
    for (int d = 0; d < x->ndim; ++d) {
      int64_t size = x->shape[d];
      if (distance[d]) {
        const bool wraps = choice % 2;
        choice /= 2;
        from += wraps ? (size - distance[d]) * x->strides[d] : 0;
        to += wraps ? 0 : distance[d] * out->strides[d];
        size = wraps ? distance[d] : size - distance[d];
      }
      loop.Add(size, {out->strides[d], x->strides[d]});
    }
    const int status =
        Copy(call, loop, Bytes(out) + to * element, Bytes(x) + from * element, element);
    if (status != PENSTOCK_OK) return status;
  }
  return PENSTOCK_OK;
}

int Diagonal(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const CopyLoop loop = DiagonalLoop<1>(call, x, out);
  if (loop.count == 0) return PENSTOCK_OK;
  return Copy(call, loop, Bytes(out), Bytes(x) + DiagonalStart(call, x), ElementSize(x));
}

int DiagonalScatter(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *values = call->inputs[1], *out = call->outputs[0];
  if (Bytes(out) != Bytes(x)) CopyBytes(Bytes(out), Bytes(x), Count(x), ElementSize(x));
  const CopyLoop loop = DiagonalLoop<0>(call, out, values);
  if (loop.count == 0) return PENSTOCK_OK;
  return Copy(call, loop, Bytes(out) + DiagonalStart(call, out), Bytes(values), ElementSize(x));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
