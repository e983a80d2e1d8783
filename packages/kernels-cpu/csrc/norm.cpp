// Batch normalisation over all but the last axis, with a bent line behind it if asked for, and the gradients.
#include <math.h>

#include "columns.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

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

// The line y = x, bent: 0 below 0, and the ceiling above it.
struct Relu {
  Vf ceiling;
  Vi unbounded;

  // Attribute `i`: the ceiling, or none.
  Relu(const penstock_call* call, int i) {
    const float bound = IsNone(call, i) ? INFINITY : static_cast<float>(FloatAttr(call, i));
    ceiling = Splat(bound);
    unbounded = Vi{} - (bound == INFINITY);
  }
  Vf Apply(Vf y) const {
    y = AtLeast(y, 0.0f);
    return y > ceiling ? ceiling : y;  // NaN stays
  }
  // The gradient of its argument.
  Vf Through(Vf y, Vf dz) const { return (y > 0.0f) & ((y < ceiling) | unbounded) ? dz : Vf{}; }
};

struct Straight {
  Vf Apply(Vf y) const { return y; }
  Vf Through(Vf, Vf dz) const { return dz; }
};

// ---- forward ----

// A number close to each channel's mean: the mean of some rows from all over, out of step with images of one size.
void Middle(const float* x, int64_t rows, int64_t channels, float* out) {
  constexpr int64_t kSamples = 32;
  const int64_t count = MinOf(rows, kSamples), step = rows / count;
  memset(out, 0, static_cast<size_t>(channels) * sizeof(float));
  for (int64_t i = 0; i < count; ++i) {
    const float* row = x + (i * step + i * step / count) * channels;
    for (int64_t c = 0; c < channels; ++c) out[c] += row[c];
  }
  for (int64_t c = 0; c < channels; ++c) {
    out[c] /= static_cast<float>(count);
    if (!__builtin_isfinite(out[c])) out[c] = 0.0f;
  }
}

// Mean and variance from sums of distances from a number near the mean, which lose no digits as sums of x would.
// Returns in `far` whether some number was not near: then the mean just found is.
int MomentsAround(penstock_call* call, const float* x, int64_t rows, int64_t channels,
                  const float* middle, float* sums, float* mean, float* variance, bool* far) {
  const auto distances = [&](int64_t row, int64_t c, int64_t n, Vf* term) {
    term[0] = LoadUpTo(x + row * channels + c, n) - LoadUpTo(middle + c, n);
    term[1] = term[0] * term[0];
  };
  const int status = SumColumns<2>(call, rows, channels, distances, sums);
  if (status != PENSTOCK_OK) return status;
  const double share = 1.0 / static_cast<double>(rows);
  *far = false;
  for (int64_t c = 0; c < channels; ++c) {
    const double distance = sums[c] * share, square = sums[channels + c] * share;
    const double spread = square - distance * distance;
    *far |= distance * distance > 16.0 * spread;
    mean[c] = static_cast<float>(rows > 0 ? middle[c] + distance : NAN);
    variance[c] = static_cast<float>(spread < 0.0 ? 0.0 : spread);  // NaN stays
  }
  return PENSTOCK_OK;
}

// One pass over x; a second one where the sample said little about the mean.
int Moments(penstock_call* call, const float* x, int64_t rows, int64_t channels, float* mean,
            float* variance) {
  float* scratch = Scratch<float>(call, 3 * channels);
  if (scratch == nullptr) return PENSTOCK_NO_MEMORY;
  float *middle = scratch, *sums = scratch + channels;
  if (rows > 0) Middle(x, rows, channels, middle);
  bool far = false;
  const int status = MomentsAround(call, x, rows, channels, middle, sums, mean, variance, &far);
  if (status != PENSTOCK_OK || !far) return status;
  memcpy(middle, mean, static_cast<size_t>(channels) * sizeof(float));
  return MomentsAround(call, x, rows, channels, middle, sums, mean, variance, &far);
}

template <class Bend>
int Normalize(penstock_call* call, const Bend& bend) {
  const int64_t channels = Count(call->inputs[1]);
  const int64_t rows = Extent(call->inputs[0], 0, call->inputs[0]->ndim - 1);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float* offset = Input<float>(call, 2);
  float *y = Output<float>(call, 0), *mean = Output<float>(call, 1);
  float* variance = Output<float>(call, 2);
  const float epsilon = static_cast<float>(FloatAttr(call, 0));

  const int status = Moments(call, x, rows, channels, mean, variance);
  if (status != PENSTOCK_OK) return status;
  float* factor = Scratch<float>(call, channels);
  if (factor == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t c = 0; c < channels; ++c) factor[c] = scale[c] / sqrtf(variance[c] + epsilon);
  return ForEachPixel(call, rows, channels, y, [&](int64_t i, int64_t c, int64_t n) {
    const Vf centred = LoadUpTo(x + i, n) - LoadUpTo(mean + c, n);
    return bend.Apply(centred * LoadUpTo(factor + c, n) + LoadUpTo(offset + c, n));
  });
}

// ---- gradient ----

// dx = scale / sqrt(variance + epsilon) * (dy - mean(dy) - xhat * mean(dy * xhat)), where dy is what of dz comes through
// the bent line; where it is bent is computed again, which costs less than reading it. `offset`: NULL for a straight one.
template <class Bend>
int Gradient(penstock_call* call, const Bend& bend, const float* offset) {
  const int64_t channels = Count(call->inputs[1]);
  const int64_t rows = Extent(call->inputs[0], 0, call->inputs[0]->ndim - 1);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float *mean = Input<float>(call, 2), *variance = Input<float>(call, 3);
  const float* dz = Input<float>(call, 4);
  float *dscale = Output<float>(call, 1), *doffset = Output<float>(call, 2);
  const float epsilon = static_cast<float>(FloatAttr(call, 0));

  float* scratch = Scratch<float>(call, 4 * channels);
  if (scratch == nullptr) return PENSTOCK_NO_MEMORY;
  float *inverse = scratch, *factor = scratch + channels, *sums = scratch + 2 * channels;
  for (int64_t c = 0; c < channels; ++c) {
    factor[c] = scale[c] / sqrtf(variance[c] + epsilon);
    inverse[c] = 1.0f / sqrtf(variance[c] + epsilon);
  }
  const auto centred = [&](int64_t i, int64_t c, int64_t n) {
    return LoadUpTo(x + i, n) - LoadUpTo(mean + c, n);
  };
  const auto through = [&](Vf from_mean, int64_t i, int64_t c, int64_t n) {
    const Vf given = LoadUpTo(dz + i, n);
    if (offset == nullptr) return given;
    const Vf y = from_mean * LoadUpTo(factor + c, n) + LoadUpTo(offset + c, n);
    return bend.Through(y, given);
  };
  const auto terms = [&](int64_t row, int64_t c, int64_t n, Vf* term) {
    const int64_t i = row * channels + c;
    const Vf from_mean = centred(i, c, n);
    term[0] = through(from_mean, i, c, n);
    term[1] = term[0] * (from_mean * LoadUpTo(inverse + c, n));
  };
  const int status = SumColumns<2>(call, rows, channels, terms, sums);
  if (status != PENSTOCK_OK) return status;
  memcpy(doffset, sums, static_cast<size_t>(channels) * sizeof(float));
  memcpy(dscale, sums + channels, static_cast<size_t>(channels) * sizeof(float));
  Scale(sums, 2 * channels, 1.0 / static_cast<double>(rows));
  return ForEachPixel(
      call, rows, channels, Output<float>(call, 0), [&](int64_t i, int64_t c, int64_t n) {
        const Vf from_mean = centred(i, c, n);
        const Vf dy = through(from_mean, i, c, n) - LoadUpTo(sums + c, n);
        const Vf slope = from_mean * LoadUpTo(inverse + c, n) * LoadUpTo(sums + channels + c, n);
        return (dy - slope) * LoadUpTo(factor + c, n);
      });
}

}  // namespace

int BatchNorm(penstock_call* call) { return Normalize(call, Straight()); }

int BatchNormRelu(penstock_call* call) { return Normalize(call, Relu(call, 1)); }

int BatchNormGrad(penstock_call* call) { return Gradient(call, Straight(), nullptr); }

int BatchNormReluGrad(penstock_call* call) {
  return Gradient(call, Relu(call, 1), Input<float>(call, 5));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
