// 2-D convolution and its gradients, NHWC images and HWIO filters, as matrix products that read images in place: each
// row of output pixels is a matrix whose rows lie stride * channels apart.
#include "epilogue.h"
#include "gemm.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kTaskCost = 8 << 20;  // multiplications in a parallel task: 0.1 ms

// ---- geometry ----

struct Axis {
  int64_t in, kernel, out, stride, dilation, before;
  int64_t Reach() const { return (kernel - 1) * dilation; }
};

struct Conv {
  Axis h, w;
  int64_t batch, in_channels, out_channels, groups;
  int64_t GroupIn() const { return in_channels / groups; }
  int64_t GroupOut() const { return out_channels / groups; }
};

Axis MakeAxis(const penstock_call* call, int first_attr, int axis, int64_t in, int64_t kernel,
              int64_t out) {
  Axis a = {in, kernel, out, IntsAttr(call, first_attr)[axis], IntsAttr(call, first_attr + 3)[axis],
            0};
  if (StrAttrIs(call, first_attr + 1, "same")) {
    a.before = MaxOf<int64_t>((out - 1) * a.stride + a.Reach() + 1 - in, 0) / 2;
  } else if (StrAttrIs(call, first_attr + 1, "explicit")) {
    a.before = IntsAttr(call, first_attr + 2)[2 * axis];
  }
  return a;
}

// x, filter and y are shapes; first_attr is where strides, padding, ... begin.
Conv MakeConv(const penstock_call* call, int first_attr, const int64_t* x, const int64_t* filter,
              const int64_t* y) {
  return {MakeAxis(call, first_attr, 0, x[1], filter[0], y[1]),
          MakeAxis(call, first_attr, 1, x[2], filter[1], y[2]),
          x[0],
          x[3],
          y[3],
          IntAttr(call, first_attr + 4)};
}

// ---- images with room around them ----

struct Image {
  const float* data;
  int64_t h, w;         // of a stored image, padding included
  int64_t top, bottom;  // the rows outside are zeros
};

struct Placement {
  int64_t h, w;       // of the new image
  int64_t top, left;  // where pixel (0, 0) goes; may be negative: what falls outside is dropped
  int64_t step_h, step_w;  // distance between neighbours
};

// Row of pixels, zeros around and between them.
void PlaceRow(const float* x, int64_t w, int64_t c, const Placement& p, float* out) {
  const size_t pixel = static_cast<size_t>(c) * sizeof(float);
  if (p.step_w == 1) {
    // With wide padding and long strides all of the row may fall outside.
    const int64_t begin = MinOf(p.w, MaxOf<int64_t>(0, p.left));
    const int64_t end = MaxOf(begin, MinOf(p.w, p.left + w));
    memset(out, 0, static_cast<size_t>(begin) * pixel);
    if (begin < end) {
      memcpy(out + begin * c, x + (begin - p.left) * c, static_cast<size_t>(end - begin) * pixel);
    }
    memset(out + end * c, 0, static_cast<size_t>(p.w - end) * pixel);
    return;
  }
  memset(out, 0, static_cast<size_t>(p.w) * pixel);
  for (int64_t j = 0; j < w; ++j) {
    const int64_t col = p.left + j * p.step_w;
    if (col >= 0 && col < p.w) memcpy(out + col * c, x + j * c, pixel);
  }
}

void PlaceOne(const float* x, int64_t h, int64_t w, int64_t c, const Placement& p, float* out) {
  for (int64_t row = 0; row < p.h; ++row) {
    const int64_t i = row - p.top;
    float* to = out + row * p.w * c;
    if (i >= 0 && i % p.step_h == 0 && i / p.step_h < h) {
      PlaceRow(x + i / p.step_h * w * c, w, c, p, to);
    } else {
      memset(to, 0, static_cast<size_t>(p.w * c) * sizeof(float));
    }
  }
}

// Copies images [n, h, w, c] into larger ones of zeros.
int Place(penstock_call* call, const float* x, int64_t n, int64_t h, int64_t w, int64_t c,
          const Placement& p, float* out) {
  const int64_t size = p.h * p.w * c;
  return ParallelFor(call, n, Grain(size), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) PlaceOne(x + i * h * w * c, h, w, c, p, out + i * size);
  });
}

// h: the rows of the images that were placed.
Image PlacedImage(const float* data, int64_t h, const Placement& p) {
  return {data, p.h, p.w, MaxOf<int64_t>(0, p.top), MinOf(p.h, p.top + (h - 1) * p.step_h + 1)};
}

// Where the images of a convolution's input go when windows leave them; NeedsPadding tells whether they do.
Placement PaddedPlacement(const Conv& conv) {
  const Axis &h = conv.h, &w = conv.w;
  return {(h.out - 1) * h.stride + h.Reach() + 1,
          (w.out - 1) * w.stride + w.Reach() + 1,
          h.before,
          w.before,
          1,
          1};
}

bool NeedsPadding(const Conv& conv, const Placement& padded) {
  return conv.h.before != 0 || conv.w.before != 0 || padded.h > conv.h.in || padded.w > conv.w.in;
}

// ---- the product ----

// The inner dimension of a window: one segment for each run of memory.
struct Taps {
  int64_t count, length;
  const int64_t* offset;
};

// Pixels of a filter row are neighbours in memory, unless dilation or groups part them.
bool RowsAreRuns(const Conv& conv) { return conv.w.dilation == 1 && conv.groups == 1; }

Taps MakeTaps(penstock_call* call, const Conv& conv, int64_t width) {
  const bool runs = RowsAreRuns(conv);
  const int64_t across = runs ? 1 : conv.w.kernel;
  int64_t* offset = Scratch<int64_t>(call, conv.h.kernel * across);
  if (offset == nullptr) return {};
  for (int64_t i = 0; i < conv.h.kernel; ++i) {
    for (int64_t j = 0; j < across; ++j) {
      offset[i * across + j] =
          (i * conv.h.dilation * width + j * conv.w.dilation) * conv.in_channels;
    }
  }
  return {conv.h.kernel * across, conv.GroupIn() * (runs ? conv.w.kernel : 1), offset};
}

int64_t PanelsPerGroup(const Conv& conv) { return CeilDiv(conv.GroupOut(), kTileCols); }

int64_t WindowSize(const Conv& conv) { return conv.h.kernel * conv.w.kernel * conv.GroupIn(); }

// Packs a filter [window, out_channels] into panels, group after group.
float* PackFilter(penstock_call* call, const Conv& conv, const float* filter, int* status) {
  const int64_t per_group = PanelsPerGroup(conv), size = WindowSize(conv) * kTileCols;
  float* out = Scratch<float>(call, conv.groups * per_group * size);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status =
      ParallelFor(call, conv.groups * per_group, Grain(size), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t col = i % per_group * kTileCols;
          const Matrix columns = {filter + i / per_group * conv.GroupOut() + col, conv.out_channels,
                                  1};
          PackCols(columns, WindowSize(conv), MinOf<int64_t>(kTileCols, conv.GroupOut() - col),
                   out + i * size);
        }
      });
  return out;
}

// A pointwise convolution without gaps sees all images as a single tall one.
void JoinImages(Conv* conv, Image* image) {
  const bool pointwise = conv->h.kernel == 1 && conv->w.kernel == 1;
  const bool gapless = conv->h.stride == 1 && conv->w.stride == 1 && image->h == conv->h.out &&
                       image->w == conv->w.out;
  if (!pointwise || !gapless) return;
  conv->h.out *= conv->batch;
  *image = {image->data, conv->h.out, image->w, 0, conv->h.out};
  conv->batch = 1;
}

// y = image * filter (packed): one task makes a few rows of output pixels. `epilogue`: what runs on y, or nullptr.
int Convolve(penstock_call* call, Conv conv, Image image, const float* filter, float* y,
             const TileProgram* epilogue = nullptr) {
  JoinImages(&conv, &image);
  const Taps taps = MakeTaps(call, conv, image.w);
  if (taps.offset == nullptr) return PENSTOCK_NO_MEMORY;
  const int64_t panel = WindowSize(conv) * kTileCols, per_group = PanelsPerGroup(conv);
  int64_t* filter_offset = Scratch<int64_t>(call, taps.count);
  if (filter_offset == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t i = 0; i < taps.count; ++i) filter_offset[i] = i * taps.length * kTileCols;

  const int64_t taps_per_row = taps.count / conv.h.kernel;
  const auto row = [&](int64_t index) {
    const int64_t n = index / conv.h.out, i = index % conv.h.out;
    // Rows of the filter that meet rows of zeros are left out.
    const int64_t top = image.top - i * conv.h.stride, bottom = image.bottom - i * conv.h.stride;
    const int64_t first = MinOf(conv.h.kernel, CeilDiv(MaxOf<int64_t>(0, top), conv.h.dilation));
    const int64_t last =
        MaxOf(first, MinOf(conv.h.kernel, CeilDiv(MaxOf<int64_t>(0, bottom), conv.h.dilation)));
    for (int64_t g = 0; g < conv.groups; ++g) {
      Tile tile = {};
      tile.a = image.data + ((n * image.h + i * conv.h.stride) * image.w) * conv.in_channels +
               g * conv.GroupIn();
      tile.a_row = conv.w.stride * conv.in_channels;
      tile.a_k = 1;
      tile.b = filter + g * per_group * panel;
      tile.b_k = kTileCols;
      tile.k = taps.length;
      tile.segments = (last - first) * taps_per_row;
      tile.a_offset = taps.offset + first * taps_per_row;
      tile.b_offset = filter_offset + first * taps_per_row;
      tile.c = y + index * conv.w.out * conv.out_channels + g * conv.GroupOut();
      tile.c_row = conv.out_channels;
      RunTiles(tile, conv.w.out, conv.GroupOut(), panel);
    }
  };
  const int64_t cost = conv.w.out * WindowSize(conv) * conv.out_channels;
  const int64_t size = conv.w.out * conv.out_channels, first = y - Output<float>(call, 0);
  return ParallelFor(call, conv.batch * conv.h.out, Grain(cost, kTaskCost),
                     [&](int64_t begin, int64_t end) {
                       if (epilogue == nullptr) {
                         for (int64_t i = begin; i < end; ++i) row(i);
                         return;
                       }
                       TileFrame frame(*epilogue, PENSTOCK_TILE_SLOTS(*epilogue));
                       for (int64_t i = begin; i < end; ++i) {
                         row(i);
                         frame.RunAll(first + i * size, first + (i + 1) * size);
                       }
                     });
}

// Floats of placed images at a time: they should still be in the cache when they are read.
constexpr int64_t kPlacedAtOnce = 512 * 1024;

// The same for images that need room, a few at a time.
int ConvolvePlaced(penstock_call* call, Conv conv, const float* x, int64_t h, int64_t w,
                   const Placement& placement, const float* filter, float* y,
                   const TileProgram* epilogue = nullptr) {
  const int64_t batch = conv.batch, c = conv.in_channels;
  const int64_t group = MinOf(batch, Grain(placement.h * placement.w * c, kPlacedAtOnce));
  float* room = Scratch<float>(call, group * placement.h * placement.w * c);
  if (room == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t first = 0; first < batch; first += group) {
    conv.batch = MinOf(group, batch - first);
    int status = Place(call, x + first * h * w * c, conv.batch, h, w, c, placement, room);
    if (status != PENSTOCK_OK) return status;
    status = Convolve(call, conv, PlacedImage(room, h, placement), filter,
                      y + first * conv.h.out * conv.w.out * conv.out_channels, epilogue);
    if (status != PENSTOCK_OK) return status;
  }
  return PENSTOCK_OK;
}

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

// ---- forward ----

int Forward(penstock_call* call, const TileProgram* epilogue) {
  float* y = Output<float>(call, 0);
  const int64_t* y_shape = call->outputs[0]->shape;
  const Conv conv = MakeConv(call, 0, call->inputs[0]->shape, call->inputs[1]->shape, y_shape);
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  int status;
  const float* filter = PackFilter(call, conv, Input<float>(call, 1), &status);
  if (status != PENSTOCK_OK) return status;
  const float* x = Input<float>(call, 0);
  const Placement padded = PaddedPlacement(conv);
  if (NeedsPadding(conv, padded)) {
    return ConvolvePlaced(call, conv, x, conv.h.in, conv.w.in, padded, filter, y, epilogue);
  }
  return Convolve(call, conv, {x, conv.h.in, conv.w.in, 0, conv.h.in}, filter, y, epilogue);
}

}  // namespace

int Conv2d(penstock_call* call) {
  constexpr int kOwnAttrs = 5;
  if (call->num_attrs == kOwnAttrs) return Forward(call, nullptr);
  const Epilogue epilogue(call, kOwnAttrs);
  return Forward(call, &epilogue.program);
}

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
    h.before = (h.Reach() + 1) / 2;
    w.before = (w.Reach() + 1) / 2;
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
