// What 2-D convolutions and their gradients share: geometry, images with room around them, and the product. NHWC images
// and HWIO filters, as matrix products that read images in place: each row of output pixels is a matrix whose rows lie
// stride * channels apart.
#ifndef PENSTOCK_KERNELS_CPU_CONV_PRODUCT_H_
#define PENSTOCK_KERNELS_CPU_CONV_PRODUCT_H_

#include "conv_tile.h"
#include "epilogue.h"

namespace penstock::cpu::PENSTOCK_ISA {

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

inline Axis MakeAxis(const penstock_call* call, int first_attr, int axis, int64_t in,
                     int64_t kernel, int64_t out) {
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
inline Conv MakeConv(const penstock_call* call, int first_attr, const int64_t* x,
                     const int64_t* filter, const int64_t* y) {
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
};

// Row of pixels, zeros around them.
inline void PlaceRow(const float* x, int64_t w, int64_t c, const Placement& p, float* out) {
  const size_t pixel = static_cast<size_t>(c) * sizeof(float);
  // With wide padding and long strides all of the row may fall outside.
  const int64_t begin = MinOf(p.w, MaxOf<int64_t>(0, p.left));
  const int64_t end = MaxOf(begin, MinOf(p.w, p.left + w));
  memset(out, 0, static_cast<size_t>(begin) * pixel);
  if (begin < end) {
    memcpy(out + begin * c, x + (begin - p.left) * c, static_cast<size_t>(end - begin) * pixel);
  }
  memset(out + end * c, 0, static_cast<size_t>(p.w - end) * pixel);
}

inline void PlaceOne(const float* x, int64_t h, int64_t w, int64_t c, const Placement& p,
                     float* out) {
  for (int64_t row = 0; row < p.h; ++row) {
    const int64_t i = row - p.top;
    float* to = out + row * p.w * c;
    if (i >= 0 && i < h) {
      PlaceRow(x + i * w * c, w, c, p, to);
    } else {
      memset(to, 0, static_cast<size_t>(p.w * c) * sizeof(float));
    }
  }
}

// Copies images [n, h, w, c] into larger ones of zeros.
inline int Place(penstock_call* call, const float* x, int64_t n, int64_t h, int64_t w, int64_t c,
                 const Placement& p, float* out) {
  const int64_t size = p.h * p.w * c;
  return ParallelFor(call, n, Grain(size), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) PlaceOne(x + i * h * w * c, h, w, c, p, out + i * size);
  });
}

// h: the rows of the images that were placed.
inline Image PlacedImage(const float* data, int64_t h, const Placement& p) {
  return {data, p.h, p.w, MaxOf<int64_t>(0, p.top), MinOf(p.h, p.top + h)};
}

// Where the images of a convolution's input go when windows leave them; NeedsPadding tells whether they do.
inline Placement PaddedPlacement(const Conv& conv) {
  const Axis &h = conv.h, &w = conv.w;
  return {(h.out - 1) * h.stride + h.Reach() + 1, (w.out - 1) * w.stride + w.Reach() + 1, h.before,
          w.before};
}

inline bool NeedsPadding(const Conv& conv, const Placement& padded) {
  return conv.h.before != 0 || conv.w.before != 0 || padded.h > conv.h.in || padded.w > conv.w.in;
}

// ---- the product ----

// The inner dimension of a window: one segment for each run of memory.
struct Taps {
  int64_t count, length;
  const int64_t* offset;
};

// Pixels of a filter row are neighbours in memory, unless dilation or groups part them.
inline bool RowsAreRuns(const Conv& conv) { return conv.w.dilation == 1 && conv.groups == 1; }

inline Taps MakeTaps(penstock_call* call, const Conv& conv, int64_t width) {
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

inline int64_t PanelsPerGroup(const Conv& conv) { return CeilDiv(conv.GroupOut(), kTileCols); }

inline int64_t WindowSize(const Conv& conv) {
  return conv.h.kernel * conv.w.kernel * conv.GroupIn();
}

inline int64_t PackedFilterSize(const Conv& conv) {
  return conv.groups * PanelsPerGroup(conv) * WindowSize(conv) * kTileCols;
}

// Packs a filter [window, out_channels] into panels, group after group.
inline int PackFilter(penstock_call* call, const Conv& conv, const float* filter, float* out) {
  const int64_t per_group = PanelsPerGroup(conv), size = WindowSize(conv) * kTileCols;
  return ParallelFor(call, conv.groups * per_group, Grain(size), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t col = i % per_group * kTileCols;
      const Matrix columns = {filter + i / per_group * conv.GroupOut() + col, conv.out_channels, 1};
      PackCols(columns, WindowSize(conv), MinOf<int64_t>(kTileCols, conv.GroupOut() - col),
               out + i * size);
    }
  });
}

// The same in scratch memory.
inline const float* PackFilter(penstock_call* call, const Conv& conv, const float* filter,
                               int* status) {
  float* out = Scratch<float>(call, PackedFilterSize(conv));
  *status = PENSTOCK_NO_MEMORY;
  if (out != nullptr) *status = PackFilter(call, conv, filter, out);
  return out;
}

// Where results go: how far images, their lines and the pixels of a line lie apart.
struct Target {
  int64_t image, line, pixel;
};

inline Target DenseTarget(const Conv& conv) {
  const int64_t line = conv.w.out * conv.out_channels;
  return {conv.h.out * line, line, conv.out_channels};
}

// What runs on a result: while it is in registers if it is a chain, else behind the product. At most one is there.
struct Behind {
  const Chain* chain = nullptr;
  const TileProgram* program = nullptr;
};

// rows x cols of a result, tile after tile, from column `tile.col` on: row i begins at y + at + i * row.
inline void RunConvTiles(ConvTile tile, int64_t at, int64_t row, int64_t rows, int64_t cols,
                         int64_t panel) {
  // Equal tiles: 26 rows are 13 + 13, not 14 + 12.
  const int64_t step = CeilDiv(rows, MaxOf<int64_t>(1, CeilDiv(rows, kTileRows)));
  const float *a = tile.a, *b = tile.b;
  const int64_t col = tile.col;
  int64_t places[kTileRows];
  tile.at = places;
  for (int64_t i = 0; i < rows; i += step) {
    const int count = static_cast<int>(MinOf(step, rows - i));
    tile.a = a + i * tile.a_row;
    for (int r = 0; r < count; ++r) places[r] = at + (i + r) * row;
    for (int64_t j = 0; j < cols; j += kTileCols) {
      tile.b = b + j / kTileCols * panel;
      tile.col = col + j;
      RunConvTile(tile, count, static_cast<int>(MinOf<int64_t>(kTileCols, cols - j)));
    }
  }
}

// Output pixels that lie side by side in memory, as do the windows that they look at: a row of an image, or a piece of
// all images together.
struct Lines {
  int64_t count, width;
  int64_t pixels;  // of all lines: the last one may be shorter
  int64_t Width(int64_t line) const { return MinOf(width, pixels - line * width); }
};

inline Lines MakeRows(const Conv& conv) {
  return {conv.batch * conv.h.out, conv.w.out, conv.batch * conv.h.out * conv.w.out};
}

// A pointwise convolution without gaps sees all images as a single long line, which is cut for whole tiles.
inline Lines MakeLines(Conv* conv, Image* image) {
  const int64_t pixels = conv->batch * conv->h.out * conv->w.out;
  const bool pointwise = conv->h.kernel == 1 && conv->w.kernel == 1;
  const bool gapless = conv->h.stride == 1 && conv->w.stride == 1 && image->h == conv->h.out &&
                       image->w == conv->w.out;
  if (pointwise && gapless) {
    constexpr int64_t kWidth = 4 * kTileRows;
    conv->w.out = kWidth;
    conv->h.out = CeilDiv(pixels, kWidth);
    *image = {image->data, conv->h.out, kWidth, 0, conv->h.out};
    conv->batch = 1;
  }
  Lines lines = MakeRows(*conv);
  lines.pixels = pixels;
  return lines;
}

// The images times a packed filter. A task makes a block of lines times a block of the filter's panels: the whole filter
// if it fits into the second cache, else as much of it as does, for as many lines as stay there too.
class ConvProduct {
 public:
  ConvProduct(const Conv& conv, const Image& image, const Lines& lines, const Taps& taps,
              const int64_t* filter_offset, const float* filter, float* y, const Target& target)
      : conv_(conv),
        image_(image),
        lines_(lines),
        taps_(taps),
        filter_offset_(filter_offset),
        filter_(filter),
        y_(y),
        target_(target),
        panel_(WindowSize(conv) * kTileCols),
        per_group_(PanelsPerGroup(conv)),
        panels_(conv.groups * per_group_),
        block_panels_(MinOf(panels_, MaxOf<int64_t>(1, kFilterAtOnce / panel_))) {
    if (block_panels_ < panels_) {
      const int64_t line = conv.h.stride * image.w * conv.in_channels;
      const int64_t most = MaxOf<int64_t>(1, kImagesAtOnce / line);
      block_lines_ = CeilDiv(lines.count, CeilDiv(lines.count, most));
    }
  }

  int Run(penstock_call* call, const Behind& behind) const {
    const TileProgram* epilogue = behind.program;
    const int64_t blocks = CeilDiv(panels_, block_panels_);
    const int64_t cost = block_lines_ * lines_.width * panel_ * block_panels_;
    const int64_t base = y_ - Output<float>(call, 0);
    return ParallelFor(call, CeilDiv(lines_.count, block_lines_) * blocks, Grain(cost, kTaskCost),
                       [&](int64_t begin, int64_t end) {
                         const auto each = [&](TileFrame* frame) {
                           for (int64_t i = begin; i < end; ++i) {
                             Block(i / blocks * block_lines_, i % blocks * block_panels_, base,
                                   behind.chain, frame);
                           }
                         };
                         if (epilogue == nullptr) return each(nullptr);
                         TileFrame frame(*epilogue, PENSTOCK_TILE_SLOTS(*epilogue));
                         each(&frame);
                       });
  }

 private:
  // Floats of the filter, and of images, that a task reads again and again: what the second cache holds.
  static constexpr int64_t kFilterAtOnce = 160 * 1024, kImagesAtOnce = 256 * 1024;

  void Block(int64_t line, int64_t panel, int64_t base, const Chain* chain,
             TileFrame* epilogue) const {
    const int64_t last_line = MinOf(lines_.count, line + block_lines_);
    const int64_t last = MinOf(panels_, panel + block_panels_);
    if (block_panels_ ==
        panels_) {  // one line after the other, while its results are in the first cache
      for (int64_t i = line; i < last_line; ++i) {
        for (int64_t g = 0; g < conv_.groups; ++g) {
          Multiply(i, g, 0, conv_.GroupOut(), base, chain);
        }
        const int64_t at = base + i * lines_.width * conv_.out_channels;
        if (epilogue) epilogue->RunAll(at, at + lines_.Width(i) * conv_.out_channels);
      }
      return;
    }
    for (int64_t p = panel; p < last; ++p) {
      for (int64_t i = line; i < last_line; ++i) {
        const int64_t col = p % per_group_ * kTileCols;
        Multiply(i, p / per_group_, col, MinOf<int64_t>(kTileCols, conv_.GroupOut() - col), base,
                 chain);
      }
    }
    if (epilogue) Finish(line, last_line, panel, last, base, epilogue);
  }

  // Runs the epilogue on the columns that the panels made.
  void Finish(int64_t line, int64_t last_line, int64_t panel, int64_t last, int64_t base,
              TileFrame* epilogue) const {
    const int64_t first_col = ColumnOf(panel), cols = ColumnOf(last) - first_col;
    const int64_t end = MinOf(lines_.pixels, last_line * lines_.width);
    for (int64_t pixel = line * lines_.width; pixel < end; ++pixel) {
      const int64_t at = base + pixel * conv_.out_channels + first_col;
      epilogue->RunAll(at, at + cols);
    }
  }

  int64_t ColumnOf(int64_t panel) const {
    return panel / per_group_ * conv_.GroupOut() + panel % per_group_ * kTileCols;
  }

  // Columns [col, col + cols) of a group, for a line of output pixels.
  void Multiply(int64_t line, int64_t group, int64_t col, int64_t cols, int64_t base,
                const Chain* chain) const {
    const int64_t n = line / conv_.h.out, i = line % conv_.h.out;
    // Rows of the filter that meet rows of zeros are left out.
    const int64_t top = image_.top - i * conv_.h.stride;
    const int64_t bottom = image_.bottom - i * conv_.h.stride;
    const int64_t first = MinOf(conv_.h.kernel, CeilDiv(MaxOf<int64_t>(0, top), conv_.h.dilation));
    const int64_t last =
        MaxOf(first, MinOf(conv_.h.kernel, CeilDiv(MaxOf<int64_t>(0, bottom), conv_.h.dilation)));
    const int64_t per_row = taps_.count / conv_.h.kernel;
    ConvTile tile = {};
    tile.a = image_.data + ((n * image_.h + i * conv_.h.stride) * image_.w) * conv_.in_channels +
             group * conv_.GroupIn();
    tile.a_row = conv_.w.stride * conv_.in_channels;
    tile.b = filter_ + (group * per_group_ + col / kTileCols) * panel_;
    tile.k = taps_.length;
    tile.segments = (last - first) * per_row;
    tile.a_offset = taps_.offset + first * per_row;
    tile.b_offset = filter_offset_ + first * per_row;
    tile.chain = chain;
    tile.col = group * conv_.GroupOut() + col;
    tile.y = y_ - base;
    const int64_t at = base + n * target_.image + i * target_.line;
    RunConvTiles(tile, at, target_.pixel, lines_.Width(line), cols, panel_);
  }

  const Conv conv_;
  const Image image_;
  const Lines lines_;
  const Taps taps_;
  const int64_t* filter_offset_;
  const float* filter_;
  float* y_;
  const Target target_;
  int64_t panel_, per_group_, panels_;  // floats of a panel; panels of a group; of all groups
  int64_t block_panels_, block_lines_ = 1;
};

// y = image * filter (packed), and what runs behind it. `target`: where y's pixels lie, if not side by side; then
// nothing can run on them.
inline int Convolve(penstock_call* call, Conv conv, Image image, const float* filter, float* y,
                    const Behind& behind = {}, const Target* target = nullptr) {
  const Lines lines = target != nullptr ? MakeRows(conv) : MakeLines(&conv, &image);
  const Target dense = DenseTarget(conv);
  const Taps taps = MakeTaps(call, conv, image.w);
  if (taps.offset == nullptr) return PENSTOCK_NO_MEMORY;
  int64_t* filter_offset = Scratch<int64_t>(call, taps.count);
  if (filter_offset == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t i = 0; i < taps.count; ++i) filter_offset[i] = i * taps.length * kTileCols;
  return ConvProduct(conv, image, lines, taps, filter_offset, filter, y, target ? *target : dense)
      .Run(call, behind);
}

// Floats of placed images at a time: they should still be in the cache when they are read.
constexpr int64_t kPlacedAtOnce = 512 * 1024;

// The same for images that need room, a few at a time.
inline int ConvolvePlaced(penstock_call* call, Conv conv, const float* x, int64_t h, int64_t w,
                          const Placement& placement, const float* filter, float* y,
                          const Behind& behind = {}, const Target* target = nullptr) {
  const int64_t batch = conv.batch, c = conv.in_channels;
  const int64_t out = target ? target->image : conv.h.out * conv.w.out * conv.out_channels;
  const int64_t group = MinOf(batch, Grain(placement.h * placement.w * c, kPlacedAtOnce));
  float* room = Scratch<float>(call, group * placement.h * placement.w * c);
  if (room == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t first = 0; first < batch; first += group) {
    conv.batch = MinOf(group, batch - first);
    int status = Place(call, x + first * h * w * c, conv.batch, h, w, c, placement, room);
    if (status != PENSTOCK_OK) return status;
    status = Convolve(call, conv, PlacedImage(room, h, placement), filter, y + first * out, behind,
                      target);
    if (status != PENSTOCK_OK) return status;
  }
  return PENSTOCK_OK;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_CONV_PRODUCT_H_
