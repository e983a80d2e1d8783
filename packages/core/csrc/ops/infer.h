// What a shape rule sees. One rule serves eager calls (all dimensions known), tracing (some are symbols) and binding
// a plan to new shapes. A rule normalises attributes, asks for the inputs' dtypes, and adds the outputs.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "ops/op.h"

namespace penstock {

struct Aval {
  DType dtype = kDefaultFloat;
  bool weak = false;
  Shape shape;
};

// Decides questions about symbols while a graph is built; remembers each answer as a guard.
class PENSTOCK_API DimOracle {
 public:
  virtual ~DimOracle() = default;
  virtual bool equal(Dim a, Dim b) = 0;  // at least one is symbolic
  virtual bool less(Dim a, Dim b) = 0;
};

// Kernels write at most so many outputs; ops that the runtime carries out may have more.
constexpr int kMaxOutputs = 8;

class PENSTOCK_API InferContext {
 public:
  InferContext(const Op& op, const Aval* inputs, int num_inputs, AttrList& attrs, DimOracle* oracle)
      : op(op), attrs(attrs), inputs_(inputs), num_inputs_(num_inputs), oracle_(oracle) {}
  InferContext(const InferContext&) = delete;  // `outputs` points into it
  InferContext& operator=(const InferContext&) = delete;

  const Op& op;
  AttrList& attrs;  // the rule may rewrite them: axis=-1 becomes axis=1

  int num_inputs() const { return num_inputs_; }
  DimOracle* oracle() const { return oracle_; }  // null while every dimension is known
  const Aval& input(int i) const { return inputs_[i]; }
  const Shape& shape(int i) const { return inputs_[i].shape; }
  DType dtype(int i) const { return inputs_[i].dtype; }

  // ---- results
  void output(DType dtype, const Shape& shape, bool weak = false) {
    if (num_outputs >= kMaxOutputs) grow();
    Aval& out = outputs[num_outputs++];
    out.dtype = dtype;
    out.weak = weak;
    out.shape = shape;
  }
  // Ask the caller to cast input i (all inputs) to a dtype before the kernel runs.
  void want(int i, DType dtype) {
    if (inputs_[i].dtype != dtype) set_want(i, dtype);
  }
  Aval* outputs = first_;
  int num_outputs = 0;
  bool casts = false;           // any want() that differs
  std::vector<int16_t> wanted;  // per input: dtype or -1; filled only when `casts`

  // ---- dimensions
  bool equal(Dim a, Dim b) {
    return a == b || ((is_symbolic(a) || is_symbolic(b)) && oracle_ && oracle_->equal(a, b));
  }
  bool less(Dim a, Dim b) {
    if (!is_symbolic(a) && !is_symbolic(b)) return a < b;
    return oracle_ && oracle_->less(a, b);
  }
  bool same_shape(const Shape& a, const Shape& b);
  Shape broadcast(const Shape& a, const Shape& b);

  // ---- attributes, by position
  bool is_none(int i) const { return std::holds_alternative<std::monostate>(attrs[i]); }
  bool get_bool(int i) const { return std::get<bool>(attrs[i]); }
  int64_t get_int(int i) const { return std::get<int64_t>(attrs[i]); }
  double get_float(int i) const { return std::get<double>(attrs[i]); }
  DType get_dtype(int i) const { return std::get<DType>(attrs[i]); }
  const std::string& get_str(int i) const { return std::get<std::string>(attrs[i]); }
  std::vector<int64_t>& get_ints(int i) { return std::get<std::vector<int64_t>>(attrs[i]); }

  // -rank <= axis < rank, returned as 0 <= axis < rank; the error names op, axis and rank.
  int64_t axis(int64_t axis, int rank) const;

  // Throws with "[op] " in front of the message.
  template <typename... Parts>
  [[noreturn]] void fail(ErrorKind kind, const Parts&... parts) const {
    penstock::fail(kind, "[", op.name(), "] ", parts...);
  }
  std::string dims(const Shape& s) const { return s.text(); }

 private:
  void set_want(int i, DType dtype);
  void grow();
  Aval first_[kMaxOutputs];
  std::vector<Aval> many_;
  const Aval* inputs_;
  int num_inputs_;
  DimOracle* oracle_;
};

}  // namespace penstock
