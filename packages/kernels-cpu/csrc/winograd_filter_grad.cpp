// The filter gradient by Winograd's algorithm, transposed: of a tile's pixels and of its results' gradients both
// transformations are multiplied element by element and summed over the tiles, and only the sums are transformed back.
#include "winograd.h"
#include "winograd_tiles.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

using namespace winograd;

class FilterGradient {
 public:
  FilterGradient(const Conv& conv, const float* x, const float* dy, float* dfilter)
      : conv_(conv),
        x_(x),
        dy_(dy),
        dfilter_(dfilter),
        tiles_(conv),
        in_row_(Padded(conv.in_channels)),
        out_row_(Padded(conv.out_channels)) {
    // The sums are read and written for every portion of the tiles. Where they stay in a cache a portion stays in the
    // second one; else it is so large that this pays, and one place of it stays there.
    constexpr int64_t kSumsStay = 200 * 1024, kSmall = 128 * 1024, kLarge = 1024 * 1024;
    constexpr int64_t kPlaceAtOnce = 128 * 1024;
    const int64_t row = in_row_ + out_row_;
    const int64_t portion = kPlaces * conv.in_channels * out_row_ <= kSumsStay ? kSmall : kLarge;
    const int64_t most = MaxOf<int64_t>(1, MinOf(portion / (kPlaces * row), kPlaceAtOnce / row));
    at_once_ = CeilDiv(tiles_.count, CeilDiv(tiles_.count, most));
  }

  int Run(penstock_call* call, bool* finite) {
    in_ = Scratch<float>(call, kPlaces * at_once_ * in_row_);
    out_ = Scratch<float>(call, kPlaces * at_once_ * out_row_);
    sum_ = Scratch<float>(call, kPlaces * conv_.in_channels * out_row_);
    const float* zeros = Zeros(call, MaxOf(conv_.in_channels, conv_.out_channels));
    if (in_ == nullptr || out_ == nullptr || sum_ == nullptr || zeros == nullptr) {
      return PENSTOCK_NO_MEMORY;
    }
    const Pixels x = {x_, conv_.h.in, conv_.w.in, conv_.in_channels, zeros};
    const Pixels dy = {dy_, conv_.h.out, conv_.w.out, conv_.out_channels, zeros};
    for (int64_t first = 0; first < tiles_.count; first += at_once_) {
      const int64_t count = MinOf(at_once_, tiles_.count - first);
      const int64_t channels = conv_.in_channels + conv_.out_channels;
      int status = ForTiles(call, count, channels, [&](int64_t i) {
        Corner corner = tiles_.At(first + i);
        ReadTile<kOut, OfOutput>(dy, corner, at_once_ * out_row_, out_ + i * out_row_);
        corner.row -= conv_.h.before;
        corner.col -= conv_.w.before;
        ReadTile<kSide, OfInput>(x, corner, at_once_ * in_row_, in_ + i * in_row_);
      });
      if (status == PENSTOCK_OK) status = Multiply(call, count, first > 0);
      if (status != PENSTOCK_OK) return status;
    }
    return Write(call, finite);
  }

 private:
  // sum_[place] += in_[place] transposed * out_[place] for the 36 places; `=` for the first tiles.
  int Multiply(penstock_call* call, int64_t count, bool accumulate) const {
    constexpr int64_t kRowsAtOnce = 8 * kTileRows;
    const int64_t rows = conv_.in_channels, blocks = CeilDiv(rows, kRowsAtOnce);
    const int64_t step = CeilDiv(rows, blocks);
    const int64_t cost = count * step * conv_.out_channels;
    return ParallelFor(call, kPlaces * blocks, Grain(cost, kTaskCost),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t i = begin; i < end; ++i) {
                           const int64_t place = i / blocks, row = i % blocks * step;
                           Tile tile = {};
                           tile.a = in_ + place * at_once_ * in_row_ + row;
                           tile.a_row = 1;
                           tile.a_k = in_row_;
                           tile.b = out_ + place * at_once_ * out_row_;
                           tile.b_k = out_row_;
                           tile.k = count;
                           tile.segments = 1;
                           tile.c = sum_ + (place * rows + row) * out_row_;
                           tile.c_row = out_row_;
                           tile.accumulate = accumulate;
                           RunTiles(tile, MinOf(step, rows - row), conv_.out_channels, kTileCols);
                         }
                       });
  }

  int Write(penstock_call* call, bool* finite) const {
    const int64_t rows = conv_.in_channels, cols = conv_.out_channels, place = rows * out_row_;
    *finite = true;
    return ParallelFor(call, rows, Grain(kPlaces * cols), [&](int64_t begin, int64_t end) {
      Vf worst = {};
      for (int64_t row = begin; row < end; ++row) {
        const float* from = sum_ + row * out_row_;
        ForChannels(cols, [&](int64_t c, int64_t n) {
          TransformTile<kSide, kFilter>(
              ToFilter(),
              [&](int i, int j) { return LoadSome(from + (i * kSide + j) * place + c, n); },
              [&](int i, const Vf(&made)[kFilter]) {
                for (int j = 0; j < kFilter; ++j) {
                  float* to = dfilter_ + ((i * kFilter + j) * rows + row) * cols + c;
                  n == kLanes ? Store(to, made[j]) : StorePartial(to, made[j], n);
                  worst += made[j] * 0.0f;  // NaN from now on, if it is not finite
                }
              });
        });
      }
      if (!AllBelow(worst, 1.0f)) __atomic_store_n(finite, false, __ATOMIC_RELAXED);
    });
  }

  const Conv& conv_;
  const float *x_, *dy_;
  float* dfilter_;
  const Tiles tiles_;
  int64_t in_row_, out_row_;  // floats from tile to tile
  int64_t at_once_;
  float *in_ = nullptr, *out_ = nullptr, *sum_ = nullptr;
};

}  // namespace

// Estimates in multiplications, which are what a core does most of the time.
bool WinogradFilterGradPays(const Conv& conv) {
  constexpr int64_t kSum = 100;  // a sum to memory, and back
  if (!CanBeWinograd(conv)) return false;
  const int64_t pairs = conv.in_channels * conv.out_channels, tiles = Tiles(conv).count;
  const int64_t direct = conv.batch * conv.h.out * conv.w.out * 9 * pairs;
  const int64_t ours = (tiles + kSum) * kPlaces * pairs +
                       tiles * kTransform * (conv.in_channels + conv.out_channels);
  return ours * 5 < direct * 4;
}

int FilterGradByWinograd(penstock_call* call, const Conv& conv, const float* x, const float* dy,
                         float* dfilter, bool* finite) {
  return FilterGradient(conv, x, dy, dfilter).Run(call, finite);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
