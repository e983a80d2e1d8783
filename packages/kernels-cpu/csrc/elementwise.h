// Running an operator over the elements of a call, with broadcasting.
#ifndef PENSTOCK_KERNELS_CPU_ELEMENTWISE_H_
#define PENSTOCK_KERNELS_CPU_ELEMENTWISE_H_

#include "loop.h"
#include "vector_ops.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Elements of expensive work (exp and the like) in one parallel chunk.
constexpr int64_t kMathChunk = 16 * 1024;

template <class T, class R, class Op>
int Unary(penstock_call* call, int64_t chunk = kChunk, Op op = {}) {
  const auto loop = ElementwiseLoop<2>(call);
  R* out = Output<R>(call, 0);
  const T* x = Input<T>(call, 0);
  const int64_t stride = loop.InnerStride(1);
  return ForEachRow(call, loop, chunk, [&](const int64_t (&at)[2], int64_t n) {
    if (stride == 1) {
      Row<T>(op, out + at[0], n, Dense<T>{x + at[1]});
    } else {
      Row<T>(op, out + at[0], n, Strided<T>{x + at[1], stride});
    }
  });
}

template <class T, class R, class Op>
int Binary(penstock_call* call, int64_t chunk = kChunk, Op op = {}) {
  const auto loop = ElementwiseLoop<3>(call);
  R* out = Output<R>(call, 0);
  const T* x = Input<T>(call, 0);
  const T* y = Input<T>(call, 1);
  const int64_t sx = loop.InnerStride(1), sy = loop.InnerStride(2);
  return ForEachRow(call, loop, chunk, [&](const int64_t (&at)[3], int64_t n) {
    R* o = out + at[0];
    const T *a = x + at[1], *b = y + at[2];
    if (sx == 1 && sy == 1) {
      Row<T>(op, o, n, Dense<T>{a}, Dense<T>{b});
    } else if (sx == 1 && sy == 0) {
      Row<T>(op, o, n, Dense<T>{a}, Scalar<T>{Lane<T>::Splat(*b)});
    } else if (sx == 0 && sy == 1) {
      Row<T>(op, o, n, Scalar<T>{Lane<T>::Splat(*a)}, Dense<T>{b});
    } else {
      Row<T>(op, o, n, Strided<T>{a, sx}, Strided<T>{b, sy});
    }
  });
}

// Three operands of one type; bounds that are single numbers are common enough for a loop of their own.
template <class T, class Op>
int Ternary(penstock_call* call) {
  const auto loop = ElementwiseLoop<4>(call);
  T* out = Output<T>(call, 0);
  const T *x = Input<T>(call, 0), *y = Input<T>(call, 1), *z = Input<T>(call, 2);
  const int64_t sx = loop.InnerStride(1), sy = loop.InnerStride(2), sz = loop.InnerStride(3);
  return ForEachRow(call, loop, kChunk, [&](const int64_t (&at)[4], int64_t n) {
    T* o = out + at[0];
    const T *a = x + at[1], *b = y + at[2], *c = z + at[3];
    if (sx == 1 && sy == 0 && sz == 0) {
      Row<T>(Op(), o, n, Dense<T>{a}, Scalar<T>{Lane<T>::Splat(*b)}, Scalar<T>{Lane<T>::Splat(*c)});
    } else {
      Row<T>(Op(), o, n, Strided<T>{a, sx}, Strided<T>{b, sy}, Strided<T>{c, sz});
    }
  });
}

template <class Op>
int Math(penstock_call* call, Op op = {}) {
  return Unary<float, float, Op>(call, kMathChunk, op);
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_ELEMENTWISE_H_
