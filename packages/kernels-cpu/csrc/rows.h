// The kernel functions of one instruction set, and the table of rows that hands them to the host.
#ifndef PENSTOCK_KERNELS_CPU_ROWS_H_
#define PENSTOCK_KERNELS_CPU_ROWS_H_

#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {

#define ROW(op, dtypes, function, inplace) int function(penstock_call* call);
#include "kernels.def"
#undef ROW

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_ROWS_H_
