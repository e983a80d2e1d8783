/* The C interface of libpenstock: load a saved graph or build one, run it, train it, without Python. penstock.hpp is the
 * same in C++.
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
    penstock_plan_t; /* a graph made ready to run; may run in several threads at once */
typedef struct penstock_variable_s* penstock_variable_t; /* a cell that holds a tensor */
typedef struct penstock_model_s* penstock_model_t;       /* a saved folder in memory */
typedef struct penstock_function_s*
    penstock_function_t;        /* one of a model's; lives as long as the model, is never freed */
typedef int32_t penstock_value; /* a value of a graph; negative: none */

/* "0.1.0" */
PENSTOCK_C_API const char* penstock_version(void);
PENSTOCK_C_API const char* penstock_last_error(void);
/* What kind of error the last one was, in this thread. */
enum {
  PENSTOCK_KIND_VALUE = 1,
  PENSTOCK_KIND_TYPE,
  PENSTOCK_KIND_SHAPE,
  PENSTOCK_KIND_DTYPE,
  PENSTOCK_KIND_INDEX,
  PENSTOCK_KIND_DEVICE,
  PENSTOCK_KIND_KERNEL, /* no kernel: load the plugin that has it */
  PENSTOCK_KIND_GRAPH,
  PENSTOCK_KIND_MEMORY,
  PENSTOCK_KIND_CANCELLED, /* or past its deadline */
  PENSTOCK_KIND_NUMERIC,
  PENSTOCK_KIND_PLUGIN,
  PENSTOCK_KIND_FORMAT, /* a file is damaged, or not what was expected */
  PENSTOCK_KIND_INTERNAL
};
PENSTOCK_C_API int penstock_last_error_kind(void);
PENSTOCK_C_API int penstock_load_plugin(const char* path);
/* Adds a plugin that is linked into the program: `penstock_plugin_init_v1_<name>` of a static build. */
PENSTOCK_C_API int penstock_add_static_plugin(penstock_plugin_init_fn init, const char* name);
PENSTOCK_C_API int penstock_set_num_threads(int n);
/* Begins the random numbers of this process anew, with this seed. */
PENSTOCK_C_API void penstock_set_random_seed(uint64_t seed);

/* What an input, an output or a variable is. What it points to belongs to the model, graph or variable. */
typedef struct {
  uint32_t struct_size; /* set it to sizeof(penstock_spec) before a call that fills it */
  penstock_dtype dtype;
  const char* name;
  int32_t ndim;
  const int64_t* shape;     /* -1: a size that may differ from run to run */
  const char* const* sizes; /* "3", "batch", "2*batch + 1"; NULL where all are numbers */
} penstock_spec;

/* ---- tensors, on the host, dense and row-major */
/* Copies `data`, or leaves the memory uninitialised when it is NULL. */
PENSTOCK_C_API penstock_tensor_t penstock_tensor_new(penstock_dtype dtype, int32_t ndim,
                                                     const int64_t* shape, const void* data);
/* Uses `data` without a copy, read-only, until `release(context)` is called, from any thread. No strings. */
PENSTOCK_C_API penstock_tensor_t penstock_tensor_wrap(penstock_dtype dtype, int32_t ndim,
                                                      const int64_t* shape, const void* data,
                                                      void (*release)(void* context),
                                                      void* context);
PENSTOCK_C_API void penstock_tensor_free(penstock_tensor_t);
PENSTOCK_C_API int32_t penstock_tensor_ndim(penstock_tensor_t);
PENSTOCK_C_API const int64_t* penstock_tensor_shape(penstock_tensor_t);
PENSTOCK_C_API penstock_dtype penstock_tensor_dtype(penstock_tensor_t);
PENSTOCK_C_API int64_t penstock_tensor_size(penstock_tensor_t); /* elements */
PENSTOCK_C_API const void* penstock_tensor_data(penstock_tensor_t);

/* ---- variables: each holds a tensor; reading gives its value of that moment. Threads may share them. */
PENSTOCK_C_API penstock_variable_t penstock_variable_new(const char* name, penstock_tensor_t value,
                                                         int trainable);
PENSTOCK_C_API void penstock_variable_free(penstock_variable_t); /* graphs keep what they use */
PENSTOCK_C_API const char* penstock_variable_name(penstock_variable_t);
PENSTOCK_C_API int penstock_variable_trainable(penstock_variable_t);
PENSTOCK_C_API penstock_tensor_t penstock_variable_get(penstock_variable_t);
/* The tensor must have the variable's dtype and shape. */
PENSTOCK_C_API int penstock_variable_set(penstock_variable_t, penstock_tensor_t);

/* ---- graphs */
PENSTOCK_C_API penstock_graph_t penstock_graph_new(const char* name);
PENSTOCK_C_API void penstock_graph_free(penstock_graph_t);
/* A shape entry below zero is a size that may differ from run to run. */
PENSTOCK_C_API penstock_value penstock_graph_input(penstock_graph_t, const char* name,
                                                   penstock_dtype dtype, int32_t ndim,
                                                   const int64_t* shape);
PENSTOCK_C_API penstock_value penstock_graph_constant(penstock_graph_t, penstock_tensor_t);
/* A number whose dtype gives way to that of the tensor beside it. */
PENSTOCK_C_API penstock_value penstock_graph_number(penstock_graph_t, double);
PENSTOCK_C_API penstock_value penstock_graph_read(penstock_graph_t, penstock_variable_t);
/* Every run assigns the value; returns it. */
PENSTOCK_C_API penstock_value penstock_graph_assign(penstock_graph_t, penstock_variable_t,
                                                    penstock_value);
/* Appends an op. Attributes that are not given have their defaults. Writes up to `max_outputs` values and returns how
 * many the op has, or -1. */
PENSTOCK_C_API int penstock_graph_add(penstock_graph_t, const char* op, int32_t num_inputs,
                                      const penstock_value* inputs, int32_t num_attrs,
                                      const penstock_attr* attrs, int32_t max_outputs,
                                      penstock_value* outputs);
/* Names the node that computes a value; a number is added where the name is taken. */
PENSTOCK_C_API int penstock_graph_name(penstock_graph_t, penstock_value, const char* name);
/* The value of that name: "dense/matmul", or "split:1" for a second output. */
PENSTOCK_C_API penstock_value penstock_graph_find(penstock_graph_t, const char* name);
/* Writes dtype and rank, and up to `max_ndim` sizes, -1 where one may differ from run to run. */
PENSTOCK_C_API int penstock_graph_type(penstock_graph_t, penstock_value, penstock_dtype* dtype,
                                       int32_t* ndim, int32_t max_ndim, int64_t* shape);
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

/* ---- saved graphs: folders that penstock.save wrote, see docs/saved_graphs.md */
enum {
  PENSTOCK_LOAD_AS_SAVED = 1 /* do not run what lowered/cpu.json has, which is optimised */
};
/* Reads a folder. Anything wrong with it is an error of PENSTOCK_KIND_FORMAT. The files may be replaced afterwards, but
 * not written into: the weights stay mapped. */
PENSTOCK_C_API penstock_model_t penstock_model_load(const char* folder, uint32_t flags);
PENSTOCK_C_API void penstock_model_free(penstock_model_t); /* not while a run has it */
PENSTOCK_C_API const char* penstock_model_producer(penstock_model_t);
/* The first function is the model's main one. */
PENSTOCK_C_API int32_t penstock_model_num_functions(penstock_model_t);
PENSTOCK_C_API penstock_function_t penstock_model_function(penstock_model_t, int32_t i);
PENSTOCK_C_API penstock_function_t penstock_model_find_function(penstock_model_t, const char* name);
/* Variables in the order of their names; each handle is the caller's to free. */
PENSTOCK_C_API int32_t penstock_model_num_variables(penstock_model_t);
PENSTOCK_C_API penstock_variable_t penstock_model_variable(penstock_model_t, int32_t i);
PENSTOCK_C_API penstock_variable_t penstock_model_find_variable(penstock_model_t, const char* name);
/* Writes what the folder's weights.safetensors holds, with the variables' values of this moment: to that file, or to
 * another. It is replaced whole or not at all. */
PENSTOCK_C_API int penstock_model_save_weights(penstock_model_t, const char* path);
/* Reads such a file. It must have all variables; all are set, or none. */
PENSTOCK_C_API int penstock_model_load_weights(penstock_model_t, const char* path);

PENSTOCK_C_API const char* penstock_function_name(penstock_function_t);
PENSTOCK_C_API int32_t penstock_function_num_inputs(penstock_function_t);
PENSTOCK_C_API int32_t penstock_function_num_outputs(penstock_function_t);
PENSTOCK_C_API int penstock_function_input(penstock_function_t, int32_t i, penstock_spec*);
PENSTOCK_C_API int penstock_function_output(penstock_function_t, int32_t i, penstock_spec*);
/* Chooses kernels, which else the first run does. */
PENSTOCK_C_API int penstock_function_prepare(penstock_function_t);
/* Inputs and outputs in the order of the signature. Several threads may run one function. `options` may be NULL. */
PENSTOCK_C_API int penstock_function_run(penstock_function_t, int32_t num_inputs,
                                         const penstock_tensor_t* inputs,
                                         penstock_tensor_t* outputs,
                                         const penstock_run_options* options);
/* The text form of what runs; free it with penstock_string_free. */
PENSTOCK_C_API char* penstock_function_text(penstock_function_t);

#ifdef __cplusplus
}
#endif

#endif /* PENSTOCK_PENSTOCK_H_ */
