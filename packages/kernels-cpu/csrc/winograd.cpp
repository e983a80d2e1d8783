#include "winograd.h"

#include <cstdlib>

#include "chain_steps.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kSide = 6, kOut = 4, kPlaces = kSide * kSide;
constexpr float kA = 0.70710678118654752f,
                kB = 1.41421356237309505f;  // the points, but 0 and infinity

// ---- the three transformations of one line ----

ALWAYS_INLINE void TransformInput(const Vf (&d)[kSide], Vf (&out)[kSide]) {
  const Vf even = d[4] - 2.0f * d[2], odd = kA * (d[3] - 2.0f * d[1]);
  const Vf even2 = d[4] - 0.5f * d[2], odd2 = kB * (d[3] - 0.5f * d[1]);
  out[0] = d[0] - 2.5f * d[2] + d[4];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = d[1] - 2.5f * d[3] + d[5];
}

ALWAYS_INLINE void TransformWeights(const Vf (&g)[3], Vf (&out)[kSide]) {
  constexpr float kNearer = -2.0f / 3.0f, kFarther = 1.0f / 6.0f;
  const Vf even = kNearer * (g[0] + 0.5f * g[2]), odd = (kNearer * kA) * g[1];
  const Vf even2 = kFarther * (g[0] + 2.0f * g[2]), odd2 = (kFarther * kB) * g[1];
  out[0] = g[0];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = g[2];
}

ALWAYS_INLINE void TransformOutput(const Vf (&m)[kSide], Vf (&out)[kOut]) {
  const Vf sum = m[1] + m[2], difference = m[1] - m[2];
  const Vf sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  out[0] = m[0] + sum + sum2;
  out[1] = kA * difference + kB * difference2;
  out[2] = 0.5f * sum + 2.0f * sum2;
  out[3] = (0.5f * kA) * difference + (2.0f * kB) * difference2 + m[5];
}

int64_t Padded(int64_t channels) {
  return RoundUp(channels, kLanes) + kLanes;  // rows far enough apart not to meet in the cache
}

// f(first channel, how many), a vector at a time.
template <class F>
void ForChannels(int64_t channels, F f) {
  for (int64_t c = 0; c < channels; c += kLanes) f(c, MinOf<int64_t>(kLanes, channels - c));
}

Vf LoadSome(const float* p, int64_t n) { return n == kLanes ? Load(p) : LoadPartial(p, n); }

class Winograd {
 public:
  Winograd(const Conv& conv, const float* x, const float* filter, const float* transformed,
           float* y, const Chain* chain)
      : conv_(conv),
        x_(x),
        filter_(filter),
        transformed_(transformed),
        y_(y),
        chain_(chain),
        down_(CeilDiv(conv.h.out, kOut)),
        across_(CeilDiv(conv.w.out, kOut)),
        tiles_(conv.batch * down_ * across_),
        in_row_(Padded(conv.in_channels)),
        out_row_(Padded(conv.out_channels)) {
    // Either the filter stays in the second cache, and tiles pass by, or the other way round.
    constexpr int64_t kFilterStays = 160 * 1024, kTilesAtOnce = 150 * 1024;
    int64_t most = 4 * kTileRows;
    if (WinogradFilterSize(conv) <= kFilterStays) {
      most = MinOf(most, MaxOf<int64_t>(1, kTilesAtOnce / (kPlaces * (in_row_ + out_row_))));
    }
    at_once_ = CeilDiv(tiles_, CeilDiv(tiles_, most));
  }

  int Run(penstock_call* call) {
    in_ = Scratch<float>(call, kPlaces * at_once_ * in_row_);
    out_ = Scratch<float>(call, kPlaces * at_once_ * out_row_);
    if (in_ == nullptr || out_ == nullptr) return PENSTOCK_NO_MEMORY;
    for (int64_t first = 0; first < tiles_; first += at_once_) {
      const int64_t count = MinOf(at_once_, tiles_ - first);
      int status =
          ForTiles(call, count, conv_.in_channels, [&](int64_t i) { ReadTile(first + i, i); });
      if (status == PENSTOCK_OK) status = Multiply(call, count);
      if (status == PENSTOCK_OK) {
        status =
            ForTiles(call, count, conv_.out_channels, [&](int64_t i) { WriteTile(first + i, i); });
      }
      if (status != PENSTOCK_OK) return status;
    }
    return PENSTOCK_OK;
  }

 private:
  struct Tile {
    int64_t image, row, col;  // of the first result
  };

  Tile TileAt(int64_t index) const {
    const int64_t line = index / across_;
    return {line / down_, line % down_ * kOut, index % across_ * kOut};
  }

  template <class F>
  int ForTiles(penstock_call* call, int64_t count, int64_t channels, F f) {
    return ParallelFor(call, count, Grain(4 * kPlaces * channels), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(i);
    });
  }

  // in_[place, slot, channels] = the transformed pixels of a tile.
  void ReadTile(int64_t index, int64_t slot) {
    const Tile tile = TileAt(index);
    const int64_t row = tile.row - conv_.h.before, col = tile.col - conv_.w.before;
    ForChannels(conv_.in_channels, [&](int64_t c, int64_t n) {
      Vf half[kSide][kSide];
      for (int j = 0; j < kSide; ++j) {
        Vf line[kSide] = {}, made[kSide];
        if (col + j >= 0 && col + j < conv_.w.in) {
          for (int i = 0; i < kSide; ++i) {
            if (row + i < 0 || row + i >= conv_.h.in) continue;
            const int64_t at = (tile.image * conv_.h.in + row + i) * conv_.w.in + col + j;
            line[i] = LoadSome(x_ + at * conv_.in_channels + c, n);
          }
        }
        TransformInput(line, made);
        for (int i = 0; i < kSide; ++i) half[i][j] = made[i];
      }
      for (int i = 0; i < kSide; ++i) {
        Vf made[kSide];
        TransformInput(half[i], made);
        for (int j = 0; j < kSide; ++j) {
          Store(in_ + ((i * kSide + j) * at_once_ + slot) * in_row_ + c, made[j]);
        }
      }
    });
  }

  // out_[place] = in_[place] * filter[place] for the 36 places.
  int Multiply(penstock_call* call, int64_t count) {
    const int64_t panels = PanelsPerGroup(conv_), panel = conv_.in_channels * kTileCols;
    const int64_t tiles = CeilDiv(count, kTileRows), step = CeilDiv(count, tiles);
    const int64_t cost = count * panel;
    return ParallelFor(
        call, kPlaces * panels, Grain(cost, kTaskCost), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t place = i / panels, col = i % panels * kTileCols;
            int64_t at[kTileRows];
            ConvTile tile = {};
            tile.a_row = in_row_;
            tile.b = transformed_ + i * panel;
            tile.k = conv_.in_channels;
            tile.segments = 1;
            tile.y = out_;
            tile.at = at;
            tile.col = col;
            tile.ahead_step = CeilDiv(kTileCols, tiles);
            const float* next = i + 1 < kPlaces * panels ? tile.b + panel : transformed_;
            for (int64_t t = 0; t < count; t += step) {
              const int rows = static_cast<int>(MinOf(step, count - t));
              for (int r = 0; r < rows; ++r) at[r] = (place * at_once_ + t + r) * out_row_;
              tile.a = in_ + (place * at_once_ + t) * in_row_;
              tile.ahead = next + t / step * tile.ahead_step * tile.k;
              RunConvTile(tile, rows,
                          static_cast<int>(MinOf<int64_t>(kTileCols, conv_.out_channels - col)));
            }
          }
        });
  }

  void WriteTile(int64_t index, int64_t slot) {
    const Tile tile = TileAt(index);
    const int rows = static_cast<int>(MinOf<int64_t>(kOut, conv_.h.out - tile.row));
    const int cols = static_cast<int>(MinOf<int64_t>(kOut, conv_.w.out - tile.col));
    ForChannels(conv_.out_channels, [&](int64_t c, int64_t n) {
      Vf half[kOut][kSide];
      for (int j = 0; j < kSide; ++j) {
        Vf line[kSide], made[kOut];
        for (int i = 0; i < kSide; ++i) {
          line[i] = LoadSome(out_ + ((i * kSide + j) * at_once_ + slot) * out_row_ + c, n);
        }
        TransformOutput(line, made);
        for (int i = 0; i < kOut; ++i) half[i][j] = made[i];
      }
      for (int i = 0; i < rows; ++i) {
        Vf made[kOut];
        TransformOutput(half[i], made);
        const Vf sum = (made[0] + made[1]) + (made[2] + made[3]);
        if (!AllBelow(sum, INFINITY)) DirectRow(tile, i, c, n, made);
        Finish(tile, i, cols, c, n, made);
      }
    });
  }

  // The results of one row of a tile, for channels [c, c + n), pixel by pixel.
  void DirectRow(const Tile& tile, int i, int64_t c, int64_t n, Vf (&made)[kOut]) const {
    for (int j = 0; j < kOut; ++j) {
      Vf sum = {};
      for (int64_t tap = 0; tap < 9; ++tap) {
        const int64_t row = tile.row + i + tap / 3 - conv_.h.before;
        const int64_t col = tile.col + j + tap % 3 - conv_.w.before;
        if (row < 0 || row >= conv_.h.in || col < 0 || col >= conv_.w.in) continue;
        const float* pixel =
            x_ + ((tile.image * conv_.h.in + row) * conv_.w.in + col) * conv_.in_channels;
        const float* weights = filter_ + tap * conv_.in_channels * conv_.out_channels + c;
        for (int64_t k = 0; k < conv_.in_channels; ++k) {
          sum += Splat(pixel[k]) * LoadSome(weights + k * conv_.out_channels, n);
        }
      }
      made[j] = sum;
    }
  }

  void Finish(const Tile& tile, int i, int cols, int64_t c, int64_t n, const Vf (&made)[kOut]) {
    const int64_t pixel = (tile.image * conv_.h.out + tile.row + i) * conv_.w.out + tile.col;
    Vf acc[kOut][1];
    int64_t at[kOut];
    for (int j = 0; j < kOut; ++j) {
      acc[j][0] = made[j];
      at[j] = (pixel + MinOf(j, cols - 1)) * conv_.out_channels;
    }
    if (chain_ != nullptr) RunChain<kOut, 1>(*chain_, at, c, static_cast<int>(n), acc);
    for (int j = 0; j < cols; ++j) {
      float* to = y_ + at[j] + c;
      n == kLanes ? Store(to, acc[j][0]) : StorePartial(to, acc[j][0], n);
    }
  }

  const Conv& conv_;
  const float *x_, *filter_, *transformed_;
  float* y_;
  const Chain* chain_;
  int64_t down_, across_, tiles_;  // tiles of an image, down and across; of all images
  int64_t in_row_, out_row_;       // floats from tile to tile
  int64_t at_once_;
  float *in_ = nullptr, *out_ = nullptr;
};

// Read once: filters are prepared by the answer.
bool SwitchedOff() {
  static const bool off = [] {
    const char* value = getenv("PENSTOCK_WINOGRAD");
    return value != nullptr && strcmp(value, "off") == 0;
  }();
  return off;
}

bool IsPlain(const Axis& axis) {
  return axis.kernel == 3 && axis.stride == 1 && axis.dilation == 1;
}

}  // namespace

// Estimates in multiplications, which are what a core does most of the time.
bool WinogradPays(const Conv& conv) {
  constexpr int64_t kLeast = 2 * kLanes;       // channels
  constexpr int64_t kRead = 19;                // a float of the filter from memory
  constexpr int64_t kTransform = 7 * kPlaces;  // a tile's channel
  if (!IsPlain(conv.h) || !IsPlain(conv.w) || conv.groups != 1) return false;
  if (conv.in_channels < kLeast || conv.out_channels < kLeast) return false;
  const int64_t pairs = conv.in_channels * conv.out_channels;
  const int64_t tiles = conv.batch * CeilDiv(conv.h.out, kOut) * CeilDiv(conv.w.out, kOut);
  const int64_t direct = (conv.batch * conv.h.out * conv.w.out + kRead) * 9 * pairs;
  const int64_t ours = (tiles + kRead) * kPlaces * pairs +
                       tiles * kTransform * (conv.in_channels + conv.out_channels);
  return ours * 5 < direct * 4 && !SwitchedOff();
}

int64_t WinogradFilterSize(const Conv& conv) {
  return kPlaces * PanelsPerGroup(conv) * conv.in_channels * kTileCols;
}

int TransformFilter(penstock_call* call, const Conv& conv, const float* filter, float* out) {
  const int64_t ci = conv.in_channels, co = conv.out_channels;
  const int64_t panels = PanelsPerGroup(conv), panel = ci * kTileCols;
  return ParallelFor(call, ci, Grain(kPlaces * co), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      for (int64_t c = 0; c < panels * kTileCols; c += kLanes) {
        const int64_t n = MaxOf<int64_t>(0, MinOf<int64_t>(kLanes, co - c));
        Vf half[kSide][3];
        for (int j = 0; j < 3; ++j) {
          Vf line[3] = {}, made[kSide];
          for (int i = 0; i < 3 && n > 0; ++i) {
            line[i] = LoadSome(filter + ((i * 3 + j) * ci + k) * co + c, n);
          }
          TransformWeights(line, made);
          for (int i = 0; i < kSide; ++i) half[i][j] = made[i];
        }
        float* to = out + c / kTileCols * panel + k * kTileCols + c % kTileCols;
        for (int i = 0; i < kSide; ++i) {
          Vf made[kSide];
          TransformWeights(half[i], made);
          for (int j = 0; j < kSide; ++j) Store(to + (i * kSide + j) * panels * panel, made[j]);
        }
      }
    }
  });
}

int ConvolveByWinograd(penstock_call* call, const Conv& conv, const float* x, const float* filter,
                       const float* transformed, float* y, const Behind& behind) {
  const int status = Winograd(conv, x, filter, transformed, y, behind.chain).Run(call);
  if (status != PENSTOCK_OK || behind.program == nullptr) return status;
  return RunBehind(call, *behind.program);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
