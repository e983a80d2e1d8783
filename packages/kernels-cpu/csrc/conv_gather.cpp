#include "conv_gather.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Channels of a tap at a time, and floats of gathered pixels, which share the second cache with two pieces of the
// filter.
constexpr int64_t kMostChannels = 512, kRoom = 120 * 1024;

// Channels [first, first + length) under one tap.
struct Piece {
  int64_t row, col, first, length;
};

// Whether a tap sees a pixel at every output position.
bool SeesAll(const Axis& axis, int64_t tap) {
  const int64_t at = tap * axis.dilation - axis.before;
  return at >= 0 && at + (axis.out - 1) * axis.stride < axis.in;
}

// The first tap of an axis that sees all, or -1.
int64_t FullTap(const Axis& axis) {
  for (int64_t tap = 0; tap < axis.kernel; ++tap) {
    if (SeesAll(axis, tap)) return tap;
  }
  return -1;
}

class GatheredProduct {
 public:
  GatheredProduct(const Conv& conv, const float* x, const float* filter, float* y,
                  const Target& target)
      : conv_(conv),
        target_(target),
        x_(x),
        filter_(filter),
        y_(y),
        panels_(PanelsPerGroup(conv)),
        panel_(WindowSize(conv) * kTileCols),
        pixels_(conv.batch * conv.h.out * conv.w.out) {
    const int64_t parts = CeilDiv(conv.in_channels, kMostChannels);
    most_length_ = CeilDiv(conv.in_channels, parts);
    const int64_t most = MaxOf<int64_t>(1, kRoom / (most_length_ * kPackedRow)) * kTileRows;
    at_once_ = CeilDiv(pixels_, CeilDiv(pixels_, most));
  }

  int Run(penstock_call* call, const Behind& behind) {
    if (!MakePieces(call)) return PENSTOCK_NO_MEMORY;
    const int64_t tiles = CeilDiv(at_once_, kTileRows) + 1;
    source_ = Scratch<const float*>(call, at_once_);
    at_ = Scratch<int64_t>(call, at_once_);
    room_ = Scratch<float>(call, tiles * kPackedRow * most_length_);
    if (source_ == nullptr || at_ == nullptr || room_ == nullptr) return PENSTOCK_NO_MEMORY;
    for (int64_t first = 0; first < pixels_; first += at_once_) {
      const int64_t last = MinOf(pixels_, first + at_once_);
      for (int64_t i = 0; i < count_; ++i) {
        const int status = Add(call, i, first, last, i + 1 < count_ ? nullptr : behind.chain);
        if (status != PENSTOCK_OK) return status;
      }
      if (behind.program != nullptr) {
        const int status = Finish(call, *behind.program, first, last);
        if (status != PENSTOCK_OK) return status;
      }
    }
    return PENSTOCK_OK;
  }

 private:
  // The tap that sees all begins, so that every result is written first, and ends, so that a chain meets all results.
  bool MakePieces(penstock_call* call) {
    const int64_t taps = conv_.h.kernel * conv_.w.kernel;
    const int64_t row = FullTap(conv_.h), col = FullTap(conv_.w);
    const int64_t parts = CeilDiv(conv_.in_channels, most_length_);
    pieces_ = Scratch<Piece>(call, taps * parts + 1);
    if (pieces_ == nullptr) return false;
    const int64_t ends = taps > 1 && parts == 1 ? 2 : parts;  // parts of that tap
    const int64_t length = CeilDiv(conv_.in_channels, ends);
    AddPart(row, col, 0, length);
    for (int64_t i = 0; i < conv_.h.kernel; ++i) {
      for (int64_t j = 0; j < conv_.w.kernel; ++j) {
        if (i == row && j == col) continue;
        for (int64_t c = 0; c < conv_.in_channels; c += most_length_)
          AddPart(i, j, c, most_length_);
      }
    }
    for (int64_t c = length; c < conv_.in_channels; c += length) AddPart(row, col, c, length);
    return true;
  }

  void AddPart(int64_t row, int64_t col, int64_t first, int64_t length) {
    pieces_[count_++] = {row, col, first, MinOf(length, conv_.in_channels - first)};
  }

  // y += piece, or y = piece for the first one, for output pixels [first, last).
  int Add(penstock_call* call, int64_t index, int64_t first, int64_t last, const Chain* chain) {
    const Piece& piece = pieces_[index];
    const int64_t count = FindPixels(piece, first, last);
    if (count == 0) return PENSTOCK_OK;
    const int64_t tiles = CeilDiv(count, kTileRows), step = CeilDiv(count, tiles);
    const int64_t size = piece.length * kPackedRow;
    const int status =
        ParallelFor(call, tiles, Grain(size, 4 * kChunk), [&](int64_t begin, int64_t end) {
          for (int64_t t = begin; t < end; ++t) {
            PackTileRows(source_ + t * step, RowsOf(t, step, count), piece.length,
                         room_ + t * size);
          }
        });
    if (status != PENSTOCK_OK) return status;
    const int64_t cost = count * piece.length * kTileCols;
    return ParallelFor(call, panels_, Grain(cost, kTaskCost), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        ConvTile tile = {};
        tile.k = piece.length;
        tile.segments = 1;
        tile.b = Filter(piece, p);
        tile.y = y_;
        tile.accumulate = index > 0;
        tile.chain = chain;
        tile.col = p * kTileCols;
        // What comes next is fetched by all tiles of this panel, each a share.
        const float* next = p + 1 < panels_      ? Filter(piece, p + 1)
                            : index + 1 < count_ ? Filter(pieces_[index + 1], 0)
                                                 : filter_;
        tile.ahead_step = CeilDiv(kTileCols, tiles);
        const int cols = static_cast<int>(MinOf<int64_t>(kTileCols, conv_.out_channels - tile.col));
        for (int64_t t = 0; t < tiles; ++t) {
          tile.a = room_ + t * size;
          tile.at = at_ + t * step;
          tile.ahead = next + t * tile.ahead_step * piece.length;
          RunConvTile(tile, RowsOf(t, step, count), cols);
        }
      }
    });
  }

  static int RowsOf(int64_t tile, int64_t step, int64_t count) {
    return static_cast<int>(MinOf(step, count - tile * step));
  }

  const float* Filter(const Piece& piece, int64_t panel) const {
    const int64_t tap = piece.row * conv_.w.kernel + piece.col;
    return filter_ + panel * panel_ + (tap * conv_.in_channels + piece.first) * kTileCols;
  }

  // Lists the output pixels for which the piece sees a pixel; how many there are.
  int64_t FindPixels(const Piece& piece, int64_t first, int64_t last) {
    const Axis &h = conv_.h, &w = conv_.w;
    const int64_t top = piece.row * h.dilation - h.before, left = piece.col * w.dilation - w.before;
    int64_t count = 0;
    for (int64_t pixel = first; pixel < last; ++pixel) {
      const int64_t line = pixel / w.out;
      const int64_t i = line % h.out * h.stride + top, j = pixel % w.out * w.stride + left;
      if (i < 0 || i >= h.in || j < 0 || j >= w.in) continue;
      const int64_t at = (line / h.out * h.in + i) * w.in + j;
      source_[count] = x_ + at * conv_.in_channels + piece.first;
      at_[count++] = line / h.out * target_.image + line % h.out * target_.line +
                     pixel % w.out * target_.pixel;
    }
    return count;
  }

  int Finish(penstock_call* call, const TileProgram& program, int64_t first, int64_t last) const {
    const int64_t channels = conv_.out_channels;
    return ParallelFor(call, last - first, Grain(channels), [&](int64_t begin, int64_t end) {
      TileFrame frame(program, PENSTOCK_TILE_SLOTS(program));
      frame.RunAll((first + begin) * channels, (first + end) * channels);
    });
  }

  const Conv& conv_;
  const Target target_;
  const float *x_, *filter_;
  float* y_;
  int64_t panels_, panel_;  // how many; floats of one
  int64_t pixels_, at_once_, most_length_;
  Piece* pieces_ = nullptr;
  int64_t count_ = 0;  // of pieces
  const float** source_ = nullptr;
  int64_t* at_ = nullptr;
  float* room_ = nullptr;
};

bool IsGapless(const Conv& conv) {
  return conv.h.kernel == 1 && conv.w.kernel == 1 && conv.h.stride == 1 && conv.w.stride == 1 &&
         conv.h.before == 0 && conv.w.before == 0 && conv.h.in == conv.h.out &&
         conv.w.in == conv.w.out;
}

}  // namespace

bool GatherPays(const Conv& conv) {
  if (conv.groups != 1 || conv.in_channels < 2 * kTileCols || conv.out_channels < 4 * kTileCols) {
    return false;
  }
  if (FullTap(conv.h) < 0 || FullTap(conv.w) < 0) return false;
  // Addresses a multiple of 4 KiB apart share a few lines of the first cache.
  constexpr int64_t kCacheWay = 4096, kMostInAWay = 6;
  const int64_t apart = conv.w.stride * conv.in_channels * static_cast<int64_t>(sizeof(float));
  int64_t common = kCacheWay;
  while (apart % common != 0) common /= 2;
  if (kTileRows * common > kMostInAWay * kCacheWay) return true;
  const int64_t tiles = CeilDiv(conv.w.out, kTileRows);
  return !IsGapless(conv) && conv.w.out * 4 < tiles * kTileRows * 3;
}

int ConvolveGathered(penstock_call* call, const Conv& conv, const float* x, const float* filter,
                     float* y, const Behind& behind, const Target* target) {
  const Target dense = DenseTarget(conv);
  return GatheredProduct(conv, x, filter, y, target ? *target : dense).Run(call, behind);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
