// 2-D convolution.
#include <cstdlib>

#include "conv_gather.h"
#include "penstock/kernel_abi.h"
#include "winograd.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

Conv ForwardConv(const penstock_call* call) {
  return MakeConv(call, 0, call->inputs[0]->shape, call->inputs[1]->shape, call->outputs[0]->shape);
}

// A filter as the way of computing wants it.
int64_t FilterSize(const Conv& conv, bool winograd) {
  return winograd ? WinogradFilterSize(conv) : PackedFilterSize(conv);
}

int MakeFilter(penstock_call* call, const Conv& conv, bool winograd, const float* filter,
               float* out) {
  return winograd ? TransformFilter(call, conv, WholeFilter(conv, filter), out)
                  : PackFilter(call, conv, filter, out);
}

int Forward(penstock_call* call, const Behind& behind) {
  float* y = Output<float>(call, 0);
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  const Conv conv = ForwardConv(call);
  const float* filter = static_cast<const float*>(call->state);
  const bool winograd = WinogradPays(conv, filter != nullptr);
  if (filter == nullptr) {
    float* made = Scratch<float>(call, FilterSize(conv, winograd));
    if (made == nullptr) return PENSTOCK_NO_MEMORY;
    const int status = MakeFilter(call, conv, winograd, Input<float>(call, 1), made);
    if (status != PENSTOCK_OK) return status;
    filter = made;
  }
  const float* x = Input<float>(call, 0);
  if (winograd) {
    const FilterView whole = WholeFilter(conv, Input<float>(call, 1));
    return ConvolveByWinograd(call, conv, x, whole, filter, y, behind);
  }
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
  const bool winograd = WinogradPays(conv, true);
  const int64_t size = FilterSize(conv, winograd);
  if (filter == nullptr || size == 0) return PENSTOCK_OK;
  float* packed = KeepFloats(size);
  if (packed == nullptr) return PENSTOCK_NO_MEMORY;
  *state = packed;
  return MakeFilter(call, conv, winograd, filter, packed);
}

void ReleaseConv2d(void* state) { free(state); }

}  // namespace penstock::cpu::PENSTOCK_ISA
