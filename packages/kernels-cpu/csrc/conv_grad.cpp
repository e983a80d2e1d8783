// Gradients of the 2-D convolution, and the transposed one.
#include "conv_product.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// ---- input gradient ----

// The filter of the convolution that computes the input's gradient: mirrored, and with the channels of every group
// exchanged: [kh, kw, group_out, groups * group_in].
float* MirrorFilter(penstock_call* call, const Conv& conv, const float* filter, int* status) {
  const int64_t window = conv.h.kernel * conv.w.kernel, ci = conv.GroupIn(), co = conv.GroupOut();
  float* out = Scratch<float>(call, window * ci * conv.out_channels);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status =
      ParallelFor(call, window, Grain(ci * conv.out_channels), [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          const float* from = filter + (window - 1 - t) * ci * conv.out_channels;
          float* to = out + t * co * conv.in_channels;
          for (int64_t g = 0; g < conv.groups; ++g) {
            for (int64_t o = 0; o < co; ++o) {
              for (int64_t c = 0; c < ci; ++c) {
                to[o * conv.in_channels + g * ci + c] = from[c * conv.out_channels + g * co + o];
              }
            }
          }
        }
      });
  return out;
}

Axis GradientAxis(const Axis& axis) {
  return {axis.out, axis.kernel, axis.in, 1, axis.dilation, axis.Reach() - axis.before};
}

// dx is the convolution of dy, spread out by the strides, with the mirrored filter.
int InputGradient(penstock_call* call, const Conv& conv, const float* dy, const float* filter,
                  float* dx) {
  const Conv gradient = {GradientAxis(conv.h), GradientAxis(conv.w), conv.batch,
                         conv.out_channels,    conv.in_channels,     conv.groups};
  int status;
  const float* mirrored = MirrorFilter(call, conv, filter, &status);
  if (status != PENSTOCK_OK) return status;
  const float* packed = PackFilter(call, gradient, mirrored, &status);
  if (status != PENSTOCK_OK) return status;
  const Placement spread = {conv.h.in + conv.h.Reach(),
                            conv.w.in + conv.w.Reach(),
                            gradient.h.before,
                            gradient.w.before,
                            conv.h.stride,
                            conv.w.stride};
  const bool as_it_is = spread.h == conv.h.out && spread.w == conv.w.out && spread.top == 0 &&
                        spread.left == 0 && spread.step_h == 1 && spread.step_w == 1;
  if (!as_it_is) {
    return ConvolvePlaced(call, gradient, dy, conv.h.out, conv.w.out, spread, packed, dx);
  }
  return Convolve(call, gradient, {dy, conv.h.out, conv.w.out, 0, conv.h.out}, packed, dx);
}

// ---- filter gradient ----

// dfilter[run, out] = sum over pixels of x[pixel, run] * dy[pixel, out], for every run of the window. Images are
// summed in a fixed number of shares, each into its own copy, so that the sum never depends on the threads.
constexpr int64_t kShares = 8;

struct FilterGradient {
  const Conv& conv;
  Image image;
  const float* dy;
  int64_t dy_channels;  // rounded up to whole vectors
  Taps taps;
  const int64_t *row_x, *row_dy;  // where the rows of pixels of an image begin

  // One group of one tap over images [begin, end).
  void Accumulate(int64_t tap, int64_t group, int64_t begin, int64_t end, float* out) const {
    const int64_t ci = conv.GroupIn(), co = conv.GroupOut();
    Tile tile = {};
    tile.a_row = 1;
    tile.a_k = conv.w.stride * conv.in_channels;
    tile.b_k = dy_channels;
    tile.k = conv.w.out;
    tile.segments = conv.h.out;
    tile.a_offset = row_x;
    tile.b_offset = row_dy;
    tile.c = out + tap * taps.length * conv.out_channels + group * co;
    tile.c_row = conv.out_channels;
    for (int64_t n = begin; n < end; ++n) {
      tile.a =
          image.data + n * image.h * image.w * conv.in_channels + taps.offset[tap] + group * ci;
      tile.b = dy + n * conv.h.out * conv.w.out * dy_channels + group * co;
      tile.accumulate = n > begin;
      RunTiles(tile, taps.length, co, kTileCols);
    }
  }
};

// dy with its channels padded to whole vectors, which the microkernel reads, also behind the last group.
const float* WholeVectors(penstock_call* call, const Conv& conv, const float* dy, int64_t padded,
                          int* status) {
  const int64_t pixels = conv.batch * conv.h.out * conv.w.out, channels = conv.out_channels;
  *status = PENSTOCK_OK;
  if (channels == padded && conv.groups == 1) return dy;
  float* out = Scratch<float>(call, pixels * padded + kTileCols);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status = ParallelFor(call, pixels, Grain(padded), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t c = 0; c < channels; ++c) out[i * padded + c] = dy[i * channels + c];
      for (int64_t c = channels; c < padded; ++c) out[i * padded + c] = 0.0f;
    }
  });
  return out;
}

int FilterGradientShares(penstock_call* call, const FilterGradient& gradient, float* dfilter) {
  const Conv& conv = gradient.conv;
  const int64_t size = WindowSize(conv) * conv.out_channels;
  const int64_t shares = MinOf(kShares, conv.batch), per_share = CeilDiv(conv.batch, shares);
  float* partial = Scratch<float>(call, (shares - 1) * size);
  if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  const int64_t tasks = gradient.taps.count * conv.groups;
  const auto share_of = [&](int64_t s) { return s == 0 ? dfilter : partial + (s - 1) * size; };
  const int64_t cost = per_share * conv.h.out * conv.w.out * gradient.taps.length * conv.GroupOut();
  const int status =
      ParallelFor(call, shares * tasks, Grain(cost, kTaskCost), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t share = i / tasks, first = MinOf(share * per_share, conv.batch);
          gradient.Accumulate(i % tasks / conv.groups, i % conv.groups, first,
                              MinOf(first + per_share, conv.batch), share_of(share));
        }
      });
  if (status != PENSTOCK_OK) return status;
  const int64_t used = CeilDiv(conv.batch, per_share);
  return ParallelFor(call, size, kChunk / used, [&](int64_t begin, int64_t end) {
    for (int64_t s = 1; s < used; ++s) {
      const float* from = share_of(s);
      for (int64_t i = begin; i < end; ++i) dfilter[i] += from[i];
    }
  });
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
  if (Count(x) == 0) {
    memset(Data<float>(y), 0, static_cast<size_t>(Count(y)) * sizeof(float));
    return PENSTOCK_OK;
  }
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

int Conv2dFilterGrad(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *dy = call->inputs[1], *out = call->outputs[0];
  const Conv conv = MakeConv(call, 1, x->shape, out->shape, dy->shape);
  float* dfilter = Data<float>(out);
  if (Count(x) == 0 || Count(dy) == 0) {
    memset(dfilter, 0, static_cast<size_t>(Count(out)) * sizeof(float));
    return PENSTOCK_OK;
  }
  int status;
  Image image = {Data<float>(x), conv.h.in, conv.w.in, 0, conv.h.in};
  const Placement padded = PaddedPlacement(conv);
  if (NeedsPadding(conv, padded)) {
    float* room = Scratch<float>(call, conv.batch * padded.h * padded.w * conv.in_channels);
    if (room == nullptr) return PENSTOCK_NO_MEMORY;
    status =
        Place(call, image.data, conv.batch, conv.h.in, conv.w.in, conv.in_channels, padded, room);
    if (status != PENSTOCK_OK) return status;
    image = PlacedImage(room, conv.h.in, padded);
  }
  const int64_t channels = RoundUp(conv.out_channels, kLanes);
  const float* gradient = WholeVectors(call, conv, Data<float>(dy), channels, &status);
  if (status != PENSTOCK_OK) return status;
  const Taps taps = MakeTaps(call, conv, image.w);
  int64_t* rows = Scratch<int64_t>(call, 2 * conv.h.out);
  if (taps.offset == nullptr || rows == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t i = 0; i < conv.h.out; ++i) {
    rows[i] = i * conv.h.stride * image.w * conv.in_channels;
    rows[conv.h.out + i] = i * conv.w.out * channels;
  }
  return FilterGradientShares(
      call, {conv, image, gradient, channels, taps, rows, rows + conv.h.out}, dfilter);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
