// Quantised convolution and dense layers: int32 sums over integers without their zero points.
#include "quantized_layer.h"
#include "quantized_window.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <class T>
void WithoutZero(const T* x, int64_t n, int32_t zero, int16_t* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int16_t>(x[i] - zero);
}

// What the window of output pixel `index` sees of one group's channels; padding is 0.
template <class T>
void GatherWindow(const WindowConv& conv, const T* x, int64_t index, int64_t first,
                  int64_t channels, int32_t zero, int16_t* to) {
  const int64_t j = index % conv.w.out, i = index / conv.w.out % conv.h.out;
  const T* image =
      x + index / (conv.w.out * conv.h.out) * conv.h.in * conv.w.in * conv.in_channels + first;
  for (int64_t p = 0; p < conv.h.kernel; ++p) {
    const int64_t row = i * conv.h.stride - conv.h.before + p * conv.h.dilation;
    for (int64_t q = 0; q < conv.w.kernel; ++q, to += channels) {
      const int64_t col = j * conv.w.stride - conv.w.before + q * conv.w.dilation;
      if (row >= 0 && row < conv.h.in && col >= 0 && col < conv.w.in) {
        WithoutZero(image + (row * conv.w.in + col) * conv.in_channels, channels, zero, to);
      } else {
        memset(to, 0, static_cast<size_t>(channels) * sizeof(int16_t));
      }
    }
  }
}

#if defined(PENSTOCK_BYTE_PRODUCTS)
// Where an output pixel's window lies.
struct Place {
  int64_t n, i, j;
  Place(const WindowConv& conv, int64_t index)
      : n(index / (conv.w.out * conv.h.out)),
        i(index / conv.w.out % conv.h.out),
        j(index % conv.w.out) {}
  void Next(const WindowConv& conv) {
    if (++j < conv.w.out) return;
    j = 0;
    if (++i == conv.h.out) i = 0, ++n;
  }
};

// The same of raised bytes; `padding` is what the zero point became. All channels: rows of a window are runs.
template <class T>
void GatherBytes(const WindowConv& conv, const T* x, const Place& at, int64_t first,
                 int64_t channels, int padding, uint8_t* to) {
  const int64_t pixel = conv.in_channels, left = at.j * conv.w.stride - conv.w.before;
  const T* image = x + at.n * conv.h.in * conv.w.in * pixel + first;
  const bool run =
      conv.w.dilation == 1 && channels == pixel && left >= 0 && left + conv.w.kernel <= conv.w.in;
  for (int64_t p = 0; p < conv.h.kernel; ++p) {
    const int64_t row = at.i * conv.h.stride - conv.h.before + p * conv.h.dilation;
    if (row < 0 || row >= conv.h.in) {
      memset(to, padding, static_cast<size_t>(conv.w.kernel * channels));
      to += conv.w.kernel * channels;
    } else if (run) {
      Raise(image + (row * conv.w.in + left) * pixel, conv.w.kernel * channels, to);
      to += conv.w.kernel * channels;
    } else {
      for (int64_t q = 0; q < conv.w.kernel; ++q, to += channels) {
        const int64_t col = left + q * conv.w.dilation;
        if (col >= 0 && col < conv.w.in) {
          Raise(image + (row * conv.w.in + col) * pixel, channels, to);
        } else {
          memset(to, padding, static_cast<size_t>(channels));
        }
      }
    }
  }
}

// Whether the windows are the pixels themselves, one after another.
bool IsPointwise(const WindowConv& conv) {
  const auto along = [](const WindowAxis& a) {
    return a.kernel == 1 && a.stride == 1 && a.before == 0 && a.in == a.out;
  };
  return along(conv.h) && along(conv.w);
}

// Makes what takes the sums of a panel of columns. depth: of packed weights.
template <class T>
auto BytesOf(const PackedLayer& packed, int64_t group, int64_t depth, int64_t cols, T* y,
             int64_t step) {
  const Columns columns = packed.columns.From(group * RoundUp(cols, 16));
  const Layer layer = packed.layer;
  return [=](int64_t at) {
    return StoreBytes<T>(columns.From(at), layer, y + at, step, MinOf(PanelCols(depth), cols - at));
  };
}

// n rows of a matrix.
template <class T>
void RaiseRows(const T* x, int64_t n, int64_t depth, int64_t stride, uint8_t* to) {
  if (depth == stride) return Raise(x, n * depth, to);
  for (int64_t r = 0; r < n; ++r) Raise(x + r * depth, depth, to + r * stride);
}
#endif

#if defined(PENSTOCK_BYTE_PRODUCTS)
// Whether rows of a window are read where they lie, without gathering windows first.
template <class T>
bool ReadsInPlace(const penstock_call* call) {
  const int64_t* filter = call->inputs[1]->shape;
  return IntAttr(call, 4) == 1 && IntsAttr(call, 3)[1] == 1 && filter[0] * filter[1] > 1 &&
         filter[2] > 0 && WeightsAreCentred<T>(call, filter[3]);
}
#endif

template <class T>
LayerShape ConvShape(const penstock_call* call) {
  const int64_t groups = IntAttr(call, 4), *filter = call->inputs[1]->shape;
  LayerShape shape = {groups, filter[0] * filter[1] * filter[2], filter[3] / groups};
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (ReadsInPlace<T>(call)) shape.segments = filter[0];
#endif
  return shape;
}

#if defined(PENSTOCK_BYTE_PRODUCTS)
int64_t LinesSeen(const WindowAxis& h, int64_t lines) {
  return (lines - 1) * h.stride + (h.kernel - 1) * h.dilation + 1;
}

// Lines of an image, raised, with padding on all sides: as many as `lines` lines of results see, from line `i` on.
template <class T>
void FillLines(const WindowConv& conv, const T* image, int64_t i, int64_t lines, int padding,
               int64_t row_size, uint8_t* to) {
  const int64_t pixel = conv.in_channels;
  const int64_t width = (conv.w.out - 1) * conv.w.stride + conv.w.kernel;
  const int64_t begin = MinOf(width, MaxOf<int64_t>(0, conv.w.before));
  const int64_t end = MaxOf(begin, MinOf(width, conv.w.in + conv.w.before));
  const int64_t first = i * conv.h.stride - conv.h.before;
  for (int64_t row = first; row < first + LinesSeen(conv.h, lines); ++row, to += row_size) {
    if (row < 0 || row >= conv.h.in) {
      memset(to, padding, static_cast<size_t>(width * pixel));
      continue;
    }
    memset(to, padding, static_cast<size_t>(begin * pixel));
    Raise(image + (row * conv.w.in + begin - conv.w.before) * pixel, (end - begin) * pixel,
          to + begin * pixel);
    memset(to + end * pixel, padding, static_cast<size_t>((width - end) * pixel));
  }
}

// How many lines of results are computed together: their lines of the image stay in the second cache.
int64_t LinesTogether(const WindowConv& conv, int64_t row_size, int64_t depth, int64_t cost) {
  const int64_t fit = MaxOf<int64_t>(1, 128 * 1024 / (row_size * conv.h.stride));
  const int64_t panels = CeilDiv(conv.out_channels, PanelCols(depth));
  const int64_t wanted = cost < 1 << 21 ? 1 : CeilDiv(8, panels * conv.batch);
  const int64_t parts = MaxOf(CeilDiv(conv.h.out, fit), MinOf(wanted, conv.h.out));
  return CeilDiv(conv.h.out, parts);
}

template <class T, class StoreAt>
int ConvolveInPlace(penstock_call* call, const WindowConv& conv, const T* x, int padding,
                    const PackedLayer& packed, const StoreAt& store_at) {
  if (conv.batch * conv.h.out * conv.w.out == 0) return PENSTOCK_OK;
  const int64_t pixel = conv.in_channels, step = conv.w.stride * pixel;
  const int64_t width = (conv.w.out - 1) * conv.w.stride + conv.w.kernel;
  const int64_t row_size = RoundUp(width * pixel + 4, 64);  // quads reach behind the last channel
  const ByteShape shape = {conv.h.dilation * row_size, conv.h.kernel,
                           CeilDiv(conv.w.kernel * pixel, 4)};
  const int64_t rows = conv.batch * conv.h.out * conv.w.out;
  const int64_t together = LinesTogether(conv, row_size, shape.Depth(),
                                         rows * shape.Depth() * RoundUp(conv.out_channels, 16));
  const int64_t blocks = CeilDiv(conv.h.out, together);
  const ByteTasks cut(conv.batch * blocks, rows, shape.Depth(), conv.out_channels);
  const int64_t size = LinesSeen(conv.h, together) * row_size;
  return MultiplyBytes(
      call, cut, together * conv.w.out, size, shape, conv.out_channels, packed.bytes,
      packed.columns.bias, 0,
      [&](int64_t b, uint8_t* memory, ByteBlock* block) {
        const int64_t n = b / blocks, i = b % blocks * together;
        const int64_t lines = MinOf(together, conv.h.out - i);
        FillLines(conv, x + n * conv.h.in * conv.w.in * pixel, i, lines, padding, row_size, memory);
        block->first = (n * conv.h.out + i) * conv.w.out;
        block->n = lines * conv.w.out;
        for (int64_t l = 0; l < lines; ++l)
          for (int64_t j = 0; j < conv.w.out; ++j)
            block->rows[l * conv.w.out + j] = memory + l * conv.h.stride * row_size + j * step;
      },
      store_at);
}
#endif

template <class T>
int PackConv(penstock_call* call, Memory* memory, PackedLayer* packed) {
  const LayerShape shape = ConvShape<T>(call);
  const T* filter = Input<T>(call, 1);
  return PackLayer<T>(
      call, memory, shape, 5, Limits<T>::kLow < 0,
      [&](int64_t g, int64_t k, int64_t col) {
        return filter[k * shape.Channels() + g * shape.out + col];
      },
      packed);
}

template <class T>
int RunConv(penstock_call* call) {
  const WindowConv conv = MakeWindowConv(call);
  const LayerShape shape = ConvShape<T>(call);
  PackedLayer packed;
  int status = GetLayer(
      call, [&](Memory* memory, PackedLayer* p) { return PackConv<T>(call, memory, p); }, &packed);
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const int32_t x_zero = ParametersAt(call, 3).Zero();
  const int64_t in = conv.in_channels / shape.groups, out = shape.out;
  const int64_t rows = conv.batch * conv.h.out * conv.w.out;
  for (int64_t g = 0; g < shape.groups && status == PENSTOCK_OK; ++g) {
    T* first = y + g * out;
    const int64_t step = conv.out_channels;
#if defined(PENSTOCK_BYTE_PRODUCTS)
    if (packed.bytes != nullptr) {
      const bool pointwise = shape.groups == 1 && IsPointwise(conv);
      const auto gather = [&](int64_t first, int64_t n, int64_t stride, uint8_t* to) {
        if (pointwise) return RaiseRows(x + first * in, n, in, stride, to);
        Place at(conv, first);
        for (int64_t r = 0; r < n; ++r, at.Next(conv))
          GatherBytes(conv, x, at, g * in, in, x_zero + kRaise<T>, to + r * stride);
      };
      const auto store_at = BytesOf(packed, g, packed.depth, out, first, step);
      if (ReadsInPlace<T>(call))
        return ConvolveInPlace(call, conv, x, x_zero + kRaise<T>, packed, store_at);
      const Columns columns = packed.columns.From(g * RoundUp(out, 16));
      status = MultiplyByteRows(call, rows, shape.depth, out, packed.bytes + g * packed.group_size,
                                columns.bias, columns.lift != nullptr, gather, store_at);
      continue;
    }
#endif
    status = MultiplyRows(
        call, rows, shape.depth, out, packed.pairs + g * packed.group_size,
        [&](int64_t row, int16_t* to) { GatherWindow(conv, x, row, g * in, in, x_zero, to); },
        [&](const int32_t* sums, int64_t row, int64_t col, int64_t n) {
          packed.layer.Store(sums, g * out + col, n, first + row * step + col);
        });
  }
  return status;
}

LayerShape DenseShape(const penstock_call* call) {
  const bool transposed = BoolAttr(call, 0);
  const int64_t* weights = call->inputs[1]->shape;
  return {1, weights[transposed ? 1 : 0], weights[transposed ? 0 : 1]};
}

template <class T>
int PackMatMul(penstock_call* call, Memory* memory, PackedLayer* packed) {
  const LayerShape shape = DenseShape(call);
  const bool transposed = BoolAttr(call, 0);
  const T* weights = Input<T>(call, 1);
  const int64_t k_step = transposed ? 1 : shape.out, col_step = transposed ? shape.depth : 1;
  const int status = PackLayer<T>(
      call, memory, shape, 1, ParametersAt(call, 5).per_channel,
      [&](int64_t, int64_t k, int64_t col) { return weights[k * k_step + col * col_step]; },
      packed);
  packed->layer.once = true;
  return status;
}

template <class T>
int RunMatMul(penstock_call* call) {
  const LayerShape shape = DenseShape(call);
  PackedLayer packed;
  const int status = GetLayer(
      call, [&](Memory* memory, PackedLayer* p) { return PackMatMul<T>(call, memory, p); },
      &packed);
  if (status != PENSTOCK_OK) return status;
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const int32_t x_zero = ParametersAt(call, 3).Zero();
  const int64_t rows = Extent(call->outputs[0], 0, call->outputs[0]->ndim - 1);
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (packed.bytes != nullptr) {
    return MultiplyByteRows(
        call, rows, shape.depth, shape.out, packed.bytes, packed.columns.bias,
        packed.columns.lift != nullptr,
        [&](int64_t first, int64_t n, int64_t stride, uint8_t* to) {
          RaiseRows(x + first * shape.depth, n, shape.depth, stride, to);
        },
        BytesOf(packed, 0, packed.depth, shape.out, y, shape.out));
  }
#endif
  return MultiplyRows(
      call, rows, shape.depth, shape.out, packed.pairs,
      [&](int64_t row, int16_t* to) {
        WithoutZero(x + row * shape.depth, shape.depth, x_zero, to);
      },
      [&](const int32_t* sums, int64_t row, int64_t col, int64_t n) {
        packed.layer.Store(sums, col, n, y + row * shape.out + col);
      });
}

bool IsSigned(const penstock_call* call) { return TypeKey(call->inputs[0]) == kI8; }

}  // namespace

int QuantizedConv2d(penstock_call* call) {
  return IsSigned(call) ? RunConv<int8_t>(call) : RunConv<uint8_t>(call);
}

int PrepareQuantizedConv2d(penstock_call* call, void** state) {
  return KeepLayer(call, state, [&](Memory* memory, PackedLayer* packed) {
    return IsSigned(call) ? PackConv<int8_t>(call, memory, packed)
                          : PackConv<uint8_t>(call, memory, packed);
  });
}

int QuantizedMatMul(penstock_call* call) {
  return IsSigned(call) ? RunMatMul<int8_t>(call) : RunMatMul<uint8_t>(call);
}

int PrepareQuantizedMatMul(penstock_call* call, void** state) {
  return KeepLayer(call, state, [&](Memory* memory, PackedLayer* packed) {
    return IsSigned(call) ? PackMatMul<int8_t>(call, memory, packed)
                          : PackMatMul<uint8_t>(call, memory, packed);
  });
}

void ReleaseQuantizedLayer(void* state) {
  FreeBlocks(&static_cast<PreparedLayer*>(state)->kept);
  free(state);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
