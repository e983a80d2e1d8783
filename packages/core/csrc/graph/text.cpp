// The text form: one line per node, stable from run to run, so that it can be a golden file and a diff.
//
//   graph f(%x: f32[n0, 3]) {
//     %w: f32[3, 4] = read_variable(variable='w')
//     %y: f32[n0, 4] = matmul(%x, %w)  # train.py:12
//     return %y
//   }
#include <sstream>

#include "graph/graph.h"

namespace penstock {
namespace {

std::string type_text(const Aval& aval, const std::vector<std::string>& names) {
  std::string dims;
  for (int i = 0; i < aval.shape.ndim; ++i)
    dims += (i ? ", " : "") + dim_text(aval.shape[i], names);
  return std::string(dtype_code(aval.dtype)) + "[" + dims + "]";
}

std::string typed(const Graph& g, int32_t value) {
  return "%" + g.value_name(value) + ": " +
         type_text(g.values[static_cast<size_t>(value)].aval, g.symbol_names);
}

std::string indent(const std::string& text) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out;
}

void print_node(const Graph& g, const Node& node, std::ostream& out) {
  out << "  ";
  for (size_t i = 0; i < node.outputs.size(); ++i)
    out << (i ? ", " : "") << typed(g, node.outputs[i]);
  out << (node.outputs.empty() ? "" : " = ") << node.op->name();
  if (node.op->schema.version != 1) out << "@" << node.op->schema.version;
  out << "(";
  bool first = true;
  for (int32_t in : node.inputs) {
    out << (first ? "" : ", ") << "%" << g.value_name(in);
    first = false;
  }
  for (size_t i = 0; i < node.attrs.size(); ++i) {
    const AttrSpec& spec = node.op->schema.attrs[i];
    if (!spec.required && attr_equal(node.attrs[i], spec.default_value)) continue;
    std::string text;
    const auto* object = std::get_if<Ref<RefCounted>>(&node.attrs[i]);
    const Graph* sub = object && spec.kind == AttrKind::kGraph
                           ? static_cast<const Graph*>(object->get())
                           : nullptr;
    text = sub ? indent(sub->text()) : attr_text(node.attrs[i], g.symbol_names);
    out << (first ? "" : ", ") << spec.name << "=" << text;
    first = false;
  }
  out << ")";
  if (!node.control_inputs.empty()) {
    out << " after(";
    for (size_t i = 0; i < node.control_inputs.size(); ++i)
      out << (i ? ", " : "") << "%" << g.nodes[static_cast<size_t>(node.control_inputs[i])].name;
    out << ")";
  }
  if (!node.device.empty()) out << " on " << node.device;
  if (!node.source.empty()) out << "  # " << node.source;
  out << "\n";
}

}  // namespace

std::string Graph::text() const {
  std::ostringstream out;
  out << "graph " << (name.empty() ? "main" : name) << "(";
  for (size_t i = 0; i < inputs.size(); ++i) out << (i ? ", " : "") << typed(*this, inputs[i]);
  out << ") {\n";
  for (const Node& node : nodes) {
    bool is_input = false;
    for (int32_t in : inputs) is_input |= !node.outputs.empty() && in == node.outputs[0];
    if (!is_input) print_node(*this, node, out);
  }
  out << "  return ";
  for (size_t i = 0; i < outputs.size(); ++i)
    out << (i ? ", " : "") << "%" << value_name(outputs[i]);
  out << "\n}";
  return out.str();
}

}  // namespace penstock
