// 2-D convolution.
#include <cstdlib>

#include "conv_gather.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

Conv ForwardConv(const penstock_call* call) {
  return MakeConv(call, 0, call->inputs[0]->shape, call->inputs[1]->shape, call->outputs[0]->shape);
}

int Forward(penstock_call* call, const Behind& behind) {
  float* y = Output<float>(call, 0);
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  const Conv conv = ForwardConv(call);
  const float* filter = static_cast<const float*>(call->state);
  if (filter == nullptr) {
    int status;
    filter = PackFilter(call, conv, Input<float>(call, 1), &status);
    if (status != PENSTOCK_OK) return status;
  }
  const float* x = Input<float>(call, 0);
  if (GatherPays(conv)) return ConvolveGathered(call, conv, x, filter, y, behind);
  const Placement padded = PaddedPlacement(conv);
  if (NeedsPadding(conv, padded)) {
    return ConvolvePlaced(call, conv, x, conv.h.in, conv.w.in, padded, filter, y, behind);
  }
  return Convolve(call, conv, {x, conv.h.in, conv.w.in, 0, conv.h.in}, filter, y, behind);
}

}  // namespace

int Conv2d(penstock_call* call) {
  constexpr int kOwnAttrs = 5;
  if (call->num_attrs == kOwnAttrs) return Forward(call, {});
  Chain chain;
  if (chain.Read(call, kOwnAttrs)) return Forward(call, {&chain, nullptr});
  const Epilogue epilogue(call, kOwnAttrs);
  return Forward(call, {nullptr, &epilogue.program});
}

// The state is the packed filter; NULL where the filter is no constant.
int PrepareConv2d(penstock_call* call, void** state) {
  const float* filter = Data<const float>(call->inputs[1]);
  const Conv conv = ForwardConv(call);
  const int64_t size = PackedFilterSize(conv);
  if (filter == nullptr || size == 0) return PENSTOCK_OK;
  float* packed = KeepFloats(size);
  if (packed == nullptr) return PENSTOCK_NO_MEMORY;
  *state = packed;
  return PackFilter(call, conv, filter, packed);
}

void ReleaseConv2d(void* state) { free(state); }

}  // namespace penstock::cpu::PENSTOCK_ISA
