// Scratch memory for tasks that run at the same time: each takes a room and gives it back.
#ifndef PENSTOCK_KERNELS_CPU_ROOMS_H_
#define PENSTOCK_KERNELS_CPU_ROOMS_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// By number: who takes the lowest free one finds it in its cache. There must be as many as tasks at a time, or tasks wait.
class Rooms {
 public:
  static constexpr int64_t kMost = 64;
  Rooms(float* data, int64_t size, int64_t count) : data_(data), size_(size), count_(count) {}

  int64_t Take() {
    for (int64_t i = 0;; i = (i + 1) % count_) {
      if (!__atomic_test_and_set(&taken_[i], __ATOMIC_ACQUIRE)) return i;
    }
  }
  void GiveBack(int64_t i) { __atomic_clear(&taken_[i], __ATOMIC_RELEASE); }
  float* At(int64_t i) const { return data_ + i * size_; }

 private:
  float* data_;
  int64_t size_, count_;
  bool taken_[kMost] = {};
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_ROOMS_H_
