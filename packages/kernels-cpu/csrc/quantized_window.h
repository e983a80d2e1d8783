// The windows of quantised convolutions: which pixels they see.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_WINDOW_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_WINDOW_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

struct WindowAxis {
  int64_t in, kernel, out, stride, dilation, before;
};

inline WindowAxis MakeWindowAxis(const penstock_call* call, int axis, int64_t in, int64_t kernel,
                                 int64_t out) {
  WindowAxis a = {in, kernel, out, IntsAttr(call, 0)[axis], IntsAttr(call, 3)[axis], 0};
  if (StrAttrIs(call, 1, "same")) {
    a.before = MaxOf<int64_t>((out - 1) * a.stride + (kernel - 1) * a.dilation + 1 - in, 0) / 2;
  } else if (StrAttrIs(call, 1, "explicit")) {
    a.before = IntsAttr(call, 2)[2 * axis];
  }
  return a;
}

struct WindowConv {
  WindowAxis h, w;
  int64_t batch, in_channels, out_channels;
};

inline WindowConv MakeWindowConv(const penstock_call* call) {
  const int64_t *x = call->inputs[0]->shape, *filter = call->inputs[1]->shape,
                *y = call->outputs[0]->shape;
  return {MakeWindowAxis(call, 0, x[1], filter[0], y[1]),
          MakeWindowAxis(call, 1, x[2], filter[1], y[2]), x[0], x[3], y[3]};
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_WINDOW_H_
