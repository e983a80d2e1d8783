// The tensor handle: either a value (a storage, dense and row-major) or a name for a value of a graph under
// construction. Both are one class, so that the same user code runs eagerly and traces.
#pragma once

#include <string>

#include "base/ref.h"
#include "memory/storage.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace penstock {

class Graph;
PENSTOCK_API void retain_graph(const Graph*);
PENSTOCK_API void release_graph(const Graph*);

// Ref<Graph> without its definition, which lies above this folder.
class GraphHandle {
 public:
  GraphHandle() = default;
  GraphHandle(Graph* graph) : graph_(graph) {
    if (graph_) retain_graph(graph_);
  }
  GraphHandle(const GraphHandle& o) : GraphHandle(o.graph_) {}
  GraphHandle(GraphHandle&& o) noexcept : graph_(std::exchange(o.graph_, nullptr)) {}
  GraphHandle& operator=(GraphHandle o) noexcept {
    std::swap(graph_, o.graph_);
    return *this;
  }
  ~GraphHandle() {
    if (graph_) release_graph(graph_);
  }
  Graph* get() const { return graph_; }
  explicit operator bool() const { return graph_ != nullptr; }

 private:
  Graph* graph_ = nullptr;
};

struct PENSTOCK_API Tensor {
  Ref<Storage> storage;     // null while symbolic
  int64_t byte_offset = 0;  // of the first element
  GraphHandle graph;        // set while symbolic
  int32_t value = -1;       // number of the value in `graph`
  DType dtype = kDefaultFloat;
  bool weak = false;  // from a Python scalar: its dtype gives way
  uint64_t id = 0;    // identity for gradient tapes; 0 until one looks at it
  Shape shape;

  bool defined() const { return storage || graph; }
  bool symbolic() const { return static_cast<bool>(graph); }
  char* data() const { return static_cast<char*>(storage->data()) + byte_offset; }
  int64_t bytes() const { return shape.size() * dtype_size(dtype); }
  const Device& device() const { return storage->device(); }

  static Tensor empty(DType dtype, const Shape& shape, const Device& device = host_device());
  static Tensor scalar(double value, DType dtype);  // rounds to dtype
  static Tensor scalar(int64_t value, DType dtype);
  static Tensor string(const std::string& value);
  Tensor to(const Device& target) const;  // itself when already there
  // A new 0-d tensor of another dtype from this 0-d host tensor: how weak scalars take their final dtype.
  Tensor scalar_as(DType target) const;
  double item_double() const;
  int64_t item_int() const;
};

// New identities for tapes; never 0.
PENSTOCK_API uint64_t next_tensor_id();

PENSTOCK_API float half_to_float(uint16_t);
PENSTOCK_API uint16_t float_to_half(float);
PENSTOCK_API float bfloat_to_float(uint16_t);
PENSTOCK_API uint16_t float_to_bfloat(float);  // rounds to nearest even, keeps NaN

}  // namespace penstock
