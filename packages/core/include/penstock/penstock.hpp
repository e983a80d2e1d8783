// The C++17 face of penstock.h: the same calls with values, destructors and exceptions. Header-only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
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
  Error() : std::runtime_error(penstock_last_error()), kind_(penstock_last_error_kind()) {}
  int kind() const { return kind_; }                                   // PENSTOCK_KIND_...
  bool cancelled() const { return kind_ == PENSTOCK_KIND_CANCELLED; }  // or past its deadline

 private:
  int kind_;
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
  Tensor() = default;  // none
  explicit Tensor(penstock_tensor_t handle) : handle_(handle, penstock_tensor_free) {
    check(handle != nullptr);
  }

  template <typename T>
  static Tensor from(const std::vector<int64_t>& shape, const std::vector<T>& data) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no bools in memory: use copy()");
    if (count(shape) != data.size())
      throw std::invalid_argument("the data does not fill the shape");
    return copy(shape, data.data());
  }
  template <typename T>
  static Tensor copy(const std::vector<int64_t>& shape, const T* data) {
    return raw(dtype_of<T>(), shape, data);
  }
  // Of any dtype, such as float16, which C++17 has no type for: {PENSTOCK_CODE_FLOAT, 16, 1}.
  static Tensor raw(penstock_dtype dtype, const std::vector<int64_t>& shape, const void* data) {
    return Tensor(
        penstock_tensor_new(dtype, static_cast<int32_t>(shape.size()), shape.data(), data));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return copy<T>({}, &value);
  }
  static Tensor strings(const std::vector<int64_t>& shape, const std::vector<std::string>& texts) {
    if (count(shape) != texts.size())
      throw std::invalid_argument("the data does not fill the shape");
    std::vector<penstock_string> elements;
    for (const std::string& text : texts) elements.push_back({text.data(), text.size()});
    return raw({PENSTOCK_CODE_STRING, 8 * sizeof(penstock_string), 1}, shape, elements.data());
  }
  // Uses the vector's memory instead of a copy of it.
  template <typename T>
  static Tensor take(const std::vector<int64_t>& shape, std::vector<T>&& data) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no bools in memory: use copy()");
    if (count(shape) != data.size())
      throw std::invalid_argument("the data does not fill the shape");
    auto kept = std::make_unique<std::vector<T>>(std::move(data));
    penstock_tensor_t made = penstock_tensor_wrap(
        dtype_of<T>(), static_cast<int32_t>(shape.size()), shape.data(), kept->data(),
        [](void* context) { delete static_cast<std::vector<T>*>(context); }, kept.get());
    check(made != nullptr);
    (void)kept.release();
    return Tensor(made);
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
  template <typename T>
  std::vector<T> to_vector() const {
    const T* values = data<T>();
    return {values, values + size()};
  }
  // Of a tensor with one element.
  template <typename T>
  T item() const {
    if (size() != 1) throw std::invalid_argument("the tensor has not one element");
    return *data<T>();
  }
  std::vector<std::string> to_strings() const {
    if (dtype().code != PENSTOCK_CODE_STRING)
      throw std::invalid_argument("the tensor has another dtype");
    const auto* elements = static_cast<const penstock_string*>(penstock_tensor_data(get()));
    std::vector<std::string> texts;
    for (int64_t i = 0; i < size(); ++i)
      texts.emplace_back(elements[i].data ? elements[i].data : "", elements[i].size);
    return texts;
  }
  penstock_dtype dtype() const { return penstock_tensor_dtype(get()); }
  explicit operator bool() const { return handle_ != nullptr; }
  penstock_tensor_t get() const { return handle_.get(); }

 private:
  static size_t count(const std::vector<int64_t>& shape) {
    size_t size = 1;
    for (int64_t d : shape) size *= static_cast<size_t>(d);
    return size;
  }
  std::shared_ptr<penstock_tensor_s> handle_;
};

// A named cell that holds a tensor. Copies are the same variable.
class Variable {
 public:
  Variable(const std::string& name, const Tensor& value, bool trainable = true)
      : Variable(penstock_variable_new(name.c_str(), value.get(), trainable)) {}
  explicit Variable(penstock_variable_t handle) : handle_(handle, penstock_variable_free) {
    check(handle != nullptr);
  }
  std::string name() const { return penstock_variable_name(get()); }
  bool trainable() const { return penstock_variable_trainable(get()) != 0; }
  Tensor value() const { return Tensor(penstock_variable_get(get())); }
  void assign(const Tensor& value) const { check(penstock_variable_set(get(), value.get()) == 0); }
  penstock_variable_t get() const { return handle_.get(); }

 private:
  std::shared_ptr<penstock_variable_s> handle_;
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
  Attr(std::string name, penstock_dtype value)
      : name_(std::move(name)), kind_(PENSTOCK_ATTR_DTYPE), dtype_(value) {}
  static Attr none(std::string name) {
    Attr made(std::move(name), false);
    made.kind_ = PENSTOCK_ATTR_NONE;
    return made;
  }
  static Attr floats(std::string name, std::vector<double> value) {
    Attr made(std::move(name), false);
    made.kind_ = PENSTOCK_ATTR_FLOATS;
    made.floats_ = std::move(value);
    return made;
  }

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
    } else if (kind_ == PENSTOCK_ATTR_FLOATS) {
      a.count = static_cast<uint32_t>(floats_.size());
      a.v.fs = floats_.data();
    } else if (kind_ == PENSTOCK_ATTR_DTYPE) {
      a.v.dtype = dtype_;
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
  penstock_dtype dtype_{};
  std::vector<int64_t> ints_;
  std::vector<double> floats_;
};

class Graph;

// A value of a graph under construction.
class Value {
 public:
  Value(Graph* graph, penstock_value index) : graph_(graph), index_(index) {}
  penstock_value index() const { return index_; }
  Graph& graph() const { return *graph_; }
  inline std::vector<int64_t> shape() const;  // -1: a size that may differ from run to run
  inline penstock_dtype dtype() const;
  inline const Value& named(const std::string& name) const;

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
  // Its dtype gives way to that of the tensor beside it.
  Value number(double number) { return made(penstock_graph_number(get(), number)); }
  Value read(const Variable& variable) { return made(penstock_graph_read(get(), variable.get())); }
  // Every run assigns the value.
  Value assign(const Variable& variable, const Value& value) {
    return made(penstock_graph_assign(get(), variable.get(), value.index()));
  }
  // "dense/matmul", or "split:1" for a second output.
  Value find(const std::string& name) { return made(penstock_graph_find(get(), name.c_str())); }

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

inline std::vector<int64_t> Value::shape() const {
  penstock_dtype dtype;
  int32_t ndim = 0;
  int64_t sizes[64];
  check(penstock_graph_type(graph_->get(), index_, &dtype, &ndim, 64, sizes) == 0);
  return {sizes, sizes + ndim};
}
inline penstock_dtype Value::dtype() const {
  penstock_dtype dtype;
  int32_t ndim = 0;
  check(penstock_graph_type(graph_->get(), index_, &dtype, &ndim, 0, nullptr) == 0);
  return dtype;
}
inline const Value& Value::named(const std::string& name) const {
  check(penstock_graph_name(graph_->get(), index_, name.c_str()) == 0);
  return *this;
}

inline Value operator+(const Value& a, const Value& b) { return a.graph().call("add", {a, b}); }
inline Value operator-(const Value& a, const Value& b) {
  return a.graph().call("subtract", {a, b});
}
inline Value operator*(const Value& a, const Value& b) {
  return a.graph().call("multiply", {a, b});
}
inline Value operator/(const Value& a, const Value& b) { return a.graph().call("divide", {a, b}); }
inline Value operator-(const Value& a) { return a.graph().call("negative", {a}); }
inline Value operator+(const Value& a, double b) { return a + a.graph().number(b); }
inline Value operator-(const Value& a, double b) { return a - a.graph().number(b); }
inline Value operator*(const Value& a, double b) { return a * a.graph().number(b); }
inline Value operator/(const Value& a, double b) { return a / a.graph().number(b); }
inline Value operator+(double a, const Value& b) { return b.graph().number(a) + b; }
inline Value operator-(double a, const Value& b) { return b.graph().number(a) - b; }
inline Value operator*(double a, const Value& b) { return b.graph().number(a) * b; }
inline Value operator/(double a, const Value& b) { return b.graph().number(a) / b; }

// Stops runs from another thread: each that was given the token ends soon, with an Error.
class CancelToken {
 public:
  CancelToken() : handle_(penstock_cancel_new(), penstock_cancel_free) {}
  void cancel() { penstock_cancel_set(handle_.get()); }
  penstock_cancel_t get() const { return handle_.get(); }

 private:
  std::unique_ptr<penstock_cancel_s, void (*)(penstock_cancel_t)> handle_;
};

struct RunOptions {
  double timeout_seconds = 0;  // 0: none
  const CancelToken* cancel = nullptr;

  penstock_run_options abi() const {
    return {sizeof(penstock_run_options), timeout_seconds, cancel ? cancel->get() : nullptr};
  }
};

namespace detail {

// Calls run(inputs, outputs, options) with handles.
template <typename Run>
std::vector<Tensor> run(const std::vector<Tensor>& inputs, size_t num_outputs,
                        const RunOptions& options, Run call) {
  std::vector<penstock_tensor_t> in, out(num_outputs);
  in.reserve(inputs.size());
  for (const Tensor& t : inputs) in.push_back(t.get());
  penstock_run_options abi = options.abi();
  check(call(static_cast<int32_t>(in.size()), in.data(), out.data(), &abi) == 0);
  std::vector<Tensor> results;
  results.reserve(num_outputs);
  for (penstock_tensor_t t : out) results.emplace_back(t);
  return results;
}

}  // namespace detail

// A graph made ready to run. Threads may share one.
class Plan {
 public:
  explicit Plan(const Graph& graph) : handle_(penstock_plan_new(graph.get()), penstock_plan_free) {
    check(handle_ != nullptr);
  }
  std::vector<Tensor> run(const std::vector<Tensor>& inputs, const RunOptions& options = {}) const {
    return detail::run(inputs, static_cast<size_t>(penstock_plan_num_outputs(handle_.get())),
                       options,
                       [this](auto... rest) { return penstock_plan_run(handle_.get(), rest...); });
  }
  std::vector<Tensor> run(const std::vector<Tensor>& inputs, double timeout_seconds,
                          const CancelToken* cancel = nullptr) const {
    return run(inputs, RunOptions{timeout_seconds, cancel});
  }

 private:
  std::unique_ptr<penstock_plan_s, void (*)(penstock_plan_t)> handle_;
};

// What an input or an output of a saved function is.
struct Spec {
  std::string name;
  penstock_dtype dtype;
  std::vector<int64_t> shape;      // -1: a size that may differ from run to run
  std::vector<std::string> sizes;  // "3", "batch", "2*batch + 1"

  explicit Spec(const penstock_spec& abi)
      : name(abi.name),
        dtype(abi.dtype),
        shape(abi.shape, abi.shape + abi.ndim),
        sizes(abi.sizes, abi.sizes + abi.ndim) {}
};

using NamedTensors = std::map<std::string, Tensor>;

// A function of a saved graph. Threads may share one; it keeps its model in memory.
class Function {
 public:
  Function(std::shared_ptr<penstock_model_s> model, penstock_function_t handle)
      : model_(std::move(model)), handle_(handle) {
    check(handle != nullptr);
    inputs_ = specs(penstock_function_num_inputs(handle), penstock_function_input);
    outputs_ = specs(penstock_function_num_outputs(handle), penstock_function_output);
  }
  std::string name() const { return penstock_function_name(handle_); }
  const std::vector<Spec>& inputs() const& { return inputs_; }
  const std::vector<Spec>& outputs() const& { return outputs_; }
  // Of a temporary, as in a loop over model.function("f").inputs(): the list outlives the function.
  std::vector<Spec> inputs() && { return std::move(inputs_); }
  std::vector<Spec> outputs() && { return std::move(outputs_); }

  // Chooses kernels, which else the first run does.
  void prepare() const { check(penstock_function_prepare(handle_) == 0); }

  // Inputs and outputs in the order of the signature.
  std::vector<Tensor> call(const std::vector<Tensor>& inputs,
                           const RunOptions& options = {}) const {
    return detail::run(inputs, outputs_.size(), options,
                       [this](auto... rest) { return penstock_function_run(handle_, rest...); });
  }
  // By name: each input once.
  NamedTensors run(const NamedTensors& inputs, const RunOptions& options = {}) const {
    std::vector<Tensor> in;
    for (const Spec& spec : inputs_) {
      auto it = inputs.find(spec.name);
      if (it == inputs.end())
        throw std::invalid_argument("[" + name() + "] input '" + spec.name + "' is missing");
      in.push_back(it->second);
    }
    if (inputs.size() != inputs_.size())
      throw std::invalid_argument("[" + name() + "] got inputs that it does not have; it takes " +
                                  input_names());
    std::vector<Tensor> out = call(in, options);
    NamedTensors named;
    for (size_t i = 0; i < out.size(); ++i) named.emplace(outputs_[i].name, std::move(out[i]));
    return named;
  }
  NamedTensors run(std::initializer_list<NamedTensors::value_type> inputs,
                   const RunOptions& options = {}) const {
    return run(NamedTensors(inputs), options);
  }
  std::string text() const {
    std::unique_ptr<char, void (*)(char*)> text(penstock_function_text(handle_),
                                                penstock_string_free);
    check(text != nullptr);
    return text.get();
  }

 private:
  template <typename Get>
  std::vector<Spec> specs(int32_t n, Get get) const {
    std::vector<Spec> made;
    for (int32_t i = 0; i < n; ++i) {
      penstock_spec abi{};
      abi.struct_size = sizeof(abi);
      check(get(handle_, i, &abi) == 0);
      made.emplace_back(abi);
    }
    return made;
  }
  std::string input_names() const {
    std::string names;
    for (const Spec& spec : inputs_) names += (names.empty() ? "" : ", ") + spec.name;
    return names;
  }
  std::shared_ptr<penstock_model_s> model_;
  penstock_function_t handle_;
  std::vector<Spec> inputs_, outputs_;
};

// A saved folder in memory: functions, and the variables that they share. Copies are the same model.
class Model {
 public:
  // `flags`: PENSTOCK_LOAD_AS_SAVED.
  static Model load(const std::string& folder, uint32_t flags = 0) {
    return Model(penstock_model_load(folder.c_str(), flags));
  }
  explicit Model(penstock_model_t handle) : handle_(handle, penstock_model_free) {
    check(handle != nullptr);
  }
  std::string producer() const { return penstock_model_producer(get()); }

  // The first function, or one by name.
  Function function() const { return {handle_, penstock_model_function(get(), 0)}; }
  Function function(const std::string& name) const {
    return {handle_, penstock_model_find_function(get(), name.c_str())};
  }
  std::vector<std::string> function_names() const {
    std::vector<std::string> names;
    for (int32_t i = 0; i < penstock_model_num_functions(get()); ++i)
      names.emplace_back(penstock_function_name(penstock_model_function(get(), i)));
    return names;
  }
  // Runs the first function. Who calls often keeps the function().
  NamedTensors run(const NamedTensors& inputs, const RunOptions& options = {}) const {
    return function().run(inputs, options);
  }
  NamedTensors run(std::initializer_list<NamedTensors::value_type> inputs,
                   const RunOptions& options = {}) const {
    return function().run(NamedTensors(inputs), options);
  }

  std::vector<Variable> variables() const {
    std::vector<Variable> found;
    for (int32_t i = 0; i < penstock_model_num_variables(get()); ++i)
      found.emplace_back(penstock_model_variable(get(), i));
    return found;
  }
  Variable variable(const std::string& name) const {
    return Variable(penstock_model_find_variable(get(), name.c_str()));
  }
  void save_weights(const std::string& path) const {
    check(penstock_model_save_weights(get(), path.c_str()) == 0);
  }
  void load_weights(const std::string& path) const {
    check(penstock_model_load_weights(get(), path.c_str()) == 0);
  }
  penstock_model_t get() const { return handle_.get(); }

 private:
  std::shared_ptr<penstock_model_s> handle_;
};

inline void load_plugin(const std::string& path) { check(penstock_load_plugin(path.c_str()) == 0); }
// One that is linked into the program.
inline void add_static_plugin(penstock_plugin_init_fn init, const std::string& name) {
  check(penstock_add_static_plugin(init, name.c_str()) == 0);
}
inline void set_num_threads(int n) { check(penstock_set_num_threads(n) == 0); }
inline void set_random_seed(uint64_t seed) { penstock_set_random_seed(seed); }

}  // namespace penstock::api
