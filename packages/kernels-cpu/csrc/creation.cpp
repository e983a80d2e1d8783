// arange: each element is a product and a sum of f64, both rounded, as everywhere.
#include "combine.h"
#include "copy.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {

int Arange(penstock_call* call) {
  const double start = FloatAttr(call, 0), step = FloatAttr(call, 2);
  return WithNumber(call->outputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    T* out = Output<T>(call, 0);
    return ParallelFor(call, Count(call->outputs[0]), kChunk, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = static_cast<T>(start + step * static_cast<double>(i));
      }
    });
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
