// Copying between strided views, whatever the element type: only its size matters.
#ifndef PENSTOCK_KERNELS_CPU_COPY_H_
#define PENSTOCK_KERNELS_CPU_COPY_H_

#include "loop.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Operand 0 is the destination, 1 the source; strides in elements.
using CopyLoop = Loop<2>;

inline void CopyBytes(void* to, const void* from, int64_t count, int64_t element_size) {
  memcpy(to, from, static_cast<size_t>(count * element_size));
}

template <class T>
void CopyRow(T* to, int64_t to_step, const T* from, int64_t from_step, int64_t n) {
  if (to_step == 1 && from_step == 1) {
    memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  } else if (to_step == 1 && from_step == 0) {
    const T value = *from;
    for (int64_t i = 0; i < n; ++i) to[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}

// Rows of a few elements, such as pixels: a loop over the dimension around them, since a call for each costs more
// than the copy.
template <int kInner, class T>
int CopyPixels(penstock_call* call, const CopyLoop& loop, T* to, const T* from) {
  CopyLoop around = loop;
  around.ndim -= 1;
  around.count /= kInner;
  const int64_t to_step = around.InnerStride(0), from_step = around.InnerStride(1);
  return ForEachRow(call, around, kChunk, [&](const int64_t (&at)[2], int64_t n) {
    T* out = to + at[0];
    const T* in = from + at[1];
    int64_t i = 0;
    if (kInner == 3 && to_step == 3 && n > 1) {
      // One element too much is read and written at once; the next pixel mends it. Pixels at the ends go alone.
      memcpy(out, in, kInner * sizeof(T));
      for (i = 1; i < n - 1; ++i) memcpy(out + i * 3, in + i * from_step, 4 * sizeof(T));
    }
    for (; i < n; ++i) memcpy(out + i * to_step, in + i * from_step, kInner * sizeof(T));
  });
}

template <class T>
int CopySized(penstock_call* call, const CopyLoop& loop, T* to, const T* from) {
  if (loop.ndim > 1 && loop.InnerStride(0) == 1 && loop.InnerStride(1) == 1) {
    if (loop.InnerSize() == 2) return CopyPixels<2>(call, loop, to, from);
    if (loop.InnerSize() == 3) return CopyPixels<3>(call, loop, to, from);
    if (loop.InnerSize() == 4) return CopyPixels<4>(call, loop, to, from);
  }
  const int64_t to_step = loop.InnerStride(0), from_step = loop.InnerStride(1);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[2], int64_t n) {
    CopyRow(to + at[0], to_step, from + at[1], from_step, n);
  });
}

// For decltype only: the type behind a pointer.
template <class T>
T Pointee(T*);

// Calls f with a null pointer to an unsigned integer of the element's size.
template <class F>
auto WithElement(int64_t element_size, F&& f) {
  switch (element_size) {
    case 1:
      return f(static_cast<uint8_t*>(nullptr));
    case 2:
      return f(static_cast<uint16_t*>(nullptr));
    case 4:
      return f(static_cast<uint32_t*>(nullptr));
    default:
      return f(static_cast<uint64_t*>(nullptr));
  }
}

// to and from point at the views' first elements.
inline int Copy(penstock_call* call, const CopyLoop& loop, void* to, const void* from,
                int64_t element_size) {
  return WithElement(element_size, [&](auto* element) {
    using T = decltype(Pointee(element));
    return CopySized(call, loop, static_cast<T*>(to), static_cast<const T*>(from));
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_COPY_H_
