// A reduction over any axes, as passes over a dense [outer, size, inner], innermost axes first.
#ifndef PENSTOCK_KERNELS_CPU_PASSES_H_
#define PENSTOCK_KERNELS_CPU_PASSES_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// The input's dimensions in groups that are kept or reduced together.
struct Groups {
  int count = 0;
  int64_t size[kMaxDims];
  bool reduced[kMaxDims];

  Groups(const penstock_tensor* x, const penstock_call* call) {
    for (int d = 0; d < x->ndim; ++d) Add(x->shape[d], IsReduced(call, d));
  }

 private:
  static bool IsReduced(const penstock_call* call, int d) {
    if (IsNone(call, 0)) return true;
    const Ints axes = IntsAttr(call, 0);
    for (int i = 0; i < axes.size; ++i) {
      if (axes[i] == d) return true;
    }
    return false;
  }

  void Add(int64_t n, bool is_reduced) {
    if (count > 0 && reduced[count - 1] == is_reduced) {
      size[count - 1] *= n;
    } else {
      size[count] = n;
      reduced[count++] = is_reduced;
    }
  }
};

// pass(x, outer, size, inner, out) for every group of axes that is reduced; what it makes is the next one's x.
template <class T, class Pass>
int ReduceByPasses(penstock_call* call, Pass&& pass) {
  Groups groups(call->inputs[0], call);
  const T* x = Input<T>(call, 0);
  T* out = Output<T>(call, 0);
  int passes = 0;
  for (int g = 0; g < groups.count; ++g) passes += groups.reduced[g];
  if (passes == 0) {
    memcpy(out, x, static_cast<size_t>(Count(call->inputs[0])) * sizeof(T));
    return PENSTOCK_OK;
  }
  int64_t inner = 1;
  for (int g = groups.count - 1; g >= 0; --g) {
    if (!groups.reduced[g]) {
      inner *= groups.size[g];
      continue;
    }
    int64_t outer = 1;
    for (int before = 0; before < g; ++before) outer *= groups.size[before];
    T* to = --passes == 0 ? out : Scratch<T>(call, outer * inner);
    if (to == nullptr) return PENSTOCK_NO_MEMORY;
    const int status = pass(x, outer, groups.size[g], inner, to);
    if (status != PENSTOCK_OK) return status;
    x = to;
  }
  return PENSTOCK_OK;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_PASSES_H_
