// Saved graphs of penstock.h.
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "c_api/handles.h"

using penstock::ErrorKind;
using penstock::SavedModel;
using penstock::c_api::guarded;

namespace {

// A spec's texts and numbers, kept where the caller may point to them.
struct KeptSpec {
  const penstock::TensorSpec* spec;
  std::vector<int64_t> shape;
  std::vector<const char*> sizes;

  explicit KeptSpec(const penstock::TensorSpec& given) : spec(&given) {
    for (int d = 0; d < given.shape.ndim; ++d) {
      shape.push_back(penstock::c_api::public_size(given.shape[d]));
      sizes.push_back(given.size_names[static_cast<size_t>(d)].c_str());
    }
  }

  void copy_to(penstock_spec* out) const {
    penstock_spec full{sizeof(full),       penstock::dtype_to_abi(spec->dtype),
                       spec->name.c_str(), static_cast<int32_t>(shape.size()),
                       shape.data(),       sizes.data()};
    uint32_t size = out->struct_size < sizeof(full) ? out->struct_size : sizeof(full);
    full.struct_size = size;
    std::memcpy(out, &full, size);
  }
};

}  // namespace

struct penstock_function_s {
  penstock::SavedFunction* function;
  std::vector<KeptSpec> inputs, outputs;
};

struct penstock_model_s {
  penstock::Ref<SavedModel> model;
  std::vector<std::unique_ptr<penstock_function_s>> functions;
};

penstock_model_t penstock_model_load(const char* folder, uint32_t flags) {
  return guarded(penstock_model_t{}, [&] {
    penstock::LoadOptions options;
    options.use_lowered = (flags & PENSTOCK_LOAD_AS_SAVED) == 0;
    auto handle = std::make_unique<penstock_model_s>();
    handle->model = SavedModel::load(folder, options);
    for (const auto& function : handle->model->functions()) {
      auto made = std::make_unique<penstock_function_s>();
      made->function = function.get();
      for (const auto& spec : function->inputs) made->inputs.emplace_back(spec);
      for (const auto& spec : function->outputs) made->outputs.emplace_back(spec);
      handle->functions.push_back(std::move(made));
    }
    return handle.release();
  });
}

void penstock_model_free(penstock_model_t m) { delete m; }
const char* penstock_model_producer(penstock_model_t m) { return m->model->producer().c_str(); }

int32_t penstock_model_num_functions(penstock_model_t m) {
  return static_cast<int32_t>(m->functions.size());
}

penstock_function_t penstock_model_function(penstock_model_t m, int32_t i) {
  return guarded(penstock_function_t{}, [&] {
    if (i < 0 || static_cast<size_t>(i) >= m->functions.size())
      penstock::fail(ErrorKind::kIndex, "the model has no function ", i, "; it has ",
                     m->functions.size());
    return m->functions[static_cast<size_t>(i)].get();
  });
}

penstock_function_t penstock_model_find_function(penstock_model_t m, const char* name) {
  return guarded(penstock_function_t{}, [&] {
    std::string names;
    for (const auto& function : m->functions) {
      if (function->function->name == name) return function.get();
      names += (names.empty() ? "'" : ", '") + function->function->name + "'";
    }
    penstock::fail(ErrorKind::kValue, "the model has no function '", name, "'; it has ", names);
  });
}

int32_t penstock_model_num_variables(penstock_model_t m) {
  return static_cast<int32_t>(m->model->variables().size());
}

penstock_variable_t penstock_model_variable(penstock_model_t m, int32_t i) {
  return guarded(penstock_variable_t{}, [&] {
    const auto& variables = m->model->variables();
    if (i < 0 || static_cast<size_t>(i) >= variables.size())
      penstock::fail(ErrorKind::kIndex, "the model has no variable ", i, "; it has ",
                     variables.size());
    return new penstock_variable_s{std::next(variables.begin(), i)->second};
  });
}

penstock_variable_t penstock_model_find_variable(penstock_model_t m, const char* name) {
  return guarded(penstock_variable_t{}, [&] {
    const auto& variables = m->model->variables();
    if (auto it = variables.find(name); it != variables.end())
      return new penstock_variable_s{it->second};
    std::vector<std::string> known;
    for (const auto& named : variables) known.push_back(named.first);
    std::string near;
    for (const std::string& candidate : penstock::nearest_names(name, known))
      near += (near.empty() ? "; did you mean '" : " or '") + candidate + "'";
    penstock::fail(ErrorKind::kValue, "the model has no variable '", name, "'", near);
  });
}

int penstock_model_save_weights(penstock_model_t m, const char* path) {
  return guarded(1, [&] {
    m->model->save_weights(path);
    return 0;
  });
}

int penstock_model_load_weights(penstock_model_t m, const char* path) {
  return guarded(1, [&] {
    m->model->load_weights(path);
    return 0;
  });
}

const char* penstock_function_name(penstock_function_t f) { return f->function->name.c_str(); }
int32_t penstock_function_num_inputs(penstock_function_t f) {
  return static_cast<int32_t>(f->inputs.size());
}
int32_t penstock_function_num_outputs(penstock_function_t f) {
  return static_cast<int32_t>(f->outputs.size());
}

static int copy_spec(const std::vector<KeptSpec>& specs, int32_t i, penstock_spec* out) {
  return guarded(1, [&] {
    if (i < 0 || static_cast<size_t>(i) >= specs.size())
      penstock::fail(ErrorKind::kIndex, "there is no number ", i, "; there are ", specs.size());
    specs[static_cast<size_t>(i)].copy_to(out);
    return 0;
  });
}

int penstock_function_input(penstock_function_t f, int32_t i, penstock_spec* spec) {
  return copy_spec(f->inputs, i, spec);
}

int penstock_function_output(penstock_function_t f, int32_t i, penstock_spec* spec) {
  return copy_spec(f->outputs, i, spec);
}

int penstock_function_prepare(penstock_function_t f) {
  return guarded(1, [&] {
    penstock::c_api::load_plugins_once();
    f->function->plan();
    return 0;
  });
}

int penstock_function_run(penstock_function_t f, int32_t num_inputs,
                          const penstock_tensor_t* inputs, penstock_tensor_t* outputs,
                          const penstock_run_options* options) {
  return guarded(1, [&] {
    penstock::c_api::load_plugins_once();
    return penstock::c_api::run_plan(f->function->plan(), num_inputs, inputs, outputs, options);
  });
}

char* penstock_function_text(penstock_function_t f) {
  return guarded(static_cast<char*>(nullptr), [&] {
    penstock::c_api::load_plugins_once();
    const auto& graph = f->function->lowered && f->function->uses_lowered() ? f->function->lowered
                                                                            : f->function->graph;
    return strdup(graph->text().c_str());
  });
}
