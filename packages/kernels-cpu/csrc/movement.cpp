// Ops that only move elements: transpose, broadcast_to, concat, pad, slice, slice_update, full.
#include <math.h>

#include "copy.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

char* Bytes(const penstock_tensor* tensor) { return Data<char>(tensor); }

// ---- values of any type ----

uint16_t ToBf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);  // nearest, ties to even
}

uint16_t ToF16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);   // NaN
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // rounds to infinity
  if (magnitude < 0x38800000) {  // subnormal: let the addition of 0.5 round
    float shifted;
    memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    uint32_t rounded;
    memcpy(&rounded, &shifted, sizeof rounded);
    return static_cast<uint16_t>(sign | (rounded - 0x3f000000));
  }
  const uint32_t rebased = magnitude - 0x38000000;
  return static_cast<uint16_t>(sign | ((rebased + 0xfff + (rebased >> 13 & 1)) >> 13));
}

// The float32 from which 16 bits may be rounded once more: cut off, with the last bit set where anything was lost.
float RoundToOdd(double value) {
  const float nearest = static_cast<float>(value);
  if (value != value || static_cast<double>(nearest) == value) return nearest;
  uint32_t bits;
  memcpy(&bits, &nearest, sizeof bits);
  if (fabs(static_cast<double>(nearest)) > fabs(value)) --bits;
  bits |= 1;
  float odd;
  memcpy(&odd, &bits, sizeof odd);
  return odd;
}

template <class T>
uint64_t BitsOf(T value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  return bits;
}

// The value's bytes as the tensor's type, in the low bytes on little-endian machines.
uint64_t Encode(const penstock_tensor* tensor, double value) {
  switch (TypeKey(tensor)) {
    case kF64:
      return BitsOf(value);
    case kF32:
      return BitsOf(static_cast<float>(value));
    case kF16:
      return ToF16(RoundToOdd(value));
    case kBf16:
      return ToBf16(static_cast<float>(value));
    case kBool:
      return value != 0.0;
    case kU64:
      return static_cast<uint64_t>(value);
    default:
      return static_cast<uint64_t>(static_cast<int64_t>(value));
  }
}

int Fill(penstock_call* call, const penstock_tensor* out, double value) {
  const uint64_t bits = Encode(out, value);
  const int64_t count = Count(out);
  return WithElement(ElementSize(out), [&](auto* element) {
    using T = decltype(Pointee(element));
    T* data = Data<T>(out);
    const T encoded = static_cast<T>(bits);
    return ParallelFor(call, count, kChunk, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) data[i] = encoded;
    });
  });
}

// Copies all of the dense `from` to a box inside `to`, which begins `offset` elements from its start.
int CopyIntoBox(penstock_call* call, const penstock_tensor* to, int64_t offset,
                const penstock_tensor* from) {
  CopyLoop loop;
  for (int d = 0; d < from->ndim; ++d) loop.Add(from->shape[d], {to->strides[d], from->strides[d]});
  return Copy(call, loop, Bytes(to) + offset * ElementSize(to), Bytes(from), ElementSize(to));
}

int64_t BoxOffset(const penstock_tensor* tensor, const Ints& starts) {
  int64_t offset = 0;
  for (int d = 0; d < tensor->ndim; ++d) offset += starts[d] * tensor->strides[d];
  return offset;
}

// ---- transposing ----

constexpr int64_t kTransposeTile = 32;

// to[i, j] = from[j, i] with both rows contiguous in their own order, tile by tile: both sides stay in L1.
template <class T>
void TransposeTiles(T* to, int64_t to_row, const T* from, int64_t from_row, int64_t rows,
                    int64_t cols) {
  for (int64_t i0 = 0; i0 < rows; i0 += kTransposeTile) {
    const int64_t i1 = MinOf(rows, i0 + kTransposeTile);
    for (int64_t j0 = 0; j0 < cols; j0 += kTransposeTile) {
      const int64_t j1 = MinOf(cols, j0 + kTransposeTile);
      for (int64_t i = i0; i < i1; ++i) {
        for (int64_t j = j0; j < j1; ++j) to[i * to_row + j] = from[j * from_row + i];
      }
    }
  }
}

// The same with few columns that lie side by side: planes of an image become its channels.
template <int kCols, class T>
void Interleave(T* __restrict to, const T* __restrict from, int64_t from_row, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int64_t j = 0; j < kCols; ++j) to[i * kCols + j] = from[j * from_row + i];
}

template <class T>
void TransposeBand(T* to, int64_t to_row, const T* from, int64_t from_row, int64_t rows,
                   int64_t cols) {
  if (to_row == cols && cols == 2) return Interleave<2>(to, from, from_row, rows);
  if (to_row == cols && cols == 3) return Interleave<3>(to, from, from_row, rows);
  if (to_row == cols && cols == 4) return Interleave<4>(to, from, from_row, rows);
  TransposeTiles(to, to_row, from, from_row, rows, cols);
}

// The dimension along which the source is contiguous, if it is not the innermost of the destination.
int ContiguousSource(const CopyLoop& loop) {
  for (int d = 0; d < loop.ndim - 1; ++d) {
    if (loop.stride[1][d] == 1) return d;
  }
  return -1;
}

// The loop over all dimensions but the innermost and d, which the tiles take.
CopyLoop Without(const CopyLoop& loop, int d) {
  CopyLoop rest;
  for (int i = 0; i < loop.ndim - 1; ++i) {
    if (i != d) rest.Add(loop.shape[i], {loop.stride[0][i], loop.stride[1][i]});
  }
  rest.Add(1, {1, 1});
  return rest;
}

template <class T>
int TransposeSized(penstock_call* call, const CopyLoop& loop, int d, T* to, const T* from) {
  const CopyLoop rest = Without(loop, d);
  const int64_t rows = loop.shape[d], cols = loop.InnerSize();
  const int64_t tall = cols > 4 ? kTransposeTile : 1024;
  const int64_t bands = CeilDiv(rows, tall);
  return ParallelFor(
      call, rest.count * bands, Grain(MinOf(rows, tall) * cols), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          int64_t index = i / bands, to_at = 0, from_at = 0;
          for (int k = rest.ndim - 1; k >= 0; --k) {
            to_at += index % rest.shape[k] * rest.stride[0][k];
            from_at += index % rest.shape[k] * rest.stride[1][k];
            index /= rest.shape[k];
          }
          const int64_t row = i % bands * tall;
          TransposeBand(to + to_at + row * loop.stride[0][d], loop.stride[0][d],
                        from + from_at + row, loop.InnerStride(1), MinOf(tall, rows - row), cols);
        }
      });
}

}  // namespace

int Transpose(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const Ints axes = IntsAttr(call, 0);
  CopyLoop loop;
  for (int d = 0; d < out->ndim; ++d) {
    const int axis = IsNone(call, 0) ? out->ndim - 1 - d : static_cast<int>(axes[d]);
    loop.Add(out->shape[d], {out->strides[d], x->strides[axis]});
  }
  const int contiguous = ContiguousSource(loop);
  if (loop.count == 0 || contiguous < 0 || loop.InnerStride(1) == 1) {
    return Copy(call, loop, Bytes(out), Bytes(x), ElementSize(x));
  }
  return WithElement(ElementSize(x), [&](auto* element) {
    using T = decltype(Pointee(element));
    return TransposeSized(call, loop, contiguous, Data<T>(out), Data<const T>(x));
  });
}

int BroadcastTo(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const int added = out->ndim - x->ndim;
  CopyLoop loop;
  for (int d = 0; d < out->ndim; ++d) {
    const bool repeated = d < added || x->shape[d - added] == 1;
    loop.Add(out->shape[d], {out->strides[d], repeated ? 0 : x->strides[d - added]});
  }
  return Copy(call, loop, Bytes(out), Bytes(x), ElementSize(x));
}

int Concat(penstock_call* call) {
  const penstock_tensor* out = call->outputs[0];
  const int64_t axis = IntAttr(call, 0);
  int64_t at = 0;
  for (int i = 0; i < call->num_inputs; ++i) {
    const penstock_tensor* x = call->inputs[i];
    const int status = CopyIntoBox(call, out, at * out->strides[axis], x);
    if (status != PENSTOCK_OK) return status;
    at += x->shape[axis];
  }
  return PENSTOCK_OK;
}

int Pad(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const Ints width = IntsAttr(call, 0);
  const int status = Fill(call, out, FloatAttr(call, 1));
  if (status != PENSTOCK_OK) return status;
  int64_t offset = 0;
  for (int d = 0; d < x->ndim; ++d) offset += width[2 * d] * out->strides[d];
  return CopyIntoBox(call, out, offset, x);
}

int Slice(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const Ints starts = IntsAttr(call, 0), steps = IntsAttr(call, 2);
  CopyLoop loop;
  for (int d = 0; d < x->ndim; ++d) {
    loop.Add(out->shape[d], {out->strides[d], x->strides[d] * steps[d]});
  }
  if (loop.count == 0) return PENSTOCK_OK;
  return Copy(call, loop, Bytes(out), Bytes(x) + BoxOffset(x, starts) * ElementSize(x),
              ElementSize(x));
}

int SliceUpdate(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *update = call->inputs[1], *out = call->outputs[0];
  const Ints starts = IntsAttr(call, 0), steps = IntsAttr(call, 1);
  if (Bytes(out) != Bytes(x)) {
    const int status = CopyIntoBox(call, out, 0, x);
    if (status != PENSTOCK_OK) return status;
  }
  CopyLoop loop;
  for (int d = 0; d < x->ndim; ++d) {
    loop.Add(update->shape[d], {out->strides[d] * steps[d], update->strides[d]});
  }
  if (loop.count == 0) return PENSTOCK_OK;
  return Copy(call, loop, Bytes(out) + BoxOffset(out, starts) * ElementSize(x), Bytes(update),
              ElementSize(x));
}

int Full(penstock_call* call) { return Fill(call, call->outputs[0], FloatAttr(call, 1)); }

int SizeOf(penstock_call* call) {
  const Ints shape = IntsAttr(call, 0);
  int64_t size = 1;
  for (int d = 0; d < shape.size; ++d) size *= shape[d];
  return Fill(call, call->outputs[0], static_cast<double>(size));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
