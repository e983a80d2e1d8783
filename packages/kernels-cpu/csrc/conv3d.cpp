// 3-D convolution and its gradients, NDHWC volumes and DHWIO filters, as matrix products that read volumes in place:
// each row of output cells is a matrix whose rows lie stride * channels apart.
#include "gemm.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kTaskCost = 8 << 20;  // multiplications in a parallel task: 0.1 ms

struct Side {
  int64_t in, kernel, out, stride, dilation, before;
  int64_t Reach() const { return (kernel - 1) * dilation; }
  int64_t Room() const { return (out - 1) * stride + Reach() + 1; }
};

struct Conv {
  Side side[3];
  int64_t batch, in_channels, out_channels, groups;
  int64_t GroupIn() const { return in_channels / groups; }
  int64_t GroupOut() const { return out_channels / groups; }
  int64_t Cells() const { return side[0].kernel * side[1].kernel * side[2].kernel; }
  int64_t Window() const { return Cells() * GroupIn(); }
  int64_t Rows() const { return side[0].out * side[1].out; }  // of output cells, in one volume
};

// x, filter and y are shapes; first_attr is where strides, padding, ... begin.
Conv MakeConv(const penstock_call* call, int first_attr, const int64_t* x, const int64_t* filter,
              const int64_t* y) {
  Conv conv = {{}, x[0], x[4], y[4], IntAttr(call, first_attr + 4)};
  for (int i = 0; i < 3; ++i) {
    Side& s = conv.side[i];
    s = {x[1 + i],
         filter[i],
         y[1 + i],
         IntsAttr(call, first_attr)[i],
         IntsAttr(call, first_attr + 3)[i],
         0};
    if (StrAttrIs(call, first_attr + 1, "same")) {
      s.before = MaxOf<int64_t>(s.Room() - s.in, 0) / 2;
    } else if (StrAttrIs(call, first_attr + 1, "explicit")) {
      s.before = IntsAttr(call, first_attr + 2)[2 * i];
    }
  }
  return conv;
}

// ---- volumes with room around them ----

struct Volume {
  const float* data;
  int64_t size[3];
};

// Where element i of a side of `from` elements goes in the room, and back.
struct Spread {
  int64_t from, room, at, step;
  // The element that lies at `place`, or -1.
  int64_t Source(int64_t place) const {
    const int64_t i = place - at;
    return i >= 0 && i % step == 0 && i / step < from ? i / step : -1;
  }
};

void PlaceRow(const float* x, const Spread& s, int64_t c, float* out) {
  const size_t cell = static_cast<size_t>(c) * sizeof(float);
  memset(out, 0, static_cast<size_t>(s.room) * cell);
  if (s.step == 1) {
    const int64_t begin = MaxOf<int64_t>(0, s.at), end = MinOf(s.room, s.at + s.from);
    if (begin < end) {
      memcpy(out + begin * c, x + (begin - s.at) * c, static_cast<size_t>(end - begin) * cell);
    }
    return;
  }
  for (int64_t i = 0; i < s.from; ++i) {
    const int64_t place = s.at + i * s.step;
    if (place >= 0 && place < s.room) memcpy(out + place * c, x + i * c, cell);
  }
}

// Copies n volumes into larger ones of zeros.
int Place(penstock_call* call, const float* x, int64_t n, int64_t c, const Spread (&s)[3],
          float* out) {
  const int64_t row = s[2].room * c, plane = s[1].room * row;
  return ParallelFor(call, n * s[0].room, Grain(plane), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t z = s[0].Source(i % s[0].room);
      for (int64_t j = 0; j < s[1].room; ++j) {
        const int64_t y = z < 0 ? -1 : s[1].Source(j);
        float* to = out + i * plane + j * row;
        if (y < 0) {
          memset(to, 0, static_cast<size_t>(row) * sizeof(float));
        } else {
          const int64_t line = ((i / s[0].room) * s[0].from + z) * s[1].from + y;
          PlaceRow(x + line * s[2].from * c, s[2], c, to);
        }
      }
    }
  });
}

// x as it is, or placed where windows leave it; data is null where there is no memory.
Volume Padded(penstock_call* call, const Conv& conv, const float* x, int* status) {
  Volume volume = {x, {}};
  Spread spread[3];
  bool fits = true;
  int64_t size = conv.batch * conv.in_channels;
  for (int i = 0; i < 3; ++i) {
    const Side& s = conv.side[i];
    volume.size[i] = s.in;
    spread[i] = {s.in, s.Room(), s.before, 1};
    fits = fits && s.before == 0 && s.Room() <= s.in;
    size *= s.Room();
  }
  *status = PENSTOCK_OK;
  if (fits) return volume;
  float* room = Scratch<float>(call, size);
  *status = PENSTOCK_NO_MEMORY;
  if (room == nullptr) return volume;
  *status = Place(call, x, conv.batch, conv.in_channels, spread, room);
  return {room, {spread[0].room, spread[1].room, spread[2].room}};
}

// ---- the product ----

// The inner dimension of a window: one segment for each run of memory.
struct Taps {
  int64_t count, length;
  const int64_t *offset, *filter_offset;
};

Taps MakeTaps(penstock_call* call, const Conv& conv, const int64_t (&size)[3]) {
  const Side* s = conv.side;
  // Cells of a filter row are neighbours in memory, unless dilation or groups part them.
  const bool runs = s[2].dilation == 1 && conv.groups == 1;
  const int64_t across = runs ? 1 : s[2].kernel;
  const int64_t count = s[0].kernel * s[1].kernel * across;
  const int64_t length = conv.GroupIn() * (runs ? s[2].kernel : 1);
  int64_t* offset = Scratch<int64_t>(call, 2 * count);
  if (offset == nullptr) return {};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t z = i / across / s[1].kernel, y = i / across % s[1].kernel, x = i % across;
    const int64_t line = z * s[0].dilation * size[1] + y * s[1].dilation;
    offset[i] = (line * size[2] + x * s[2].dilation) * conv.in_channels;
    offset[count + i] = i * length * kTileCols;
  }
  return {count, length, offset, offset + count};
}

int64_t PanelsPerGroup(const Conv& conv) { return CeilDiv(conv.GroupOut(), kTileCols); }

// Packs a filter [window, out_channels] into panels, group after group.
float* PackFilter(penstock_call* call, const Conv& conv, const float* filter, int* status) {
  const int64_t per_group = PanelsPerGroup(conv), size = conv.Window() * kTileCols;
  float* out = Scratch<float>(call, conv.groups * per_group * size);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status =
      ParallelFor(call, conv.groups * per_group, Grain(size), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t col = i % per_group * kTileCols;
          const Matrix columns = {filter + i / per_group * conv.GroupOut() + col, conv.out_channels,
                                  1};
          PackCols(columns, conv.Window(), MinOf<int64_t>(kTileCols, conv.GroupOut() - col),
                   out + i * size);
        }
      });
  return out;
}

// y = volume * filter (packed): one task makes a few rows of output cells.
int Convolve(penstock_call* call, const Conv& conv, const Volume& volume, const float* filter,
             float* y) {
  const Taps taps = MakeTaps(call, conv, volume.size);
  if (taps.offset == nullptr) return PENSTOCK_NO_MEMORY;
  const Side* s = conv.side;
  const int64_t panel = conv.Window() * kTileCols, per_group = PanelsPerGroup(conv);
  const auto row = [&](int64_t index) {
    const int64_t n = index / conv.Rows(), z = index % conv.Rows() / s[1].out;
    const int64_t i = index % s[1].out;
    const int64_t line = (n * volume.size[0] + z * s[0].stride) * volume.size[1] + i * s[1].stride;
    for (int64_t g = 0; g < conv.groups; ++g) {
      Tile tile = {};
      tile.a = volume.data + line * volume.size[2] * conv.in_channels + g * conv.GroupIn();
      tile.a_row = s[2].stride * conv.in_channels;
      tile.a_k = 1;
      tile.b = filter + g * per_group * panel;
      tile.b_k = kTileCols;
      tile.k = taps.length;
      tile.segments = taps.count;
      tile.a_offset = taps.offset;
      tile.b_offset = taps.filter_offset;
      tile.c = y + index * s[2].out * conv.out_channels + g * conv.GroupOut();
      tile.c_row = conv.out_channels;
      RunTiles(tile, s[2].out, conv.GroupOut(), panel);
    }
  };
  const int64_t cost = s[2].out * conv.Window() * conv.out_channels;
  return ParallelFor(call, conv.batch * conv.Rows(), Grain(cost, kTaskCost),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) row(i);
                     });
}

// ---- input gradient ----

// The filter of the convolution that computes the input's gradient: mirrored, and with the channels of every group
// exchanged: [cells, group_out, groups * group_in].
float* MirrorFilter(penstock_call* call, const Conv& conv, const float* filter, int* status) {
  const int64_t cells = conv.Cells(), ci = conv.GroupIn(), co = conv.GroupOut();
  float* out = Scratch<float>(call, cells * ci * conv.out_channels);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status =
      ParallelFor(call, cells, Grain(ci * conv.out_channels), [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          const float* from = filter + (cells - 1 - t) * ci * conv.out_channels;
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

// dx is the convolution of dy, spread out by the strides, with the mirrored filter.
int InputGradient(penstock_call* call, const Conv& conv, const float* dy, const float* filter,
                  float* dx) {
  Conv back = {{}, conv.batch, conv.out_channels, conv.in_channels, conv.groups};
  Spread spread[3];
  int64_t size = conv.batch * conv.out_channels;
  for (int i = 0; i < 3; ++i) {
    const Side& s = conv.side[i];
    back.side[i] = {s.out, s.kernel, s.in, 1, s.dilation, s.Reach() - s.before};
    spread[i] = {s.out, s.in + s.Reach(), back.side[i].before, s.stride};
    size *= spread[i].room;
  }
  int status;
  const float* mirrored = MirrorFilter(call, conv, filter, &status);
  if (status != PENSTOCK_OK) return status;
  const float* packed = PackFilter(call, back, mirrored, &status);
  if (status != PENSTOCK_OK) return status;
  float* room = Scratch<float>(call, size);
  if (room == nullptr) return PENSTOCK_NO_MEMORY;
  status = Place(call, dy, conv.batch, conv.out_channels, spread, room);
  if (status != PENSTOCK_OK) return status;
  return Convolve(call, back, {room, {spread[0].room, spread[1].room, spread[2].room}}, packed, dx);
}

// ---- filter gradient ----

// Volumes are summed in a fixed number of shares, each into its own copy, so that the sum never depends on the threads.
constexpr int64_t kShares = 8;

// dy with its channels padded to whole vectors, which the microkernel reads, also behind the last group.
const float* WholeVectors(penstock_call* call, const Conv& conv, const float* dy, int64_t padded,
                          int* status) {
  const int64_t channels = conv.out_channels, cells = conv.batch * conv.Rows() * conv.side[2].out;
  *status = PENSTOCK_OK;
  if (channels == padded && conv.groups == 1) return dy;
  float* out = Scratch<float>(call, cells * padded + kTileCols);
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status = ParallelFor(call, cells, Grain(padded), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t c = 0; c < channels; ++c) out[i * padded + c] = dy[i * channels + c];
      for (int64_t c = channels; c < padded; ++c) out[i * padded + c] = 0.0f;
    }
  });
  return out;
}

// Where the rows of cells of one volume begin, in x and in dy.
const int64_t* MakeRows(penstock_call* call, const Conv& conv, const Volume& volume,
                        int64_t dy_channels) {
  const Side* s = conv.side;
  int64_t* rows = Scratch<int64_t>(call, 2 * conv.Rows());
  for (int64_t i = 0; rows != nullptr && i < conv.Rows(); ++i) {
    const int64_t line = i / s[1].out * s[0].stride * volume.size[1] + i % s[1].out * s[1].stride;
    rows[i] = line * volume.size[2] * conv.in_channels;
    rows[conv.Rows() + i] = i * s[2].out * dy_channels;
  }
  return rows;
}

// dfilter[run, out] = sum over cells of x[cell, run] * dy[cell, out], for every run of the window.
int FilterGradient(penstock_call* call, const Conv& conv, const Volume& volume, const float* dy,
                   int64_t dy_channels, float* dfilter) {
  const Side* s = conv.side;
  const Taps taps = MakeTaps(call, conv, volume.size);
  const int64_t* rows = MakeRows(call, conv, volume, dy_channels);
  const int64_t size = conv.Window() * conv.out_channels;
  const int64_t shares = MinOf(kShares, conv.batch), per_share = CeilDiv(conv.batch, shares);
  float* partial = Scratch<float>(call, (shares - 1) * size);
  if (taps.offset == nullptr || rows == nullptr || partial == nullptr) return PENSTOCK_NO_MEMORY;
  const int64_t whole = volume.size[0] * volume.size[1] * volume.size[2] * conv.in_channels;
  const auto share_of = [&](int64_t i) { return i == 0 ? dfilter : partial + (i - 1) * size; };
  const auto work = [&](int64_t share, int64_t tap, int64_t group) {
    Tile tile = {};
    tile.a_row = 1;
    tile.a_k = s[2].stride * conv.in_channels;
    tile.b_k = dy_channels;
    tile.k = s[2].out;
    tile.segments = conv.Rows();
    tile.a_offset = rows;
    tile.b_offset = rows + conv.Rows();
    tile.c = share_of(share) + tap * taps.length * conv.out_channels + group * conv.GroupOut();
    tile.c_row = conv.out_channels;
    const int64_t first = MinOf(share * per_share, conv.batch);
    for (int64_t n = first; n < MinOf(first + per_share, conv.batch); ++n) {
      tile.a = volume.data + n * whole + taps.offset[tap] + group * conv.GroupIn();
      tile.b = dy + n * conv.Rows() * s[2].out * dy_channels + group * conv.GroupOut();
      tile.accumulate = n > first;
      RunTiles(tile, taps.length, conv.GroupOut(), kTileCols);
    }
  };
  const int64_t used = CeilDiv(conv.batch, per_share), tasks = taps.count * conv.groups;
  const int64_t cost = per_share * conv.Rows() * s[2].out * taps.length * conv.GroupOut();
  const int status =
      ParallelFor(call, used * tasks, Grain(cost, kTaskCost), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          work(i / tasks, i % tasks / conv.groups, i % conv.groups);
        }
      });
  if (status != PENSTOCK_OK) return status;
  return ParallelFor(call, size, kChunk / used, [&](int64_t begin, int64_t end) {
    for (int64_t share = 1; share < used; ++share) {
      const float* from = share_of(share);
      for (int64_t i = begin; i < end; ++i) dfilter[i] += from[i];
    }
  });
}

}  // namespace

int Conv3d(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *y = call->outputs[0];
  const Conv conv = MakeConv(call, 0, x->shape, call->inputs[1]->shape, y->shape);
  if (Count(y) == 0) return PENSTOCK_OK;
  int status;
  const float* filter = PackFilter(call, conv, Input<float>(call, 1), &status);
  if (status != PENSTOCK_OK) return status;
  const Volume volume = Padded(call, conv, Data<float>(x), &status);
  if (status != PENSTOCK_OK) return status;
  return Convolve(call, conv, volume, filter, Data<float>(y));
}

int Conv3dInputGrad(penstock_call* call) {
  const penstock_tensor *dy = call->inputs[0], *filter = call->inputs[1], *dx = call->outputs[0];
  if (Count(dx) == 0) return PENSTOCK_OK;
  const Conv conv = MakeConv(call, 1, dx->shape, filter->shape, dy->shape);
  return InputGradient(call, conv, Data<float>(dy), Data<float>(filter), Data<float>(dx));
}

int Conv3dFilterGrad(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *dy = call->inputs[1], *out = call->outputs[0];
  const Conv conv = MakeConv(call, 1, x->shape, out->shape, dy->shape);
  float* dfilter = Data<float>(out);
  if (Count(x) == 0 || Count(dy) == 0) {
    memset(dfilter, 0, static_cast<size_t>(Count(out)) * sizeof(float));
    return PENSTOCK_OK;
  }
  int status;
  const Volume volume = Padded(call, conv, Data<float>(x), &status);
  if (status != PENSTOCK_OK) return status;
  const int64_t channels = RoundUp(conv.out_channels, kLanes);
  const float* gradient = WholeVectors(call, conv, Data<float>(dy), channels, &status);
  if (status != PENSTOCK_OK) return status;
  return FilterGradient(call, conv, volume, gradient, channels, dfilter);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
