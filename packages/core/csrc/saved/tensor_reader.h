// The tensors that a saved folder's JSON mentions: written out, in a safetensors file, or as lines of an asset.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "saved/json.h"
#include "saved/safetensors.h"

namespace penstock {

class TensorReader {
 public:
  explicit TensorReader(std::string folder) : folder_(std::move(folder)) {}

  // Throws kFormat; `what` names the tensor in messages.
  Tensor read(const Json& described, const std::string& what);
  // One of a safetensors file, which must have this dtype and shape.
  Tensor stored(const std::string& file, const std::string& name, DType dtype, const Shape& shape,
                const std::string& what);
  // Names in weights.safetensors that nobody asked for.
  std::vector<std::string> unused();
  // What was asked for there.
  const std::map<std::string, Tensor>& used() const { return used_; }

 private:
  const SafetensorsFile& open(const std::string& file);
  Tensor written_out(const Json& values, DType dtype, const Shape& shape, const std::string& what);
  Tensor lines(const std::string& asset, const Shape& shape, const std::string& what);
  std::string folder_;
  std::map<std::string, SafetensorsFile> files_;
  std::map<std::string, Tensor> used_;  // of weights.safetensors
};

// Throws kFormat where the object has a member that is not listed.
void check_members(const Json& object, const std::vector<const char*>& known,
                   const std::string& what);
DType read_dtype(const Json& name, const std::string& what);
// Sizes that are all numbers.
Shape read_fixed_shape(const Json& sizes, const std::string& what);
// A number, or "inf", "-inf", "nan".
double read_float(const Json& value, const std::string& what);

}  // namespace penstock
