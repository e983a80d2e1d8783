// Room for n objects: on the stack when there are few. Only those n are constructed.
#pragma once

#include <memory>
#include <new>

namespace penstock {

template <typename T, int kStack = 8>
class Few {
 public:
  explicit Few(int n) : n_(n), data_(reinterpret_cast<T*>(stack_)) {
    if (n > kStack)
      data_ = static_cast<T*>(
          ::operator new(sizeof(T) * static_cast<size_t>(n), std::align_val_t{alignof(T)}));
    for (int i = 0; i < n; ++i) new (data_ + i) T;
  }
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;
  ~Few() {
    for (int i = 0; i < n_; ++i) data_[i].~T();
    if (n_ > kStack) ::operator delete(data_, std::align_val_t{alignof(T)});
  }
  T* get() { return data_; }
  T& operator[](int i) { return data_[i]; }

 private:
  int n_;
  T* data_;
  alignas(T) unsigned char stack_[sizeof(T) * kStack];
};

}  // namespace penstock
