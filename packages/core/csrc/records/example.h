// Reads tf.train.Example messages into columns, without a protocol buffer library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace penstock {

struct ExampleFeature {
  std::string name;
  DType dtype;                     // float32, int64 or string
  int64_t count = -1;              // values in each record; -1 when records differ
  std::optional<Tensor> fallback;  // `count` values for a record without the feature
};

struct ExampleColumn {
  Tensor values;  // [records, count], or [all values]
  Tensor splits;  // [records + 1], int64, where records differ
};

// Throws kFormat for a record that is no Example, kValue for one that does not fit the features.
PENSTOCK_API std::vector<ExampleColumn> parse_examples(const Tensor& records,
                                                       const std::vector<ExampleFeature>& features);

}  // namespace penstock
