// Quantised depthwise convolution: channels are the vectors.
#include "quantized_layer.h"
#include "quantized_window.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kChannelBlock = 256;

// sums[c] over the window, for channels [first, first + n) of the result.
template <class T>
void SumWindow(const WindowConv& conv, const T* image, const int16_t* filter, int64_t i, int64_t j,
               int64_t first, int64_t n, int64_t multiplier, int32_t zero, int32_t* sums) {
  for (int64_t c = 0; c < n; ++c) sums[c] = 0;
  for (int64_t p = 0; p < conv.h.kernel; ++p) {
    const int64_t row = i * conv.h.stride - conv.h.before + p * conv.h.dilation;
    if (row < 0 || row >= conv.h.in) continue;
    for (int64_t q = 0; q < conv.w.kernel; ++q) {
      const int64_t col = j * conv.w.stride - conv.w.before + q * conv.w.dilation;
      if (col < 0 || col >= conv.w.in) continue;
      const int16_t* taps = filter + (p * conv.w.kernel + q) * conv.out_channels + first;
      const T* pixel = image + (row * conv.w.in + col) * conv.in_channels;
      if (multiplier == 1) {
        for (int64_t c = 0; c < n; ++c) sums[c] += (pixel[first + c] - zero) * int32_t{taps[c]};
      } else {
        for (int64_t c = 0; c < n; ++c)
          sums[c] += (pixel[(first + c) / multiplier] - zero) * int32_t{taps[c]};
      }
    }
  }
}

// What SumWindow reads: weights without their zero points.
template <class T>
int PackTaps(penstock_call* call, Memory* memory, int64_t size, int64_t channels,
             PackedLayer* packed) {
  int16_t* filter = memory->Take<int16_t>(size);
  if (filter == nullptr) return PENSTOCK_NO_MEMORY;
  const T* given = Input<T>(call, 1);
  const Parameters w = ParametersAt(call, 5);
  for (int64_t k = 0; k < size; ++k)
    filter[k] = static_cast<int16_t>(given[k] - w.Zero(k % channels));
  packed->pairs = filter;
  return PENSTOCK_OK;
}

template <class T>
int RunWindows(penstock_call* call, const WindowConv& conv, const PackedLayer& packed) {
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const int32_t x_zero = ParametersAt(call, 3).Zero();
  const int64_t multiplier = call->inputs[1]->shape[3];
  const int64_t cost = conv.w.out * conv.h.kernel * conv.w.kernel * conv.out_channels;
  return ParallelFor(call, conv.batch * conv.h.out, Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const T* image = x + line / conv.h.out * conv.h.in * conv.w.in * conv.in_channels;
      for (int64_t j = 0; j < conv.w.out; ++j) {
        T* out = y + (line * conv.w.out + j) * conv.out_channels;
        for (int64_t c = 0; c < conv.out_channels; c += kChannelBlock) {
          const int64_t n = MinOf(kChannelBlock, conv.out_channels - c);
          int32_t sums[kChannelBlock];
          SumWindow(conv, image, packed.pairs, line % conv.h.out, j, c, n, multiplier, x_zero,
                    sums);
          packed.layer.Store(sums, c, n, out + c);
        }
      }
    }
  });
}

#if defined(PENSTOCK_BYTE_PRODUCTS)
// ---- four rows of a window at once: their bytes lie together, for 16 or 64 channels of each column ----

constexpr int64_t kQuad = 64;      // bytes of 16 channels of four rows
constexpr int64_t kChannels = 64;  // of a wide block

// Where a channel of a wide block comes: unpacking goes lane by lane, and so does packing results.
constexpr int64_t InLanes(int64_t c) { return c % 16 / 4 * 16 + c / 16 * 4 + c % 4; }

// A line of the image as the windows of one line of results see it, for one block of channels.
struct Line {
  int64_t width, quads;  // columns with padding, and how many times four rows
  uint8_t* data;         // [quads][width][size]
  int64_t size;          // of four rows of a column
  uint8_t* At(int64_t quad, int64_t col) const { return data + (quad * width + col) * size; }
};

int64_t LineWidth(const WindowAxis& w) {
  return (w.out - 1) * w.stride + (w.kernel - 1) * w.dilation + 1;
}

// Byte i of a lane's four: row i.
__m512i Interleave(__m128i a, __m128i b, __m128i c, __m128i d) {
  __m512i rows = _mm512_castsi128_si512(a);
  rows = _mm512_inserti32x4(rows, b, 1);
  rows = _mm512_inserti32x4(rows, c, 2);
  rows = _mm512_inserti32x4(rows, d, 3);
  const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, rows), bytes);
}

// Brings four rows of a column together: bytes of 16 channels, or of those that are there.
template <class T>
struct NarrowColumns {
  __mmask16 channels;
  __m512i flip;
  void operator()(const T* const (&from)[4], uint8_t* to) const {
    const __m512i four = Interleave(
        _mm_maskz_loadu_epi8(channels, from[0]), _mm_maskz_loadu_epi8(channels, from[1]),
        _mm_maskz_loadu_epi8(channels, from[2]), _mm_maskz_loadu_epi8(channels, from[3]));
    _mm512_storeu_si512(to, _mm512_xor_si512(four, flip));
  }
};

// The same of 64 channels.
template <class T>
struct WideColumns {
  __m512i flip;
  void operator()(const T* const (&from)[4], uint8_t* to) const {
    const auto load = [&](int r) { return _mm512_xor_si512(_mm512_loadu_si512(from[r]), flip); };
    const __m512i a = load(0), b = load(1), c = load(2), d = load(3);
    const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    _mm512_storeu_si512(to, _mm512_unpacklo_epi16(ab_low, cd_low));
    _mm512_storeu_si512(to + 64, _mm512_unpackhi_epi16(ab_low, cd_low));
    _mm512_storeu_si512(to + 128, _mm512_unpacklo_epi16(ab_high, cd_high));
    _mm512_storeu_si512(to + 192, _mm512_unpackhi_epi16(ab_high, cd_high));
  }
};

// image: at the first channel of the block. Rows outside it, and behind the window, hold the zero point.
template <class T, class Together>
void FillLine(const WindowConv& conv, const T* image, int64_t i, int32_t zero, const Line& line,
              const Together& together) {
  alignas(64) T padding[kChannels];
  for (T& value : padding) value = static_cast<T>(zero);
  const int64_t begin = MinOf(line.width, MaxOf<int64_t>(0, conv.w.before));
  const int64_t end = MaxOf(begin, MinOf(line.width, conv.w.in + conv.w.before));
  for (int64_t quad = 0; quad < line.quads; ++quad) {
    const T* from[4];
    int64_t step[4];
    for (int64_t r = 0; r < 4; ++r) {
      const int64_t p = quad * 4 + r, row = i * conv.h.stride - conv.h.before + p * conv.h.dilation;
      const bool inside = p < conv.h.kernel && row >= 0 && row < conv.h.in;
      step[r] = inside ? conv.in_channels : 0;
      from[r] = inside ? image + (row * conv.w.in + begin - conv.w.before) * step[r] : padding;
    }
    const size_t size = static_cast<size_t>(line.size);
    memset(line.At(quad, 0), zero + kRaise<T>, static_cast<size_t>(begin) * size);
    memset(line.At(quad, end), zero + kRaise<T>, static_cast<size_t>(line.width - end) * size);
    for (int64_t col = begin; col < end; ++col) {
      together(from, line.At(quad, col));
      for (int r = 0; r < 4; ++r) from[r] += step[r];
    }
  }
}

__m512i AddBytes(__m512i sums, __m512i x, __m512i w) {
  return reinterpret_cast<__m512i>(
      AddProducts(reinterpret_cast<Vi>(sums), reinterpret_cast<Vi>(x), reinterpret_cast<Vi>(w)));
}

// One block of channels of one line of results. kLifted: the sum of the images' bytes counts too.
template <class T, bool kLifted>
void SumLine(const WindowConv& conv, const Line& line, const int8_t* weights,
             const Columns& columns, const Finish& finish, int64_t channels, T* y) {
  constexpr int kAtOnce = kLifted ? 4 : 8;
  const StoreBytes<T, false> store(columns, finish, y, conv.out_channels, channels);
  const __m512i bias = _mm512_loadu_si512(columns.bias);
  for (int64_t j = 0; j < conv.w.out; j += kAtOnce) {
    __m512i acc[kAtOnce], plain[kAtOnce];
    for (int u = 0; u < kAtOnce; ++u) acc[u] = bias, plain[u] = _mm512_setzero_si512();
    int64_t at[kAtOnce];  // behind the last result the last one is computed again
    for (int u = 0; u < kAtOnce; ++u) at[u] = MinOf(j + u, conv.w.out - 1) * conv.w.stride;
    for (int64_t quad = 0; quad < line.quads; ++quad) {
      const int64_t rows = MinOf<int64_t>(4, conv.h.kernel - quad * 4);
      const __m512i ones = _mm512_set1_epi32(static_cast<int32_t>(0x01010101u >> (8 * (4 - rows))));
      for (int64_t q = 0; q < conv.w.kernel; ++q) {
        const __m512i w = _mm512_loadu_si512(weights + (quad * conv.w.kernel + q) * kQuad);
#pragma GCC unroll 8
        for (int u = 0; u < kAtOnce; ++u) {
          const __m512i x = _mm512_loadu_si512(line.At(quad, at[u] + q * conv.w.dilation));
          acc[u] = AddBytes(acc[u], x, w);
          if (kLifted) plain[u] = AddBytes(plain[u], x, ones);
        }
      }
    }
    if (kLifted) {
      const __m512i lift = _mm512_loadu_si512(columns.lift);
      for (int u = 0; u < kAtOnce; ++u)
        acc[u] = _mm512_add_epi32(acc[u], _mm512_mullo_epi32(plain[u], lift));
    }
    for (int u = 0; u < kAtOnce; u += 4)
      store.Pixels(acc + u, j + u, MinOf<int64_t>(4, conv.w.out - j - u));
  }
}

// The same for a block of 64 channels: their vectors have the order of lanes.
template <class T, bool kLifted>
void SumWideLine(const WindowConv& conv, const Line& line, const int8_t* weights,
                 const Columns& columns, const Finish& finish, T* y) {
  constexpr int kAtOnce = kLifted ? 1 : 2;
  const Rescale<T, false, true> rescale(columns, finish, 4);
  const auto vector = [](const void* from, int v) {
    return _mm512_loadu_si512(static_cast<const int8_t*>(from) + v * 64);
  };
  for (int64_t j = 0; j < conv.w.out; j += kAtOnce) {
    __m512i acc[kAtOnce][4], plain[kAtOnce][4];
    int64_t at[kAtOnce];  // behind the last result the last one is computed again
    for (int u = 0; u < kAtOnce; ++u) {
      at[u] = MinOf(j + u, conv.w.out - 1) * conv.w.stride;
      for (int v = 0; v < 4; ++v)
        acc[u][v] = vector(columns.bias, v), plain[u][v] = _mm512_setzero_si512();
    }
    for (int64_t quad = 0; quad < line.quads; ++quad) {
      const int64_t rows = MinOf<int64_t>(4, conv.h.kernel - quad * 4);
      const __m512i ones = _mm512_set1_epi32(static_cast<int32_t>(0x01010101u >> (8 * (4 - rows))));
      for (int64_t q = 0; q < conv.w.kernel; ++q) {
        const int8_t* w = weights + (quad * conv.w.kernel + q) * 4 * kQuad;
#pragma GCC unroll 2
        for (int u = 0; u < kAtOnce; ++u) {
          const uint8_t* x = line.At(quad, at[u] + q * conv.w.dilation);
#pragma GCC unroll 4
          for (int v = 0; v < 4; ++v) {
            acc[u][v] = AddBytes(acc[u][v], vector(x, v), vector(w, v));
            if (kLifted) plain[u][v] = AddBytes(plain[u][v], vector(x, v), ones);
          }
        }
      }
    }
    for (int u = 0; u < MinOf<int64_t>(kAtOnce, conv.w.out - j); ++u) {
      for (int v = 0; kLifted && v < 4; ++v)
        acc[u][v] =
            _mm512_add_epi32(acc[u][v], _mm512_mullo_epi32(plain[u][v], vector(columns.lift, v)));
      _mm512_storeu_si512(y + (j + u) * conv.out_channels,
                          rescale(acc[u][0], acc[u][1], acc[u][2], acc[u][3]));
    }
  }
}

// [blocks of 16 or 64 channels][quads][columns of the window][channels of a block][4]
template <class T>
int PackQuads(penstock_call* call, Memory* memory, PackedLayer* packed) {
  const int64_t *filter = call->inputs[1]->shape, channels = filter[2];
  const int64_t blocks = CeilDiv(channels, 16), taps = filter[0] * filter[1];
  packed->group_size = CeilDiv(filter[0], 4) * filter[1] * kQuad;
  int8_t* out = memory->Take<int8_t>(blocks * packed->group_size);
  const bool lifted = !WeightsAreCentred<T>(call, channels);
  const bool in_floats = AreBelowHalf(packed->layer.multiplier, channels);
  if (out == nullptr || !TakeColumns(memory, blocks * 16, lifted, in_floats, &packed->columns))
    return PENSTOCK_NO_MEMORY;
  memset(out, 0, static_cast<size_t>(blocks * packed->group_size));
  packed->bytes = out;
  const T* given = Input<T>(call, 1);
  for (int64_t c = 0; c < channels; ++c) {
    const bool wide = c < channels / kChannels * kChannels;
    const int64_t block = wide ? kChannels : 16;
    const int64_t place = wide ? InLanes(c % block) : c % block;
    int8_t* to = out + c / block * block / 16 * packed->group_size + place * 4;
    int32_t sum = 0;
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t p = k / filter[1], q = k % filter[1];
      const int32_t w = given[k * channels + c] - (Limits<T>::kLow < 0 ? 0 : 128);
      to[(p / 4 * filter[1] + q) * block * 4 + p % 4] = static_cast<int8_t>(w);
      sum += w;
    }
    FillColumn<T>(call, packed->layer, c, c / block * block + place, taps, sum, &packed->columns);
  }
  return PENSTOCK_OK;
}

template <class T>
int RunQuads(penstock_call* call, const WindowConv& conv, const PackedLayer& packed) {
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const int32_t zero = ParametersAt(call, 3).Zero();
  const int64_t lines = conv.batch * conv.h.out, tasks = MinOf<int64_t>(lines, 32);
  if (lines == 0 || conv.w.out == 0) return PENSTOCK_OK;
  const int64_t width = LineWidth(conv.w), quads = CeilDiv(conv.h.kernel, 4);
  const int64_t size = conv.in_channels >= kChannels ? 4 * kQuad : kQuad;
  uint8_t* memory = Scratch<uint8_t>(call, tasks * quads * width * size);
  if (memory == nullptr) return PENSTOCK_NO_MEMORY;
  const bool lifted = packed.columns.lift != nullptr;
  const auto narrow = lifted ? SumLine<T, true> : SumLine<T, false>;
  const auto wide = lifted ? SumWideLine<T, true> : SumWideLine<T, false>;
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(kRaise<T>));
  const int64_t cost = lines * conv.w.out * conv.h.kernel * conv.w.kernel * conv.out_channels;
  const auto one_line = [&](int64_t at, int64_t c, uint8_t* room) {
    const T* image = x + at / conv.h.out * conv.h.in * conv.w.in * conv.in_channels + c;
    const int64_t left = conv.in_channels - c;
    const int8_t* weights = packed.bytes + c / 16 * packed.group_size;
    const Columns columns = packed.columns.From(c);
    T* out = y + at * conv.w.out * conv.out_channels + c;
    if (left >= kChannels) {
      const Line line = {width, quads, room, 4 * kQuad};
      FillLine(conv, image, at % conv.h.out, zero, line, WideColumns<T>{flip});
      wide(conv, line, weights, columns, packed.layer.finish, out);
      return kChannels;
    }
    const int64_t some = MinOf<int64_t>(16, left);
    const Line line = {width, quads, room, kQuad};
    const __mmask16 channels = static_cast<__mmask16>((1u << some) - 1);
    FillLine(conv, image, at % conv.h.out, zero, line, NarrowColumns<T>{channels, flip});
    narrow(conv, line, weights, columns, packed.layer.finish, some, out);
    return some;
  };
  return ParallelFor(call, tasks, cost < 1 << 18 ? tasks : 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      uint8_t* room = memory + task * quads * width * size;
      for (int64_t at = lines * task / tasks; at < lines * (task + 1) / tasks; ++at)
        for (int64_t c = 0; c < conv.in_channels;) c += one_line(at, c, room);
    }
  });
}
#endif

template <class T>
int Pack(penstock_call* call, Memory* memory, PackedLayer* packed) {
  *packed = {};
  const int64_t* filter = call->inputs[1]->shape;
  const int64_t channels = filter[2] * filter[3], taps = filter[0] * filter[1];
  const int status = MakeLayer<T>(call, memory, channels, 4, Limits<T>::kLow < 0, &packed->layer);
  if (status != PENSTOCK_OK) return status;
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (filter[3] == 1 && CanUseBytes<T>(call, {1, taps, channels}))
    return PackQuads<T>(call, memory, packed);
#endif
  return PackTaps<T>(call, memory, taps * channels, channels, packed);
}

template <class T>
int Run(penstock_call* call) {
  PackedLayer packed;
  const int status = GetLayer(
      call, [&](Memory* memory, PackedLayer* p) { return Pack<T>(call, memory, p); }, &packed);
  if (status != PENSTOCK_OK) return status;
  const WindowConv conv = MakeWindowConv(call);
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (packed.bytes != nullptr) return RunQuads<T>(call, conv, packed);
#endif
  return RunWindows<T>(call, conv, packed);
}

bool IsSigned(const penstock_call* call) { return TypeKey(call->inputs[0]) == kI8; }

}  // namespace

int QuantizedDepthwiseConv2d(penstock_call* call) {
  return IsSigned(call) ? Run<int8_t>(call) : Run<uint8_t>(call);
}

int PrepareQuantizedDepthwiseConv2d(penstock_call* call, void** state) {
  return KeepLayer(call, state, [&](Memory* memory, PackedLayer* packed) {
    return IsSigned(call) ? Pack<int8_t>(call, memory, packed)
                          : Pack<uint8_t>(call, memory, packed);
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
