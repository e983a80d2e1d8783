// Losses of rows: sums along the last axis, in blocks whose sums are summed in turn.
#include <math.h>

#include "elementwise.h"
#include "penstock/kernel_abi.h"
#include "row_max.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kBlock = 64 * kLanes;

float Total(Vf v) {
  return Across(v, [](float a, float b) { return a + b; });
}

// The sum of term(x, y) over two rows; where they end, both read as `fill`, whose term must be 0.
template <class Term>
float SumOver(const float* x, const float* y, int64_t n, float fill, Term term) {
  Vf sum = {};
  for (int64_t first = 0; first < n; first += kBlock) {
    Vf block = {};
    ForVectors(
        MinOf(kBlock, n - first),
        [&](int64_t i) { block += term(Load(x + first + i), Load(y + first + i)); },
        [&](int64_t i, int64_t rest) {
          block +=
              term(LoadPartial(x + first + i, rest, fill), LoadPartial(y + first + i, rest, fill));
        });
    sum += block;
  }
  return Total(sum);
}

// loss(x, y, n) for every row.
template <class Loss>
int EachRow(penstock_call* call, Loss loss) {
  const penstock_tensor* shape = call->inputs[0];
  const int64_t n = shape->shape[shape->ndim - 1], rows = Count(call->outputs[0]);
  const float *x = Input<float>(call, 0), *y = Input<float>(call, 1);
  float* out = Output<float>(call, 0);
  return ParallelFor(call, rows, Grain(n, kMathChunk), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = loss(x + i * n, y + i * n, n);
  });
}

float CrossEntropyRow(const float* x, const float* labels, int64_t n) {
  const float max = RowMax(x, n);
  const float sum = SumOver(x, x, n, -INFINITY, [max](Vf a, Vf) { return Exp(a - max); });
  const float log_sum = logf(sum);
  return SumOver(labels, x, n, 0.0f, [max, log_sum](Vf z, Vf a) {
    return z == 0.0f ? Vf{} : z * (log_sum - (a - max));
  });
}

}  // namespace

int SoftmaxCrossEntropyDense(penstock_call* call) { return EachRow(call, CrossEntropyRow); }

int KlDivergence(penstock_call* call) {
  const float epsilon = static_cast<float>(FloatAttr(call, 0));
  return EachRow(call, [epsilon](const float* t, const float* p, int64_t n) {
    return SumOver(t, p, n, 1.0f, [epsilon](Vf a, Vf b) {
      a = AtMost(AtLeast(a, epsilon), 1.0f);
      b = AtMost(AtLeast(b, epsilon), 1.0f);
      return a * Log(a / b);
    });
  });
}

int CosineSimilarity(penstock_call* call) {
  const float epsilon = static_cast<float>(FloatAttr(call, 0));
  return EachRow(call, [epsilon](const float* x, const float* y, int64_t n) {
    const auto product = [](Vf a, Vf b) { return a * b; };
    const float xx = sqrtf(SumOver(x, x, n, 0.0f, product));
    const float yy = sqrtf(SumOver(y, y, n, 0.0f, product));
    return SumOver(x, y, n, 0.0f, product) / (MaxOf(xx, epsilon) * MaxOf(yy, epsilon));
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
