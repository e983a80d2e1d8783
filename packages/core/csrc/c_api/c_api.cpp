// Tensors, variables, graphs and plans of penstock.h.
#include <cstring>
#include <mutex>
#include <string>

#include "c_api/handles.h"
#include "plugins/library.h"
#include "threads/pool.h"

using penstock::AttrValue;
using penstock::ErrorKind;
using penstock::c_api::dtype_of;
using penstock::c_api::guarded;

namespace {

thread_local std::string t_error;
thread_local int t_kind = 0;

}  // namespace

namespace penstock::c_api {

void keep_error(int kind, const char* message) {
  t_error = message;
  t_kind = kind;
}

int kind_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kValue:
      return PENSTOCK_KIND_VALUE;
    case ErrorKind::kType:
      return PENSTOCK_KIND_TYPE;
    case ErrorKind::kShape:
      return PENSTOCK_KIND_SHAPE;
    case ErrorKind::kDType:
      return PENSTOCK_KIND_DTYPE;
    case ErrorKind::kIndex:
      return PENSTOCK_KIND_INDEX;
    case ErrorKind::kDevice:
      return PENSTOCK_KIND_DEVICE;
    case ErrorKind::kKernel:
      return PENSTOCK_KIND_KERNEL;
    case ErrorKind::kGraph:
      return PENSTOCK_KIND_GRAPH;
    case ErrorKind::kMemory:
      return PENSTOCK_KIND_MEMORY;
    case ErrorKind::kCancelled:
      return PENSTOCK_KIND_CANCELLED;
    case ErrorKind::kNumeric:
      return PENSTOCK_KIND_NUMERIC;
    case ErrorKind::kPlugin:
      return PENSTOCK_KIND_PLUGIN;
    case ErrorKind::kFormat:
      return PENSTOCK_KIND_FORMAT;
    case ErrorKind::kInternal:
      return PENSTOCK_KIND_INTERNAL;
  }
  return PENSTOCK_KIND_INTERNAL;
}

DType dtype_of(penstock_dtype abi) {
  DType dtype;
  if (!dtype_from_abi(abi, &dtype)) fail(ErrorKind::kDType, "unknown dtype code ", int{abi.code});
  return dtype;
}

int64_t public_size(Dim size) { return is_symbolic(size) ? -1 : size; }

void load_plugins_once() {
  static std::once_flag once;
  std::call_once(once, [] { load_plugin_path(); });
}

int run_plan(Plan& plan, int32_t num_inputs, const penstock_tensor_t* inputs,
             penstock_tensor_t* outputs, const penstock_run_options* options) {
  std::vector<Tensor> in, out(static_cast<size_t>(plan.num_outputs()));
  in.reserve(static_cast<size_t>(num_inputs));
  for (int32_t i = 0; i < num_inputs; ++i) {
    if (!inputs[i]) fail(ErrorKind::kValue, "input ", i, " is NULL; give a tensor");
    in.push_back(inputs[i]->tensor);
  }
  RunOptions run;
  bool has_cancel = options && options->struct_size >=
                                   offsetof(penstock_run_options, cancel) + sizeof(options->cancel);
  if (has_cancel && options->cancel) run.cancel = &options->cancel->cancelled;
  if (options && options->timeout_seconds > 0 && options->timeout_seconds < 1e9)
    run.deadline = std::chrono::steady_clock::now() +
                   std::chrono::nanoseconds(static_cast<int64_t>(options->timeout_seconds * 1e9));
  plan.run(in.data(), num_inputs, out.data(), run);
  for (size_t i = 0; i < out.size(); ++i) outputs[i] = new penstock_tensor_s{out[i]};
  return 0;
}

}  // namespace penstock::c_api

namespace {

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

}  // namespace

const char* penstock_version(void) { return PENSTOCK_VERSION; }
const char* penstock_last_error(void) { return t_error.c_str(); }
int penstock_last_error_kind(void) { return t_kind; }

int penstock_load_plugin(const char* path) {
  return guarded(1, [&] {
    penstock::load_library(path, path);
    return 0;
  });
}

int penstock_add_static_plugin(penstock_plugin_init_fn init, const char* name) {
  return guarded(1, [&] {
    penstock::load_static_plugin(init, name);
    return 0;
  });
}

void penstock_set_random_seed(uint64_t seed) { penstock::set_seed(seed); }

int penstock_set_num_threads(int n) {
  return guarded(1, [&] {
    penstock::set_num_threads(n);
    return 0;
  });
}

namespace {

penstock::Shape shape_of(int32_t ndim, const int64_t* shape) {
  if (ndim < 0 || (ndim > 0 && !shape))
    penstock::fail(ErrorKind::kShape, "a tensor needs a shape of ", ndim, " sizes");
  for (int32_t i = 0; i < ndim; ++i)
    if (shape[i] < 0)
      penstock::fail(ErrorKind::kShape, "a tensor's size is ", shape[i], "; expected 0 or more");
  return penstock::Shape::from({shape, shape + ndim});
}

}  // namespace

penstock_tensor_t penstock_tensor_new(penstock_dtype dtype, int32_t ndim, const int64_t* shape,
                                      const void* data) {
  return guarded(penstock_tensor_t{}, [&] {
    auto t = penstock::Tensor::empty(dtype_of(dtype), shape_of(ndim, shape));
    if (data && t.dtype == penstock::DType::kString) {
      const auto* strings = static_cast<const penstock_string*>(data);
      for (int64_t i = 0; i < t.shape.size(); ++i)
        t.storage->set_string(i, strings[i].data, strings[i].size);
    } else if (data && t.bytes() > 0) {
      std::memcpy(t.data(), data, static_cast<size_t>(t.bytes()));
    }
    return new penstock_tensor_s{t};
  });
}

penstock_tensor_t penstock_tensor_wrap(penstock_dtype dtype, int32_t ndim, const int64_t* shape,
                                       const void* data, void (*release)(void* context),
                                       void* context) {
  return guarded(penstock_tensor_t{}, [&] {
    penstock::Tensor t;
    t.dtype = dtype_of(dtype);
    if (t.dtype == penstock::DType::kString)
      penstock::fail(ErrorKind::kDType, "strings cannot be wrapped; use penstock_tensor_new");
    t.shape = shape_of(ndim, shape);
    if (!data && t.bytes() > 0) penstock::fail(ErrorKind::kValue, "the data is NULL");
    t.storage = penstock::Storage::wrap(
        const_cast<void*>(data), t.bytes(), penstock::host_device(),
        [release, context] {
          if (release) release(context);
        },
        /*writable=*/false);
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

penstock_variable_t penstock_variable_new(const char* name, penstock_tensor_t value,
                                          int trainable) {
  return guarded(penstock_variable_t{}, [&] {
    return new penstock_variable_s{
        penstock::make_ref<penstock::Variable>(value->tensor, name ? name : "", trainable != 0)};
  });
}

void penstock_variable_free(penstock_variable_t v) { delete v; }
const char* penstock_variable_name(penstock_variable_t v) { return v->variable->name().c_str(); }
int penstock_variable_trainable(penstock_variable_t v) { return v->variable->trainable(); }

penstock_tensor_t penstock_variable_get(penstock_variable_t v) {
  return guarded(penstock_tensor_t{}, [&] { return new penstock_tensor_s{v->variable->read()}; });
}

int penstock_variable_set(penstock_variable_t v, penstock_tensor_t t) {
  return guarded(1, [&] {
    v->variable->assign(t->tensor);
    return 0;
  });
}

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

penstock_value penstock_graph_number(penstock_graph_t g, double number) {
  return guarded(penstock_value{-1}, [&] {
    auto t = penstock::Tensor::scalar(number, penstock::kDefaultFloat);
    t.weak = true;
    return g->graph->constant(t);
  });
}

namespace {

penstock_value add_builtin(penstock::Graph& graph, const char* op, std::vector<int32_t> inputs,
                           const penstock_variable_t variable) {
  penstock::Ref<penstock::RefCounted> object(variable->variable.get());
  int32_t node = graph.add(penstock::get_op(op), std::move(inputs), {object}, {});
  return graph.nodes[static_cast<size_t>(node)].outputs[0];
}

}  // namespace

penstock_value penstock_graph_read(penstock_graph_t g, penstock_variable_t v) {
  return guarded(penstock_value{-1},
                 [&] { return add_builtin(*g->graph, "read_variable", {}, v); });
}

penstock_value penstock_graph_assign(penstock_graph_t g, penstock_variable_t v,
                                     penstock_value value) {
  return guarded(penstock_value{-1}, [&] {
    check_values(*g->graph, &value, 1);
    return add_builtin(*g->graph, "assign_variable", {value}, v);
  });
}

int penstock_graph_name(penstock_graph_t g, penstock_value value, const char* name) {
  return guarded(1, [&] {
    check_values(*g->graph, &value, 1);
    g->graph->rename(g->graph->values[static_cast<size_t>(value)].node, name);
    return 0;
  });
}

penstock_value penstock_graph_find(penstock_graph_t g, const char* name) {
  return guarded(penstock_value{-1}, [&] {
    for (size_t v = 0; v < g->graph->values.size(); ++v)
      if (g->graph->value_name(static_cast<int32_t>(v)) == name) return static_cast<int32_t>(v);
    penstock::fail(ErrorKind::kGraph, "graph '", g->graph->name, "' has no value '", name, "'");
  });
}

int penstock_graph_type(penstock_graph_t g, penstock_value value, penstock_dtype* dtype,
                        int32_t* ndim, int32_t max_ndim, int64_t* shape) {
  return guarded(1, [&] {
    check_values(*g->graph, &value, 1);
    const penstock::Aval& aval = g->graph->values[static_cast<size_t>(value)].aval;
    *dtype = penstock::dtype_to_abi(aval.dtype);
    *ndim = aval.shape.ndim;
    for (int32_t d = 0; d < aval.shape.ndim && d < max_ndim; ++d)
      shape[d] = penstock::c_api::public_size(aval.shape[d]);
    return 0;
  });
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
    penstock::c_api::load_plugins_once();
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
  return guarded(
      1, [&] { return penstock::c_api::run_plan(*p->plan, num_inputs, inputs, outputs, options); });
}
