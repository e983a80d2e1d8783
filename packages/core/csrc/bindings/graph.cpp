// Graphs, nodes, variables and tapes for Python: reading a program, building one, rewriting one.
#include "base/thread_mode.h"
#include "bindings/common.h"
#include "graph/bodies.h"

namespace penstock::python {
namespace {

nb::list tensors(Graph& g, const std::vector<int32_t>& values) {
  nb::list out;
  for (int32_t v : values) out.append(nb::steal(new_tensor(g.tensor(v))));
  return out;
}

int32_t value_in(const Graph& g, nb::handle o) {
  if (!is_tensor(o.ptr()))
    fail(ErrorKind::kType, "expected a graph tensor, got ", nb::cast<std::string>(nb::repr(o)));
  const Tensor& t = tensor_of(o.ptr());
  if (t.graph.get() != &g)
    fail(ErrorKind::kGraph, "the tensor does not belong to graph '", g.name, "'");
  return t.value;
}

std::vector<int32_t> values_in(const Graph& g, nb::handle list) {
  std::vector<int32_t> out;
  for (nb::handle o : nb::iter(list)) out.push_back(value_in(g, o));
  return out;
}

// Appends a copy of `node` to `g` with other inputs and, where given, other attributes; shapes are inferred again.
// Returns the outputs.
nb::list copy_node(Graph& g, const PyNode& from, nb::handle inputs, nb::handle control_inputs,
                   nb::handle device, nb::handle attrs) {
  const Node& node = from.node();
  AttrList attributes = node.attrs;
  if (!attrs.is_none())
    for (auto [key, value] : nb::cast<nb::dict>(attrs)) {
      size_t i = static_cast<size_t>(node.op->attr_index(nb::cast<std::string>(key)));
      attributes.at(i) = attr_from_object(*node.op, node.op->schema.attrs.at(i), value);
    }
  NodeOptions options;
  options.name = node.name;
  options.device = device.is_none() ? node.device : nb::cast<std::string>(device);
  options.source = node.source;
  for (nb::handle c : nb::iter(control_inputs))
    options.control_inputs.push_back(nb::cast<PyNode>(c).index);
  if (node.op->builtin == Builtin::kPlaceholder || node.op->builtin == Builtin::kConstant) {
    Node copy = node;
    copy.inputs.clear();
    copy.control_inputs = options.control_inputs;
    copy.device = options.device;
    int32_t old = node.outputs[0];
    int32_t made =
        g.add_raw(std::move(copy), {from.graph.get()->values[static_cast<size_t>(old)].aval});
    g.values[static_cast<size_t>(g.nodes[static_cast<size_t>(made)].outputs[0])].id =
        from.graph.get()->values[static_cast<size_t>(old)].id;
    return tensors(g, g.nodes[static_cast<size_t>(made)].outputs);
  }
  GraphScope saved = std::exchange(graph_scope(), GraphScope());  // names are complete already
  int32_t made;
  try {
    made = g.add(const_cast<Op&>(*node.op), values_in(g, inputs), std::move(attributes), options);
  } catch (...) {
    graph_scope() = saved;
    throw;
  }
  graph_scope() = saved;
  return tensors(g, g.nodes[static_cast<size_t>(made)].outputs);
}

// Appends a node with everything said: passes make nodes for code that they did not see.
nb::list add_node(Graph& g, const std::string& name_of_op, nb::handle inputs, nb::dict attrs,
                  const std::string& name, const std::string& device, const std::string& source,
                  nb::handle control_inputs, std::optional<bool> weak) {
  Op& op = get_op(name_of_op);
  AttrList list = op.default_attrs;
  for (auto [key, value] : attrs) {
    std::string attr = nb::cast<std::string>(key);
    int i = op.attr_index(attr);
    if (i < 0) fail(ErrorKind::kType, "[", op.name(), "] has no attribute '", attr, "'");
    list[static_cast<size_t>(i)] =
        attr_from_object(op, op.schema.attrs[static_cast<size_t>(i)], value);
  }
  for (const AttrSpec& spec : op.schema.attrs)
    if (spec.required && !attrs.contains(spec.name.c_str()))
      fail(ErrorKind::kType, "[", op.name(), "] misses the attribute '", spec.name, "'");
  NodeOptions options;
  options.name = name;
  options.device = device;
  options.source = source;
  for (nb::handle c : nb::iter(control_inputs))
    options.control_inputs.push_back(nb::cast<PyNode>(c).index);
  GraphScope saved = std::exchange(graph_scope(), GraphScope());
  int32_t made;
  try {
    made = g.add(op, values_in(g, inputs), std::move(list), options);
  } catch (...) {
    graph_scope() = saved;
    throw;
  }
  graph_scope() = saved;
  if (weak)
    for (int32_t v : g.nodes[static_cast<size_t>(made)].outputs)
      g.values[static_cast<size_t>(v)].aval.weak = *weak;
  return tensors(g, g.nodes[static_cast<size_t>(made)].outputs);
}

// A graph with the same name, symbols and guards and no nodes: where a pass writes its result.
Ref<Graph> like(const Graph& g) {
  auto out = make_ref<Graph>();
  out->name = g.name;
  out->symbol_names = g.symbol_names;
  out->hints = g.hints;
  out->guards = g.guards;
  out->shares_symbols = g.shares_symbols;
  return out;
}

nb::list guard_list(const Graph& g) {
  nb::list out;
  for (const Guard& guard : g.guards) {
    std::string sign = guard.kind == Guard::kEqual ? (guard.result ? " == " : " != ")
                                                   : (guard.result ? " < " : " >= ");
    out.append(
        nb::make_tuple(dim_text(guard.a, g.symbol_names) + sign + dim_text(guard.b, g.symbol_names),
                       guard.source));
  }
  return out;
}

template <typename T>
void def_identity(nb::class_<Ref<T>>& c) {
  c.def("__eq__", [](const Ref<T>& a, nb::handle b) {
    Ref<T>* other;
    return nb::try_cast<Ref<T>*>(b, other) && a == *other;
  });
  c.def("__hash__", [](const Ref<T>& a) { return reinterpret_cast<uintptr_t>(a.get()) >> 4; });
}

void bind_node(nb::module_& m) {
  nb::class_<PyNode>(m, "Node")
      .def_prop_ro("op", [](const PyNode& n) { return n.node().op->name(); })
      .def_prop_ro("op_function", [](const PyNode& n) { return op_object(*n.node().op); })
      .def_prop_ro("name", [](const PyNode& n) { return n.node().name; })
      .def("rename", [](const PyNode& n,
                        const std::string& wanted) { n.graph.get()->rename(n.index, wanted); })
      .def_prop_ro("scope",
                   [](const PyNode& n) {
                     size_t slash = n.node().name.rfind('/');
                     return slash == std::string::npos ? std::string()
                                                       : n.node().name.substr(0, slash);
                   })
      .def_prop_rw(
          "device", [](const PyNode& n) { return n.node().device; },
          [](const PyNode& n, const std::string& device) {
            n.graph.get()->changed();
            n.node().device = device;
          })
      .def_prop_ro("source", [](const PyNode& n) { return n.node().source; })
      .def_prop_ro("index", [](const PyNode& n) { return n.index; })
      .def_prop_ro("graph", [](const PyNode& n) { return Ref<Graph>(n.graph.get()); })
      .def_prop_ro("inputs",
                   [](const PyNode& n) { return tensors(*n.graph.get(), n.node().inputs); })
      .def_prop_ro("outputs",
                   [](const PyNode& n) { return tensors(*n.graph.get(), n.node().outputs); })
      .def_prop_ro("control_inputs",
                   [](const PyNode& n) {
                     nb::list out;
                     for (int32_t c : n.node().control_inputs) out.append(PyNode{n.graph, c});
                     return out;
                   })
      .def_prop_ro(
          "attrs",
          [](const PyNode& n) { return attrs_dict(*n.node().op, n.node().attrs, n.graph.get()); })
      .def_prop_ro("effects",
                   [](const PyNode& n) {
                     constexpr const char* kNames[] = {"none", "read", "write", "random", "io"};
                     return kNames[static_cast<int>(effects_of(n.node()))];
                   })
      .def_prop_ro("broadcasts", [](const PyNode& n) { return n.node().op->schema.broadcasts; })
      .def_prop_ro("is_alias", [](const PyNode& n) { return n.node().op->schema.alias; })
      .def("__eq__",
           [](const PyNode& a, nb::handle b) {
             PyNode* other;
             return nb::try_cast<PyNode*>(b, other) && a.graph.get() == other->graph.get() &&
                    a.index == other->index;
           })
      .def("__hash__",
           [](const PyNode& n) {
             return (reinterpret_cast<uintptr_t>(n.graph.get()) >> 4) * 31 +
                    static_cast<size_t>(n.index);
           })
      .def("__repr__", [](const PyNode& n) {
        return "<node " + n.node().name + ": " + n.node().op->name() + ">";
      });
}

void bind_variable(nb::module_& m) {
  nb::class_<Ref<Variable>> variable(m, "Variable");
  variable
      .def("__init__",
           [](Ref<Variable>* self, const Tensor& value, const std::string& name, bool trainable) {
             if (value.symbolic())
               fail(ErrorKind::kGraph,
                    "a variable's first value must be a real tensor, not one of a graph under "
                    "construction; create variables outside the function, once");
             new (self) Ref<Variable>(new Variable(value, name, trainable));
           })
      .def_static("uninitialized",
                  [](nb::handle dtype, nb::handle shape, const std::string& name, bool trainable) {
                    return Ref<Variable>(new Variable(dtype_from_object(dtype),
                                                      shape_from_object(shape), name, trainable));
                  })
      .def("read", [](const Ref<Variable>& v) { return nb::steal(new_tensor(v->read())); })
      .def("assign", [](const Ref<Variable>& v, const Tensor& t) { v->assign(t); })
      .def_prop_ro("name", [](const Ref<Variable>& v) { return v->name(); })
      .def_prop_ro("trainable", [](const Ref<Variable>& v) { return v->trainable(); })
      .def_prop_ro("dtype", [](const Ref<Variable>& v) { return dtype_object(v->dtype()); })
      .def_prop_ro("shape",
                   [](const Ref<Variable>& v) { return shape_object(v->shape(), nullptr); })
      .def_prop_ro("_id", [](const Ref<Variable>& v) { return v->id(); });
  def_identity(variable);
}

struct PyTapeEntry {
  Ref<Tape> tape;
  size_t index;
  const TapeEntry& entry() const { return tape->entries.at(index); }
};

nb::list tape_tensors(const std::vector<Tensor>& list) {
  nb::list out;
  for (const Tensor& t : list) out.append(nb::steal(new_tensor(Tensor(t))));
  return out;
}

void bind_tape(nb::module_& m) {
  nb::class_<PyTapeEntry>(m, "TapeEntry")
      .def_prop_ro("op", [](const PyTapeEntry& e) { return e.entry().op->name(); })
      .def_prop_ro("op_function", [](const PyTapeEntry& e) { return op_object(*e.entry().op); })
      .def_prop_ro("inputs", [](const PyTapeEntry& e) { return tape_tensors(e.entry().inputs); })
      .def_prop_ro("outputs", [](const PyTapeEntry& e) { return tape_tensors(e.entry().outputs); })
      .def_prop_ro("attrs",
                   [](const PyTapeEntry& e) {
                     Graph* graph =
                         e.entry().outputs.empty() ? nullptr : e.entry().outputs[0].graph.get();
                     return attrs_dict(*e.entry().op, e.entry().attrs, graph);
                   })
      .def_prop_ro("input_ids",
                   [](const PyTapeEntry& e) {
                     nb::list out;
                     for (const Tensor& t : e.entry().inputs) out.append(t.id);
                     return out;
                   })
      .def_prop_ro("output_ids", [](const PyTapeEntry& e) {
        nb::list out;
        for (const Tensor& t : e.entry().outputs) out.append(t.id);
        return out;
      });
  nb::class_<Ref<Tape>>(m, "Tape")
      .def("__init__",
           [](Ref<Tape>* self, bool watch_variables) {
             new (self) Ref<Tape>(new Tape(watch_variables));
           })
      .def("watch", [](const Ref<Tape>& tape, nb::handle t) { tape->watch(checked_tensor(t)); })
      .def("watch_id", [](const Ref<Tape>& tape, uint64_t id) { tape->watched.insert(id); })
      .def("watches", [](const Ref<Tape>& tape, const Tensor& t) { return tape->watches(t); })
      .def("push",
           [](const Ref<Tape>& tape) {
             auto tapes = active_tapes();
             tapes.push_back(tape);
             set_active_tapes(std::move(tapes));
           })
      .def("pop",
           [](const Ref<Tape>& tape) {
             auto tapes = active_tapes();
             for (size_t i = tapes.size(); i-- > 0;) {
               if (!(tapes[i] == tape)) continue;
               tapes.erase(tapes.begin() + static_cast<std::ptrdiff_t>(i));
               set_active_tapes(std::move(tapes));
               return;
             }
           })
      .def("clear", [](const Ref<Tape>& tape) { tape->entries.clear(); })
      .def("entries", [](const Ref<Tape>& tape) {
        nb::list out;
        for (size_t i = 0; i < tape->entries.size(); ++i) out.append(PyTapeEntry{tape, i});
        return out;
      });
  // Runs without recording: returns the tapes to put back.
  m.def("recording", [] { return (t_mode & kModeTape) != 0; });
  m.def("pause_tapes", [] {
    nb::list out;
    for (const Ref<Tape>& tape : active_tapes()) out.append(tape);
    set_active_tapes({});
    return out;
  });
  m.def("resume_tapes", [](nb::list tapes) {
    std::vector<Ref<Tape>> list;
    for (nb::handle t : tapes) list.push_back(nb::cast<Ref<Tape>>(t));
    set_active_tapes(std::move(list));
  });
}

}  // namespace

void bind_graph(nb::module_& m) {
  bind_node(m);
  nb::class_<Ref<Graph>> graph(m, "Graph");
  graph
      .def(
          "__init__",
          [](Ref<Graph>* self, const std::string& name, std::optional<Ref<Graph>> parent) {
            new (self) Ref<Graph>(new Graph);
            (*self)->name = name;
            if (parent) (*self)->adopt(parent->get());
          },
          nb::arg("name") = "main", nb::arg("parent") = nb::none())
      .def_prop_rw(
          "name", [](const Ref<Graph>& g) { return g->name; },
          [](const Ref<Graph>& g, const std::string& name) { g->name = name; })
      .def_prop_ro("nodes",
                   [](const Ref<Graph>& g) {
                     nb::list out;
                     for (size_t i = 0; i < g->nodes.size(); ++i)
                       out.append(PyNode{GraphHandle(g.get()), static_cast<int32_t>(i)});
                     return out;
                   })
      .def("__len__", [](const Ref<Graph>& g) { return g->nodes.size(); })
      .def_prop_rw(
          "inputs", [](const Ref<Graph>& g) { return tensors(*g, g->inputs); },
          [](const Ref<Graph>& g, nb::handle list) {
            g->changed();
            g->inputs = values_in(*g, list);
          })
      .def_prop_rw(
          "outputs", [](const Ref<Graph>& g) { return tensors(*g, g->outputs); },
          [](const Ref<Graph>& g, nb::handle list) {
            g->changed();
            g->outputs = values_in(*g, list);
          })
      .def_prop_ro("version", [](const Ref<Graph>& g) { return g->version(); })
      .def_prop_ro("guards", [](const Ref<Graph>& g) { return guard_list(*g); })
      .def_prop_ro("symbols", [](const Ref<Graph>& g) { return g->symbol_names; })
      .def("text", [](const Ref<Graph>& g) { return g->text(); })
      .def(
          "placeholder",
          [](const Ref<Graph>& g, nb::handle dtype, nb::handle shape, const std::string& name,
             bool weak, const std::string& source) {
            NodeOptions options;
            options.name = name;
            options.source = source;
            options.device = graph_scope().device;
            Shape s = shape_from_object(shape, g.get());
            return nb::steal(
                new_tensor(g->tensor(g->placeholder(dtype_from_object(dtype), s, options, weak))));
          },
          nb::arg("dtype"), nb::arg("shape"), nb::arg("name") = "", nb::arg("weak") = false,
          nb::arg("source") = "")
      .def(
          "constant",
          [](const Ref<Graph>& g, const Tensor& t, const std::string& name) {
            NodeOptions options;
            options.name = name;
            return nb::steal(new_tensor(g->tensor(g->constant(t, options))));
          },
          nb::arg("value"), nb::arg("name") = "")
      .def(
          "new_symbol",
          [](const Ref<Graph>& g, const std::string& name, std::optional<int64_t> hint) {
            return dim_object(g->new_symbol(name, hint.value_or(kUnknown)), g.get());
          },
          nb::arg("name"), nb::arg("hint").none())
      .def("size",
           [](const Ref<Graph>& g, const std::string& text) {
             return dim_object(dim_parse(text, g->symbol_names), g.get());
           })
      .def("assume", [](const Ref<Graph>& g, const std::string& text) { g->assume(text); })
      .def(
          "add_node",
          [](const Ref<Graph>& g, const std::string& op, nb::handle inputs, nb::dict attrs,
             const std::string& name, const std::string& device, const std::string& source,
             nb::handle control_inputs, std::optional<bool> weak) {
            return add_node(*g, op, inputs, attrs, name, device, source, control_inputs, weak);
          },
          nb::arg("op"), nb::arg("inputs"), nb::arg("attrs"), nb::arg("name"), nb::arg("device"),
          nb::arg("source"), nb::arg("control_inputs") = nb::make_tuple(),
          nb::arg("weak") = nb::none())
      .def(
          "copy_node",
          [](const Ref<Graph>& g, const PyNode& node, nb::handle inputs, nb::handle control,
             nb::handle device,
             nb::handle attrs) { return copy_node(*g, node, inputs, control, device, attrs); },
          nb::arg("node"), nb::arg("inputs"), nb::arg("control_inputs") = nb::make_tuple(),
          nb::arg("device") = nb::none(), nb::arg("attrs") = nb::none())
      .def("capture",
           [](const Ref<Graph>& g, nb::handle t) {
             const Tensor& outer = checked_tensor(t);
             if (outer.graph.get() != g.get() && !g->inside(outer.graph.get()))
               fail(ErrorKind::kGraph, "the tensor does not belong to graph '", g->name,
                    "' or to one around it");
             return nb::steal(new_tensor(g->tensor(g->capture(outer))));
           })
      .def_prop_ro("captured", [](const Ref<Graph>& g) { return tape_tensors(g->captured()); })
      .def("close", [](const Ref<Graph>& g) { g->close(); })
      .def_prop_ro("shares_symbols", [](const Ref<Graph>& g) { return g->shares_symbols; })
      .def("adopt_guards",
           [](const Ref<Graph>& g, const Ref<Graph>& body) {
             for (const Guard& guard : body->guards) g->adopt_guard(guard);
           })
      .def("forget_objects", [](const Ref<Graph>& g) { g->forget_objects(); })
      .def("like", [](const Ref<Graph>& g) { return like(*g); })
      .def("find_node",
           [](const Ref<Graph>& g, const std::string& name) -> nb::object {
             int32_t i = g->find_node(name);
             return i < 0 ? nb::none() : nb::cast(PyNode{GraphHandle(g.get()), i});
           })
      .def("push", [](const Ref<Graph>& g) { push_graph(g.get()); })
      .def("pop", [](const Ref<Graph>&) { pop_graph(); })
      .def("__repr__", [](const Ref<Graph>& g) { return g->text(); });
  def_identity(graph);
  // Inside, ops run at once even while a graph is being built; graph.pop() or pop_graph() ends it.
  m.def("push_eager", [] { push_graph(nullptr); });
  m.def("pop_graph", pop_graph);
  m.def("current_graph", []() -> nb::object {
    Graph* g = current_graph();
    return g ? nb::cast(Ref<Graph>(g)) : nb::none();
  });
  m.def("get_scope", [] { return graph_scope().name; });
  m.def("set_scope", [](const std::string& name) { graph_scope().name = name; });
  m.def("get_scope_device", [] { return graph_scope().device; });
  m.def("set_scope_device", [](const std::string& name) {
    graph_scope().device = name;
    set_mode(kModeScope, !name.empty());
  });
  m.def("set_control_inputs", [](nb::handle list) {
    std::vector<Tensor> inputs;
    for (nb::handle t : nb::iter(list)) inputs.push_back(checked_tensor(t));
    graph_scope().control_inputs = inputs;
  });
  m.def("get_control_inputs", [] { return tape_tensors(graph_scope().control_inputs); });
  bind_variable(m);
  bind_tape(m);
}

}  // namespace penstock::python
