// What becomes of a place in memory when another value arrives there.
#ifndef PENSTOCK_KERNELS_CPU_COMBINE_H_
#define PENSTOCK_KERNELS_CPU_COMBINE_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

struct Set {
  template <class T>
  static T Of(T, T update) {
    return update;
  }
};

struct AddUp {
  template <class T>
  static T Of(T old, T update) {
    return old + update;
  }
  // Integers wrap around.
  static int32_t Of(int32_t old, int32_t update) {
    return static_cast<int32_t>(static_cast<uint32_t>(old) + static_cast<uint32_t>(update));
  }
  static int64_t Of(int64_t old, int64_t update) {
    return static_cast<int64_t>(static_cast<uint64_t>(old) + static_cast<uint64_t>(update));
  }
};

// A NaN on either side stays.
struct Larger {
  template <class T>
  static T Of(T old, T update) {
    return old > update || old != old ? old : update;
  }
};

struct Smaller {
  template <class T>
  static T Of(T old, T update) {
    return old < update || old != old ? old : update;
  }
};

// Calls f with a null pointer to the tensor's type.
template <class F>
int WithNumber(const penstock_tensor* tensor, F&& f) {
  switch (TypeKey(tensor)) {
    case kF64:
      return f(static_cast<double*>(nullptr));
    case kI32:
      return f(static_cast<int32_t*>(nullptr));
    case kI64:
      return f(static_cast<int64_t*>(nullptr));
    default:
      return f(static_cast<float*>(nullptr));
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_COMBINE_H_
