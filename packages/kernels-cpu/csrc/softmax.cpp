// Softmax, its logarithm, and the cross-entropy of its result.
#include "passes.h"
#include "penstock/kernel_abi.h"
#include "row_max.h"
#include "vec_math.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kMathChunk = 16 * 1024;

// Vectors in a partial sum: partial sums are summed in turn, which keeps the error of long rows small.
constexpr int64_t kSumBlock = 64;

Vf BlockExp(const float* x, int64_t n, float shift, float* y) {
  Vf sum = {};
  ForVectors(
      n,
      [&](int64_t i) {
        const Vf e = Exp(Load(x + i) - shift);
        if (y) Store(y + i, e);
        sum += e;
      },
      [&](int64_t i, int64_t rest) {
        const Vf e = Exp(LoadPartial(x + i, rest, -INFINITY) - shift);
        if (y) StorePartial(y + i, e, rest);
        sum += e;
      });
  return sum;
}

// The sum of exp(x - shift); y, if given, receives the terms.
float RowExp(const float* x, int64_t n, float shift, float* y) {
  constexpr int64_t kBlock = kSumBlock * kLanes;
  Vf sum = {};
  for (int64_t i = 0; i < n; i += kBlock) {
    sum += BlockExp(x + i, MinOf(kBlock, n - i), shift, y ? y + i : nullptr);
  }
  return Across(sum, [](float a, float b) { return a + b; });
}

void SoftmaxRow(const float* x, int64_t n, float* y) {
  const float scale = 1.0f / RowExp(x, n, RowMax(x, n), y);
  for (int64_t i = 0; i < n; ++i) y[i] *= scale;
}

void LogSoftmaxRow(const float* x, int64_t n, float* y) {
  const float max = RowMax(x, n);
  const float log_sum = logf(RowExp(x, n, max, nullptr));
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - max) - log_sum;
}

// One vector of columns (n of them) along an axis whose elements lie `step` apart.
template <bool kLog>
void Columns(const float* x, int64_t size, int64_t step, int64_t n, float* y) {
  const auto load = [&](const float* p) { return n == kLanes ? Load(p) : LoadPartial(p, n); };
  const auto store = [&](float* p, Vf v) { n == kLanes ? Store(p, v) : StorePartial(p, v, n); };
  Vf max = Splat(-INFINITY), sum = {};
  for (int64_t i = 0; i < size; ++i) max = Maximum(max, load(x + i * step));
  for (int64_t first = 0; first < size; first += kSumBlock) {
    Vf block = {};
    const int64_t end = MinOf(size, first + kSumBlock);
    for (int64_t i = first; i < end; ++i) block += Exp(load(x + i * step) - max);
    sum += block;
  }
  const Vf log_sum = Log(sum);
  for (int64_t i = 0; i < size; ++i) {
    const Vf d = load(x + i * step) - max;
    store(y + i * step, kLog ? d - log_sum : Exp(d) / sum);
  }
}

// The largest element is taken out of the exponentials, unless it is infinite: then they decide alone.
float LogSumExpRow(const float* x, int64_t n) {
  const float max = RowMax(x, n), shift = __builtin_isfinite(max) ? max : 0.0f;
  return shift + logf(RowExp(x, n, shift, nullptr));
}

void LogSumExpColumns(const float* x, int64_t size, int64_t step, int64_t n, float* y) {
  const auto load = [&](const float* p) { return n == kLanes ? Load(p) : LoadPartial(p, n); };
  Vf max = Splat(-INFINITY), sum = {};
  for (int64_t i = 0; i < size; ++i) max = Maximum(max, load(x + i * step));
  const Vf shift = Abs(max) < INFINITY ? max : Vf{};
  for (int64_t first = 0; first < size; first += kSumBlock) {
    Vf block = {};
    const int64_t end = MinOf(size, first + kSumBlock);
    for (int64_t i = first; i < end; ++i) block += Exp(load(x + i * step) - shift);
    sum += block;
  }
  const Vf result = shift + Log(sum);
  n == kLanes ? Store(y, result) : StorePartial(y, result, n);
}

int LogSumExpPass(penstock_call* call, const float* x, int64_t outer, int64_t size, int64_t inner,
                  float* out) {
  if (inner == 1) {
    return ParallelFor(call, outer, Grain(size, kMathChunk), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = LogSumExpRow(x + i * size, size);
    });
  }
  const int64_t blocks = CeilDiv(inner, kLanes);
  return ParallelFor(
      call, outer * blocks, Grain(size * kLanes, kMathChunk), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t col = i % blocks * kLanes, o = i / blocks;
          LogSumExpColumns(x + o * size * inner + col, size, inner,
                           MinOf<int64_t>(kLanes, inner - col), out + o * inner + col);
        }
      });
}

template <bool kLog>
int AlongAxis(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  const float* x = Input<float>(call, 0);
  float* y = Output<float>(call, 0);
  if (view.inner == 1) {
    return ParallelFor(call, view.outer, Grain(view.size, kMathChunk),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t i = begin; i < end; ++i) {
                           const auto row = kLog ? LogSoftmaxRow : SoftmaxRow;
                           row(x + i * view.size, view.size, y + i * view.size);
                         }
                       });
  }
  const int64_t blocks = CeilDiv(view.inner, kLanes);
  return ParallelFor(call, view.outer * blocks, Grain(view.size * kLanes, kMathChunk),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         const int64_t col = i % blocks * kLanes;
                         const int64_t at = i / blocks * view.size * view.inner + col;
                         Columns<kLog>(x + at, view.size, view.inner,
                                       MinOf<int64_t>(kLanes, view.inner - col), y + at);
                       }
                     });
}

int64_t Label(const penstock_tensor* labels, int64_t i) {
  return labels->dtype.bits == 32 ? Data<const int32_t>(labels)[i] : Data<const int64_t>(labels)[i];
}

}  // namespace

int Softmax(penstock_call* call) { return AlongAxis<false>(call); }

int LogSoftmax(penstock_call* call) { return AlongAxis<true>(call); }

int LogSumExp(penstock_call* call) {
  return ReduceByPasses<float>(
      call, [call](const float* x, int64_t outer, int64_t size, int64_t inner, float* out) {
        return LogSumExpPass(call, x, outer, size, inner, out);
      });
}

int SoftmaxCrossEntropy(penstock_call* call) {
  const penstock_tensor* labels = call->inputs[1];
  const int64_t rows = Count(labels), classes = call->inputs[0]->shape[call->inputs[0]->ndim - 1];
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t label = Label(labels, i);
    if (label < 0 || label >= classes) {
      Fail(call, "label %lld at position %lld is outside 0..%lld", static_cast<long long>(label),
           static_cast<long long>(i), static_cast<long long>(classes - 1));
      return PENSTOCK_OUT_OF_RANGE;
    }
  }
  const float* logits = Input<float>(call, 0);
  float *loss = Output<float>(call, 0), *probabilities = Output<float>(call, 1);
  return ParallelFor(call, rows, Grain(classes, kMathChunk), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* x = logits + i * classes;
      float* p = probabilities + i * classes;
      const float max = RowMax(x, classes), sum = RowExp(x, classes, max, p);
      loss[i] = logf(sum) - (x[Label(labels, i)] - max);
      const float scale = 1.0f / sum;
      for (int64_t c = 0; c < classes; ++c) p[c] *= scale;
    }
  });
}

int SoftmaxCrossEntropyGrad(penstock_call* call) {
  const penstock_tensor* labels = call->inputs[1];
  const int64_t rows = Count(labels), classes = call->inputs[0]->shape[call->inputs[0]->ndim - 1];
  const float *probabilities = Input<float>(call, 0), *dloss = Input<float>(call, 2);
  float* dlogits = Output<float>(call, 0);
  return ParallelFor(call, rows, Grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float *p = probabilities + i * classes, scale = dloss[i];
      float* d = dlogits + i * classes;
      for (int64_t c = 0; c < classes; ++c) d[c] = p[c] * scale;
      const int64_t label = Label(labels, i);
      if (label >= 0 && label < classes) d[label] -= scale;
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
