/* The C interface of libpenstock: build a graph, run it, without Python. penstock.hpp is the same in C++.
 *
 * Functions return NULL or a nonzero status on failure; penstock_last_error() then says why, in this thread.
 * Handles are freed by their `_free` function; freeing NULL does nothing. Kernels come from plugins: those named in
 * PENSTOCK_PLUGIN_PATH are loaded when the first plan is made, others by penstock_load_plugin.
 */
#ifndef PENSTOCK_PENSTOCK_H_
#define PENSTOCK_PENSTOCK_H_

#include "penstock/kernel_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PENSTOCK_C_API __attribute__((visibility("default")))

typedef struct penstock_tensor_s* penstock_tensor_t; /* a value */
typedef struct penstock_graph_s* penstock_graph_t;
typedef struct penstock_plan_s*
    penstock_plan_t;            /* a graph made ready to run; may run in several threads at once */
typedef int32_t penstock_value; /* a value of a graph; negative: none */

/* "0.1.0" */
PENSTOCK_C_API const char* penstock_version(void);
PENSTOCK_C_API const char* penstock_last_error(void);
PENSTOCK_C_API int penstock_load_plugin(const char* path);
PENSTOCK_C_API int penstock_set_num_threads(int n);

/* ---- tensors, on the host, dense and row-major */
/* Copies `data`, or leaves the memory uninitialised when it is NULL. */
PENSTOCK_C_API penstock_tensor_t penstock_tensor_new(penstock_dtype dtype, int32_t ndim,
                                                     const int64_t* shape, const void* data);
PENSTOCK_C_API void penstock_tensor_free(penstock_tensor_t);
PENSTOCK_C_API int32_t penstock_tensor_ndim(penstock_tensor_t);
PENSTOCK_C_API const int64_t* penstock_tensor_shape(penstock_tensor_t);
PENSTOCK_C_API penstock_dtype penstock_tensor_dtype(penstock_tensor_t);
PENSTOCK_C_API int64_t penstock_tensor_size(penstock_tensor_t); /* elements */
PENSTOCK_C_API const void* penstock_tensor_data(penstock_tensor_t);

/* ---- graphs */
PENSTOCK_C_API penstock_graph_t penstock_graph_new(const char* name);
PENSTOCK_C_API void penstock_graph_free(penstock_graph_t);
/* A shape entry below zero is a size that may differ from run to run. */
PENSTOCK_C_API penstock_value penstock_graph_input(penstock_graph_t, const char* name,
                                                   penstock_dtype dtype, int32_t ndim,
                                                   const int64_t* shape);
PENSTOCK_C_API penstock_value penstock_graph_constant(penstock_graph_t, penstock_tensor_t);
/* Appends an op. Attributes that are not given have their defaults. Writes up to `max_outputs` values and returns how
 * many the op has, or -1. */
PENSTOCK_C_API int penstock_graph_add(penstock_graph_t, const char* op, int32_t num_inputs,
                                      const penstock_value* inputs, int32_t num_attrs,
                                      const penstock_attr* attrs, int32_t max_outputs,
                                      penstock_value* outputs);
PENSTOCK_C_API int penstock_graph_set_outputs(penstock_graph_t, int32_t n,
                                              const penstock_value* values);
/* The text form; free it with penstock_string_free. */
PENSTOCK_C_API char* penstock_graph_text(penstock_graph_t);
PENSTOCK_C_API void penstock_string_free(char*);

/* ---- running */
/* Ends runs from another thread: those that were given this handle stop soon, with an error. */
typedef struct penstock_cancel_s* penstock_cancel_t;
PENSTOCK_C_API penstock_cancel_t penstock_cancel_new(void);
PENSTOCK_C_API void penstock_cancel_set(penstock_cancel_t);
PENSTOCK_C_API void penstock_cancel_free(penstock_cancel_t); /* not while a run has it */

typedef struct {
  uint32_t struct_size;
  double timeout_seconds;   /* 0: none */
  penstock_cancel_t cancel; /* NULL: none */
} penstock_run_options;

PENSTOCK_C_API penstock_plan_t
    penstock_plan_new(penstock_graph_t); /* the graph must not change afterwards */
PENSTOCK_C_API void penstock_plan_free(penstock_plan_t);
/* `outputs` has room for one handle per output of the graph; the caller frees them. `options` may be NULL. */
PENSTOCK_C_API int penstock_plan_run(penstock_plan_t, int32_t num_inputs,
                                     const penstock_tensor_t* inputs, penstock_tensor_t* outputs,
                                     const penstock_run_options* options);
PENSTOCK_C_API int32_t penstock_plan_num_outputs(penstock_plan_t);

#ifdef __cplusplus
}
#endif

#endif /* PENSTOCK_PENSTOCK_H_ */
