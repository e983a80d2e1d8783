// Indices that are data: read in either width, and checked before anything is written.
#ifndef PENSTOCK_KERNELS_CPU_INDICES_H_
#define PENSTOCK_KERNELS_CPU_INDICES_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

inline int64_t Index(const penstock_tensor* indices, int64_t i) {
  return indices->dtype.bits == 32 ? Data<const int32_t>(indices)[i]
                                   : Data<const int64_t>(indices)[i];
}

// Copies indices counted from the start; the first wrong one ends it. Returns how many were right.
template <class T>
int64_t CopyIndices(const T* from, int64_t count, int64_t size, int64_t* to) {
  uint64_t wrong = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = from[i];
    to[i] = index + (index < 0 ? size : 0);
    wrong |= static_cast<uint64_t>(to[i]) >= static_cast<uint64_t>(size);
  }
  if (!wrong) return count;
  int64_t right = 0;
  while (static_cast<uint64_t>(to[right]) < static_cast<uint64_t>(size)) ++right;
  return right;
}

// Indices counted from the start, checked before anything is written; NULL when one is wrong or memory ran out, then
// *status says which.
inline const int64_t* CheckedIndices(penstock_call* call, const penstock_tensor* indices,
                                     int64_t size, int* status) {
  const int64_t count = Count(indices);
  int64_t* out = Scratch<int64_t>(call, count);
  *status = out ? PENSTOCK_OK : PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  const int64_t right = indices->dtype.bits == 32
                            ? CopyIndices(Data<const int32_t>(indices), count, size, out)
                            : CopyIndices(Data<const int64_t>(indices), count, size, out);
  if (right == count) return out;
  Fail(call, "index %lld at position %lld is out of range for an axis of size %lld",
       static_cast<long long>(Index(indices, right)), static_cast<long long>(right),
       static_cast<long long>(size));
  *status = PENSTOCK_OUT_OF_RANGE;
  return nullptr;
}

// Coordinates [..., k] as row-major positions among the first k axes of x.
inline const int64_t* CheckedCoordinates(penstock_call* call, const penstock_tensor* indices,
                                         const penstock_tensor* x, int* status) {
  const int k = static_cast<int>(indices->shape[indices->ndim - 1]);
  const int64_t count = Extent(indices, 0, indices->ndim - 1);
  int64_t* out = Scratch<int64_t>(call, count);
  *status = out ? PENSTOCK_OK : PENSTOCK_NO_MEMORY;
  for (int64_t i = 0; out && i < count; ++i) {
    out[i] = 0;
    for (int axis = 0; axis < k; ++axis) {
      const int64_t index = Index(indices, i * k + axis), size = x->shape[axis];
      if (index < -size || index >= size) {
        Fail(call, "index %lld at position %lld is out of range for axis %d of size %lld",
             static_cast<long long>(index), static_cast<long long>(i), axis,
             static_cast<long long>(size));
        *status = PENSTOCK_OUT_OF_RANGE;
        return nullptr;
      }
      out[i] = out[i] * size + (index < 0 ? index + size : index);
    }
  }
  return out;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_INDICES_H_
