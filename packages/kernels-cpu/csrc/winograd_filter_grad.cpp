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
        out_row_(Padded(conv.out_channels)),
        sum_size_(kPlaces * conv.in_channels * out_row_),
        portions_(tiles_.count, MostAtOnce(), SumsStay() ? kTasks : 1),
        in_step_(portions_.at_once * in_row_),
        out_step_(portions_.at_once * out_row_) {}

  int Run(penstock_call* call, bool* finite) {
    const int64_t size = kPlaces * (in_step_ + out_step_);
    float* data = Scratch<float>(call, portions_.tasks * size);
    sums_ = Scratch<float>(call, portions_.tasks * sum_size_);
    const float* zeros = Zeros(call, MaxOf(conv_.in_channels, conv_.out_channels));
    if (data == nullptr || sums_ == nullptr || zeros == nullptr) return PENSTOCK_NO_MEMORY;
    const Pixels x = {x_, conv_.h.in, conv_.w.in, conv_.in_channels, zeros};
    const Pixels dy = {dy_, conv_.h.out, conv_.w.out, conv_.out_channels, zeros};
    Rooms rooms(data, size, portions_.tasks);
    int status = portions_.Run(call, [&](int64_t task, int64_t begin, int64_t end) {
      const int64_t taken = rooms.Take();
      const Room room = {rooms.At(taken), rooms.At(taken) + kPlaces * in_step_};
      int status = PENSTOCK_OK;
      for (int64_t i = begin; i < end && status == PENSTOCK_OK; ++i) {
        status = Read(call, x, dy, portions_.First(i), portions_.Size(i), room);
        if (status != PENSTOCK_OK) break;
        status = Multiply(call, room, portions_.Size(i), i > begin, sums_ + task * sum_size_);
      }
      rooms.GiveBack(taken);
      return status;
    });
    return status == PENSTOCK_OK ? Write(call, finite) : status;
  }

 private:
  static constexpr int64_t kTasks = 8;

  // The sums are read and written for every portion of the tiles. Where they stay in a cache a portion stays in the
  // second one, and tasks have sums of their own; else a portion is so large that this pays, and one place of it stays
  // there.
  bool SumsStay() const { return sum_size_ <= 200 * 1024; }

  int64_t MostAtOnce() const {
    constexpr int64_t kSmall = 128 * 1024, kLarge = 1024 * 1024, kPlaceAtOnce = 128 * 1024;
    const int64_t row = in_row_ + out_row_, portion = SumsStay() ? kSmall : kLarge;
    return MaxOf<int64_t>(1, MinOf(portion / (kPlaces * row), kPlaceAtOnce / row));
  }

  int Read(penstock_call* call, const Pixels& x, const Pixels& dy, int64_t first, int64_t count,
           const Room& room) const {
    return ForTiles(call, count, conv_.in_channels + conv_.out_channels, [&](int64_t i) {
      Corner corner = tiles_.At(first + i);
      ReadTile<kOut, OfOutput>(dy, corner, out_step_, room.out + i * out_row_);
      corner.row -= conv_.h.before;
      corner.col -= conv_.w.before;
      ReadTile<kSide, OfInput>(x, corner, in_step_, room.in + i * in_row_);
    });
  }

  // sum[place] += in[place] transposed * out[place] for the 36 places; `=` for a task's first tiles.
  int Multiply(penstock_call* call, const Room& room, int64_t count, bool accumulate,
               float* sum) const {
    constexpr int64_t kRowsAtOnce = 8 * kTileRows;
    const int64_t rows = conv_.in_channels, blocks = CeilDiv(rows, kRowsAtOnce);
    const int64_t step = CeilDiv(rows, blocks);
    const int64_t cost = count * step * conv_.out_channels;
    return ParallelFor(call, kPlaces * blocks, Grain(cost, kTaskCost),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t i = begin; i < end; ++i) {
                           const int64_t place = i / blocks, row = i % blocks * step;
                           Tile tile = {};
                           tile.a = room.in + place * in_step_ + row;
                           tile.a_row = 1;
                           tile.a_k = in_row_;
                           tile.b = room.out + place * out_step_;
                           tile.b_k = out_row_;
                           tile.k = count;
                           tile.segments = 1;
                           tile.c = sum + (place * rows + row) * out_row_;
                           tile.c_row = out_row_;
                           tile.accumulate = accumulate;
                           RunTiles(tile, MinOf(step, rows - row), conv_.out_channels, kTileCols);
                         }
                       });
  }

  // Adds up the tasks' sums in their order, and transforms them back.
  int Write(penstock_call* call, bool* finite) const {
    const int64_t rows = conv_.in_channels, cols = conv_.out_channels, place = rows * out_row_;
    *finite = true;
    return ParallelFor(call, rows, Grain(kPlaces * cols), [&](int64_t begin, int64_t end) {
      Vf worst = {};
      for (int64_t row = begin; row < end; ++row) {
        ForChannels(cols, [&](int64_t c, int64_t n) {
          TransformTile<kSide, kFilter>(
              ToFilter(),
              [&](int i, int j) {
                const float* from = sums_ + (i * kSide + j) * place + row * out_row_ + c;
                Vf sum = LoadUpTo(from, n);
                for (int64_t t = 1; t < portions_.tasks; ++t) {
                  sum += LoadUpTo(from + t * sum_size_, n);
                }
                return sum;
              },
              [&](int i, const Vf(&made)[kFilter]) {
                for (int j = 0; j < kFilter; ++j) {
                  float* to = dfilter_ + ((i * kFilter + j) * rows + row) * cols + c;
                  StoreUpTo(to, made[j], n);
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
  const int64_t in_row_, out_row_;  // floats from tile to tile
  const int64_t sum_size_;
  const Portions portions_;
  const int64_t in_step_, out_step_;  // floats from place to place
  float* sums_ = nullptr;             // of each task
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
