// Batch normalisation over all but the last axis, and its gradient.
#include "columns.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

Vf LoadUpTo(const float* p, int64_t n) { return n == kLanes ? Load(p) : LoadPartial(p, n); }

// y[row, c] = f(offset, c, n) for every row, channel after channel.
template <class F>
int ForEachPixel(penstock_call* call, int64_t rows, int64_t channels, float* y, const F& f) {
  return ParallelFor(call, rows, Grain(channels), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t base = row * channels;
      ForVectors(
          channels, [&](int64_t c) { Store(y + base + c, f(base + c, c, int64_t{kLanes})); },
          [&](int64_t c, int64_t n) { StorePartial(y + base + c, f(base + c, c, n), n); });
    }
  });
}

void Scale(float* x, int64_t n, double factor) {
  for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i] * factor);
}

}  // namespace

int BatchNorm(penstock_call* call) {
  const int64_t channels = Count(call->inputs[1]);
  const int64_t rows = Extent(call->inputs[0], 0, call->inputs[0]->ndim - 1);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float* offset = Input<float>(call, 2);
  float *y = Output<float>(call, 0), *mean = Output<float>(call, 1);
  float* variance = Output<float>(call, 2);
  const float epsilon = static_cast<float>(FloatAttr(call, 0));
  const double share = 1.0 / static_cast<double>(rows);

  int status = SumColumns<1>(call, rows, channels, MatrixRows{x, channels}, mean);
  if (status != PENSTOCK_OK) return status;
  Scale(mean, channels, share);

  const auto deviation = [&](int64_t row, int64_t c, int64_t n, Vf* term) {
    const Vf d = LoadUpTo(x + row * channels + c, n) - LoadUpTo(mean + c, n);
    term[0] = d * d;
  };
  status = SumColumns<1>(call, rows, channels, deviation, variance);
  if (status != PENSTOCK_OK) return status;
  Scale(variance, channels, share);

  float* factor = Scratch<float>(call, channels);
  if (factor == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t c = 0; c < channels; ++c) factor[c] = scale[c] / sqrtf(variance[c] + epsilon);
  return ForEachPixel(call, rows, channels, y, [&](int64_t i, int64_t c, int64_t n) {
    return (LoadUpTo(x + i, n) - LoadUpTo(mean + c, n)) * LoadUpTo(factor + c, n) +
           LoadUpTo(offset + c, n);
  });
}

// dx = scale / sqrt(variance + epsilon) * (dy - mean(dy) - xhat * mean(dy * xhat)).
int BatchNormGrad(penstock_call* call) {
  const int64_t channels = Count(call->inputs[1]);
  const int64_t rows = Extent(call->inputs[0], 0, call->inputs[0]->ndim - 1);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float *mean = Input<float>(call, 2), *variance = Input<float>(call, 3);
  const float* dy = Input<float>(call, 4);
  float *dscale = Output<float>(call, 1), *doffset = Output<float>(call, 2);
  const float epsilon = static_cast<float>(FloatAttr(call, 0));

  float* scratch = Scratch<float>(call, 4 * channels);
  if (scratch == nullptr) return PENSTOCK_NO_MEMORY;
  float *inverse = scratch, *factor = scratch + channels, *sums = scratch + 2 * channels;
  for (int64_t c = 0; c < channels; ++c) {
    inverse[c] = 1.0f / sqrtf(variance[c] + epsilon);
    factor[c] = scale[c] * inverse[c];
  }
  const auto normalized = [&](int64_t i, int64_t c, int64_t n) {
    return (LoadUpTo(x + i, n) - LoadUpTo(mean + c, n)) * LoadUpTo(inverse + c, n);
  };
  const auto terms = [&](int64_t row, int64_t c, int64_t n, Vf* term) {
    const int64_t i = row * channels + c;
    term[0] = LoadUpTo(dy + i, n);
    term[1] = term[0] * normalized(i, c, n);
  };
  const int status = SumColumns<2>(call, rows, channels, terms, sums);
  if (status != PENSTOCK_OK) return status;
  memcpy(doffset, sums, static_cast<size_t>(channels) * sizeof(float));
  memcpy(dscale, sums + channels, static_cast<size_t>(channels) * sizeof(float));
  Scale(sums, 2 * channels, 1.0 / static_cast<double>(rows));
  return ForEachPixel(call, rows, channels, Output<float>(call, 0),
                      [&](int64_t i, int64_t c, int64_t n) {
                        const Vf centred = LoadUpTo(dy + i, n) - LoadUpTo(sums + c, n);
                        const Vf slope = LoadUpTo(sums + channels + c, n);
                        return (centred - normalized(i, c, n) * slope) * LoadUpTo(factor + c, n);
                      });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
