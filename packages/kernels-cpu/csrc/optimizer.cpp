// Optimizer steps.
#include "rows.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Adam as Keras defines it: epsilon outside the bias correction.
int AdamUpdate(penstock_call* call) {
  const float *parameter = Input<float>(call, 0), *m = Input<float>(call, 1);
  const float *v = Input<float>(call, 2), *gradient = Input<float>(call, 3);
  const double rate = *Input<float>(call, 4), step = *Input<float>(call, 5);
  const double beta_1 = FloatAttr(call, 0), beta_2 = FloatAttr(call, 1);
  float *new_parameter = Output<float>(call, 0), *new_m = Output<float>(call, 1);
  float* new_v = Output<float>(call, 2);

  const Vf alpha =
      Splat(static_cast<float>(rate * sqrt(1.0 - pow(beta_2, step)) / (1.0 - pow(beta_1, step))));
  const Vf epsilon = Splat(static_cast<float>(FloatAttr(call, 2)));
  const Vf b1 = Splat(static_cast<float>(beta_1)), b2 = Splat(static_cast<float>(beta_2));
  const Vf rest_1 = Splat(static_cast<float>(1.0 - beta_1));
  const Vf rest_2 = Splat(static_cast<float>(1.0 - beta_2));

  const auto update = [&](int64_t i, const auto& load, const auto& store) {
    const Vf g = load(gradient + i);
    const Vf mi = b1 * load(m + i) + rest_1 * g;
    const Vf vi = b2 * load(v + i) + rest_2 * (g * g);
    store(new_m + i, mi);
    store(new_v + i, vi);
    store(new_parameter + i, load(parameter + i) - alpha * mi / (Sqrt(vi) + epsilon));
  };
  return ParallelFor(call, Count(call->inputs[0]), kChunk, [&](int64_t begin, int64_t end) {
    ForVectors(
        end - begin,
        [&](int64_t i) {
          update(
              begin + i, [](const float* p) { return Load(p); },
              [](float* p, Vf x) { Store(p, x); });
        },
        [&](int64_t i, int64_t n) {
          update(
              begin + i, [n](const float* p) { return LoadPartial(p, n); },
              [n](float* p, Vf x) { StorePartial(p, x, n); });
        });
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
