#include "graph/graph.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/thread_mode.h"
#include "graph/bodies.h"
#include "graph/variable.h"
#include "ops/rules.h"

namespace penstock {
namespace {

thread_local std::vector<Ref<Graph>> t_graphs;

// The name scope in front: "layer1/" + "add".
std::string scoped(const std::string& name) {
  const std::string& scope = graph_scope().name;
  return scope.empty() ? name : scope + "/" + name;
}

uint64_t identity(const Node& node) {
  if (node.op->name() == "read_variable")
    return static_cast<Variable&>(*std::get<Ref<RefCounted>>(node.attrs[0])).id();
  return next_tensor_id();
}

}  // namespace

void retain_graph(const Graph* graph) { graph->retain(); }
void release_graph(const Graph* graph) { graph->release(); }

int32_t Graph::add(Op& op, std::vector<int32_t> in, AttrList attrs, const NodeOptions& options) {
  check_arity(op, static_cast<int>(in.size()));
  std::vector<Aval> avals;
  for (int32_t v : in) avals.push_back(values[static_cast<size_t>(v)].aval);
  current_source = options.source;
  AttrList original = attrs;
  InferContext ctx(op, avals.data(), static_cast<int>(avals.size()), attrs, this);
  infer(ctx);
  if (ctx.casts) {
    Op& cast = get_op("cast");
    bool all_weak = true;  // numbers among themselves stay as weak as they came
    for (const Aval& a : avals) all_weak &= a.weak;
    for (size_t i = 0; i < in.size(); ++i) {
      if (ctx.wanted[i] < 0) continue;
      NodeOptions quiet = options;
      quiet.name.clear();
      int32_t node = add(cast, {in[i]}, {static_cast<DType>(ctx.wanted[i])}, quiet);
      in[i] = nodes[static_cast<size_t>(node)].outputs[0];
      values[static_cast<size_t>(in[i])].aval.weak = all_weak;
    }
    return add(op, std::move(in), std::move(original), options);
  }
  Node node;
  node.op = &op;
  node.inputs = std::move(in);
  node.attrs = std::move(attrs);
  node.name = options.name.empty() ? op.name() : options.name;
  node.name = scoped(node.name);
  node.device = options.device;
  node.source = options.source;
  node.control_inputs = options.control_inputs;
  return add_raw(std::move(node), {ctx.outputs, ctx.outputs + ctx.num_outputs});
}

void Graph::infer(InferContext& ctx) const {
  const Graph* root = this;  // a body's symbols are its parent's, which may have got more since
  while (root->parent_) root = root->parent_.get();
  ExampleSizes example(root->symbol_names, root->hints);
  ctx.op.infer(ctx);
}

void Graph::rename(int32_t node, const std::string& wanted) {
  changed();
  std::string& name = nodes[static_cast<size_t>(node)].name;
  if (name == scoped(wanted)) return;
  names_.erase(name);
  name = unique_name(scoped(wanted));
  names_[name] = node;
}

void Graph::changed() {
  if (frozen_)
    fail(ErrorKind::kGraph, "graph '", name,
         "' cannot change any more: a plan was made from it; build another graph");
  ++version_;
}

void Graph::forget_objects() {
  for (Node& node : nodes) {
    for (const Ref<Graph>& body : bodies_of(node)) body->forget_objects();
    if (node.op->builtin != Builtin::kCustomGradient) continue;
    for (size_t i = 0; i < node.attrs.size(); ++i)
      if (node.op->schema.attrs[i].kind == AttrKind::kObject) node.attrs[i] = std::monostate{};
  }
}

int32_t Graph::add_raw(Node node, const std::vector<Aval>& out) {
  changed();
  int32_t number = static_cast<int32_t>(nodes.size());
  node.name = unique_name(node.name.empty() ? node.op->name() : node.name);
  names_[node.name] = number;
  node.outputs.clear();
  uint64_t id = identity(node);
  for (size_t i = 0; i < out.size(); ++i) {
    node.outputs.push_back(static_cast<int32_t>(values.size()));
    values.push_back({out[i], number, static_cast<int32_t>(i), i == 0 ? id : next_tensor_id()});
  }
  nodes.push_back(std::move(node));
  return number;
}

int32_t Graph::constant(const Tensor& given, const NodeOptions& options) {
  if (!given.storage)
    fail(ErrorKind::kGraph, "a constant must be a value, not a tensor of a graph");
  // Constants lie on the host, whatever device the graph runs on; the placement pass copies them from there.
  Tensor t = given.device().is_host() ? given : given.to(host_device());
  t.id = given.id;
  ConstantKey key{t.data(), t.dtype, t.weak, t.id, t.shape.vec()};
  if (auto it = constants_.find(key); it != constants_.end()) return it->second;
  Node node;
  node.op = &get_op("constant");
  node.attrs.push_back(std::make_shared<const Tensor>(t));
  node.name = scoped(options.name.empty() ? "constant" : options.name);
  node.source = options.source;
  int32_t value =
      nodes[static_cast<size_t>(add_raw(std::move(node), {{t.dtype, t.weak, t.shape}}))].outputs[0];
  if (t.id)
    values[static_cast<size_t>(value)].id =
        t.id;               // a tape that watches the tensor watches the constant
  constants_[key] = value;  // the attribute keeps the storage alive, so the address stays taken
  return value;
}

int32_t Graph::placeholder(DType dtype, const Shape& shape, const NodeOptions& options, bool weak) {
  Node node;
  node.op = &get_op("placeholder");
  node.attrs = {dtype, shape.vec(), options.name};
  node.name = scoped(options.name.empty() ? "placeholder" : options.name);
  node.device = options.device;
  node.source = options.source;
  int32_t value =
      nodes[static_cast<size_t>(add_raw(std::move(node), {{dtype, weak, shape}}))].outputs[0];
  inputs.push_back(value);
  return value;
}

Dim Graph::new_symbol(const std::string& wanted, int64_t hint) {
  if (parent_) {
    Dim made = parent_->new_symbol(wanted, hint);
    symbol_names = parent_->symbol_names;
    hints = parent_->hints;
    return made;
  }
  const std::string base = wanted.empty() ? default_symbol_name(symbol_names.size()) : wanted;
  std::string name = base;  // unique: saved graphs know symbols by their names
  for (int i = 1; std::find(symbol_names.begin(), symbol_names.end(), name) != symbol_names.end();)
    name = base + "_" + std::to_string(i++);
  symbol_names.push_back(name);
  hints.push_back(hint);
  return dim_symbol(static_cast<int>(hints.size()) - 1);
}

void Graph::adopt(Graph* parent) {
  parent_ = Ref<Graph>(parent);
  shares_symbols = true;
  symbol_names = parent->symbol_names;
  hints = parent->hints;
}

void Graph::assume(const std::string& text) {
  struct Sign {
    const char* text;
    Guard::Kind kind;
    bool result;
  };
  for (const Sign& sign : {Sign{" == ", Guard::kEqual, true}, Sign{" != ", Guard::kEqual, false},
                           Sign{" < ", Guard::kLess, true}, Sign{" >= ", Guard::kLess, false}}) {
    size_t at = text.find(sign.text);
    if (at == std::string::npos) continue;
    Dim a = dim_parse(text.substr(0, at), symbol_names);
    Dim b = dim_parse(text.substr(at + std::string(sign.text).size()), symbol_names);
    if (sign.kind == Guard::kEqual && (!is_symbolic(a) || (is_symbolic(b) && b < a)))
      std::swap(a, b);  // as `equal` asks
    changed();
    return adopt_guard({sign.kind, a, b, sign.result, ""});
  }
  fail(ErrorKind::kValue, "'", text,
       "' is no assumption; expected two sizes and ==, !=, < or >= between them");
}

void Graph::adopt_guard(const Guard& guard) {
  for (const Guard& g : guards)
    if (g.kind == guard.kind && g.a == guard.a && g.b == guard.b) return;
  guards.push_back(guard);
}

void Graph::close() {
  if (!parent_) return;
  symbol_names = parent_->symbol_names;  // it may have got more since
  hints = parent_->hints;
  parent_ = {};
  captured_.clear();
  captures_.clear();
}

bool Graph::inside(const Graph* other) const {
  for (const Graph* g = parent_.get(); g; g = g->parent_.get())
    if (g == other) return true;
  return false;
}

int32_t Graph::capture(const Tensor& outer) {
  if (outer.graph.get() == this) return outer.value;
  int32_t theirs = parent_->capture(outer);
  Tensor t = parent_->tensor(theirs);
  for (size_t i = 0; i < captured_.size(); ++i)
    if (captured_[i].value == theirs) return captures_[i];
  NodeOptions options;
  options.name = parent_->value_name(theirs);
  std::replace(options.name.begin(), options.name.end(), ':', '_');
  GraphScope saved = std::exchange(graph_scope(), GraphScope());  // it is not a node of the scope
  int32_t value = placeholder(t.dtype, t.shape, options, t.weak);
  graph_scope() = saved;
  captured_.push_back(t);
  captures_.push_back(value);
  return value;
}

Tensor Graph::tensor(int32_t value) {
  const Value& v = values[static_cast<size_t>(value)];
  Tensor t;
  t.graph = GraphHandle(this);
  t.value = value;
  t.dtype = v.aval.dtype;
  t.weak = v.aval.weak;
  t.shape = v.aval.shape;
  t.id = v.id;
  return t;
}

std::string Graph::unique_name(const std::string& wanted) {
  std::string name = wanted;
  while (names_.count(name)) name = wanted + "_" + std::to_string(++name_counts_[wanted]);
  return name;
}

int32_t Graph::find_node(const std::string& wanted) const {
  auto it = names_.find(wanted);
  return it == names_.end() ? -1 : it->second;
}

std::string Graph::value_name(int32_t value) const {
  const Value& v = values[static_cast<size_t>(value)];
  const std::string& node = nodes[static_cast<size_t>(v.node)].name;
  return v.index == 0 ? node : node + ":" + std::to_string(v.index);
}

bool Graph::answer(Guard::Kind kind, Dim a, Dim b, bool unknown_result) {
  int64_t x = dim_eval(a, hints), y = dim_eval(b, hints);
  // Without an example size the graph assumes what keeps it general. Guards are checked when it is run.
  bool known = x != kUnknown && y != kUnknown;
  bool result = !known ? unknown_result : kind == Guard::kEqual ? x == y : x < y;
  for (const Guard& g : guards)
    if (g.kind == kind && g.a == a && g.b == b) return g.result;
  guards.push_back({kind, a, b, result, current_source});
  return result;
}

bool Graph::equal(Dim a, Dim b) {
  if (!is_symbolic(a) || (is_symbolic(b) && b < a))
    std::swap(a, b);  // one guard for a == b and b == a
  Dim difference = dim_sub(a, b);
  if (!is_symbolic(difference)) return difference == 0;
  if (parent_) return parent_->equal(a, b);
  return answer(Guard::kEqual, a, b, a != 1 && b != 1);
}

bool Graph::less(Dim a, Dim b) {
  Dim difference = dim_sub(a, b);
  if (!is_symbolic(difference)) return difference < 0;
  if (parent_) return parent_->less(a, b);
  // A size that nothing is known about is taken for large.
  return answer(Guard::kLess, a, b, !is_symbolic(a) && is_symbolic(b));
}

Graph* current_graph() { return t_graphs.empty() ? nullptr : t_graphs.back().get(); }
void push_graph(Graph* graph) {
  t_graphs.emplace_back(graph);
  set_mode(kModeGraph, true);
}
void pop_graph() {
  if (!t_graphs.empty()) t_graphs.pop_back();
  set_mode(kModeGraph, !t_graphs.empty());
}

GraphScope& graph_scope() {
  thread_local GraphScope scope;
  return scope;
}

// call(graph, *inputs): outputs are the subgraph's, under the caller's dimensions.
void rule_call(InferContext& ctx) {
  auto& body = static_cast<Graph&>(*std::get<Ref<RefCounted>>(ctx.attrs[0]));
  if (ctx.num_inputs() != static_cast<int>(body.inputs.size()))
    ctx.fail(ErrorKind::kGraph, "the subgraph takes ", body.inputs.size(), " inputs and got ",
             ctx.num_inputs());
  if (body.shares_symbols) {
    for (int32_t out : body.outputs) {
      const Aval& aval = body.values[static_cast<size_t>(out)].aval;
      ctx.output(aval.dtype, aval.shape);
    }
    return;
  }
  // Each symbol of the subgraph is the caller's dimension at the place where it first appears as an input.
  std::map<int, Dim> symbols;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    const Shape& formal =
        body.values[static_cast<size_t>(body.inputs[static_cast<size_t>(i)])].aval.shape;
    if (formal.ndim != ctx.shape(i).ndim)
      ctx.fail(ErrorKind::kShape, "input ", i, " has shape ", ctx.shape(i).text(),
               "; the subgraph expects rank ", formal.ndim);
    for (int d = 0; d < formal.ndim; ++d) {
      int symbol;
      if (dim_is_symbol(formal[d], &symbol)) symbols.emplace(symbol, ctx.shape(i)[d]);
    }
  }
  for (int32_t out : body.outputs) {
    const Aval& aval = body.values[static_cast<size_t>(out)].aval;
    Shape shape = aval.shape;
    for (int d = 0; d < shape.ndim; ++d) {
      int symbol;
      if (!is_symbolic(shape[d])) continue;
      if (!dim_is_symbol(shape[d], &symbol) || !symbols.count(symbol))
        ctx.fail(ErrorKind::kShape, "an output's dimension ", dim_text(shape[d], body.symbol_names),
                 " is not one of the inputs' dimensions");
      shape[d] = symbols[symbol];
    }
    ctx.output(aval.dtype, shape);
  }
}

}  // namespace penstock
