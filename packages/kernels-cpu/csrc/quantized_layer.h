// Packed weights of quantised convolution and dense layers, made anew for every call or kept by `prepare`.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_LAYER_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_LAYER_H_

#include "quantized_bytes.h"
#include "quantized_gemm.h"

namespace penstock::cpu::PENSTOCK_ISA {

struct PackedLayer {
  Layer layer;
  const int16_t* pairs;  // for MultiplyRows, or NULL
#if defined(PENSTOCK_BYTE_PRODUCTS)
  const int8_t* bytes;  // for MultiplyByteRows, or NULL
  Columns columns;      // groups after one another, each padded to whole vectors
#endif
  int64_t group_size;  // weights of a group
  int64_t depth;       // of the bytes, with what pads them
};

// What the weights of a call are: groups of [depth, out] matrices.
struct LayerShape {
  int64_t groups, depth, out;
  int64_t segments = 1;  // of bytes: each is padded to whole quads
  int64_t Channels() const { return groups * out; }
};

#if defined(PENSTOCK_BYTE_PRODUCTS)
// Bytes can serve where the zero point of x is itself a byte: what padding is filled with.
template <class T>
bool CanUseBytes(const penstock_call* call, const LayerShape& shape) {
  const int32_t zero = ParametersAt(call, 3).Zero();
  return HasByteProducts() && shape.depth > 0 && zero >= Limits<T>::kLow &&
         zero <= Limits<T>::kHigh;
}

inline bool TakeColumns(Memory* memory, int64_t count, bool lifted, bool in_floats,
                        Columns* columns) {
  const int64_t total = (lifted ? 5 : 4) * count;
  int32_t* all = memory->Take<int32_t>(total);
  float* floats = memory->Take<float>(2 * count);
  if (all == nullptr || floats == nullptr) return false;
  memset(all, 0, static_cast<size_t>(total) * sizeof(int32_t));
  memset(floats, 0, static_cast<size_t>(2 * count) * sizeof(float));
  *columns = {all,
              all + count,
              all + 2 * count,
              all + 3 * count,
              floats,
              floats + count,
              lifted ? all + 4 * count : nullptr,
              in_floats};
  return true;
}

// What column `at` of the padded columns needs for channel `channel`, whose weights add up to `sum` over `depth`.
template <class T>
void FillColumn(const penstock_call* call, const Layer& layer, int64_t channel, int64_t at,
                int64_t depth, int32_t sum, Columns* columns) {
  const uint32_t x_zero = static_cast<uint32_t>(ParametersAt(call, 3).Zero() + kRaise<T>);
  const int32_t lowered = Limits<T>::kLow < 0 ? 0 : 128;
  const uint32_t lift =
      static_cast<uint32_t>(lowered) - static_cast<uint32_t>(ParametersAt(call, 5).Zero(channel));
  const uint32_t moved = static_cast<uint32_t>(sum) + lift * static_cast<uint32_t>(depth);
  columns->bias[at] = static_cast<int32_t>(static_cast<uint32_t>(Input<int32_t>(call, 2)[channel]) -
                                           x_zero * moved);
  columns->Set(at, layer.multiplier[channel]);
  if (columns->lift != nullptr) columns->lift[at] = static_cast<int32_t>(lift);
}

// Whether no sum of a row is needed: the weights' zero point is that of their bytes.
template <class T>
bool WeightsAreCentred(const penstock_call* call, int64_t channels) {
  const Parameters w = ParametersAt(call, 5);
  for (int64_t c = 0; c < (w.per_channel ? channels : 1); ++c)
    if (w.Zero(c) != (Limits<T>::kLow < 0 ? 0 : 128)) return false;
  return true;
}

template <class T, class At>
int PackBytes(penstock_call* call, Memory* memory, const LayerShape& shape, const At& at,
              PackedLayer* packed) {
  const int64_t padded = RoundUp(shape.out, 16);
  const int64_t length = shape.depth / shape.segments, room = RoundUp(length, 4);
  const int64_t depth = shape.segments * room;
  packed->group_size = PackedBytes(depth, shape.out);
  packed->depth = depth;
  int8_t* bytes = memory->Take<int8_t>(shape.groups * packed->group_size);
  const bool lifted = !WeightsAreCentred<T>(call, shape.Channels());
  const bool in_floats = AreBelowHalf(packed->layer.multiplier, shape.Channels());
  if (bytes == nullptr ||
      !TakeColumns(memory, shape.groups * padded, lifted, in_floats, &packed->columns))
    return PENSTOCK_NO_MEMORY;
  packed->bytes = bytes;
  const int32_t lowered = Limits<T>::kLow < 0 ? 0 : 128;
  return PackByteMatrices(
      call, shape.groups, depth, shape.out,
      [&](int64_t g, int64_t k, int64_t col) {
        const int64_t inside = k % room;
        return inside < length ? at(g, k / room * length + inside, col) - lowered : 0;
      },
      [&](int64_t g, int64_t col, int32_t sum) {
        FillColumn<T>(call, packed->layer, g * shape.out + col, g * padded + col, shape.depth, sum,
                      &packed->columns);
      },
      bytes);
}
#endif

// at(group, k, col): a weight as it is given.
template <class T, class At>
int PackLayer(penstock_call* call, Memory* memory, const LayerShape& shape, int activation,
              bool in_double, const At& at, PackedLayer* packed) {
  *packed = {};
  int status = MakeLayer<T>(call, memory, shape.Channels(), activation, in_double, &packed->layer);
  if (status != PENSTOCK_OK) return status;
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (CanUseBytes<T>(call, shape)) return PackBytes<T>(call, memory, shape, at, packed);
#endif
  packed->group_size = PackedPairs(shape.depth, shape.out);
  int16_t* pairs = memory->Take<int16_t>(shape.groups * packed->group_size);
  if (pairs == nullptr) return PENSTOCK_NO_MEMORY;
  packed->pairs = pairs;
  const Parameters w = ParametersAt(call, 5);
  for (int64_t g = 0; g < shape.groups && status == PENSTOCK_OK; ++g) {
    status = PackWeights(
        call, shape.depth, shape.out,
        [&](int64_t k, int64_t col) { return at(g, k, col) - w.Zero(g * shape.out + col); },
        pairs + g * packed->group_size);
  }
  return status;
}

// ---- what `prepare` keeps ----

struct PreparedLayer {
  Kept kept;
  PackedLayer packed;
};

// pack(memory, packed) makes the layer; nothing is kept where not all parameters are constants.
template <class Pack>
int KeepLayer(penstock_call* call, void** state, const Pack& pack) {
  if (!KnowsAllButFirst(call)) return PENSTOCK_OK;
  auto* prepared = static_cast<PreparedLayer*>(calloc(1, sizeof(PreparedLayer)));
  if (prepared == nullptr) return PENSTOCK_NO_MEMORY;
  Memory memory(call, &prepared->kept);
  const int status = pack(&memory, &prepared->packed);
  if (status == PENSTOCK_OK) {
    *state = prepared;
  } else {
    FreeBlocks(&prepared->kept);
    free(prepared);
  }
  return status;
}

// The layer that a call runs: kept, or made now.
template <class Pack>
int GetLayer(penstock_call* call, const Pack& pack, PackedLayer* packed) {
  int status = PENSTOCK_OK;
  if (call->state != nullptr) {
    *packed = static_cast<const PreparedLayer*>(call->state)->packed;
  } else {
    Memory memory(call, nullptr);
    status = pack(&memory, packed);
  }
  packed->layer.bias = Input<int32_t>(call, 2);
  return status;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_LAYER_H_
