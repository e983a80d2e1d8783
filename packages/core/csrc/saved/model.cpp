#include "saved/model.h"

#include <algorithm>
#include <new>
#include <set>
#include <utility>

#include "base/error.h"
#include "saved/sha256.h"

namespace penstock {
namespace {

constexpr int64_t kVersion = 1;
constexpr int64_t kMaxGraphBytes = 256ll << 20;
constexpr size_t kListed = 10;  // of what is wrong

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (size_t i = 0; i < items.size() && i < kListed; ++i) out += (i ? ", " : "") + items[i];
  if (items.size() > kListed) out += " and " + std::to_string(items.size() - kListed) + " more";
  return out;
}

void check_header(const Json& json, const std::string& what) {
  check_members(json,
                {"format", "version", "producer", "metadata", "plugins", "ops", "variables",
                 "functions", "golden", "lowered"},
                what);
  const Json* format = json.find("format");
  if (!format || !format->is_string() || format->string(what) != "penstock-graph")
    fail(ErrorKind::kFormat, what, " is no saved graph: its format is not \"penstock-graph\"");
  int64_t version = json.at("version", what).integer(what + "'s version");
  if (version != kVersion)
    fail(ErrorKind::kFormat, what, " has version ", version, " of the format; this libpenstock ",
         PENSTOCK_VERSION, " reads version ", kVersion,
         version < kVersion ? ": convert it with `penstock convert OLD NEW`"
                            : ": install a newer penstock");
}

// The plugin that says it has the op, for messages.
std::string provider_of(const Json& json, const std::string& op) {
  if (const Json* plugins = json.find("plugins"); plugins && plugins->is_array())
    for (const Json& plugin : plugins->array("plugins")) {
      const Json *name = plugin.find("name"), *ops = plugin.find("ops");
      if (!name || !name->is_string() || !ops || !ops->is_array()) continue;
      for (const Json& listed_op : ops->array("ops"))
        if (listed_op.is_string() && listed_op.string("ops") == op) return name->string("name");
    }
  return "";
}

// Every op must be one of ours, at our version. What is wrong, or nothing.
std::string complaint_about_ops(const Json& json, const std::string& what) {
  std::vector<std::string> unknown, old, newer;
  for (const auto& [name, value] : json.at("ops", what).object(what + "'s ops")) {
    int64_t version = value.integer(what + "'s version of " + name);
    std::string label = name + "@" + std::to_string(version);
    Op* op = find_op(name);
    if (!op) {
      std::string plugin = provider_of(json, name);
      unknown.push_back(plugin.empty() ? label : label + " (of plugin " + plugin + ")");
    } else if (version < op->schema.version) {
      old.push_back(label);
    } else if (version > op->schema.version) {
      newer.push_back(label);
    }
  }
  if (!unknown.empty())
    return " has ops that this libpenstock does not know: " + listed(unknown) +
           "; run it in Python with the plugin that has them, or install a newer penstock";
  if (!old.empty())
    return " has ops of earlier versions: " + listed(old) +
           "; convert it with `penstock convert OLD NEW`";
  if (!newer.empty())
    return " has ops of later versions: " + listed(newer) + "; install a newer penstock";
  return "";
}

// The ops that a graph has, its bodies among them.
void add_ops(const Json& graph, std::set<std::string>* out) {
  const Json* nodes = graph.find("nodes");
  if (!nodes || !nodes->is_array()) return;
  for (const Json& node : nodes->array("nodes")) {
    if (const Json* op = node.find("op"); op && op->is_string()) out->insert(op->string("op"));
    if (const Json* attrs = node.find("attrs"); attrs && attrs->is_object())
      for (const auto& attr : attrs->object("attrs"))
        if (const Json* body = attr.second.find("graph")) add_ops(*body, out);
  }
}

void check_ops_are_listed(const Json& json, const std::string& what) {
  std::set<std::string> used;
  for (const Json& function : json.at("functions", what).array(what + "'s functions"))
    if (const Json* graph = function.find("graph")) add_ops(*graph, &used);
  const Json& versions = json.at("ops", what);
  std::vector<std::string> missing;
  for (const std::string& op : used)
    if (!versions.find(op)) missing.push_back(op);
  if (!missing.empty())
    fail(ErrorKind::kFormat, what, "'s ops have no version of ", listed(missing));
}

std::vector<TensorSpec> read_specs(const Json& list, const Graph& graph,
                                   const std::vector<int32_t>& values, const std::string& what) {
  std::vector<TensorSpec> specs;
  std::set<std::string> names;
  for (const Json& item : list.array(what)) {
    check_members(item, {"name", "dtype", "shape"}, what);
    TensorSpec spec;
    spec.name = item.at("name", what).string(what + "'s name");
    std::string whose = what + " " + json_quoted(spec.name);
    if (spec.name.empty() || !names.insert(spec.name).second)
      fail(ErrorKind::kFormat, whose, " has no name of its own");
    spec.dtype = read_dtype(item.at("dtype", whose), whose);
    spec.shape = read_shape(item.at("shape", whose), graph.symbol_names, whose);
    for (int d = 0; d < spec.shape.ndim; ++d)
      spec.size_names.push_back(dim_text(spec.shape[d], graph.symbol_names));
    specs.push_back(std::move(spec));
  }
  if (specs.size() != values.size())
    fail(ErrorKind::kFormat, what, "s are ", specs.size(), ", the graph has ", values.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const Aval& aval = graph.values[static_cast<size_t>(values[i])].aval;
    bool fits = aval.dtype == specs[i].dtype && aval.shape.ndim == specs[i].shape.ndim;
    for (int d = 0; fits && d < aval.shape.ndim; ++d)
      fits = aval.shape[d] == specs[i].shape[d] ||
             (is_symbolic(aval.shape[d]) && is_symbolic(specs[i].shape[d]));
    if (!fits)
      fail(ErrorKind::kFormat, what, " ", json_quoted(specs[i].name), " is ",
           dtype_name(aval.dtype), " of shape ", aval.shape.text(graph.symbol_names),
           " in the graph");
  }
  return specs;
}

// Puts "[load]" and the folder in front of what is wrong.
template <typename Body>
void loading(const std::string& folder, Body body) {
  try {
    body();
  } catch (const Error& e) {
    fail(ErrorKind::kFormat, "[load] ", folder, ": ", e.what());
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::kMemory, "[load] ", folder, ": there is not enough memory");
  }
}

}  // namespace

Plan& SavedFunction::plan() {
  std::lock_guard lock(mutex_);
  if (!plan_) plan_ = make_plan();
  return *plan_;
}

bool SavedFunction::uses_lowered() { return lowered && plan().graph() == lowered; }

Ref<Plan> SavedFunction::make_plan() {
  if (lowered) {
    try {
      return make_ref<Plan>(lowered);
    } catch (const Error& e) {
      // Made for kernels that are not here: the graph as it was saved means the same.
      if (e.kind != ErrorKind::kKernel && e.kind != ErrorKind::kDevice) throw;
    }
  }
  try {
    return make_ref<Plan>(graph);
  } catch (const Error& e) {
    if (e.kind != ErrorKind::kKernel || host_nodes.empty()) throw;
    fail(e.kind, "[", name, "] has nodes that only Python runs: ", listed(host_nodes),
         "; compute them before, and save a function that takes their results (", e.what(), ")");
  }
}

Ref<SavedModel> SavedModel::load(const std::string& folder, const LoadOptions& options) {
  Ref<SavedModel> model(new SavedModel);
  model->folder_ = folder;
  loading(folder, [&] {
    TensorReader tensors(folder);
    Ref<MappedFile> file = MappedFile::open(folder + "/graph.json", kMaxGraphBytes);
    model->read(Json::parse(file->bytes(), "graph.json"), tensors);
    std::vector<std::string> unused = tensors.unused();
    if (!unused.empty())
      fail(ErrorKind::kFormat,
           "weights.safetensors has tensors that graph.json does not mention: ", listed(unused),
           "; save the folder again");
    for (const auto& [name, value] : tensors.used())
      if (!model->variables_.count(name)) model->constants_.emplace(name, value);
    if (options.use_lowered && MappedFile::exists(folder + "/lowered/cpu.json"))
      model->read_lowered(sha256(file->bytes()), tensors);
  });
  return model;
}

SavedFunction* SavedModel::find(const std::string& name) const {
  for (const auto& function : functions_)
    if (function->name == name) return function.get();
  return nullptr;
}

void SavedModel::read(const Json& json, TensorReader& tensors) {
  const std::string what = "graph.json";
  check_header(json, what);
  producer_ = json.at("producer", what).string(what + "'s producer");
  json.at("metadata", what).object(what + "'s metadata");
  json.at("plugins", what).array(what + "'s plugins");
  json.at("golden", what).array(what + "'s golden");
  if (std::string wrong = complaint_about_ops(json, what); !wrong.empty())
    fail(ErrorKind::kFormat, what, wrong);
  check_ops_are_listed(json, what);
  read_variables(json.at("variables", what), tensors);
  GraphReader reader(tensors, variables_);
  for (const Json& function : json.at("functions", what).array(what)) {
    functions_.push_back(read_function(function, reader));
    for (size_t i = 0; i + 1 < functions_.size(); ++i)
      if (functions_[i]->name == functions_.back()->name)
        fail(ErrorKind::kFormat, what, " has the function ", json_quoted(functions_[i]->name),
             " twice");
  }
  if (functions_.empty()) fail(ErrorKind::kFormat, what, " has no function");
}

void SavedModel::read_variables(const Json& json, TensorReader& tensors) {
  std::vector<std::string> wrong;
  for (const auto& [name, about] : json.object("graph.json's variables")) {
    std::string what = "variable " + json_quoted(name);
    check_members(about, {"dtype", "shape", "trainable"}, what);
    DType dtype = read_dtype(about.at("dtype", what), what + "'s dtype");
    Shape shape = read_fixed_shape(about.at("shape", what), what + "'s shape");
    bool trainable = about.at("trainable", what).boolean(what + "'s trainable");
    try {
      Tensor value = tensors.stored("weights.safetensors", name, dtype, shape, what);
      variables_.emplace(name, make_ref<Variable>(std::move(value), name, trainable));
    } catch (const Error& e) {
      if (e.kind != ErrorKind::kFormat) throw;
      wrong.emplace_back(e.what());
    }
  }
  if (!wrong.empty()) fail(ErrorKind::kFormat, listed(wrong), "; fetch or save the folder again");
}

std::unique_ptr<SavedFunction> SavedModel::read_function(const Json& json, GraphReader& reader) {
  auto function = std::make_unique<SavedFunction>();
  function->name = json.at("name", "a function").string("a function's name");
  std::string what = "function " + json_quoted(function->name);
  check_members(json, {"name", "inputs", "outputs", "arguments", "results", "graph"}, what);
  if (function->name.empty()) fail(ErrorKind::kFormat, what, " has no name");
  size_t before = reader.host_nodes().size();
  function->graph = reader.read(json.at("graph", what), what);
  function->host_nodes.assign(reader.host_nodes().begin() + static_cast<std::ptrdiff_t>(before),
                              reader.host_nodes().end());
  const Graph& graph = *function->graph;
  function->inputs = read_specs(json.at("inputs", what), graph, graph.inputs, what + "'s input");
  function->outputs =
      read_specs(json.at("outputs", what), graph, graph.outputs, what + "'s output");
  return function;
}

// What a device's passes made of the same functions. It is left out where it belongs to another graph.json, or has
// fused ops of another version; damage is an error.
void SavedModel::read_lowered(const std::string& graph_hash, TensorReader& tensors) {
  const std::string what = "lowered/cpu.json";
  Ref<MappedFile> file = MappedFile::open(folder_ + "/" + what, kMaxGraphBytes);
  Json json = Json::parse(file->bytes(), what);
  check_header(json, what);
  const Json& made_from = json.at("lowered", what);
  check_members(made_from, {"graph", "kernels"}, what + "'s lowered");
  if (made_from.at("graph", what).string(what + "'s graph") != graph_hash) return;
  if (!complaint_about_ops(json, what).empty()) return;
  check_ops_are_listed(json, what);
  GraphReader reader(tensors, variables_);
  for (const Json& item : json.at("functions", what).array(what)) {
    std::unique_ptr<SavedFunction> lowered = read_function(item, reader);
    SavedFunction* function = find(lowered->name);
    if (!function || function->inputs.size() != lowered->inputs.size() ||
        function->outputs.size() != lowered->outputs.size())
      fail(ErrorKind::kFormat, what, " has the function ", json_quoted(lowered->name),
           ", which is another in graph.json");
    function->lowered = lowered->graph;
  }
}

void SavedModel::save_weights(const std::string& path) const {
  std::vector<std::pair<std::string, Tensor>> values(constants_.begin(), constants_.end());
  for (const auto& [name, variable] : variables_) {
    Tensor value = variable->read();
    if (value.dtype == DType::kC128) {  // the files know none: pairs of float64
      value.dtype = DType::kF64;
      value.shape.push(2);
    }
    values.emplace_back(name, value.to(host_device()));
  }
  write_safetensors(path, values);
}

void SavedModel::load_weights(const std::string& path) {
  loading(path, [&] {
    SafetensorsFile file(path);
    std::vector<std::string> wrong;
    std::vector<std::pair<Variable*, Tensor>> values;
    for (const auto& named : file.entries())
      if (!variables_.count(named.first) && !constants_.count(named.first))
        wrong.push_back(json_quoted(named.first) + " is unknown");
    for (const auto& [name, variable] : variables_) {
      const SafetensorsFile::Entry* entry = file.find(name);
      bool pairs = variable->dtype() == DType::kC128;
      Shape shape = variable->shape();
      if (pairs) shape.push(2);
      if (!entry || entry->dtype != (pairs ? DType::kF64 : variable->dtype()) ||
          entry->shape != shape) {
        wrong.push_back(json_quoted(name) + (entry ? " is another tensor" : " is missing"));
        continue;
      }
      Tensor value = file.tensor(*entry);
      value.dtype = variable->dtype();
      value.shape = variable->shape();
      values.emplace_back(variable.get(), std::move(value));
    }
    if (!wrong.empty())
      fail(ErrorKind::kFormat, "it does not have the model's variables: ", listed(wrong));
    for (auto& [variable, value] : values) variable->assign(std::move(value));
  });
}

}  // namespace penstock
