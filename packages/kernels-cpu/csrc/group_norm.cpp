// Group normalisation: [batch, pixels, groups, channels of a group], over pixels and channels of a group.
//
// Channels are the vectors. Every sample's pixels are cut into chunks of a fixed number of rows; sums of the chunks are
// added up in their order.
#include "columns.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Groups {
  int64_t batch, pixels, channels, groups;
  int64_t PerGroup() const { return channels / groups; }
  double Size() const { return static_cast<double>(pixels) * static_cast<double>(PerGroup()); }
};

Groups MakeGroups(const penstock_call* call) {
  const penstock_tensor* x = call->inputs[0];
  return {x->shape[0], Extent(x, 1, x->ndim - 1), x->shape[x->ndim - 1], IntAttr(call, 0)};
}

// out[sample, s * channels + c] = the sum over the sample's pixels of what terms(sample, pixel, c, n, term) gives.
template <int kSums, class Terms>
int SumPixels(penstock_call* call, const Groups& g, const Terms& terms, double* out) {
  const int64_t per_chunk = RowsPerChunk(g.channels), size = kSums * g.channels;
  const int64_t chunks = MaxOf<int64_t>(1, CeilDiv(g.pixels, per_chunk));
  float* partial = Scratch<float>(call, g.batch * chunks * size);
  if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  const int64_t cost = MinOf(g.pixels, per_chunk) * g.channels;
  const int status =
      ParallelFor(call, g.batch * chunks, Grain(cost), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t sample = i / chunks, first = i % chunks * per_chunk;
          SumChunk<kSums>(
              first, MinOf(g.pixels, first + per_chunk), 0, g.channels,
              [&](int64_t pixel, int64_t c, int64_t n, Vf* term) {
                terms(sample, pixel, c, n, term);
              },
              g.channels, partial + i * size);
        }
      });
  if (status != PENSTOCK_OK) return status;
  for (int64_t i = 0; i < g.batch * size; ++i) {
    double sum = 0.0;
    for (int64_t k = 0; k < chunks; ++k) {
      sum += static_cast<double>(partial[(i / size * chunks + k) * size + i % size]);
    }
    out[i] = sum;
  }
  return PENSTOCK_OK;
}

// The sum of values(c) over the channels of a group.
template <class Values>
double OverGroup(const Groups& g, int64_t group, const Values& values) {
  double sum = 0.0;
  for (int64_t c = group * g.PerGroup(); c < (group + 1) * g.PerGroup(); ++c) sum += values(c);
  return sum;
}

// y = f(sample, offset in the sample's channels, offset, n) everywhere.
template <class F>
int ForEachPixel(penstock_call* call, const Groups& g, float* y, const F& f) {
  return ParallelFor(call, g.batch * g.pixels, Grain(g.channels), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * g.channels, first = row / g.pixels * g.channels;
      ForVectors(
          g.channels,
          [&](int64_t c) { Store(y + at + c, f(first + c, c, at + c, int64_t{kLanes})); },
          [&](int64_t c, int64_t n) { StorePartial(y + at + c, f(first + c, c, at + c, n), n); });
    }
  });
}

// Every group's number for each of its channels: [batch, channels].
void Spread(const Groups& g, const float* of_group, float* of_channel) {
  for (int64_t i = 0; i < g.batch * g.channels; ++i) {
    of_channel[i] = of_group[i / g.channels * g.groups + i % g.channels / g.PerGroup()];
  }
}

}  // namespace

int GroupNorm(penstock_call* call) {
  const Groups g = MakeGroups(call);
  const int64_t channels = g.channels;
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float* offset = Input<float>(call, 2);
  float *mean = Output<float>(call, 1), *inverse = Output<float>(call, 2);
  const double epsilon = FloatAttr(call, 1);
  double* sums = Scratch<double>(call, g.batch * channels);
  float* centre = Scratch<float>(call, 2 * g.batch * channels);
  if (sums == nullptr || centre == nullptr) return PENSTOCK_NO_MEMORY;
  float* factor = centre + g.batch * channels;

  int status = SumPixels<1>(
      call, g,
      [&](int64_t sample, int64_t pixel, int64_t c, int64_t n, Vf* term) {
        term[0] = LoadUpTo(x + (sample * g.pixels + pixel) * channels + c, n);
      },
      sums);
  if (status != PENSTOCK_OK) return status;
  const auto mean_of = [&](int64_t i) {
    const double* sample = sums + i / g.groups * channels;
    return OverGroup(g, i % g.groups, [&](int64_t c) { return sample[c]; }) / g.Size();
  };
  for (int64_t i = 0; i < g.batch * g.groups; ++i) mean[i] = static_cast<float>(mean_of(i));
  Spread(g, mean, centre);

  status = SumPixels<1>(
      call, g,
      [&](int64_t sample, int64_t pixel, int64_t c, int64_t n, Vf* term) {
        const Vf d = LoadUpTo(x + (sample * g.pixels + pixel) * channels + c, n) -
                     LoadUpTo(centre + sample * channels + c, n);
        term[0] = d * d;
      },
      sums);
  if (status != PENSTOCK_OK) return status;
  for (int64_t i = 0; i < g.batch * g.groups; ++i) {
    inverse[i] = static_cast<float>(1.0 / sqrt(mean_of(i) + epsilon));
  }
  Spread(g, inverse, factor);
  for (int64_t i = 0; i < g.batch * channels; ++i) factor[i] *= scale[i % channels];
  return ForEachPixel(call, g, Output<float>(call, 0),
                      [&](int64_t of_sample, int64_t c, int64_t at, int64_t n) {
                        const Vf d = LoadUpTo(x + at, n) - LoadUpTo(centre + of_sample, n);
                        return d * LoadUpTo(factor + of_sample, n) + LoadUpTo(offset + c, n);
                      });
}

// dx = inverse * (g - M(g) - xhat * M(g * xhat)) with g = dy * scale and M the mean over a group.
int GroupNormGrad(penstock_call* call) {
  const Groups g = MakeGroups(call);
  const int64_t channels = g.channels, all = g.batch * channels;
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float* dy = Input<float>(call, 4);
  double* sums = Scratch<double>(call, 2 * all);
  float* spread = Scratch<float>(call, 4 * all);
  if (sums == nullptr || spread == nullptr) return PENSTOCK_NO_MEMORY;
  float *centre = spread, *factor = spread + all, *shift = spread + 2 * all;
  float* slope = spread + 3 * all;
  Spread(g, Input<float>(call, 2), centre);
  Spread(g, Input<float>(call, 3), factor);

  const auto normal = [&](int64_t of_sample, int64_t at, int64_t n) {
    return (LoadUpTo(x + at, n) - LoadUpTo(centre + of_sample, n)) *
           LoadUpTo(factor + of_sample, n);
  };
  const int status = SumPixels<2>(
      call, g,
      [&](int64_t sample, int64_t pixel, int64_t c, int64_t n, Vf* term) {
        const int64_t at = (sample * g.pixels + pixel) * channels + c;
        term[0] = LoadUpTo(dy + at, n);
        term[1] = term[0] * normal(sample * channels + c, at, n);
      },
      sums);
  if (status != PENSTOCK_OK) return status;
  float *dscale = Output<float>(call, 1), *doffset = Output<float>(call, 2);
  for (int64_t c = 0; c < channels; ++c) {
    double of_dy = 0.0, of_product = 0.0;
    for (int64_t sample = 0; sample < g.batch; ++sample) {
      of_dy += sums[sample * 2 * channels + c];
      of_product += sums[sample * 2 * channels + channels + c];
    }
    doffset[c] = static_cast<float>(of_dy);
    dscale[c] = static_cast<float>(of_product);
  }
  for (int64_t i = 0; i < all; ++i) {
    const double* sample = sums + i / channels * 2 * channels;
    const int64_t group = i % channels / g.PerGroup();
    if (i % g.PerGroup() != 0) {  // the same as its neighbour's
      shift[i] = shift[i - 1], slope[i] = slope[i - 1];
      continue;
    }
    const auto weighted = [&](const double* of) {
      return OverGroup(g, group, [&](int64_t c) { return of[c] * scale[c]; }) / g.Size();
    };
    shift[i] = static_cast<float>(weighted(sample));
    slope[i] = static_cast<float>(weighted(sample + channels));
  }
  return ForEachPixel(
      call, g, Output<float>(call, 0), [&](int64_t of_sample, int64_t c, int64_t at, int64_t n) {
        const Vf d = LoadUpTo(dy + at, n) * LoadUpTo(scale + c, n) - LoadUpTo(shift + of_sample, n);
        return (d - normal(of_sample, at, n) * LoadUpTo(slope + of_sample, n)) *
               LoadUpTo(factor + of_sample, n);
      });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
