// Quantised depthwise convolution: channels are the vectors.
#include "quantized_lines.h"

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
// ---- bytes, by lines ----

// [blocks of channels][lines][quads][columns of the window][channels of a block][4]
template <class T>
int PackLines(penstock_call* call, Memory* memory, PackedLayer* packed) {
  const WindowConv conv = MakeWindowConv(call);
  const bool lifted = !WeightsAreCentred<T>(call, conv.in_channels);
  const bool in_floats = AreBelowHalf(packed->layer.multiplier, conv.in_channels);
  const int64_t blocks = Blocks(conv);
  packed->group_size = LinePlan(conv, lifted, 0).BlockBytes(conv);
  int8_t* out = memory->Take<int8_t>(blocks * packed->group_size);
  if (out == nullptr || !TakeColumns(memory, blocks * kBlock, lifted, in_floats, &packed->columns))
    return PENSTOCK_NO_MEMORY;
  memset(out, 0, static_cast<size_t>(blocks * packed->group_size));
  packed->bytes = out;
  const T* given = Input<T>(call, 1);
  const int64_t taps = conv.h.kernel * conv.w.kernel;
  for (int64_t block = 0; block < blocks; ++block) {
    const LinePlan plan(conv, lifted, block);
    for (int64_t i = 0; i < kBlock; ++i) {
      const int64_t inside = i % plan.Room(), c = plan.first + inside, place = InLanes(i);
      if (inside >= plan.channels) continue;
      int32_t sum = 0;
      for (int64_t k = 0; k < taps; ++k) {
        const int32_t w = given[k * conv.in_channels + c] - (Limits<T>::kLow < 0 ? 0 : 128);
        sum += w;
        for (int64_t l = 0; l < plan.lines; ++l) {
          const int64_t p = k / conv.w.kernel + l * conv.h.stride, q = k % conv.w.kernel;
          int8_t* to = out + block * packed->group_size + l * plan.LineBytes(conv);
          to[(p / 4 * conv.w.kernel + q) * kQuad + place * 4 + p % 4] = static_cast<int8_t>(w);
        }
      }
      FillColumn<T>(call, packed->layer, c, block * kBlock + place, taps, sum, &packed->columns);
    }
  }
  return PENSTOCK_OK;
}

template <class T>
auto PickFill(const LinePlan& plan) {
  const bool whole = plan.channels == plan.Room();
  switch (plan.parts) {
    case 1:
      return whole ? FillLines<T, 1, false> : FillLines<T, 1, true>;
    case 2:
      return whole ? FillLines<T, 2, false> : FillLines<T, 2, true>;
    default:
      return whole ? FillLines<T, 4, false> : FillLines<T, 4, true>;
  }
}

template <class T>
int RunLines(penstock_call* call, const WindowConv& conv, const PackedLayer& packed) {
  if (conv.batch * conv.h.out * conv.w.out == 0) return PENSTOCK_OK;
  const T* x = Input<T>(call, 0);
  T* y = Output<T>(call, 0);
  const int32_t zero = ParametersAt(call, 3).Zero();
  const bool lifted = packed.columns.lift != nullptr;
  const int64_t blocks = Blocks(conv);
  const LinePlan plan(conv, lifted, 0), last(conv, lifted, blocks - 1);
  const int64_t groups = CeilDiv(conv.h.out, plan.lines), all = conv.batch * groups;
  const int64_t tasks = MinOf<int64_t>(all, 32), size = plan.quads * plan.width * kQuad;
  uint8_t* memory = Scratch<uint8_t>(call, tasks * size);
  if (memory == nullptr) return PENSTOCK_NO_MEMORY;
  const auto fill = PickFill<T>(plan), fill_last = PickFill<T>(last);
  const auto one = lifted ? SumLines<T, 1, true> : SumLines<T, 1, false>;
  const auto two = SumLines<T, 2, false>;
  const int64_t cost =
      conv.batch * conv.h.out * conv.w.out * conv.h.kernel * conv.w.kernel * conv.out_channels;
  return ParallelFor(call, tasks, cost < 1 << 18 ? tasks : 1, [&](int64_t begin, int64_t end) {
    uint8_t* room = memory + begin * size;
    for (int64_t g = all * begin / tasks; g < all * end / tasks; ++g) {
      const int64_t n = g / groups, i = g % groups * plan.lines;
      const auto sum = MinOf(plan.lines, conv.h.out - i) == 2 ? two : one;
      const T* image = x + n * conv.h.in * conv.w.in * conv.in_channels;
      T* line = y + (n * conv.h.out + i) * conv.w.out * conv.out_channels;
      for (int64_t block = 0; block < blocks; ++block) {
        const bool is_last = block + 1 == blocks;
        const LinePlan& mine = is_last ? last : plan;
        const int64_t c = is_last ? last.first : block * kBlock;
        (is_last ? fill_last : fill)(conv, mine, image + c, i, zero, room);
        sum(conv, mine, room, packed.bytes + block * packed.group_size,
            packed.columns.From(block * kBlock), packed.layer.finish, line + c);
      }
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
    return PackLines<T>(call, memory, packed);
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
  if (packed.bytes != nullptr) return RunLines<T>(call, conv, packed);
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
