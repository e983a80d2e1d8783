// Products of float rows with small weights: weight-only, where integers become floats on the way, and dynamic, where
// rows become integers.
#include "quantized_layer.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// ---- weight-only ----

constexpr int kSmallRows = 4, kSmallVectors = 2;
constexpr int64_t kSmallCols = kSmallVectors * kLanes;

typedef int8_t Signed __attribute__((vector_size(kLanes), may_alias));
typedef uint8_t Unsigned __attribute__((vector_size(kLanes), may_alias));

// kSmallCols bytes, or fewer at the end of a row: then the others are 0.
inline void LoadBytes(const void* from, int64_t n, void* to) {
  if (n >= kSmallCols) {
    memcpy(to, from, kSmallCols);
  } else {
    memset(to, 0, kSmallCols);
    memcpy(to, from, static_cast<size_t>(n));
  }
}

struct SmallProduct {
  const float* x;
  const uint8_t* weights;
  const float* scales;
  float* y;
  int64_t rows, depth, cols, groups;
};

// One row of packed weights, as rows of floats: one, or two of four bits.
template <int kBits>
inline void Widen(const uint8_t* bytes, int64_t n, Vf (*out)[kSmallVectors]) {
  if (kBits == 8) {
    Signed b[kSmallVectors];
    LoadBytes(bytes, n, b);
    for (int v = 0; v < kSmallVectors; ++v)
      out[0][v] = __builtin_convertvector(__builtin_convertvector(b[v], Vi), Vf);
  } else {
    Unsigned b[kSmallVectors];
    LoadBytes(bytes, n, b);
    for (int v = 0; v < kSmallVectors; ++v) {
      const Vi both = __builtin_convertvector(b[v], Vi);
      out[0][v] = __builtin_convertvector((both & 15) - 8, Vf);
      out[1][v] = __builtin_convertvector((both >> 4) - 8, Vf);
    }
  }
}

// y[first_row.., col..] of at most kSmallRows rows.
template <int kBits>
void SmallTile(const SmallProduct& p, int64_t first_row, int64_t col) {
  constexpr int kPerByte = 8 / kBits;
  const int64_t n = MinOf(kSmallCols, p.cols - col),
                some = MinOf<int64_t>(kSmallRows, p.rows - first_row);
  const int64_t bytes = p.depth / kPerByte / p.groups;  // rows of packed weights in a group
  const float* x[kSmallRows];
  for (int64_t r = 0; r < kSmallRows; ++r) x[r] = p.x + (first_row + MinOf(r, some - 1)) * p.depth;
  Vf total[kSmallRows][kSmallVectors] = {};
  for (int64_t g = 0; g < p.groups; ++g) {
    Vf acc[kSmallRows][kSmallVectors] = {};
    for (int64_t k = g * bytes; k < (g + 1) * bytes; ++k) {
      Vf w[kPerByte][kSmallVectors];
      Widen<kBits>(p.weights + k * p.cols + col, n, w);
      for (int half = 0; half < kPerByte; ++half)
        for (int r = 0; r < kSmallRows; ++r)
          for (int v = 0; v < kSmallVectors; ++v)
            acc[r][v] += x[r][k * kPerByte + half] * w[half][v];
    }
    Vf scale[kSmallVectors];
    for (int v = 0; v < kSmallVectors; ++v) {
      const int64_t left = MinOf<int64_t>(kLanes, MaxOf<int64_t>(0, n - v * kLanes));
      const float* from = p.scales + g * p.cols + col + v * kLanes;
      scale[v] = left == kLanes ? Load(from) : LoadPartial(from, left);
    }
    for (int r = 0; r < kSmallRows; ++r)
      for (int v = 0; v < kSmallVectors; ++v) total[r][v] += acc[r][v] * scale[v];
  }
  for (int64_t r = 0; r < some; ++r)
    memcpy(p.y + (first_row + r) * p.cols + col, total[r], static_cast<size_t>(n) * sizeof(float));
}

template <int kBits>
int RunSmall(penstock_call* call, const SmallProduct& p) {
  const int64_t panels = CeilDiv(p.cols, kSmallCols);
  return ParallelFor(call, panels, Grain(p.rows * p.depth * kSmallCols, 1 << 18),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t panel = begin; panel < end; ++panel)
                         for (int64_t row = 0; row < p.rows; row += kSmallRows)
                           SmallTile<kBits>(p, row, panel * kSmallCols);
                     });
}

// ---- dynamic: x, weights, scales ----

struct DynamicLayer {
  Kept kept;
  const int16_t* pairs;
  const int8_t* bytes;
  int32_t* offset;  // of each column: -128 times what its weights add up to
};

int PackDynamic(penstock_call* call, Memory* memory, DynamicLayer* layer) {
  const int64_t depth = call->inputs[1]->shape[0], cols = call->inputs[1]->shape[1];
  const int8_t* weights = Input<int8_t>(call, 1);
  const auto at = [&](int64_t k, int64_t col) { return int32_t{weights[k * cols + col]}; };
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (HasByteProducts() && depth > 0) {
    int8_t* bytes = memory->Take<int8_t>(PackedBytes(depth, cols));
    layer->offset = memory->Take<int32_t>(RoundUp(cols, 16));
    if (bytes == nullptr || layer->offset == nullptr) return PENSTOCK_NO_MEMORY;
    memset(layer->offset, 0, static_cast<size_t>(RoundUp(cols, 16)) * sizeof(int32_t));
    layer->bytes = bytes;
    return PackByteMatrices(
        call, 1, depth, cols, [&](int64_t, int64_t k, int64_t col) { return at(k, col); },
        [&](int64_t, int64_t col, int32_t sum) {
          layer->offset[col] =
              static_cast<int32_t>(uint32_t{0} - 128u * static_cast<uint32_t>(sum));
        },
        bytes);
  }
#endif
  int16_t* pairs = memory->Take<int16_t>(PackedPairs(depth, cols));
  if (pairs == nullptr) return PENSTOCK_NO_MEMORY;
  layer->pairs = pairs;
  return PackWeights(call, depth, cols, at, pairs);
}

// What a step of a row is worth; NaN, if a number in it is not finite. to(k, steps) takes the integers.
template <class To>
float QuantizeRow(const float* x, int64_t n, const To& to) {
  float most = 0;
  bool finite = true;
  for (int64_t k = 0; k < n; ++k) {
    const float size = __builtin_fabsf(x[k]);
    finite &= size <= 3.4028235e38f;
    most = MaxOf(most, size);
  }
  const float step = most > 0 ? most / 127.0f : 1.0f;
  for (int64_t k = 0; k < n; ++k) to(k, finite ? static_cast<int32_t>(RoundAway(x[k] / step)) : 0);
  return finite ? step : __builtin_nanf("");
}

}  // namespace

int WeightOnlyMatMul(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *weights = call->inputs[1];
  const int64_t bits = IntAttr(call, 0);
  const SmallProduct p = {Input<float>(call, 0),  Input<uint8_t>(call, 1),   Input<float>(call, 2),
                          Output<float>(call, 0), Extent(x, 0, x->ndim - 1), x->shape[x->ndim - 1],
                          weights->shape[1],      call->inputs[2]->shape[0]};
  return bits == 8 ? RunSmall<8>(call, p) : RunSmall<4>(call, p);
}

int DynamicQuantizedMatMul(penstock_call* call) {
  const penstock_tensor *given = call->inputs[0], *weights = call->inputs[1];
  const int64_t depth = weights->shape[0], cols = weights->shape[1];
  const int64_t rows = Extent(given, 0, given->ndim - 1);
  DynamicLayer made = {};
  const DynamicLayer* layer = static_cast<const DynamicLayer*>(call->state);
  if (layer == nullptr) {
    Memory memory(call, nullptr);
    const int status = PackDynamic(call, &memory, &made);
    if (status != PENSTOCK_OK) return status;
    layer = &made;
  }
  const float *x = Input<float>(call, 0), *scales = Input<float>(call, 2);
  float* y = Output<float>(call, 0);
  float* steps = Scratch<float>(call, rows);
  if (steps == nullptr) return PENSTOCK_NO_MEMORY;
#if defined(PENSTOCK_BYTE_PRODUCTS)
  if (layer->bytes != nullptr) {
    return MultiplyByteRows(
        call, rows, depth, cols, layer->bytes, layer->offset, false,
        [&](int64_t first, int64_t n, int64_t stride, uint8_t* to) {
          for (int64_t r = 0; r < n; ++r, to += stride) {
            steps[first + r] =
                QuantizeRow(x + (first + r) * depth, depth,
                            [&](int64_t k, int32_t q) { to[k] = static_cast<uint8_t>(q + 128); });
          }
        },
        [&](int64_t at) {
          return [=](const int32_t* sums, const int32_t*, int64_t first, int64_t n) {
            const int64_t some = MinOf(PanelCols(ByteQuads(depth) * 4), cols - at);
            const int64_t width = RoundUp(some, 16);
            for (int64_t r = 0; r < n; ++r) {
              for (int64_t c = 0; c < some; ++c) {
                y[(first + r) * cols + at + c] =
                    static_cast<float>(sums[r * width + c]) * (steps[first + r] * scales[at + c]);
              }
            }
          };
        });
  }
#endif
  return MultiplyRows(
      call, rows, depth, cols, layer->pairs,
      [&](int64_t row, int16_t* to) {
        steps[row] = QuantizeRow(x + row * depth, depth,
                                 [&](int64_t k, int32_t q) { to[k] = static_cast<int16_t>(q); });
      },
      [&](const int32_t* sums, int64_t row, int64_t col, int64_t n) {
        for (int64_t c = 0; c < n; ++c)
          y[row * cols + col + c] = static_cast<float>(sums[c]) * (steps[row] * scales[col + c]);
      });
}

int PrepareDynamicQuantizedMatMul(penstock_call* call, void** state) {
  if (!KnowsAllButFirst(call)) return PENSTOCK_OK;
  auto* layer = static_cast<DynamicLayer*>(calloc(1, sizeof(DynamicLayer)));
  if (layer == nullptr) return PENSTOCK_NO_MEMORY;
  Memory memory(call, &layer->kept);
  const int status = PackDynamic(call, &memory, layer);
  if (status == PENSTOCK_OK) {
    *state = layer;
  } else {
    FreeBlocks(&layer->kept);
    free(layer);
  }
  return status;
}

void ReleaseDynamicLayer(void* state) {
  FreeBlocks(&static_cast<DynamicLayer*>(state)->kept);
  free(state);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
