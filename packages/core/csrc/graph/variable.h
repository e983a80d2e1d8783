// A variable: a named cell that holds the current version of a tensor. Reading gives that version, a value like any
// other; writing publishes a new one.
#pragma once

#include <mutex>
#include <string>

#include "base/ref.h"
#include "ops/infer.h"
#include "tensor/tensor.h"

namespace penstock {

class PENSTOCK_API Variable final : public RefCounted {
 public:
  Variable(Tensor value, std::string name, bool trainable);
  // Without a value: reading fails until the first assignment.
  Variable(DType dtype, const Shape& shape, std::string name, bool trainable);
  // `version`, unless null, receives a number that changes with every write.
  Tensor read(uint64_t* version = nullptr) const;
  void assign(Tensor value);  // throws unless dtype and shape fit
  const std::string& name() const { return name_; }
  std::string label() const override { return "'" + name_ + "'"; }
  bool trainable() const { return trainable_; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  uint64_t id() const { return id_; }  // identity for gradient tapes: every read carries it

 private:
  friend class Plan;  // updates in place under the lock
  mutable std::mutex mutex_;
  Tensor current_;
  uint64_t version_ = 0;
  const DType dtype_;
  const Shape shape_;
  const std::string name_;
  const bool trainable_;
  const uint64_t id_;
};

}  // namespace penstock
