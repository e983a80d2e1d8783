#include "winograd.h"

#include <cstdlib>

#include "chain_steps.h"
#include "winograd_tiles.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

using namespace winograd;

class Winograd {
 public:
  Winograd(const Conv& conv, const float* x, const FilterView& filter, const float* transformed,
           float* y, const Chain* chain)
      : conv_(conv),
        x_(x),
        transformed_(transformed),
        filter_(filter),
        y_(y),
        chain_(chain),
        tiles_(conv),
        in_row_(Padded(conv.in_channels)),
        out_row_(Padded(conv.out_channels)),
        portions_(tiles_.count, MostAtOnce(), kTasks),
        in_step_(portions_.at_once * in_row_),
        out_step_(portions_.at_once * out_row_) {}

  int Run(penstock_call* call) {
    const int64_t size = kPlaces * (in_step_ + out_step_);
    float* data = Scratch<float>(call, portions_.tasks * size);
    const float* zeros = Zeros(call, conv_.in_channels);
    if (data == nullptr || zeros == nullptr) return PENSTOCK_NO_MEMORY;
    const Pixels pixels = {x_, conv_.h.in, conv_.w.in, conv_.in_channels, zeros};
    Rooms rooms(data, size, portions_.tasks);
    return portions_.Run(call, [&](int64_t, int64_t begin, int64_t end) {
      const int64_t taken = rooms.Take();
      const Room room = {rooms.At(taken), rooms.At(taken) + kPlaces * in_step_};
      int status = PENSTOCK_OK;
      for (int64_t i = begin; i < end && status == PENSTOCK_OK; ++i) {
        status = RunPortion(call, pixels, portions_.First(i), portions_.Size(i), room);
      }
      rooms.GiveBack(taken);
      return status;
    });
  }

 private:
  static constexpr int64_t kTasks = 16;

  // Either the filter stays in the second cache, and tiles pass by, or the other way round.
  int64_t MostAtOnce() const {
    constexpr int64_t kFilterStays = 160 * 1024, kTilesAtOnce = 150 * 1024;
    const int64_t most = 4 * kTileRows;
    if (WinogradFilterSize(conv_) > kFilterStays) return most;
    return MinOf(most, MaxOf<int64_t>(1, kTilesAtOnce / (kPlaces * (in_row_ + out_row_))));
  }

  int RunPortion(penstock_call* call, const Pixels& pixels, int64_t first, int64_t count,
                 const Room& room) const {
    int status = ForTiles(call, count, conv_.in_channels, [&](int64_t i) {
      Corner corner = tiles_.At(first + i);
      corner.row -= conv_.h.before;
      corner.col -= conv_.w.before;
      ReadTile<kSide, OfInput>(pixels, corner, in_step_, room.in + i * in_row_);
    });
    if (status == PENSTOCK_OK) status = Multiply(call, count, room);
    if (status != PENSTOCK_OK) return status;
    return ForTiles(call, count, conv_.out_channels,
                    [&](int64_t i) { WriteTile(tiles_.At(first + i), room.out + i * out_row_); });
  }

  // out[place] = in[place] * filter[place] for the 36 places.
  int Multiply(penstock_call* call, int64_t count, const Room& room) const {
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
            tile.y = room.out + place * out_step_;
            tile.at = at;
            tile.col = col;
            tile.ahead_step = CeilDiv(kTileCols, tiles);
            const float* next = i + 1 < kPlaces * panels ? tile.b + panel : transformed_;
            for (int64_t t = 0; t < count; t += step) {
              const int rows = static_cast<int>(MinOf(step, count - t));
              for (int r = 0; r < rows; ++r) at[r] = (t + r) * out_row_;
              tile.a = room.in + place * in_step_ + t * in_row_;
              tile.ahead = next + t / step * tile.ahead_step * tile.k;
              RunConvTile(tile, rows,
                          static_cast<int>(MinOf<int64_t>(kTileCols, conv_.out_channels - col)));
            }
          }
        });
  }

  void WriteTile(const Corner& tile, const float* from) const {
    const int rows = static_cast<int>(MinOf<int64_t>(kOut, conv_.h.out - tile.row));
    const int cols = static_cast<int>(MinOf<int64_t>(kOut, conv_.w.out - tile.col));
    ForChannels(conv_.out_channels, [&](int64_t c, int64_t n) {
      TransformTile<kSide, kOut>(
          ToOutput(),
          [&](int i, int j) { return LoadUpTo(from + (i * kSide + j) * out_step_ + c, n); },
          [&](int i, Vf(&made)[kOut]) {
            if (i >= rows) return;
            const Vf sum = (made[0] + made[1]) + (made[2] + made[3]);
            if (!AllBelow(sum, INFINITY)) DirectRow(tile, i, c, n, made);
            Finish(tile, i, cols, c, n, made);
          });
    });
  }

  // The results of one row of a tile, for channels [c, c + n), pixel by pixel.
  void DirectRow(const Corner& tile, int i, int64_t c, int64_t n, Vf (&made)[kOut]) const {
    for (int j = 0; j < kOut; ++j) {
      Vf sum = {};
      for (int64_t tap = 0; tap < kFilter * kFilter; ++tap) {
        const int64_t row = tile.row + i + tap / kFilter - conv_.h.before;
        const int64_t col = tile.col + j + tap % kFilter - conv_.w.before;
        if (row < 0 || row >= conv_.h.in || col < 0 || col >= conv_.w.in) continue;
        const float* pixel =
            x_ + ((tile.image * conv_.h.in + row) * conv_.w.in + col) * conv_.in_channels;
        for (int64_t k = 0; k < conv_.in_channels; ++k) {
          sum += Splat(pixel[k]) * LoadUpTo(filter_.At(tap * conv_.in_channels + k, c), n);
        }
      }
      made[j] = sum;
    }
  }

  void Finish(const Corner& tile, int i, int cols, int64_t c, int64_t n,
              const Vf (&made)[kOut]) const {
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
      StoreUpTo(to, acc[j][0], n);
    }
  }

  const Conv& conv_;
  const float *x_, *transformed_;
  const FilterView filter_;
  float* y_;
  const Chain* chain_;
  const Tiles tiles_;
  const int64_t in_row_, out_row_;  // floats from tile to tile
  const Portions portions_;
  const int64_t in_step_, out_step_;  // floats from place to place
};

}  // namespace

// Estimates in multiplications, which are what a core does most of the time.
bool WinogradPays(const Conv& conv, bool prepared) {
  constexpr int64_t kRead = 19, kWrite = 36;  // a float of the filter from memory, or to it
  if (!CanBeWinograd(conv)) return false;
  const int64_t pairs = conv.in_channels * conv.out_channels, tiles = Tiles(conv).count;
  const int64_t direct = (conv.batch * conv.h.out * conv.w.out + kRead) * 9 * pairs;
  const int64_t ours = (tiles + kRead + (prepared ? 0 : kWrite)) * kPlaces * pairs +
                       tiles * kTransform * (conv.in_channels + conv.out_channels);
  return ours * 5 < direct * 4;
}

int64_t WinogradFilterSize(const Conv& conv) {
  return kPlaces * PanelsPerGroup(conv) * conv.in_channels * kTileCols;
}

int TransformFilter(penstock_call* call, const Conv& conv, const FilterView& filter, float* out) {
  const int64_t ci = conv.in_channels, co = conv.out_channels;
  const int64_t panels = PanelsPerGroup(conv), panel = ci * kTileCols;
  return ParallelFor(call, ci, Grain(kPlaces * co), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      for (int64_t c = 0; c < panels * kTileCols; c += kLanes) {
        const int64_t n = MaxOf<int64_t>(0, MinOf<int64_t>(kLanes, co - c));
        float* to = out + c / kTileCols * panel + k * kTileCols + c % kTileCols;
        TransformTile<kFilter, kSide>(
            OfFilter(),
            [&](int i, int j) {
              return n > 0 ? LoadUpTo(filter.At((i * kFilter + j) * ci + k, c), n) : Vf{};
            },
            [&](int i, const Vf(&made)[kSide]) {
              for (int j = 0; j < kSide; ++j) Store(to + (i * kSide + j) * panels * panel, made[j]);
            });
      }
    }
  });
}

int ConvolveByWinograd(penstock_call* call, const Conv& conv, const float* x,
                       const FilterView& filter, const float* transformed, float* y,
                       const Behind& behind) {
  const int status = Winograd(conv, x, filter, transformed, y, behind.chain).Run(call);
  if (status != PENSTOCK_OK || behind.program == nullptr) return status;
  return RunBehind(call, *behind.program);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
