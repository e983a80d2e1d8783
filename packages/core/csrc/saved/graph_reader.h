// Makes graphs out of the JSON of a saved folder. Whatever the JSON says, the result is a graph that the shape rules
// accept, or a kFormat error that names the node.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "graph/variable.h"
#include "saved/tensor_reader.h"

namespace penstock {

using VariableMap = std::map<std::string, Ref<Variable>>;

class GraphReader {
 public:
  GraphReader(TensorReader& tensors, const VariableMap& variables)
      : tensors_(tensors), variables_(variables) {}

  // `parent`: the graph around a body.
  Ref<Graph> read(const Json& json, const std::string& what, Graph* parent = nullptr);
  // Nodes that only Python runs: "'decode' (decode_image)".
  const std::vector<std::string>& host_nodes() const { return host_nodes_; }

 private:
  struct Building;  // a graph, and the values of its nodes by name
  void read_symbols(Graph& graph, const Json& json, const std::string& what);
  void read_assumption(Graph& graph, const std::string& text, const std::string& what);
  void read_node(Building& to, const Json& json);
  void add_node(Building& to, const Json& json, const std::string& name, const std::string& what);
  AttrList read_attrs(Graph& graph, const Op& op, const Json* attrs, const std::string& what);
  AttrValue read_attr(Graph& graph, const AttrSpec& spec, const Json& json,
                      const std::string& what);
  AttrValue read_object(Graph& graph, const AttrSpec& spec, const Json& json,
                        const std::string& what);

  TensorReader& tensors_;
  const VariableMap& variables_;
  std::vector<std::string> host_nodes_;
};

// Sizes that may be formulas of the symbols.
Shape read_shape(const Json& sizes, const std::vector<std::string>& symbols,
                 const std::string& what);

}  // namespace penstock
