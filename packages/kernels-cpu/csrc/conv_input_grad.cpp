// The input gradient of the 2-D convolution, and the transposed one, which is the same sum.
//
// Every input pixel meets only the taps that its place and the strides allow. Pixels that meet the same taps are a
// phase: over the result's gradient each phase is a convolution of stride 1 with its own taps, in reverse order. So
// nothing is spread out with zeros in between.
#include "conv_product.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

int64_t CommonDivisor(int64_t a, int64_t b) { return b == 0 ? a : CommonDivisor(b, a % b); }

// The input positions first, first + stride, ... of one side, and the taps that they meet.
struct Phase {
  int64_t first, count;
  int64_t last_tap, tap_step;  // the taps in the order in which their sources lie: from the last
  Axis axis;                   // of the convolution that computes the phase
  int64_t Tap(int64_t i) const { return last_tap - i * tap_step; }
};

Phase MakePhase(const Axis& a, int64_t first) {
  const int64_t common = CommonDivisor(a.dilation, a.stride);
  Phase phase = {first, CeilDiv(a.in - first, a.stride), 0, a.stride / common, {}};
  int64_t taps = 0;
  for (int64_t k = 0; k < a.kernel; ++k) {
    if ((first + a.before - k * a.dilation) % a.stride != 0) continue;
    phase.last_tap = k;
    ++taps;
  }
  const int64_t source = (first + a.before - phase.last_tap * a.dilation) / a.stride;
  phase.axis = {a.out, taps, phase.count, 1, a.dilation / common, -source};
  return phase;
}

// Packs the phase's filter: a row for each of its taps and output channels, a column for each input channel.
const float* PackPhase(penstock_call* call, const Conv& conv, const Conv& gradient, const Phase& h,
                       const Phase& w, const float* filter, int* status) {
  float* out = Scratch<float>(call, PackedFilterSize(gradient));
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  const int64_t per_group = PanelsPerGroup(gradient), co = conv.GroupOut(), ci = conv.GroupIn();
  const int64_t tap_size = ci * conv.out_channels, size = WindowSize(gradient) * kTileCols;
  const auto pack = [&](int64_t panel, float* to) {
    const int64_t col = panel % per_group * kTileCols, group = panel / per_group;
    for (int64_t i = 0; i < h.axis.kernel; ++i) {
      for (int64_t j = 0; j < w.axis.kernel; ++j, to += co * kTileCols) {
        const float* tap = filter + (h.Tap(i) * conv.w.kernel + w.Tap(j)) * tap_size;
        const Matrix taps = {tap + col * conv.out_channels + group * co, 1, conv.out_channels};
        PackCols(taps, co, MinOf<int64_t>(kTileCols, ci - col), to);
      }
    }
  };
  *status =
      ParallelFor(call, conv.groups * per_group, Grain(size), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) pack(i, out + i * size);
      });
  return out;
}

int PhaseGradient(penstock_call* call, const Conv& conv, const Phase& h, const Phase& w,
                  const float* dy, const float* filter, float* dx) {
  const Conv gradient = {h.axis,           w.axis,     conv.batch, conv.out_channels,
                         conv.in_channels, conv.groups};
  int status;
  const float* packed = PackPhase(call, conv, gradient, h, w, filter, &status);
  if (status != PENSTOCK_OK) return status;
  const int64_t line = conv.w.in * conv.in_channels;
  const Target spread = {conv.h.in * line, conv.h.stride * line, conv.w.stride * conv.in_channels};
  const bool whole = conv.h.stride == 1 && conv.w.stride == 1;
  const Target* target = whole ? nullptr : &spread;
  float* first = dx + h.first * line + w.first * conv.in_channels;
  const Placement padded = PaddedPlacement(gradient);
  if (NeedsPadding(gradient, padded)) {
    return ConvolvePlaced(call, gradient, dy, conv.h.out, conv.w.out, padded, packed, first, {},
                          target);
  }
  return Convolve(call, gradient, {dy, conv.h.out, conv.w.out, 0, conv.h.out}, packed, first, {},
                  target);
}

// Whether some input pixels meet no tap.
bool LeavesGaps(const Axis& a) {
  for (int64_t i = 0; i < MinOf(a.stride, a.in); ++i) {
    if (MakePhase(a, i).axis.kernel == 0) return true;
  }
  return false;
}

int Clear(penstock_call* call, float* x, int64_t count) {
  return ParallelFor(call, count, kChunk, [&](int64_t begin, int64_t end) {
    memset(x + begin, 0, static_cast<size_t>(end - begin) * sizeof(float));
  });
}

int InputGradient(penstock_call* call, const Conv& conv, const float* dy, const float* filter,
                  float* dx) {
  int status = PENSTOCK_OK;
  const int64_t size = conv.batch * conv.h.in * conv.w.in * conv.in_channels;
  if (conv.h.out * conv.w.out * conv.out_channels == 0) return Clear(call, dx, size);
  if (LeavesGaps(conv.h) || LeavesGaps(conv.w)) {
    status = Clear(call, dx, size);
  }
  for (int64_t i = 0; i < MinOf(conv.h.stride, conv.h.in); ++i) {
    const Phase h = MakePhase(conv.h, i);
    for (int64_t j = 0; j < MinOf(conv.w.stride, conv.w.in); ++j) {
      const Phase w = MakePhase(conv.w, j);
      if (status != PENSTOCK_OK) return status;
      if (h.axis.kernel == 0 || w.axis.kernel == 0) continue;
      status = PhaseGradient(call, conv, h, w, dy, filter, dx);
    }
  }
  return status;
}

}  // namespace

int Conv2dInputGrad(penstock_call* call) {
  const penstock_tensor *dy = call->inputs[0], *filter = call->inputs[1], *dx = call->outputs[0];
  if (Count(dx) == 0) return PENSTOCK_OK;
  const Conv conv = MakeConv(call, 1, dx->shape, filter->shape, dy->shape);
  return InputGradient(call, conv, Data<float>(dy), Data<float>(filter), Data<float>(dx));
}

// The gradient of the convolution that leads from y to x; attribute 4 says how many rows and columns were added.
int Conv2dTranspose(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *filter = call->inputs[1], *y = call->outputs[0];
  if (Count(y) == 0) return PENSTOCK_OK;
  Axis h = MakeAxis(call, 0, 0, y->shape[1], filter->shape[0], x->shape[1]);
  Axis w = MakeAxis(call, 0, 1, y->shape[2], filter->shape[1], x->shape[2]);
  if (!IsNone(call, 4) && StrAttrIs(call, 1, "same")) {
    // What is added comes off what is cut, of which the larger half is behind.
    const auto before = [&](const Axis& axis, int64_t added) {
      return MaxOf<int64_t>((axis.Reach() + 1) / 2 * 2 - added, 0) / 2;
    };
    h.before = before(h, IntsAttr(call, 4)[0]);
    w.before = before(w, IntsAttr(call, 4)[1]);
  }
  const Conv conv = {h, w, y->shape[0], y->shape[3], x->shape[3], 1};
  return InputGradient(call, conv, Data<float>(x), Data<float>(filter), Data<float>(y));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
