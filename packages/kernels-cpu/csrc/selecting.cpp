// nonzero: the positions of the first elements that are not zero.
#include "frame.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Row-major numbers of the elements that are not zero, at most `size`; returns how many were found. What would be a
// branch that nobody can foresee is an addition; the last place is written only by who has found it.
template <class T>
int64_t Find(const T* x, int64_t count, int64_t size, int64_t* found) {
  int64_t n = 0, i = 0;
  for (; i < count && n < size - 1; ++i) {
    found[n] = i;
    n += x[i] != 0;
  }
  for (; i < count && n < size; ++i) {
    if (x[i] != 0) found[n++] = i;
  }
  return n;
}

int64_t FindIn(const penstock_tensor* x, int64_t size, int64_t* found) {
  switch (TypeKey(x)) {
    case kBool:
      return Find(Data<const uint8_t>(x), Count(x), size, found);
    case kF64:
      return Find(Data<const double>(x), Count(x), size, found);
    case kI32:
      return Find(Data<const int32_t>(x), Count(x), size, found);
    case kI64:
      return Find(Data<const int64_t>(x), Count(x), size, found);
    default:
      return Find(Data<const float>(x), Count(x), size, found);
  }
}

}  // namespace

int Nonzero(penstock_call* call) {
  const penstock_tensor* x = call->inputs[0];
  const int64_t size = IntAttr(call, 0), fill = IntAttr(call, 1);
  int64_t* out = Output<int64_t>(call, 0);
  if (size == 0) return PENSTOCK_OK;
  // The last row of the result holds the numbers until their coordinates take its place.
  int64_t* number = out + (x->ndim - 1) * size;
  const int64_t n = FindIn(x, size, number);
  for (int64_t i = 0; i < n && x->ndim > 1; ++i) {  // of one dimension the number is the coordinate
    int64_t rest = number[i];
    for (int d = x->ndim - 1; d >= 0; --d) {
      out[d * size + i] = rest % x->shape[d];
      rest /= x->shape[d];
    }
  }
  for (int d = 0; d < x->ndim; ++d) {
    for (int64_t i = n; i < size; ++i) out[d * size + i] = fill;
  }
  return PENSTOCK_OK;
}

}  // namespace penstock::cpu::PENSTOCK_ISA
