// The input gradient of the 2-D convolution, and the transposed one, which is the same sum.
//
// Every input pixel meets only the taps that its place and the strides allow. Pixels that meet the same taps are a
// phase: over the result's gradient each phase is a convolution of stride 1 with its own taps, in reverse order. So
// nothing is spread out with zeros in between.
#include "conv_gather.h"
#include "penstock/kernel_abi.h"
#include "winograd.h"

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

// The pixels of one phase of lines and one of columns: a convolution of dy.
struct Part {
  Phase h, w;
  Conv conv;
  const float* filter;  // packed
};

class InputGradient {
 public:
  InputGradient(const Conv& conv, const float* dy, const float* filter, float* dx)
      : conv_(conv), dy_(dy), filter_(filter), dx_(dx) {}

  int Run(penstock_call* call) {
    const int64_t size = conv_.batch * conv_.h.in * conv_.w.in * conv_.in_channels;
    if (conv_.h.out * conv_.w.out * conv_.out_channels == 0) return Clear(call, dx_, size);
    int status = PENSTOCK_OK;
    if (LeavesGaps(conv_.h) || LeavesGaps(conv_.w)) status = Clear(call, dx_, size);
    const int64_t down = MinOf(conv_.h.stride, conv_.h.in),
                  across = MinOf(conv_.w.stride, conv_.w.in);
    kept_ = Scratch<Part>(call, down * across);
    if (kept_ == nullptr) return PENSTOCK_NO_MEMORY;
    for (int64_t i = 0; i < down * across && status == PENSTOCK_OK; ++i) {
      const Phase h = MakePhase(conv_.h, i / across), w = MakePhase(conv_.w, i % across);
      if (h.axis.kernel > 0 && w.axis.kernel > 0) status = Begin(call, h, w);
    }
    return status == PENSTOCK_OK ? Finish(call) : status;
  }

 private:
  // Computes a part, or keeps it for Finish.
  int Begin(penstock_call* call, const Phase& h, const Phase& w) {
    const Conv conv = {h.axis,      w.axis, conv_.batch, conv_.out_channels, conv_.in_channels,
                       conv_.groups};
    int status;
    const Part part = {h, w, conv, Pack(call, conv, h, w, &status)};
    if (status != PENSTOCK_OK) return status;
    const Target target = TargetOf();
    if (IsDense() && WinogradPays(conv, false)) return RunWinograd(call, part);
    if (GatherPays(conv)) {
      return ConvolveGathered(call, conv, dy_, part.filter, FirstOf(part, 0), {}, &target);
    }
    kept_[count_++] = part;
    return PENSTOCK_OK;
  }

  int RunWinograd(penstock_call* call, const Part& part) const {
    const FilterView filter = PackedFilter(part.conv, part.filter);
    float* transformed = Scratch<float>(call, WinogradFilterSize(part.conv));
    if (transformed == nullptr) return PENSTOCK_NO_MEMORY;
    const int status = TransformFilter(call, part.conv, filter, transformed);
    if (status != PENSTOCK_OK) return status;
    return ConvolveByWinograd(call, part.conv, dy_, filter, transformed, dx_, {});
  }

  // The parts that read images in place: a few images at a time, for all parts, if they need room.
  int Finish(penstock_call* call) const {
    Placement all = {};
    bool placed = false;
    for (int64_t i = 0; i < count_; ++i) {
      const Placement own = PaddedPlacement(kept_[i].conv);
      placed = placed || NeedsPadding(kept_[i].conv, own);
      all.top = MaxOf(all.top, own.top);
      all.left = MaxOf(all.left, own.left);
    }
    if (!placed)
      return RunKept(call, {dy_, conv_.h.out, conv_.w.out, 0, conv_.h.out}, all, 0, conv_.batch);
    for (int64_t i = 0; i < count_; ++i) {
      const Placement own = PaddedPlacement(kept_[i].conv);
      all.h = MaxOf(all.h, own.h + all.top - own.top);
      all.w = MaxOf(all.w, own.w + all.left - own.left);
    }
    const int64_t size = all.h * all.w * conv_.out_channels;
    const int64_t group = MinOf(conv_.batch, Grain(size, kPlacedAtOnce));
    float* room = Scratch<float>(call, group * size);
    if (room == nullptr) return PENSTOCK_NO_MEMORY;
    const int64_t image = conv_.h.out * conv_.w.out * conv_.out_channels;
    for (int64_t first = 0; first < conv_.batch; first += group) {
      const int64_t images = MinOf(group, conv_.batch - first);
      int status = Place(call, dy_ + first * image, images, conv_.h.out, conv_.w.out,
                         conv_.out_channels, all, room);
      if (status != PENSTOCK_OK) return status;
      status = RunKept(call, PlacedImage(room, conv_.h.out, all), all, first, images);
      if (status != PENSTOCK_OK) return status;
    }
    return PENSTOCK_OK;
  }

  // `placement`: where the image's pixel (0, 0) is.
  int RunKept(penstock_call* call, const Image& image, const Placement& placement, int64_t first,
              int64_t images) const {
    const Target target = TargetOf();
    for (int64_t i = 0; i < count_; ++i) {
      const Part& part = kept_[i];
      Conv conv = part.conv;
      conv.batch = images;
      const int64_t down = placement.top - conv.h.before, right = placement.left - conv.w.before;
      const Image own = {image.data + (down * image.w + right) * conv.in_channels, image.h, image.w,
                         image.top - down, image.bottom - down};
      const int status = Convolve(call, conv, own, part.filter, FirstOf(part, first), {},
                                  IsDense() ? nullptr : &target);
      if (status != PENSTOCK_OK) return status;
    }
    return PENSTOCK_OK;
  }

  bool IsDense() const { return conv_.h.stride == 1 && conv_.w.stride == 1; }

  Target TargetOf() const {
    const int64_t line = conv_.w.in * conv_.in_channels;
    return {conv_.h.in * line, conv_.h.stride * line, conv_.w.stride * conv_.in_channels};
  }

  float* FirstOf(const Part& part, int64_t image) const {
    const int64_t line = image * conv_.h.in + part.h.first;
    return dx_ + (line * conv_.w.in + part.w.first) * conv_.in_channels;
  }

  // The part's filter: a row for each of its taps and output channels, a column for each input channel.
  const float* Pack(penstock_call* call, const Conv& part, const Phase& h, const Phase& w,
                    int* status) const {
    float* out = Scratch<float>(call, PackedFilterSize(part));
    *status = PENSTOCK_NO_MEMORY;
    if (out == nullptr) return nullptr;
    const int64_t per_group = PanelsPerGroup(part), co = conv_.GroupOut(), ci = conv_.GroupIn();
    const int64_t tap_size = ci * conv_.out_channels, size = WindowSize(part) * kTileCols;
    const auto pack = [&](int64_t panel, float* to) {
      const int64_t col = panel % per_group * kTileCols, group = panel / per_group;
      for (int64_t i = 0; i < h.axis.kernel; ++i) {
        for (int64_t j = 0; j < w.axis.kernel; ++j, to += co * kTileCols) {
          const float* tap = filter_ + (h.Tap(i) * conv_.w.kernel + w.Tap(j)) * tap_size;
          const Matrix taps = {tap + col * conv_.out_channels + group * co, 1, conv_.out_channels};
          PackCols(taps, co, MinOf<int64_t>(kTileCols, ci - col), to);
        }
      }
    };
    *status =
        ParallelFor(call, conv_.groups * per_group, Grain(size), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) pack(i, out + i * size);
        });
    return out;
  }

  const Conv& conv_;
  const float *dy_, *filter_;
  float* dx_;
  Part* kept_ = nullptr;
  int64_t count_ = 0;  // of them
};

}  // namespace

int Conv2dInputGrad(penstock_call* call) {
  const penstock_tensor *dy = call->inputs[0], *filter = call->inputs[1], *dx = call->outputs[0];
  if (Count(dx) == 0) return PENSTOCK_OK;
  const Conv conv = MakeConv(call, 1, dx->shape, filter->shape, dy->shape);
  return InputGradient(conv, Data<float>(dy), Data<float>(filter), Data<float>(dx)).Run(call);
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
  return InputGradient(conv, Data<float>(x), Data<float>(filter), Data<float>(y)).Run(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
