// Reading the call frame, failing with a message, and splitting work: what every kernel needs first.
//
// All headers here live in the namespace of one instruction set and use no inline function of the C++ library: the
// linker merges such functions, and could otherwise give the portable kernels a copy made of AVX-512.
#ifndef PENSTOCK_KERNELS_CPU_FRAME_H_
#define PENSTOCK_KERNELS_CPU_FRAME_H_

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int kMaxDims = 16;

// Elements of cheap work in one parallel chunk: about 0.05 ms of memory-bound work.
constexpr int64_t kChunk = 32 * 1024;

template <class T>
constexpr T MinOf(T a, T b) {
  return b < a ? b : a;
}

template <class T>
constexpr T MaxOf(T a, T b) {
  return a < b ? b : a;
}

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }

// How many items of `cost` elements each make one parallel chunk.
constexpr int64_t Grain(int64_t cost, int64_t chunk = kChunk) {
  return MaxOf<int64_t>(1, chunk / MaxOf<int64_t>(1, cost));
}

// ---- tensors ----

template <class T>
T* Data(const penstock_tensor* tensor) {
  return reinterpret_cast<T*>(static_cast<char*>(tensor->data) + tensor->byte_offset);
}

template <class T>
const T* Input(const penstock_call* call, int i) {
  return Data<const T>(call->inputs[i]);
}

template <class T>
T* Output(const penstock_call* call, int i) {
  return Data<T>(call->outputs[i]);
}

// Product of dimensions [begin, end).
inline int64_t Extent(const penstock_tensor* tensor, int begin, int end) {
  int64_t n = 1;
  for (int d = begin; d < end; ++d) n *= tensor->shape[d];
  return n;
}

inline int64_t Count(const penstock_tensor* tensor) { return Extent(tensor, 0, tensor->ndim); }

// A dense tensor seen from one axis: [outer, size, inner].
struct AxisView {
  int64_t outer, size, inner;
  AxisView(int64_t outer, int64_t size, int64_t inner) : outer(outer), size(size), inner(inner) {}
  AxisView(const penstock_tensor* tensor, int64_t axis)
      : outer(Extent(tensor, 0, static_cast<int>(axis))),
        size(tensor->shape[axis]),
        inner(Extent(tensor, static_cast<int>(axis) + 1, tensor->ndim)) {}
};

// ---- data types ----

constexpr int TypeKey(int code, int bits) { return code * 256 + bits; }

inline int TypeKey(const penstock_tensor* tensor) {
  return TypeKey(tensor->dtype.code, tensor->dtype.bits);
}

constexpr int kF32 = TypeKey(PENSTOCK_CODE_FLOAT, 32), kF64 = TypeKey(PENSTOCK_CODE_FLOAT, 64);
constexpr int kF16 = TypeKey(PENSTOCK_CODE_FLOAT, 16), kBf16 = TypeKey(PENSTOCK_CODE_BFLOAT, 16);
constexpr int kI8 = TypeKey(PENSTOCK_CODE_INT, 8), kI16 = TypeKey(PENSTOCK_CODE_INT, 16);
constexpr int kI32 = TypeKey(PENSTOCK_CODE_INT, 32), kI64 = TypeKey(PENSTOCK_CODE_INT, 64);
constexpr int kU8 = TypeKey(PENSTOCK_CODE_UINT, 8), kU16 = TypeKey(PENSTOCK_CODE_UINT, 16);
constexpr int kU32 = TypeKey(PENSTOCK_CODE_UINT, 32), kU64 = TypeKey(PENSTOCK_CODE_UINT, 64);
constexpr int kBool = TypeKey(PENSTOCK_CODE_BOOL, 8);

inline int64_t ElementSize(const penstock_tensor* tensor) { return tensor->dtype.bits / 8; }

// ---- attributes, by their place in the op's declaration ----

struct Ints {
  const int64_t* data;
  int size;
  int64_t operator[](int i) const { return data[i]; }
};

inline bool IsNone(const penstock_call* call, int i) {
  return call->attrs[i].kind == PENSTOCK_ATTR_NONE;
}

inline int64_t IntAttr(const penstock_call* call, int i) { return call->attrs[i].v.i; }

inline bool BoolAttr(const penstock_call* call, int i) { return call->attrs[i].v.i != 0; }

inline double FloatAttr(const penstock_call* call, int i) {
  const penstock_attr& attr = call->attrs[i];
  return attr.kind == PENSTOCK_ATTR_FLOAT ? attr.v.f : static_cast<double>(attr.v.i);
}

inline Ints IntsAttr(const penstock_call* call, int i) {
  return {call->attrs[i].v.is, static_cast<int>(call->attrs[i].count)};
}

inline bool StrAttrIs(const penstock_call* call, int i, const char* value) {
  return strcmp(call->attrs[i].v.s, value) == 0;
}

// ---- host services ----

__attribute__((format(printf, 2, 3))) inline int Fail(penstock_call* call, const char* format,
                                                      ...) {
  char message[256];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return call->host->fail(call, message);
}

template <class T>
T* Scratch(penstock_call* call, int64_t count) {
  return static_cast<T*>(
      call->host->scratch(call, static_cast<size_t>(MaxOf<int64_t>(count, 1)) * sizeof(T)));
}

// body(begin, end) over chunks of [0, n). The host is left out when there is one chunk: tiny tensors are common.
template <class Body>
int ParallelFor(penstock_call* call, int64_t n, int64_t grain, Body&& body) {
  if (n <= grain) {
    if (n > 0) body(int64_t{0}, n);
    return PENSTOCK_OK;
  }
  auto trampoline = [](void* context, int64_t begin, int64_t end) {
    (*static_cast<decltype(&body)>(context))(begin, end);
  };
  return call->host->parallel_for(call, n, grain, trampoline,
                                  const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_FRAME_H_
