#include <cstring>
#include <mutex>
#include <string>

#include "base/error.h"
#include "graph/graph.h"
#include "penstock/penstock.h"
#include "plan/plan.h"
#include "plugins/library.h"
#include "threads/pool.h"

using penstock::AttrValue;
using penstock::ErrorKind;

struct penstock_tensor_s {
  penstock::Tensor tensor;
};
struct penstock_graph_s {
  penstock::Ref<penstock::Graph> graph;
};
struct penstock_plan_s {
  penstock::Ref<penstock::Plan> plan;
};
struct penstock_cancel_s {
  std::atomic<bool> cancelled{false};
};

namespace {

thread_local std::string t_error;

// Runs body; turns exceptions into the thread's last error and `failed`.
template <typename Body, typename Result>
Result guarded(Result failed, Body body) {
  try {
    return body();
  } catch (const std::exception& e) {
    t_error = e.what();
    return failed;
  }
}

penstock::DType dtype_of(penstock_dtype abi) {
  penstock::DType dtype;
  if (!penstock::dtype_from_abi(abi, &dtype))
    penstock::fail(ErrorKind::kDType, "unknown dtype code ", int{abi.code});
  return dtype;
}

AttrValue attr_value(const penstock_attr& a) {
  switch (a.kind) {
    case PENSTOCK_ATTR_NONE:
      return std::monostate{};
    case PENSTOCK_ATTR_BOOL:
      return a.v.i != 0;
    case PENSTOCK_ATTR_INT:
      return a.v.i;
    case PENSTOCK_ATTR_FLOAT:
      return a.v.f;
    case PENSTOCK_ATTR_STR:
      return std::string(a.v.s, a.count);
    case PENSTOCK_ATTR_DTYPE:
      return dtype_of(a.v.dtype);
    case PENSTOCK_ATTR_INTS:
      return std::vector<int64_t>(a.v.is, a.v.is + a.count);
    case PENSTOCK_ATTR_FLOATS:
      return std::vector<double>(a.v.fs, a.v.fs + a.count);
    default:
      penstock::fail(ErrorKind::kType, "attribute '", a.name, "' has an unknown kind");
  }
}

// The value as the attribute's kind; a whole number also serves as a float.
AttrValue fitted(const penstock::Op& op, const penstock::AttrSpec& spec, AttrValue value) {
  using penstock::AttrKind;
  if (spec.kind == AttrKind::kFloat && std::holds_alternative<int64_t>(value))
    return static_cast<double>(std::get<int64_t>(value));
  bool fits = std::holds_alternative<std::monostate>(value) ? spec.optional : false;
  switch (spec.kind) {
    case AttrKind::kBool:
      fits |= std::holds_alternative<bool>(value);
      break;
    case AttrKind::kInt:
      fits |= std::holds_alternative<int64_t>(value);
      break;
    case AttrKind::kFloat:
      fits |= std::holds_alternative<double>(value);
      break;
    case AttrKind::kStr:
      fits |= std::holds_alternative<std::string>(value);
      break;
    case AttrKind::kDType:
      fits |= std::holds_alternative<penstock::DType>(value);
      break;
    case AttrKind::kInts:
    case AttrKind::kShape:
      fits |= std::holds_alternative<std::vector<int64_t>>(value);
      break;
    case AttrKind::kFloats:
      fits |= std::holds_alternative<std::vector<double>>(value);
      break;
    default:
      break;
  }
  if (!fits)
    penstock::fail(ErrorKind::kType, "[", op.name(), "] attribute '", spec.name, "' must be ",
                   penstock::attr_kind_name(spec.kind));
  return value;
}

penstock::AttrList attr_list(const penstock::Op& op, int32_t n, const penstock_attr* attrs) {
  penstock::AttrList list = op.default_attrs;
  std::vector<bool> given(list.size(), false);
  for (int32_t i = 0; i < n; ++i) {
    int at = op.attr_index(attrs[i].name);
    if (at < 0)
      penstock::fail(ErrorKind::kType, "[", op.name(), "] has no attribute '", attrs[i].name, "'");
    list[static_cast<size_t>(at)] =
        fitted(op, op.schema.attrs[static_cast<size_t>(at)], attr_value(attrs[i]));
    given[static_cast<size_t>(at)] = true;
  }
  for (size_t i = 0; i < list.size(); ++i)
    if (op.schema.attrs[i].required && !given[i])
      penstock::fail(ErrorKind::kType, "[", op.name(), "] misses the attribute '",
                     op.schema.attrs[i].name, "'");
  return list;
}

void check_values(const penstock::Graph& graph, const penstock_value* values, int32_t n) {
  for (int32_t i = 0; i < n; ++i)
    if (values[i] < 0 || static_cast<size_t>(values[i]) >= graph.values.size())
      penstock::fail(ErrorKind::kGraph, "value ", values[i], " is not in graph '", graph.name, "'");
}

void load_plugins_once() {
  static std::once_flag once;
  std::call_once(once, [] { penstock::load_plugin_path(); });
}

}  // namespace

const char* penstock_version(void) { return PENSTOCK_VERSION; }
const char* penstock_last_error(void) { return t_error.c_str(); }

int penstock_load_plugin(const char* path) {
  return guarded(1, [&] {
    penstock::load_library(path, path);
    return 0;
  });
}

int penstock_set_num_threads(int n) {
  return guarded(1, [&] {
    penstock::set_num_threads(n);
    return 0;
  });
}

penstock_tensor_t penstock_tensor_new(penstock_dtype dtype, int32_t ndim, const int64_t* shape,
                                      const void* data) {
  return guarded(penstock_tensor_t{}, [&] {
    if (ndim < 0 || (ndim > 0 && !shape))
      penstock::fail(ErrorKind::kShape, "a tensor needs a shape of ", ndim, " sizes");
    auto t = penstock::Tensor::empty(dtype_of(dtype), penstock::Shape::from({shape, shape + ndim}));
    if (data && t.dtype == penstock::DType::kString) {
      const auto* strings = static_cast<const penstock_string*>(data);
      for (int64_t i = 0; i < t.shape.size(); ++i)
        t.storage->set_string(i, strings[i].data, strings[i].size);
    } else if (data) {
      std::memcpy(t.data(), data, static_cast<size_t>(t.bytes()));
    }
    return new penstock_tensor_s{t};
  });
}

void penstock_tensor_free(penstock_tensor_t t) { delete t; }
int32_t penstock_tensor_ndim(penstock_tensor_t t) { return t->tensor.shape.ndim; }
const int64_t* penstock_tensor_shape(penstock_tensor_t t) { return t->tensor.shape.dims; }
penstock_dtype penstock_tensor_dtype(penstock_tensor_t t) {
  return penstock::dtype_to_abi(t->tensor.dtype);
}
int64_t penstock_tensor_size(penstock_tensor_t t) { return t->tensor.shape.size(); }
const void* penstock_tensor_data(penstock_tensor_t t) { return t->tensor.data(); }

penstock_graph_t penstock_graph_new(const char* name) {
  return guarded(penstock_graph_t{}, [&] {
    auto graph = penstock::make_ref<penstock::Graph>();
    graph->name = name ? name : "main";
    return new penstock_graph_s{graph};
  });
}

void penstock_graph_free(penstock_graph_t g) { delete g; }

penstock_value penstock_graph_input(penstock_graph_t g, const char* name, penstock_dtype dtype,
                                    int32_t ndim, const int64_t* shape) {
  return guarded(penstock_value{-1}, [&] {
    penstock::Shape s;
    for (int32_t i = 0; i < ndim; ++i)
      s.push(shape[i] < 0 ? g->graph->new_symbol("", penstock::kUnknown) : shape[i]);
    penstock::NodeOptions options;
    options.name = name ? name : "";
    return g->graph->placeholder(dtype_of(dtype), s, options);
  });
}

penstock_value penstock_graph_constant(penstock_graph_t g, penstock_tensor_t t) {
  return guarded(penstock_value{-1}, [&] { return g->graph->constant(t->tensor); });
}

int penstock_graph_add(penstock_graph_t g, const char* name, int32_t num_inputs,
                       const penstock_value* inputs, int32_t num_attrs, const penstock_attr* attrs,
                       int32_t max_outputs, penstock_value* outputs) {
  return guarded(-1, [&] {
    penstock::Op& op = penstock::get_op(name);
    check_values(*g->graph, inputs, num_inputs);
    int32_t node =
        g->graph->add(op, {inputs, inputs + num_inputs}, attr_list(op, num_attrs, attrs), {});
    const auto& made = g->graph->nodes[static_cast<size_t>(node)].outputs;
    for (size_t i = 0; i < made.size() && static_cast<int32_t>(i) < max_outputs; ++i)
      outputs[i] = made[i];
    return static_cast<int>(made.size());
  });
}

int penstock_graph_set_outputs(penstock_graph_t g, int32_t n, const penstock_value* values) {
  return guarded(1, [&] {
    check_values(*g->graph, values, n);
    g->graph->outputs.assign(values, values + n);
    return 0;
  });
}

char* penstock_graph_text(penstock_graph_t g) {
  return guarded(static_cast<char*>(nullptr), [&] { return strdup(g->graph->text().c_str()); });
}

void penstock_string_free(char* text) { free(text); }

penstock_plan_t penstock_plan_new(penstock_graph_t g) {
  return guarded(penstock_plan_t{}, [&] {
    load_plugins_once();
    return new penstock_plan_s{penstock::make_ref<penstock::Plan>(g->graph)};
  });
}

penstock_cancel_t penstock_cancel_new(void) { return new penstock_cancel_s; }
void penstock_cancel_set(penstock_cancel_t c) { c->cancelled = true; }
void penstock_cancel_free(penstock_cancel_t c) { delete c; }

void penstock_plan_free(penstock_plan_t p) { delete p; }
int32_t penstock_plan_num_outputs(penstock_plan_t p) { return p->plan->num_outputs(); }

int penstock_plan_run(penstock_plan_t p, int32_t num_inputs, const penstock_tensor_t* inputs,
                      penstock_tensor_t* outputs, const penstock_run_options* options) {
  return guarded(1, [&] {
    std::vector<penstock::Tensor> in, out(static_cast<size_t>(p->plan->num_outputs()));
    for (int32_t i = 0; i < num_inputs; ++i) in.push_back(inputs[i]->tensor);
    penstock::RunOptions run;
    bool has_cancel = options && options->struct_size >= offsetof(penstock_run_options, cancel) +
                                                             sizeof(options->cancel);
    if (has_cancel && options->cancel) run.cancel = &options->cancel->cancelled;
    if (options && options->timeout_seconds > 0 && options->timeout_seconds < 1e9)
      run.deadline = std::chrono::steady_clock::now() +
                     std::chrono::nanoseconds(static_cast<int64_t>(options->timeout_seconds * 1e9));
    p->plan->run(in.data(), num_inputs, out.data(), run);
    for (size_t i = 0; i < out.size(); ++i) outputs[i] = new penstock_tensor_s{out[i]};
    return 0;
  });
}
