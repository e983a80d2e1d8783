// The C++17 face of penstock.h: the same calls with values, destructors and exceptions. Header-only.
#pragma once

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/penstock.h"

namespace penstock::api {

class Error : public std::runtime_error {
 public:
  Error() : std::runtime_error(penstock_last_error()) {}
};

inline void check(bool ok) {
  if (!ok) throw Error();
}

template <typename T>
constexpr penstock_dtype dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return {PENSTOCK_CODE_BOOL, 8, 1};
  constexpr auto bits = static_cast<uint8_t>(8 * sizeof(T));
  if constexpr (std::is_floating_point_v<T>) return {PENSTOCK_CODE_FLOAT, bits, 1};
  return {std::is_signed_v<T> ? uint8_t{PENSTOCK_CODE_INT} : uint8_t{PENSTOCK_CODE_UINT}, bits, 1};
}

// A value. Copies share memory; nobody writes to it.
class Tensor {
 public:
  explicit Tensor(penstock_tensor_t handle) : handle_(handle, penstock_tensor_free) {
    check(handle != nullptr);
  }

  template <typename T>
  static Tensor from(const std::vector<int64_t>& shape, const std::vector<T>& data) {
    size_t size = 1;
    for (int64_t d : shape) size *= static_cast<size_t>(d);
    if (size != data.size()) throw std::invalid_argument("the data does not fill the shape");
    return Tensor(penstock_tensor_new(dtype_of<T>(), static_cast<int32_t>(shape.size()),
                                      shape.data(), data.data()));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return from<T>({}, {value});
  }

  std::vector<int64_t> shape() const {
    const int64_t* dims = penstock_tensor_shape(get());
    return {dims, dims + penstock_tensor_ndim(get())};
  }
  int64_t size() const { return penstock_tensor_size(get()); }
  template <typename T>
  const T* data() const {
    penstock_dtype have = penstock_tensor_dtype(get()), want = dtype_of<T>();
    if (have.code != want.code || have.bits != want.bits)
      throw std::invalid_argument("the tensor has another dtype");
    return static_cast<const T*>(penstock_tensor_data(get()));
  }
  penstock_tensor_t get() const { return handle_.get(); }

 private:
  std::shared_ptr<penstock_tensor_s> handle_;
};

// A named attribute of an op: {"axis", 1}, {"keepdims", true}, {"padding", "same"}, {"strides", {2, 2}}.
class Attr {
 public:
  Attr(std::string name, bool value)
      : name_(std::move(name)), kind_(PENSTOCK_ATTR_BOOL), int_(value) {}
  Attr(std::string name, int value) : Attr(std::move(name), int64_t{value}) {}
  Attr(std::string name, int64_t value)
      : name_(std::move(name)), kind_(PENSTOCK_ATTR_INT), int_(value) {}
  Attr(std::string name, double value)
      : name_(std::move(name)), kind_(PENSTOCK_ATTR_FLOAT), float_(value) {}
  Attr(std::string name, const char* value)
      : name_(std::move(name)), kind_(PENSTOCK_ATTR_STR), text_(value) {}
  Attr(std::string name, std::vector<int64_t> value)
      : name_(std::move(name)), kind_(PENSTOCK_ATTR_INTS), ints_(std::move(value)) {}

  penstock_attr abi() const {
    penstock_attr a{};
    a.name = name_.c_str();
    a.kind = kind_;
    a.count = 1;
    if (kind_ == PENSTOCK_ATTR_FLOAT) {
      a.v.f = float_;
    } else if (kind_ == PENSTOCK_ATTR_STR) {
      a.count = static_cast<uint32_t>(text_.size());
      a.v.s = text_.c_str();
    } else if (kind_ == PENSTOCK_ATTR_INTS) {
      a.count = static_cast<uint32_t>(ints_.size());
      a.v.is = ints_.data();
    } else {
      a.v.i = int_;
    }
    return a;
  }

 private:
  std::string name_;
  uint32_t kind_;
  int64_t int_ = 0;
  double float_ = 0;
  std::string text_;
  std::vector<int64_t> ints_;
};

class Graph;

// A value of a graph under construction.
class Value {
 public:
  Value(Graph* graph, penstock_value index) : graph_(graph), index_(index) {}
  penstock_value index() const { return index_; }
  Graph& graph() const { return *graph_; }

 private:
  Graph* graph_;
  penstock_value index_;
};

class Graph {
 public:
  explicit Graph(const std::string& name = "main")
      : handle_(penstock_graph_new(name.c_str()), penstock_graph_free) {
    check(handle_ != nullptr);
  }

  // A negative size may differ from run to run.
  template <typename T>
  Value input(const std::string& name, const std::vector<int64_t>& shape) {
    return made(penstock_graph_input(get(), name.c_str(), dtype_of<T>(),
                                     static_cast<int32_t>(shape.size()), shape.data()));
  }
  Value constant(const Tensor& t) { return made(penstock_graph_constant(get(), t.get())); }

  std::vector<Value> add(const std::string& op, const std::vector<Value>& inputs,
                         const std::vector<Attr>& attrs = {}) {
    constexpr int32_t kMaxOutputs = 8;
    std::vector<penstock_value> in;
    for (const Value& v : inputs) in.push_back(v.index());
    std::vector<penstock_attr> abi;
    for (const Attr& a : attrs) abi.push_back(a.abi());
    penstock_value out[kMaxOutputs];
    int n = penstock_graph_add(get(), op.c_str(), static_cast<int32_t>(in.size()), in.data(),
                               static_cast<int32_t>(abi.size()), abi.data(), kMaxOutputs, out);
    check(n >= 0);
    std::vector<Value> values;
    for (int i = 0; i < n && i < kMaxOutputs; ++i) values.emplace_back(this, out[i]);
    return values;
  }
  Value call(const std::string& op, const std::vector<Value>& inputs,
             const std::vector<Attr>& attrs = {}) {
    return add(op, inputs, attrs).at(0);
  }

  void set_outputs(const std::vector<Value>& outputs) {
    std::vector<penstock_value> indices;
    for (const Value& v : outputs) indices.push_back(v.index());
    check(penstock_graph_set_outputs(get(), static_cast<int32_t>(indices.size()), indices.data()) ==
          0);
  }
  std::string text() const {
    std::unique_ptr<char, void (*)(char*)> text(penstock_graph_text(get()), penstock_string_free);
    check(text != nullptr);
    return text.get();
  }
  penstock_graph_t get() const { return handle_.get(); }

 private:
  Value made(penstock_value v) {
    check(v >= 0);
    return {this, v};
  }
  std::unique_ptr<penstock_graph_s, void (*)(penstock_graph_t)> handle_;
};

inline Value operator+(const Value& a, const Value& b) { return a.graph().call("add", {a, b}); }
inline Value operator-(const Value& a, const Value& b) {
  return a.graph().call("subtract", {a, b});
}
inline Value operator*(const Value& a, const Value& b) {
  return a.graph().call("multiply", {a, b});
}
inline Value operator/(const Value& a, const Value& b) { return a.graph().call("divide", {a, b}); }

// Stops runs from another thread: each that was given the token ends soon, with an Error.
class CancelToken {
 public:
  CancelToken() : handle_(penstock_cancel_new(), penstock_cancel_free) {}
  void cancel() { penstock_cancel_set(handle_.get()); }
  penstock_cancel_t get() const { return handle_.get(); }

 private:
  std::unique_ptr<penstock_cancel_s, void (*)(penstock_cancel_t)> handle_;
};

// A graph made ready to run. Threads may share one.
class Plan {
 public:
  explicit Plan(const Graph& graph) : handle_(penstock_plan_new(graph.get()), penstock_plan_free) {
    check(handle_ != nullptr);
  }
  std::vector<Tensor> run(const std::vector<Tensor>& inputs, double timeout_seconds = 0,
                          const CancelToken* cancel = nullptr) const {
    std::vector<penstock_tensor_t> in;
    for (const Tensor& t : inputs) in.push_back(t.get());
    std::vector<penstock_tensor_t> out(
        static_cast<size_t>(penstock_plan_num_outputs(handle_.get())));
    penstock_run_options options{sizeof(options), timeout_seconds,
                                 cancel ? cancel->get() : nullptr};
    check(penstock_plan_run(handle_.get(), static_cast<int32_t>(in.size()), in.data(), out.data(),
                            &options) == 0);
    std::vector<Tensor> results;
    for (penstock_tensor_t t : out) results.emplace_back(t);
    return results;
  }

 private:
  std::unique_ptr<penstock_plan_s, void (*)(penstock_plan_t)> handle_;
};

inline void load_plugin(const std::string& path) { check(penstock_load_plugin(path.c_str()) == 0); }

}  // namespace penstock::api
