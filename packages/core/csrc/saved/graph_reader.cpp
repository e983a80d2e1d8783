#include "saved/graph_reader.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "base/error.h"
#include "graph/bodies.h"
#include "saved/sizes.h"

namespace penstock {
namespace {

// What makes planning slow, and no program has.
constexpr size_t kMaxSymbols = 4096, kMaxAssumptions = 10'000, kMaxValues = 10'000;

Dim read_size(const Json& json, const std::vector<std::string>& symbols, const std::string& what) {
  if (json.is_string()) return parse_size(json.string(what), symbols);
  int64_t size = json.integer(what);
  if (is_symbolic(size)) fail(ErrorKind::kFormat, what, " has ", size, ", which is no size");
  return size;
}

// "float32[batch, 4]"
Aval read_type(const std::string& text, const std::vector<std::string>& symbols,
               const std::string& what) {
  size_t bracket = text.find('[');
  Aval aval;
  if (bracket == std::string::npos || text.back() != ']' ||
      !dtype_from_name(text.substr(0, bracket), &aval.dtype))
    fail(ErrorKind::kFormat, what, " has the output ", json_quoted(text),
         "; expected a dtype and sizes: \"float32[batch, 4]\"");
  std::string_view sizes(text);
  sizes = sizes.substr(bracket + 1, sizes.size() - bracket - 2);
  int depth = 0;  // the comma in max(a, b) stands between no sizes
  for (size_t begin = 0, i = 0; !sizes.empty() && i <= sizes.size(); ++i) {
    char c = i < sizes.size() ? sizes[i] : ',';
    depth += (c == '(') - (c == ')');
    if (c != ',' || (depth > 0 && i < sizes.size())) continue;
    Dim size = parse_size(sizes.substr(begin, i - begin), symbols);
    if (size < 0 && !is_symbolic(size)) fail(ErrorKind::kFormat, what, " has the size ", size);
    aval.shape.push(size);
    begin = i + 1;
  }
  return aval;
}

// What the shape rule found must be what the file says; formulas may be written in other ways.
void check_output(const Aval& found, const Aval& told, const std::string& what) {
  bool fits = found.dtype == told.dtype && found.shape.ndim == told.shape.ndim;
  for (int d = 0; fits && d < found.shape.ndim; ++d)
    fits = found.shape[d] == told.shape[d] || is_symbolic(found.shape[d]) ||
           is_symbolic(told.shape[d]);
  if (!fits)
    fail(ErrorKind::kFormat, what, " gives ", dtype_name(found.dtype), " of shape ",
         found.shape.text(), "; the file says ", dtype_name(told.dtype), " of shape ",
         told.shape.text());
}

// Runs `body`; whatever it complains about becomes a complaint about the file.
template <typename Body>
void about(const std::string& what, Body body) {
  try {
    body();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const Error& e) {
    if (e.kind == ErrorKind::kFormat) throw;
    fail(ErrorKind::kFormat, what, ": ", e.what());
  } catch (const std::exception& e) {
    fail(ErrorKind::kFormat, what, " has attributes that do not fit the op: ", e.what());
  }
}

}  // namespace

struct GraphReader::Building {
  Graph& graph;
  const std::string& what;  // names the graph
  std::unordered_map<std::string, int32_t> nodes;

  int32_t value(const std::string& text, const std::string& what) const {
    size_t colon = text.rfind(':');
    std::string name = text.substr(0, colon);
    auto it = nodes.find(name);
    if (it == nodes.end())
      fail(ErrorKind::kFormat, what, " uses ", json_quoted(text),
           ", which no node before it computes");
    const Node& node = graph.nodes[static_cast<size_t>(it->second)];
    size_t output = 0;
    for (size_t i = colon; colon != std::string::npos && ++i < text.size() && output < 1'000'000;)
      output = text[i] >= '0' && text[i] <= '9' ? output * 10 + static_cast<size_t>(text[i] - '0')
                                                : 1'000'000;
    if (output >= node.outputs.size())
      fail(ErrorKind::kFormat, what, " uses ", json_quoted(text), "; ", json_quoted(name), " has ",
           node.outputs.size(), " outputs");
    return node.outputs[output];
  }

  std::vector<int32_t> values(const Json& list, const std::string& whose) const {
    std::vector<int32_t> out;
    for (const Json& item : list.array(whose)) out.push_back(value(item.string(whose), whose));
    return out;
  }
};

Ref<Graph> GraphReader::read(const Json& json, const std::string& what, Graph* parent) {
  check_members(json, {"name", "symbols", "assumes", "nodes", "inputs", "outputs"}, what);
  auto graph = make_ref<Graph>();
  graph->name = json.at("name", what).string(what + "'s name");
  if (parent && !json.find("symbols")) graph->adopt(parent);
  about(what, [&] { read_symbols(*graph, json, what); });
  Building building{*graph, what, {}};
  for (const Json& node : json.at("nodes", what).array(what + "'s nodes"))
    read_node(building, node);
  graph->inputs = building.values(json.at("inputs", what), what + "'s inputs");
  graph->outputs = building.values(json.at("outputs", what), what + "'s outputs");
  if (graph->inputs.size() > kMaxValues || graph->outputs.size() > kMaxValues)
    fail(ErrorKind::kFormat, what, " has more than ", kMaxValues, " inputs or outputs");
  for (int32_t in : graph->inputs) {
    const Node& node =
        graph->nodes[static_cast<size_t>(graph->values[static_cast<size_t>(in)].node)];
    if (node.op->builtin != Builtin::kPlaceholder)
      fail(ErrorKind::kFormat, what, " has the input ", json_quoted(node.name), ", which ",
           node.op->name(), " computes; expected a placeholder");
  }
  graph->close();
  return graph;
}

void GraphReader::read_symbols(Graph& graph, const Json& json, const std::string& what) {
  if (const Json* symbols = json.find("symbols"))
    for (const Json& item : symbols->array(what + "'s symbols")) {
      const std::string& name = item.string(what + "'s symbol");
      const auto& known = graph.symbol_names;
      if (name.empty() || std::find(known.begin(), known.end(), name) != known.end())
        fail(ErrorKind::kFormat, what, " has the symbol ", json_quoted(name), " twice, or no name");
      if (known.size() >= kMaxSymbols)
        fail(ErrorKind::kFormat, what, " has more than ", kMaxSymbols, " symbols");
      graph.new_symbol(name, kUnknown);
    }
  if (const Json* assumes = json.find("assumes")) {
    if (assumes->array(what + "'s assumes").size() > kMaxAssumptions)
      fail(ErrorKind::kFormat, what, " assumes more than ", kMaxAssumptions, " things");
    for (const Json& item : assumes->array(what))
      read_assumption(graph, item.string(what + "'s assumption"), what);
  }
}

void GraphReader::read_assumption(Graph& graph, const std::string& text, const std::string& what) {
  try {
    graph.assume(text);
  } catch (const Error& e) {
    fail(ErrorKind::kFormat, what, ": ", e.what());
  }
}

void GraphReader::read_node(Building& to, const Json& json) {
  const std::string& name = json.at("name", "a node of " + to.what).string(to.what);
  std::string what = to.what + ", node " + json_quoted(name);
  check_members(
      json,
      {"name", "op", "inputs", "attrs", "outputs", "weak", "after", "device", "host", "source"},
      what);
  if (name.empty() || name.find(':') != std::string::npos || to.nodes.count(name))
    fail(ErrorKind::kFormat, what, " has the name of another, or one that is empty or has a ':'");
  about(what, [&] { add_node(to, json, name, what); });
}

void GraphReader::add_node(Building& to, const Json& json, const std::string& name,
                           const std::string& what) {
  Graph& graph = to.graph;
  const std::string& op_name = json.at("op", what).string(what + "'s op");
  Op& op = get_op(op_name);
  std::vector<int32_t> inputs = to.values(json.at("inputs", what), what);
  std::vector<Aval> told;
  for (const Json& item : json.at("outputs", what).array(what + "'s outputs"))
    told.push_back(read_type(item.string(what + "'s output"), graph.symbol_names, what));
  const Json* weak = json.find("weak");
  bool is_weak = weak && weak->boolean(what + "'s weak");
  NodeOptions options;
  options.name = name;
  if (const Json* device = json.find("device")) options.device = device->string(what + "'s device");
  if (const Json* source = json.find("source")) options.source = source->string(what + "'s source");
  if (const Json* after = json.find("after"))
    for (const Json& item : after->array(what + "'s after")) {
      auto it = to.nodes.find(item.string(what + "'s after"));
      if (it == to.nodes.end())
        fail(ErrorKind::kFormat, what, " runs after ", json_quoted(item.string(what)),
             ", which does not come before it");
      options.control_inputs.push_back(it->second);
    }
  if (const Json* host = json.find("host"); host && host->boolean(what + "'s host"))
    host_nodes_.push_back(json_quoted(name) + " (" + op_name + ")");

  size_t first = graph.nodes.size();
  int32_t node;
  if (op.builtin == Builtin::kPlaceholder || op.builtin == Builtin::kConstant) {
    if (told.size() != 1 || !inputs.empty())
      fail(ErrorKind::kFormat, what, " must have one output and no input");
    int32_t value;
    if (op.builtin == Builtin::kPlaceholder) {
      value = graph.placeholder(told[0].dtype, told[0].shape, options, is_weak);
    } else {
      AttrList attrs = read_attrs(graph, op, json.find("attrs"), what);
      Tensor t = *std::get<std::shared_ptr<const Tensor>>(attrs.at(0));
      t.weak = is_weak;
      value = graph.constant(t, options);
    }
    node = graph.values[static_cast<size_t>(value)].node;
  } else {
    AttrList attrs = read_attrs(graph, op, json.find("attrs"), what);
    node = graph.add(op, std::move(inputs), std::move(attrs), options);
    if (graph.nodes.size() != first + 1)
      fail(ErrorKind::kFormat, what, " has inputs of dtypes that the op does not take as they are");
  }
  const std::vector<int32_t>& outputs = graph.nodes[static_cast<size_t>(node)].outputs;
  if (outputs.size() != told.size())
    fail(ErrorKind::kFormat, what, " gives ", outputs.size(), " outputs; the file lists ",
         told.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    Aval& found = graph.values[static_cast<size_t>(outputs[i])].aval;
    check_output(found, told[i], what);
    found.weak = is_weak;
  }
  to.nodes.emplace(name, node);
}

AttrList GraphReader::read_attrs(Graph& graph, const Op& op, const Json* given,
                                 const std::string& what) {
  AttrList list = op.default_attrs;
  std::vector<bool> set(list.size());
  if (given)
    for (const auto& [name, value] : given->object(what + "'s attrs")) {
      int i = op.attr_index(name);
      if (i < 0)
        fail(ErrorKind::kFormat, what, ": ", op.name(), " has no attribute ", json_quoted(name));
      const AttrSpec& spec = op.schema.attrs[static_cast<size_t>(i)];
      list[static_cast<size_t>(i)] = read_attr(graph, spec, value, what + "'s " + spec.name);
      set[static_cast<size_t>(i)] = true;
    }
  for (size_t i = 0; i < list.size(); ++i)
    if (op.schema.attrs[i].required && op.schema.attrs[i].kind != AttrKind::kObject && !set[i])
      fail(ErrorKind::kFormat, what, ": ", op.name(), " needs the attribute ",
           json_quoted(op.schema.attrs[i].name));
  return list;
}

AttrValue GraphReader::read_attr(Graph& graph, const AttrSpec& spec, const Json& json,
                                 const std::string& what) {
  // Objects of Python are none here: they only say how something is differentiated.
  if (json.is_null() && (spec.optional || spec.kind == AttrKind::kObject)) return std::monostate{};
  switch (spec.kind) {
    case AttrKind::kBool:
      return json.boolean(what);
    case AttrKind::kInt: {
      // Only seeds are that far below zero; elsewhere such a number would be taken for an expression.
      int64_t value = json.integer(what);
      if (is_symbolic(value) && spec.name != "seed")
        fail(ErrorKind::kFormat, what, " is ", value, ", which is out of range");
      return value;
    }
    case AttrKind::kFloat:
      if (!json.is_object()) return json.number(what);
      check_members(json, {"float"}, what);
      return read_float(json.at("float", what), what);
    case AttrKind::kStr:
      return json.string(what);
    case AttrKind::kInts:
    case AttrKind::kShape: {
      std::vector<int64_t> sizes;
      for (const Json& item : json.array(what))
        sizes.push_back(read_size(item, graph.symbol_names, what));
      return sizes;
    }
    case AttrKind::kFloats: {
      std::vector<double> numbers;
      for (const Json& item : json.array(what)) numbers.push_back(read_float(item, what));
      return numbers;
    }
    default:
      return read_object(graph, spec, json, what);
  }
}

AttrValue GraphReader::read_object(Graph& graph, const AttrSpec& spec, const Json& json,
                                   const std::string& what) {
  switch (spec.kind) {
    case AttrKind::kDType:
      check_members(json, {"dtype"}, what);
      return read_dtype(json.at("dtype", what), what);
    case AttrKind::kTensor:
      check_members(json, {"tensor"}, what);
      return std::make_shared<const Tensor>(tensors_.read(json.at("tensor", what), what));
    case AttrKind::kGraph:
      check_members(json, {"graph"}, what);
      return Ref<RefCounted>(read(json.at("graph", what), what, &graph).get());
    case AttrKind::kVariable: {
      check_members(json, {"variable"}, what);
      const std::string& name = json.at("variable", what).string(what);
      auto it = variables_.find(name);
      if (it == variables_.end())
        fail(ErrorKind::kFormat, what, " is ", json_quoted(name), ", which is not in variables");
      return Ref<RefCounted>(it->second.get());
    }
    default:
      fail(ErrorKind::kFormat, what, " is an object that only the process which made it has");
  }
}

Shape read_shape(const Json& sizes, const std::vector<std::string>& symbols,
                 const std::string& what) {
  const Json::Array& items = sizes.array(what);
  if (items.size() > static_cast<size_t>(kMaxRank))
    fail(ErrorKind::kFormat, what, " has ", items.size(), " sizes; at most ", kMaxRank,
         " are possible");
  Shape shape;
  for (const Json& item : items) {
    Dim size = read_size(item, symbols, what);
    if (size < 0 && !is_symbolic(size)) fail(ErrorKind::kFormat, what, " has the size ", size);
    shape.push(size);
  }
  return shape;
}

}  // namespace penstock
