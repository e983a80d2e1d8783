// The one representation of a program: an ordered list of SSA nodes. Tracing, sessions, gradients, passes, plans,
// saving and the board all read and write this.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "ops/infer.h"
#include "ops/op.h"

namespace penstock {

struct Value {
  Aval aval;
  int32_t node = -1;
  int32_t index = 0;  // which output of the node
  uint64_t id = 0;    // identity for gradient tapes
};

struct Node {
  const Op* op = nullptr;
  std::vector<int32_t> inputs;  // value numbers
  AttrList attrs;
  std::vector<int32_t> outputs;
  std::vector<int32_t> control_inputs;  // node numbers that must run before
  std::string name;                     // unique in its graph: "dense/matmul_1"
  std::string device;                   // full name, or empty: not placed yet
  std::string source;                   // "train.py:12"
};

// What tracing assumed about a symbolic dimension; a call that breaks it needs another trace.
struct Guard {
  enum Kind { kEqual, kLess } kind;
  Dim a, b;
  bool result;
  std::string source;
};

struct NodeOptions {
  std::string name, device, source;
  std::vector<int32_t> control_inputs;
};

class PENSTOCK_API Graph final : public RefCounted, public DimOracle {
 public:
  std::string name;
  std::vector<Node> nodes;
  std::vector<Value> values;
  std::vector<int32_t> inputs;   // values of placeholders, in the order of a call's arguments
  std::vector<int32_t> outputs;  // values
  std::vector<std::string> symbol_names;
  std::vector<int64_t> hints;  // example size of each symbol, kUnknown if there is none
  std::vector<Guard> guards;

  // Appends a node: runs the op's rule, inserts the casts that it asks for. Returns the node's number.
  int32_t add(Op& op, std::vector<int32_t> inputs, AttrList attrs, const NodeOptions& options);
  // Gives a node another name, made unique, in the name scope of this moment.
  void rename(int32_t node, const std::string& wanted);
  // Runs the op's shape rule; what it complains about has the sizes of the call that is being traced.
  void infer(InferContext& ctx) const;
  // Appends without casting or inference: passes copy nodes whose avals are known.
  int32_t add_raw(Node node, const std::vector<Aval>& outputs);
  // The value of a constant node holding `t`; the same tensor twice is one node.
  int32_t constant(const Tensor& t, const NodeOptions& options = {});
  // A new input; its dimensions may be symbols of this graph.
  int32_t placeholder(DType dtype, const Shape& shape, const NodeOptions& options,
                      bool weak = false);
  Dim new_symbol(const std::string& name, int64_t hint);

  // ---- bodies of cond, while, scan and call
  // A body has its parent's symbols. While it is built, it answers questions about them through the parent, and a
  // tensor of the parent that is used inside becomes a further input.
  void adopt(Graph* parent);
  // Takes an assumption over from its text: "batch == 2*n", "n0 >= 5". Throws kValue if that is none.
  void assume(const std::string& text);
  void adopt_guard(const Guard& guard);  // a body's, once it shares this graph's symbols
  void close();                          // it is built; the parent may go
  bool inside(
      const Graph* other) const;  // whether `other` is its parent, or the parent's, and so on
  int32_t capture(
      const Tensor& outer);  // the value that stands for a tensor of this graph or an outer one
  const std::vector<Tensor>& captured() const { return captured_; }  // of the last inputs
  bool shares_symbols = false;

  Tensor tensor(int32_t value);
  // Changes with every change of the graph.
  uint64_t version() const { return version_; }
  void
  changed();  // call it before changing nodes, inputs or outputs by hand: throws once a plan stands on the graph
  void freeze() { frozen_ = true; }
  // Lets go of Python functions kept for gradients, once no more gradients are wanted: they may refer to the graph.
  void forget_objects();
  std::string text() const;
  std::string value_name(int32_t value) const;  // "add_1", "split:2"
  // -1 when absent.
  int32_t find_node(const std::string& name) const;
  std::string unique_name(const std::string& wanted);

  bool equal(Dim a, Dim b) override;
  bool less(Dim a, Dim b) override;
  // Where the code that is being traced stands; kept with guards.
  std::string current_source;

 private:
  uint64_t version_ = 0;
  bool frozen_ = false;
  Ref<Graph> parent_;  // until the body is built
  std::vector<Tensor> captured_;
  std::vector<int32_t> captures_;  // the inputs that stand for them
  std::unordered_map<std::string, int> name_counts_;
  std::unordered_map<std::string, int32_t> names_;
  struct ConstantKey {
    const void* data;
    DType dtype;
    bool weak;
    uint64_t id;  // tensors that share memory are not one another to a tape
    std::vector<int64_t> shape;
    bool operator<(const ConstantKey& o) const {
      return std::tie(data, dtype, weak, id, shape) <
             std::tie(o.data, o.dtype, o.weak, o.id, o.shape);
    }
  };
  std::map<ConstantKey, int32_t> constants_;
  bool answer(Guard::Kind kind, Dim a, Dim b, bool unknown_result);
};

// The graph that calls append to in this thread, if any.
PENSTOCK_API Graph* current_graph();
PENSTOCK_API void push_graph(Graph* graph);
PENSTOCK_API void pop_graph();

// Name scope, device and control dependencies that new nodes get in this thread.
struct GraphScope {
  std::string name, device;
  std::vector<Tensor> control_inputs;
};
PENSTOCK_API GraphScope& graph_scope();

}  // namespace penstock
