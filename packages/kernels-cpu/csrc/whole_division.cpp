// Division that rounds toward minus infinity, and its remainder.
#include <type_traits>

#include "elementwise.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Divides by one positive number many times, by a product and a shift. With N value bits, 2^l the least power of two that
// is not below d and m = floor(2^(N + l) / d) + 1, floor(u / d) = u * m >> (N + l) for 0 <= u < 2^N: m is too large
// by at most d / 2^(N + l) of itself, which u is too small to show (Granlund and Montgomery, "Division by invariant
// integers using multiplication", 1994).
template <class T>
class Divisor {
 public:
  explicit Divisor(T d) : d_(d) {
    while ((Wide{1} << log_) < static_cast<Wide>(d)) ++log_;
    factor_ = static_cast<Unsigned>((Wide{1} << (kBits + log_)) / static_cast<Wide>(d) + 1);
  }
  T Floor(T x) const {
    const T sign = x >> kBits;  // floor(x / d) = -1 - floor((-1 - x) / d)
    const Wide product = static_cast<Wide>(static_cast<Unsigned>(x ^ sign)) * factor_;
    return static_cast<T>(product >> (kBits + log_)) ^ sign;
  }
  // Without signs: near the least number the product is below it, and only the difference is in range again.
  T Remainder(T x) const {
    const Unsigned product = static_cast<Unsigned>(Floor(x)) * static_cast<Unsigned>(d_);
    return static_cast<T>(static_cast<Unsigned>(x) - product);
  }

 private:
  using Unsigned = std::make_unsigned_t<T>;
  using Wide = std::conditional_t<sizeof(T) == 4, uint64_t, unsigned __int128>;
  static constexpr int kBits = sizeof(T) * 8 - 1;
  T d_;
  Unsigned factor_;
  int log_ = 0;
};

template <class T>
struct FloorBy {
  Divisor<T> divisor;
  T operator()(T x) const { return divisor.Floor(x); }
};

template <class T>
struct RemainderBy {
  Divisor<T> divisor;
  T operator()(T x) const { return divisor.Remainder(x); }
};

// Whether all of the call divides by one number.
bool HasOneDivisor(const penstock_call* call) {
  const penstock_tensor* y = call->inputs[1];
  for (int d = 0; d < y->ndim; ++d) {
    if (y->strides[d] != 0 && y->shape[d] != 1) return false;
  }
  return Count(call->outputs[0]) > 0;
}

template <class T, class Op, class ByOne>
int Whole(penstock_call* call) {
  if (HasOneDivisor(call) && *Input<T>(call, 1) > 0) {
    return Unary<T, T>(call, kChunk, ByOne{Divisor<T>(*Input<T>(call, 1))});
  }
  return Binary<T, T, Op>(call);
}

}  // namespace

int FloorDivide(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Binary<float, float, FloorDivideOp>(call);
    case kI32:
      return Whole<int32_t, FloorDivideOp, FloorBy<int32_t>>(call);
    default:
      return Whole<int64_t, FloorDivideOp, FloorBy<int64_t>>(call);
  }
}

int Remainder(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Binary<float, float, RemainderOp>(call);
    case kI32:
      return Whole<int32_t, RemainderOp, RemainderBy<int32_t>>(call);
    default:
      return Whole<int64_t, RemainderOp, RemainderBy<int64_t>>(call);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
