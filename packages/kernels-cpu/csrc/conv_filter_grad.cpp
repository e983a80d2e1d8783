// The filter gradient of the 2-D convolution: dfilter[run, out] = sum over pixels of x[pixel, run] * dy[pixel, out],
// for every run of the window. A product whose inner dimension is the pixels, in pieces that stay in the caches.
#include "conv_product.h"
#include "penstock/kernel_abi.h"
#include "rooms.h"
#include "winograd.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kPixelsAtOnce = 200;           // a panel of x (14 channels) stays in L1
constexpr int64_t kColsAtOnce = 16 * kTileCols;  // of dy, which stay in L2 with
constexpr int64_t kPanelsAtOnce = 16;            // so many panels of x
constexpr int64_t kShares = 8, kShare = 4096;    // pixels are summed in shares of so many or more
constexpr int64_t kTasks = 16;                   // worth having, if the product is large enough
constexpr int64_t kNarrow = 2 * kTileCols;       // columns that do not pay for packing x

// Pixels in pieces: some lines of an image, or some whole images.
struct Pieces {
  int64_t images, lines;  // of a piece; lines of one image
  int64_t per_image;      // pieces, if lines are less than an image
  int64_t count;
};

Pieces MakePieces(const Conv& conv) {
  const int64_t image = conv.h.out * conv.w.out;
  if (image <= kPixelsAtOnce) {
    const int64_t images = MinOf(conv.batch, kPixelsAtOnce / image);
    return {images, conv.h.out, 1, CeilDiv(conv.batch, images)};
  }
  const int64_t lines = CeilDiv(conv.h.out, CeilDiv(image, kPixelsAtOnce));
  const int64_t per_image = CeilDiv(conv.h.out, lines);
  return {1, lines, per_image, conv.batch * per_image};
}

// Lines [top, bottom) of images [first, last).
struct Piece {
  int64_t first, last, top, bottom;
};

// A pointwise convolution without gaps sees all images as a column of pixels.
bool JoinPixels(Conv* conv, Image* image) {
  const bool pointwise = conv->h.kernel == 1 && conv->w.kernel == 1;
  const bool gapless = conv->h.stride == 1 && conv->w.stride == 1 && image->h == conv->h.out &&
                       image->w == conv->w.out;
  if (!pointwise || !gapless) return false;
  const int64_t pixels = conv->batch * conv->h.out * conv->w.out;
  conv->batch = 1;
  conv->h.out = pixels;
  conv->w.out = 1;
  *image = {image->data, pixels, 1, 0, pixels};
  return true;
}

// Copies n <= kLanes floats.
inline void CopyFew(float* out, const float* from, int64_t n) {
#if defined(__AVX512F__)
  StorePartial(out, LoadPartial(from, n), n);
#else
  for (int64_t i = 0; i < n; ++i) out[i] = from[i];
#endif
}

// Copies a row of kTileCols floats, or fewer and zeros.
inline void CopyPadded(const float* from, int64_t cols, float* out) {
  static_assert(kTileCols == 2 * kLanes, "two vectors");
  if (cols == kTileCols) {
    Store(out, Load(from));
    Store(out + kLanes, Load(from + kLanes));
  } else if (cols >= kLanes) {
    Store(out, Load(from));
    Store(out + kLanes, LoadPartial(from + kLanes, cols - kLanes));
  } else {
    Store(out, LoadPartial(from, cols));
    Store(out + kLanes, Vf{});
  }
}

class FilterProduct {
 public:
  FilterProduct(const Conv& conv, const Image& image, bool joined, const Taps& taps,
                const float* dy)
      : conv_(conv),
        image_(image),
        joined_(joined),
        taps_(taps),
        dy_(dy),
        pieces_(MakePieces(conv)) {
    const int64_t pixels = conv.batch * conv.h.out * conv.w.out, co = conv.GroupOut();
    shares_ = MinOf(pieces_.count, MaxOf<int64_t>(1, MinOf(kShares, pixels / kShare)));
    pieces_per_share_ = CeilDiv(pieces_.count, shares_);
    shares_ = CeilDiv(pieces_.count, pieces_per_share_);
    col_blocks_ = CeilDiv(co, kColsAtOnce);
    block_cols_ = RoundUp(CeilDiv(co, col_blocks_), kTileCols);
    const int64_t most =
        MaxOf<int64_t>(1, kTasks / (shares_ * conv.groups * taps.count * col_blocks_));
    panel_rows_ = CeilDiv(taps.length, CeilDiv(taps.length, kTileRows));
    const int64_t panels = CeilDiv(taps.length, panel_rows_);
    block_rows_ = panel_rows_ * MaxOf(kPanelsAtOnce, CeilDiv(panels, most));
    row_blocks_ = CeilDiv(taps.length, block_rows_);
    pack_a_ = co > kNarrow;
    pack_b_ = co > kNarrow || co % kLanes != 0;  // the microkernel reads whole vectors
    piece_pixels_ = pieces_.images * pieces_.lines * conv.w.out;
  }

  int64_t Shares() const { return shares_; }
  int64_t Size() const { return WindowSize(conv_) * conv_.out_channels; }

  // `partial`: room for what the shares but the first make.
  int Run(penstock_call* call, float* dfilter, float* partial) const {
    const int64_t tasks = shares_ * conv_.groups * taps_.count * row_blocks_ * col_blocks_;
    const int64_t count = MinOf(tasks, Rooms::kMost);
    const int64_t room = SizeOfA() + SizeOfB() + RoundUp(SizeOfOffsets(), kLanes);
    float* data = Scratch<float>(call, count * room);
    if (data == nullptr) return PENSTOCK_NO_MEMORY;
    Rooms rooms(data, room, count);
    const int64_t cost = pieces_per_share_ * piece_pixels_ * block_rows_ * block_cols_;
    return ParallelFor(call, tasks, Grain(cost, kTaskCost), [&](int64_t begin, int64_t end) {
      const int64_t taken = rooms.Take();
      for (int64_t i = begin; i < end; ++i) {
        int64_t rest = i;
        const auto next = [&rest](int64_t count) {
          const int64_t index = rest % count;
          rest /= count;
          return index;
        };
        const int64_t col = next(col_blocks_), row = next(row_blocks_), tap = next(taps_.count);
        const int64_t group = next(conv_.groups);
        float* out = rest == 0 ? dfilter : partial + (rest - 1) * Size();
        Accumulate(rest, group, tap, row * block_rows_, col * block_cols_, rooms.At(taken), out);
      }
      rooms.GiveBack(taken);
    });
  }

 private:
  int64_t SizeOfA() const {
    return pack_a_ ? RoundUp(kPanelsAtOnce * panel_rows_ * piece_pixels_ + kLanes, kLanes) : 0;
  }
  int64_t SizeOfB() const { return pack_b_ ? block_cols_ * piece_pixels_ : 0; }
  // Two numbers for each line of a piece, as floats.
  int64_t SizeOfOffsets() const {
    return 2 * pieces_.images * pieces_.lines *
           static_cast<int64_t>(sizeof(int64_t) / sizeof(float));
  }

  Piece PieceAt(int64_t index) const {
    const int64_t image = index / pieces_.per_image * pieces_.images;
    const int64_t top = index % pieces_.per_image * pieces_.lines;
    return {image, MinOf(conv_.batch, image + pieces_.images), top,
            MinOf(conv_.h.out, top + pieces_.lines)};
  }

  // Without the lines whose tap lies in rows of zeros.
  Piece Trimmed(Piece piece, int64_t tap) const {
    const int64_t row = tap / (taps_.count / conv_.h.kernel) * conv_.h.dilation;
    const auto line = [&](int64_t bound) {
      return CeilDiv(MaxOf<int64_t>(0, bound - row), conv_.h.stride);
    };
    piece.top = MaxOf(piece.top, line(image_.top));
    piece.bottom = MaxOf(piece.top, MinOf(piece.bottom, line(image_.bottom)));
    return piece;
  }

  // A block of rows and columns of one tap, over a share of the pixels.
  void Accumulate(int64_t share, int64_t group, int64_t tap, int64_t row, int64_t col, float* room,
                  float* out) const {
    const int64_t co = conv_.GroupOut();
    const int64_t cols = MinOf(block_cols_, co - col);
    const int64_t last_row = MinOf(taps_.length, row + block_rows_);
    const float* dy = dy_ + group * co + col;
    float* b = room + SizeOfA();
    Tile tile = {};
    tile.a_row = 1;
    tile.c_row = conv_.out_channels;
    for (int64_t i = 0; i < pieces_per_share_; ++i) {
      const int64_t index = share * pieces_per_share_ + i;
      if (index >= pieces_.count) return;
      const Piece all = PieceAt(index), piece = Trimmed(all, tap);
      tile.accumulate = i > 0;
      if (pack_b_) PackDy(dy, all, cols, b);
      const int64_t b_k = pack_b_ ? kTileCols : conv_.out_channels;
      const int64_t panel = pack_b_ ? kTileCols * Pixels(all) : kTileCols;
      tile.b_k = b_k;
      tile.b = pack_b_ ? b : dy + FirstPixel(all) * conv_.out_channels;
      const float* a = image_.data + taps_.offset[tap] + group * conv_.GroupIn();
      float* c = out + tap * taps_.length * conv_.out_channels + group * co + col;
      int64_t* offsets = reinterpret_cast<int64_t*>(b + SizeOfB());
      for (int64_t r = row; r < last_row; r += kPanelsAtOnce * panel_rows_) {
        const int64_t rows = MinOf(kPanelsAtOnce * panel_rows_, last_row - r);
        tile.c = c + r * conv_.out_channels;
        if (pack_a_) {
          MultiplyPacked(tile, a + r, all, piece, rows, cols, panel, room, offsets);
        } else {
          MultiplyInPlace(tile, a + r, all, piece, rows, cols, panel, offsets);
        }
      }
    }
  }

  int64_t Pixels(const Piece& p) const {
    return (p.last - p.first) * (p.bottom - p.top) * conv_.w.out;
  }
  int64_t FirstPixel(const Piece& p) const { return (p.first * conv_.h.out + p.top) * conv_.w.out; }
  const float* LineOf(const float* a, int64_t image, int64_t line) const {
    return a + (image * image_.h + line * conv_.h.stride) * image_.w * conv_.in_channels;
  }

  // Pixel after pixel, as memory lies, into all panels at once.
  void PackDy(const float* dy, const Piece& piece, int64_t cols, float* out) const {
    const int64_t pixels = Pixels(piece);
    const float* from = dy + FirstPixel(piece) * conv_.out_channels;
    for (int64_t i = 0; i < pixels; ++i, from += conv_.out_channels) {
      for (int64_t j = 0; j < cols; j += kTileCols) {
        CopyPadded(from + j, MinOf<int64_t>(kTileCols, cols - j), out + j * pixels + i * kTileCols);
      }
    }
  }

  // The pixels of each image are a segment.
  void MultiplyPacked(Tile tile, const float* a, const Piece& all, const Piece& piece, int64_t rows,
                      int64_t cols, int64_t panel, float* room, int64_t* offsets) const {
    const int64_t images = piece.last - piece.first;
    const int64_t pixels = (piece.bottom - piece.top) * conv_.w.out;
    PackX(a, piece, rows, images * pixels, room);
    tile.segments = images;
    tile.k = pixels;
    tile.b_offset = offsets;
    tile.a_offset = offsets + images;
    for (int64_t r = 0; r < rows; r += panel_rows_) {
      const int64_t n = MinOf(panel_rows_, rows - r);
      for (int64_t i = 0; i < images; ++i) {
        offsets[i] = (i * (all.bottom - all.top) + piece.top - all.top) * conv_.w.out * tile.b_k;
        offsets[images + i] = i * pixels * n;
      }
      Tile t = tile;
      t.a = room + r * images * pixels;
      t.a_k = n;
      t.c += r * tile.c_row;
      RunTiles(t, n, cols, panel);
    }
  }

  // Panels of panel_rows_ channels each, `pixels` of them in a panel.
  void PackX(const float* a, const Piece& piece, int64_t rows, int64_t pixels, float* out) const {
    const int64_t step = conv_.w.stride * conv_.in_channels;
    int64_t at = 0;
    for (int64_t n = piece.first; n < piece.last; ++n) {
      for (int64_t i = piece.top; i < piece.bottom; ++i) {
        const float* from = LineOf(a, n, i);
        for (int64_t j = 0; j < conv_.w.out; ++j, ++at, from += step) {
          for (int64_t r = 0; r < rows; r += panel_rows_) {
            const int64_t count = MinOf(panel_rows_, rows - r);
            CopyFew(out + r * pixels + at * count, from + r, count);
          }
        }
      }
    }
  }

  // Each line is a segment, unless all of them lie in a row.
  void MultiplyInPlace(Tile tile, const float* a, const Piece& all, const Piece& piece,
                       int64_t rows, int64_t cols, int64_t panel, int64_t* offsets) const {
    const int64_t at_once = joined_ ? MaxOf<int64_t>(1, piece.bottom - piece.top) : 1;
    const int64_t most = (all.last - all.first) * (all.bottom - all.top);
    tile.a = a;
    tile.a_k = conv_.w.stride * conv_.in_channels;
    tile.k = at_once * conv_.w.out;
    tile.a_offset = offsets;
    tile.b_offset = offsets + most;
    for (int64_t n = piece.first; n < piece.last; ++n) {
      for (int64_t i = piece.top; i < piece.bottom; i += at_once, ++tile.segments) {
        offsets[tile.segments] = LineOf(a, n, i) - a;
        const int64_t line = (n - all.first) * (all.bottom - all.top) + i - all.top;
        offsets[most + tile.segments] = line * conv_.w.out * tile.b_k;
      }
    }
    RunTiles(tile, rows, cols, panel);
  }

  const Conv& conv_;
  const Image image_;
  const bool joined_;
  const Taps taps_;
  const float* dy_;
  const Pieces pieces_;
  int64_t shares_, pieces_per_share_, piece_pixels_;
  int64_t col_blocks_, block_cols_, row_blocks_, block_rows_, panel_rows_;
  bool pack_a_, pack_b_;
};

// The images with room around them, in scratch memory.
int PlaceImages(penstock_call* call, const Conv& conv, const Placement& padded, Image* image) {
  float* room = Scratch<float>(call, conv.batch * padded.h * padded.w * conv.in_channels);
  if (room == nullptr) return PENSTOCK_NO_MEMORY;
  const int status =
      Place(call, image->data, conv.batch, conv.h.in, conv.w.in, conv.in_channels, padded, room);
  *image = PlacedImage(room, conv.h.in, padded);
  return status;
}

int AddShares(penstock_call* call, const float* partial, int64_t shares, int64_t size, float* out) {
  if (shares == 1) return PENSTOCK_OK;
  return ParallelFor(call, size, kChunk / shares, [&](int64_t begin, int64_t end) {
    for (int64_t s = 1; s < shares; ++s) {
      const float* from = partial + (s - 1) * size;
      for (int64_t i = begin; i < end; ++i) out[i] += from[i];
    }
  });
}

}  // namespace

int Conv2dFilterGrad(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *dy = call->inputs[1], *out = call->outputs[0];
  Conv conv = MakeConv(call, 1, x->shape, out->shape, dy->shape);
  float* dfilter = Data<float>(out);
  if (Count(out) == 0) return PENSTOCK_OK;
  if (Count(x) == 0 || Count(dy) == 0) {
    memset(dfilter, 0, static_cast<size_t>(Count(out)) * sizeof(float));
    return PENSTOCK_OK;
  }
  if (WinogradFilterGradPays(conv)) {
    bool finite;
    const int status =
        FilterGradByWinograd(call, conv, Data<float>(x), Data<float>(dy), dfilter, &finite);
    if (status != PENSTOCK_OK || finite) return status;
  }
  Image image = {Data<float>(x), conv.h.in, conv.w.in, 0, conv.h.in};
  const Placement padded = PaddedPlacement(conv);
  if (NeedsPadding(conv, padded)) {
    const int status = PlaceImages(call, conv, padded, &image);
    if (status != PENSTOCK_OK) return status;
  }
  const bool joined = JoinPixels(&conv, &image);
  const Taps taps = MakeTaps(call, conv, image.w);
  if (taps.offset == nullptr) return PENSTOCK_NO_MEMORY;
  const FilterProduct product(conv, image, joined, taps, Data<float>(dy));
  float* partial = Scratch<float>(call, (product.Shares() - 1) * product.Size());
  if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  const int status = product.Run(call, dfilter, partial);
  if (status != PENSTOCK_OK) return status;
  return AddShares(call, partial, product.Shares(), product.Size(), dfilter);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
