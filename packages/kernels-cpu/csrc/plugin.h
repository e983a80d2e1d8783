// What the entry point and the tables of the instruction sets agree on.
#ifndef PENSTOCK_KERNELS_CPU_PLUGIN_H_
#define PENSTOCK_KERNELS_CPU_PLUGIN_H_

#include "penstock/kernel_abi.h"

namespace penstock::cpu {

struct Row {
  const char* op;
  const char* dtypes;
  int (*run)(penstock_call*);
  const int8_t* inplace;
  uint64_t caps;
  const char* layouts;
  int (*prepare)(penstock_call*, void**);
  void (*release)(void*);
};

struct RowTable {
  const char* isa;
  const Row* rows;
  size_t count;
  // The same for floats of 16 bits (widened.cpp): these functions find the row in `kernel_data`.
  bool (*serves_narrow)(const Row&);
  int (*run_narrow)(penstock_call*);
  int (*prepare_narrow)(penstock_call*, void**);
  void (*release_narrow)(void*);
};

namespace portable {
RowTable Rows();
}
namespace avx2 {
RowTable Rows();
}
namespace avx512 {
RowTable Rows();
}

// bf16_matmul.cpp, with the instruction for pairs of bfloat16 and without.
#define PENSTOCK_PAIR_PRODUCTS                              \
  int MatMulBf16(penstock_call* call);                      \
  int PrepareMatMulBf16(penstock_call* call, void** state); \
  void ReleaseMatMulBf16(void* state);
namespace avx512 {
PENSTOCK_PAIR_PRODUCTS
}
namespace avx512_bf16 {
PENSTOCK_PAIR_PRODUCTS
}
#undef PENSTOCK_PAIR_PRODUCTS

}  // namespace penstock::cpu

#endif  // PENSTOCK_KERNELS_CPU_PLUGIN_H_
