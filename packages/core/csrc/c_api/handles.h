// What the opaque handles of penstock.h are, and how errors leave a function.
#pragma once

#include <atomic>
#include <exception>
#include <string>

#include "base/error.h"
#include "graph/graph.h"
#include "graph/variable.h"
#include "penstock/penstock.h"
#include "plan/plan.h"
#include "saved/model.h"

struct penstock_tensor_s {
  penstock::Tensor tensor;
};
struct penstock_variable_s {
  penstock::Ref<penstock::Variable> variable;
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

namespace penstock::c_api {

void keep_error(int kind, const char* message);
int kind_of(ErrorKind kind);

// Runs body; turns exceptions into the thread's last error and `failed`.
template <typename Body, typename Result>
Result guarded(Result failed, Body body) {
  try {
    return body();
  } catch (const Error& e) {
    keep_error(kind_of(e.kind), e.what());
  } catch (const std::bad_alloc&) {
    keep_error(PENSTOCK_KIND_MEMORY, "there is not enough memory");
  } catch (const std::exception& e) {
    keep_error(PENSTOCK_KIND_INTERNAL, e.what());
  } catch (...) {
    keep_error(PENSTOCK_KIND_INTERNAL, "an unknown exception");
  }
  return failed;
}

DType dtype_of(penstock_dtype abi);
// -1 in place of sizes that may differ.
int64_t public_size(Dim size);
// Kernels of PENSTOCK_PLUGIN_PATH, the first time.
void load_plugins_once();
int run_plan(Plan& plan, int32_t num_inputs, const penstock_tensor_t* inputs,
             penstock_tensor_t* outputs, const penstock_run_options* options);

}  // namespace penstock::c_api
