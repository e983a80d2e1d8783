// Layer and root-mean-square normalisation: each row by itself, and their gradients.
#include "columns.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// The sums over a row of what terms(i, n, term) puts into term[kSums]; it must put zeros behind the n-th element. Four
// sums run beside each other, in a fixed order.
template <int kSums, class Terms>
void SumRow(int64_t size, const Terms& terms, float* sums) {
  constexpr int kBeside = 4;
  Vf acc[kSums][kBeside] = {};
  int64_t i = 0;
  for (; i + kBeside * kLanes <= size; i += kBeside * kLanes) {
#pragma GCC unroll 4
    for (int b = 0; b < kBeside; ++b) {
      Vf term[kSums];
      terms(i + b * kLanes, int64_t{kLanes}, term);
      for (int s = 0; s < kSums; ++s) acc[s][b] += term[s];
    }
  }
  for (; i < size; i += kLanes) {
    Vf term[kSums];
    terms(i, MinOf<int64_t>(kLanes, size - i), term);
    for (int s = 0; s < kSums; ++s) acc[s][0] += term[s];
  }
  for (int s = 0; s < kSums; ++s) {
    sums[s] = Across((acc[s][0] + acc[s][1]) + (acc[s][2] + acc[s][3]),
                     [](float a, float b) { return a + b; });
  }
}

// Elements behind the end are zeros in memory's place, but x - mean is not: this keeps them zero.
Vf KeepFirst(Vf v, int64_t n) {
  if (n == kLanes) return v;
  float lane[kLanes];
  Store(lane, v);
  return LoadPartial(lane, n);
}

// A gradient cuts its rows into at least so many parallel chunks, if there are so many rows.
constexpr int64_t kFewestChunks = 16;

// What a gradient needs of each row: 1 / deviation, and for layer_norm the mean.
struct Statistics {
  const float *mean, *inverse;  // mean is NULL for rms_norm
  float MeanOf(int64_t row) const { return mean ? mean[row] : 0.0f; }
};

// dx = inverse * (g - M(g) - xhat * M(g * xhat)) with g = dy * scale; without a mean M(g) is left out.
void RowGradient(const float* x, const float* scale, const float* dy, float mean, float inverse,
                 bool centred, int64_t size, float* dx) {
  const auto normal = [&](int64_t i, int64_t n) { return (LoadUpTo(x + i, n) - mean) * inverse; };
  float sums[2];
  SumRow<2>(
      size,
      [&](int64_t i, int64_t n, Vf* term) {
        term[0] = LoadUpTo(dy + i, n) * LoadUpTo(scale + i, n);
        term[1] = term[0] * normal(i, n);
      },
      sums);
  const float share = 1.0f / static_cast<float>(size);
  const float shift = centred ? sums[0] * share : 0.0f, slope = sums[1] * share;
  ForEachVector(size, [&](int64_t i, int64_t n) {
    const Vf g = LoadUpTo(dy + i, n) * LoadUpTo(scale + i, n);
    StoreUpTo(dx + i, (g - shift - normal(i, n) * slope) * inverse, n);
  });
}

// dx, and in `sums` dscale and, if wanted, doffset: one number for each column. A chunk of rows is still in the cache
// when its second half of the work begins; the chunks' sums are added up in their order.
template <int kSums>
int Gradients(penstock_call* call, const float* x, const float* scale, const float* dy,
              const Statistics& s, int64_t rows, int64_t size, float* dx, float* sums) {
  const int64_t per_chunk = MinOf(RowsPerChunk(size), MaxOf<int64_t>(1, rows / kFewestChunks));
  const int64_t chunks = CeilDiv(rows, per_chunk), width = kSums * size;
  float* partial = Scratch<float>(call, chunks * width);
  if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  const auto terms = [&](int64_t row, int64_t c, int64_t n, Vf* term) {
    const int64_t i = row * size + c;
    const Vf g = LoadUpTo(dy + i, n);
    term[0] = g * ((LoadUpTo(x + i, n) - s.MeanOf(row)) * s.inverse[row]);
    if (kSums > 1) term[kSums - 1] = g;
  };
  const auto chunk = [&](int64_t i) {
    const int64_t first = i * per_chunk, last = MinOf(rows, first + per_chunk);
    SumChunk<kSums>(first, last, 0, size, terms, size, partial + i * width);
    for (int64_t row = first; row < last; ++row) {
      RowGradient(x + row * size, scale, dy + row * size, s.MeanOf(row), s.inverse[row],
                  s.mean != nullptr, size, dx + row * size);
    }
  };
  const int status =
      ParallelFor(call, chunks, Grain(4 * per_chunk * size), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) chunk(i);
      });
  if (status != PENSTOCK_OK) return status;
  return SumColumns<1>(call, chunks, width, MatrixRows{partial, width}, sums);
}

float MeanOfSquares(const float* x, float mean, int64_t size) {
  float sum;
  SumRow<1>(
      size,
      [&](int64_t i, int64_t n, Vf* term) {
        const Vf d = KeepFirst(LoadUpTo(x + i, n) - mean, n);
        term[0] = d * d;
      },
      &sum);
  return sum / static_cast<float>(size);
}

}  // namespace

int LayerNorm(penstock_call* call) {
  const int64_t size = Count(call->inputs[1]), rows = Count(call->outputs[1]);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  const float* offset = Input<float>(call, 2);
  float *y = Output<float>(call, 0), *mean = Output<float>(call, 1);
  float* inverse = Output<float>(call, 2);
  const float epsilon = static_cast<float>(FloatAttr(call, 0));
  return ParallelFor(call, rows, Grain(2 * size), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row * size;
      float* to = y + row * size;
      SumRow<1>(
          size, [&](int64_t i, int64_t n, Vf* term) { term[0] = LoadUpTo(from + i, n); },
          mean + row);
      const float m = mean[row] /= static_cast<float>(size);
      const float factor = inverse[row] = 1.0f / sqrtf(MeanOfSquares(from, m, size) + epsilon);
      ForEachVector(size, [&](int64_t i, int64_t n) {
        const Vf normal = (LoadUpTo(from + i, n) - m) * factor;
        StoreUpTo(to + i, normal * LoadUpTo(scale + i, n) + LoadUpTo(offset + i, n), n);
      });
    }
  });
}

int RmsNorm(penstock_call* call) {
  const int64_t size = Count(call->inputs[1]), rows = Count(call->outputs[1]);
  const float *x = Input<float>(call, 0), *scale = Input<float>(call, 1);
  float *y = Output<float>(call, 0), *inverse = Output<float>(call, 1);
  const float epsilon = static_cast<float>(FloatAttr(call, 0));
  return ParallelFor(call, rows, Grain(2 * size), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row * size;
      float* to = y + row * size;
      const float factor = inverse[row] = 1.0f / sqrtf(MeanOfSquares(from, 0.0f, size) + epsilon);
      ForEachVector(size, [&](int64_t i, int64_t n) {
        StoreUpTo(to + i, LoadUpTo(from + i, n) * factor * LoadUpTo(scale + i, n), n);
      });
    }
  });
}

int LayerNormGrad(penstock_call* call) {
  const int64_t size = Count(call->inputs[1]), rows = Count(call->inputs[2]);
  const Statistics s = {Input<float>(call, 2), Input<float>(call, 3)};
  float* sums = Scratch<float>(call, 2 * size);
  if (sums == nullptr) return PENSTOCK_NO_MEMORY;
  const int status =
      Gradients<2>(call, Input<float>(call, 0), Input<float>(call, 1), Input<float>(call, 4), s,
                   rows, size, Output<float>(call, 0), sums);
  memcpy(Output<float>(call, 1), sums, static_cast<size_t>(size) * sizeof(float));
  memcpy(Output<float>(call, 2), sums + size, static_cast<size_t>(size) * sizeof(float));
  return status;
}

int RmsNormGrad(penstock_call* call) {
  const int64_t size = Count(call->inputs[1]), rows = Count(call->inputs[2]);
  const Statistics s = {nullptr, Input<float>(call, 2)};
  return Gradients<1>(call, Input<float>(call, 0), Input<float>(call, 1), Input<float>(call, 3), s,
                      rows, size, Output<float>(call, 0), Output<float>(call, 1));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
