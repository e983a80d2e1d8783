/* The border between Penstock and whoever writes a kernel or a device: plain C, no C++ type, nothing to link to.
 *
 * A plugin is a shared library that exports one function, `penstock_plugin_init_v1` (use PENSTOCK_PLUGIN_ENTRY). The
 * runtime hands it a registry; the plugin adds kernel rows and devices and returns 0. Everything that a kernel needs
 * from the host comes through the table `call->host`, so a plugin links to nothing of ours.
 *
 * Status: 0.x. The layout may still change until a CUDA plugin and a third-party wheel are built on it.
 * Rules: pointers live for the call only; a kernel never keeps, frees or reallocates an input; nothing is thrown
 * across this border; host services other than cancelled, done and log belong to the thread that runs the kernel, not
 * to bodies of parallel_for; a kernel may be called from any thread, also concurrently; zero-sized tensors must work.
 * Every struct begins with `struct_size`: a field exists if it lies inside the size that the other side declared.
 */
#ifndef PENSTOCK_KERNEL_ABI_H_
#define PENSTOCK_KERNEL_ABI_H_

#include <stddef.h>
#include <stdint.h>

#define PENSTOCK_ABI_MAJOR 0
#define PENSTOCK_ABI_MINOR 2 /* 2: the host calls `prepare` and `release` */

#ifdef __cplusplus
extern "C" {
#endif

/* Return codes of kernels and host services. */
enum {
  PENSTOCK_OK = 0,
  PENSTOCK_ERROR = 1, /* host->fail has been called with the message */
  PENSTOCK_PENDING =
      2, /* the kernel will call host->done later; the frame stays valid until then */
  PENSTOCK_CANCELLED = 3, /* the run was cancelled or its deadline passed */
  PENSTOCK_NO_MEMORY = 4,
  PENSTOCK_OUT_OF_RANGE = 5 /* like PENSTOCK_ERROR: an index among the inputs is out of range */
};

typedef struct {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  const void* next; /* reserved for extension chains */
} penstock_head;

/* ---- tensors: exactly DLPack's DLTensor ------------------------------------------------------------------------ */

typedef struct {
  int32_t device_type; /* DLPack's DLDeviceType; 1 is host memory */
  int32_t device_id;
} penstock_device;

typedef struct {
  uint8_t code; /* DLPack's DLDataTypeCode, or PENSTOCK_CODE_STRING */
  uint8_t bits;
  uint16_t lanes;
} penstock_dtype;

enum {
  PENSTOCK_CODE_INT = 0,
  PENSTOCK_CODE_UINT = 1,
  PENSTOCK_CODE_FLOAT = 2,
  PENSTOCK_CODE_BFLOAT = 4,
  PENSTOCK_CODE_COMPLEX = 5,
  PENSTOCK_CODE_BOOL = 6,
  PENSTOCK_CODE_STRING = 200 /* host only; elements are penstock_string */
};

typedef struct {
  const char* data; /* UTF-8, not terminated */
  uint64_t size;
} penstock_string;

typedef struct {
  void* data;
  penstock_device device;
  int32_t ndim;
  penstock_dtype dtype;
  int64_t* shape;
  int64_t* strides; /* in elements, never NULL; 0 along a broadcast dimension */
  uint64_t byte_offset;
} penstock_tensor;

/* ---- attributes ------------------------------------------------------------------------------------------------ */

enum {
  PENSTOCK_ATTR_NONE = 0,
  PENSTOCK_ATTR_BOOL,   /* v.i, count 1 */
  PENSTOCK_ATTR_INT,    /* v.i */
  PENSTOCK_ATTR_FLOAT,  /* v.f */
  PENSTOCK_ATTR_STR,    /* v.s, count = bytes; also terminated */
  PENSTOCK_ATTR_DTYPE,  /* v.dtype */
  PENSTOCK_ATTR_INTS,   /* v.is, count elements; shapes and axes too */
  PENSTOCK_ATTR_FLOATS, /* v.fs */
  PENSTOCK_ATTR_OTHER   /* a tensor, graph, variable or host object: not visible to kernels */
};

typedef struct {
  const char* name;
  uint32_t kind, count;
  union {
    int64_t i;
    double f;
    const char* s;
    penstock_dtype dtype;
    const int64_t* is;
    const double* fs;
  } v;
} penstock_attr;

/* ---- the call frame -------------------------------------------------------------------------------------------- */

struct penstock_call;

typedef struct penstock_host {
  penstock_head head;
  /* Record an error for this call and return PENSTOCK_ERROR: `return call->host->fail(call, "...");` */
  int (*fail)(struct penstock_call*, const char* message);
  /* Memory until the call ends, aligned to 64 bytes; NULL when there is none (then return PENSTOCK_NO_MEMORY). */
  void* (*scratch)(struct penstock_call*, size_t bytes);
  /* Give output `i` its real shape, when it depends on the data. Its data pointer changes. */
  int (*resize_output)(struct penstock_call*, int32_t i, int32_t ndim, const int64_t* shape);
  /* Run fn(context, begin, end) over chunks of [0, n): chunk k is [k * grain, min(n, (k + 1) * grain)), whatever the
   * number of threads, so that results do not depend on it. The caller takes part; nested calls run serially.
   * Returns PENSTOCK_CANCELLED when the run was cancelled meanwhile: the outputs are then not used. */
  int (*parallel_for)(struct penstock_call*, int64_t n, int64_t grain,
                      void (*fn)(void* context, int64_t begin, int64_t end), void* context);
  /* Nonzero when the run was cancelled or timed out: stop soon and return PENSTOCK_CANCELLED. */
  int (*cancelled)(struct penstock_call*);
  /* End a call that returned PENSTOCK_PENDING, from any thread, once. */
  void (*done)(struct penstock_call*, int status);
  /* Set element `i` of a string output; the bytes are copied. */
  int (*set_string)(struct penstock_call*, int32_t output, int64_t i, const char* data,
                    uint64_t size);
  void (*log)(int level, const char* message);
} penstock_host;

enum {
  PENSTOCK_CALL_PREPARE =
      1 /* this call is `prepare`: only constant inputs have data; the others and all outputs have data == NULL */
};

typedef struct penstock_call {
  penstock_head head;
  const penstock_host* host;
  const char* op;
  int32_t num_inputs, num_outputs;
  const penstock_tensor* const* inputs;
  penstock_tensor* const* outputs; /* allocated by the host */
  const penstock_attr* attrs;      /* in the order of the op's declaration */
  int32_t num_attrs;
  uint32_t flags;
  void*
      state; /* what `prepare` returned, read-only; NULL where nothing was prepared, as in eager calls */
  void* stream; /* reserved for the device's stream: always NULL in this version */
  void*
      ready_event; /* reserved: this version does not read it; a kernel that answers later returns PENDING */
  uint64_t rng_key[2]; /* Philox4x32-10: key[0] holds the 64 bit key */
  uint64_t
      rng_counter; /* first counter block of this call; block b of the call uses rng_counter + b */
  void* kernel_data; /* penstock_kernel_def.data */
  void* reserved;    /* the host's */
} penstock_call;

/* ---- kernels --------------------------------------------------------------------------------------------------- */

enum {
  PENSTOCK_CAP_SERIAL = 1, /* never call concurrently */
  PENSTOCK_CAP_STRIDED =
      2, /* accepts any strides; without it inputs are dense, but for stride-0 broadcasting of
                                 elementwise ops, whose inputs always arrive broadcast to the output's rank */
  PENSTOCK_CAP_ASYNC = 4, /* may return PENSTOCK_PENDING */
  /* Of "matmul" and "conv2d": `run` also serves "core.matmul_tile" and "core.conv2d_tile", the same op with a tile
   * program behind it. `call->op` says which it is. The op's two inputs and its attributes come first, then the
   * program's other inputs, in their own shapes, and attributes `program` and `constants`. The program's first input
   * is the op's result, its one output is what the kernel writes. Graphs are fused so only where the kernel that runs
   * the op declares it. Cores that do not know the flag ignore it. */
  PENSTOCK_CAP_TILE_EPILOGUE = 8,
  /* What `prepare` returns depends on the constant inputs and the attributes alone, not on the sizes of the other
   * inputs: one state serves runs of all sizes. Without it, each combination of sizes has its own. */
  PENSTOCK_CAP_ONE_STATE = 16
};

typedef struct penstock_kernel_def {
  penstock_head head;
  const char* op;     /* "add"; a third party's op has its prefix: "acme.scale_add" */
  int32_t op_version; /* 1 */
  const char* device; /* "cpu" */
  /* Space-separated alternatives. "f32": every tensor is f32. "f32,i64->f32": inputs, then outputs, one each; the
   * last input repeats for variadic ops. "*" matches any dtype. Names: bool i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16
   * f32 f64 c64 c128 str. */
  const char* dtypes;
  const char*
      layouts; /* of images: NULL or "NHWC", which all images are; a row that wants another is refused */
  const char* isa; /* for people: "avx512" */
  int (*run)(penstock_call*);
  /* Optional: what can be done once and kept, such as packing weights. Called before the first run of a plan at given
   * sizes, and again when a variable that it saw has a new value. Constant inputs are constants of the graph, and
   * variables that the graph only reads. Runs that overlap may both prepare; `release` is called once for every state
   * other than NULL, when no run uses it any more. Eager calls do not prepare: `run` must work without a state. */
  int (*prepare)(penstock_call*, void** state);
  void (*release)(void* state);
  uint64_t caps;
  const int8_t*
      inplace; /* pairs {output, input}, ended by -1: that output may use that input's memory */
  int32_t priority; /* higher wins; the reference rows have -1000, kernels-cpu 0 */
  void* data;       /* handed back in call->kernel_data */
} penstock_kernel_def;

/* ---- tile programs --------------------------------------------------------------------------------------------- */

/* A chain of elementwise ops, with reductions at its end, as plain data: attribute `program` (ints) of "core.tile".
 *
 *   words 0..4   PENSTOCK_TILE_VERSION, inputs, constants, instructions, outputs
 *   then         four words per instruction: opcode, a, b, c
 *   then         one word per output: a value
 *
 * Values are numbered: the inputs, the constants (attribute `constants`, floats), then the result of each instruction,
 * which may use the values before it; operands that an opcode does not have are 0. Every value has the shape to which
 * the inputs broadcast, as NumPy's do; inputs arrive dense, in their own shapes. Numbers are of the dtype that
 * attribute `dtype` names, masks are bools. Each instruction means the op of the same name, rounding included: a
 * kernel may not contract two of them into one. Reductions take a value, how many trailing axes go, and whether they
 * stay with size 1; only outputs may refer to them, and all of a program reduce the same axes. The host checks all
 * of this, and the limits below, before a kernel sees a program.
 *
 * PENSTOCK_TILE_OPCODES lists name, code, operands and result: N a number, M a mask, R a number that is reduced.
 * Codes are never reused. */
enum {
  PENSTOCK_TILE_VERSION = 1,
  PENSTOCK_TILE_HEADER_WORDS = 5,
  PENSTOCK_TILE_INSTRUCTION_WORDS = 4,
  PENSTOCK_TILE_MAX_INPUTS = 12,
  PENSTOCK_TILE_MAX_CONSTANTS = 16,
  PENSTOCK_TILE_MAX_INSTRUCTIONS = 32,
  PENSTOCK_TILE_MAX_OUTPUTS = 4
};

/* clang-format off */
#define PENSTOCK_TILE_OPCODES(X) \
  X(NEGATIVE, 1, "N", 'N')      X(ABS, 2, "N", 'N')            X(SIGN, 3, "N", 'N')          \
  X(SQUARE, 4, "N", 'N')        X(SQRT, 5, "N", 'N')           X(RSQRT, 6, "N", 'N')         \
  X(EXP, 7, "N", 'N')           X(LOG, 8, "N", 'N')            X(LOG1P, 9, "N", 'N')         \
  X(SIN, 10, "N", 'N')          X(COS, 11, "N", 'N')           X(TANH, 12, "N", 'N')         \
  X(SIGMOID, 13, "N", 'N')      X(RELU, 14, "N", 'N')          X(FLOOR, 15, "N", 'N')        \
  X(CEIL, 16, "N", 'N')         X(EXP2, 17, "N", 'N')          X(EXPM1, 18, "N", 'N')        \
  X(LOG2, 19, "N", 'N')         X(ERF, 20, "N", 'N')           X(ROUND, 21, "N", 'N')        \
  X(TRUNC, 22, "N", 'N')        X(RECIPROCAL, 23, "N", 'N')    X(SILU, 24, "N", 'N')         \
  X(MISH, 25, "N", 'N')         X(SOFTPLUS, 26, "N", 'N')      X(SOFTSIGN, 27, "N", 'N')     \
  X(RELU6, 28, "N", 'N')        X(HARD_SIGMOID, 29, "N", 'N')  X(HARD_SWISH, 30, "N", 'N')   \
  /* gelu with approximate = true, and with false */                                         \
  X(GELU, 31, "N", 'N')         X(GELU_ERF, 32, "N", 'N')                                    \
  X(ADD, 64, "NN", 'N')         X(SUBTRACT, 65, "NN", 'N')     X(MULTIPLY, 66, "NN", 'N')    \
  X(DIVIDE, 67, "NN", 'N')      X(POWER, 68, "NN", 'N')        X(MAXIMUM, 69, "NN", 'N')     \
  X(MINIMUM, 70, "NN", 'N')     X(FLOOR_DIVIDE, 71, "NN", 'N') X(REMAINDER, 72, "NN", 'N')   \
  X(RELU_GRAD, 73, "NN", 'N')   X(SQUARED_DIFFERENCE, 74, "NN", 'N')                         \
  X(ISNAN, 128, "N", 'M')       X(ISFINITE, 129, "N", 'M')                                   \
  X(EQUAL, 130, "NN", 'M')      X(NOT_EQUAL, 131, "NN", 'M')   X(LESS, 132, "NN", 'M')       \
  X(LESS_EQUAL, 133, "NN", 'M') X(GREATER, 134, "NN", 'M')     X(GREATER_EQUAL, 135, "NN", 'M') \
  X(LOGICAL_AND, 136, "MM", 'M') X(LOGICAL_OR, 137, "MM", 'M') X(LOGICAL_NOT, 138, "M", 'M') \
  X(WHERE, 139, "MNN", 'N')                                                                  \
  /* cast: a mask becomes 1 or 0; a number becomes whether it is not 0 */                    \
  X(NUMBER, 140, "M", 'N')      X(MASK, 141, "N", 'M')         X(ISINF, 142, "N", 'M')       \
  X(SUM, 192, "R", 'N')         X(MEAN, 193, "R", 'N')                                       \
  X(MAX, 194, "R", 'N')         X(MIN, 195, "R", 'N')
/* clang-format on */

enum {
#define PENSTOCK_TILE_ENUM(name, code, operands, result) PENSTOCK_TILE_##name = code,
  PENSTOCK_TILE_OPCODES(PENSTOCK_TILE_ENUM)
#undef PENSTOCK_TILE_ENUM
};

/* ---- devices --------------------------------------------------------------------------------------------------- */

typedef struct penstock_device_def {
  penstock_head head;
  const char* type;    /* "npu"; unique in a process */
  int32_t dlpack_type; /* DLPack's code; 12 (extension device) if it has none of its own */
  int32_t count;       /* how many: npu:0 ... npu:count-1 */
  void* context;       /* handed back as first argument */
  void* (*allocate)(void* context, int32_t index, size_t bytes,
                    void* stream); /* NULL: out of memory */
  void (*free)(void* context, int32_t index, void* memory, size_t bytes, void* stream);
  int (*copy_in)(void* context, int32_t index, void* dst, const void* host_src, size_t bytes,
                 void* stream);
  int (*copy_out)(void* context, int32_t index, void* host_dst, const void* src, size_t bytes,
                  void* stream);
  int (*synchronize)(void* context, int32_t index, void* stream);
  /* Optional from here: NULL where the device has none. */
  int (*copy_peer)(void* context, int32_t dst_index, void* dst, int32_t src_index, const void* src,
                   size_t bytes, void* stream);
  /* Streams and events are reserved: this version calls none of them, and every `stream` above is NULL. */
  void* (*create_stream)(void* context, int32_t index);
  void (*destroy_stream)(void* context, int32_t index, void* stream);
  void* (*record_event)(void* context, int32_t index, void* stream);
  int (*wait_event)(void* context, int32_t index, void* stream, void* event);
  const char* (*last_error)(void* context);
} penstock_device_def;

/* ---- registration ---------------------------------------------------------------------------------------------- */

typedef struct penstock_registry {
  penstock_head head;
  void* host_data;
  int32_t
      cpu_isa_level; /* what this process may use: 0 portable, 1 AVX2+FMA, 2 AVX-512 F/BW/DQ/VL, 3 with bf16, VNNI */
  /* Both return PENSTOCK_OK, or PENSTOCK_ERROR with the reason kept for `penstock doctor`. Structs are copied. */
  int (*add_kernel)(struct penstock_registry*, const penstock_kernel_def*);
  int (*add_device)(struct penstock_registry*, const penstock_device_def*);
  int (*fail)(struct penstock_registry*, const char* message);
} penstock_registry;

typedef int (*penstock_plugin_init_fn)(penstock_registry*);

#ifdef __cplusplus
}
#define PENSTOCK_EXTERN_C extern "C"
#else
#define PENSTOCK_EXTERN_C
#endif

#if defined(_WIN32)
#define PENSTOCK_EXPORT __declspec(dllexport)
#else
#define PENSTOCK_EXPORT __attribute__((visibility("default")))
#endif

/* The plugin's entry: `PENSTOCK_PLUGIN_ENTRY(acme)(penstock_registry* registry) { ... }`. In a static build
 * (PENSTOCK_STATIC_PLUGINS) the symbol carries the plugin's name, so that several fit in one program. */
#if defined(PENSTOCK_STATIC_PLUGINS)
#define PENSTOCK_PLUGIN_ENTRY(name) PENSTOCK_EXTERN_C int penstock_plugin_init_v1_##name
#else
#define PENSTOCK_PLUGIN_ENTRY(name) PENSTOCK_EXTERN_C PENSTOCK_EXPORT int penstock_plugin_init_v1
#endif

#endif /* PENSTOCK_KERNEL_ABI_H_ */
