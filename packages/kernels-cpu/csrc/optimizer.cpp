// Optimizer steps.
#include "indices.h"
#include "penstock/kernel_abi.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Adam as Keras defines it: epsilon outside the bias correction.
struct Adam {
  const float *parameter, *m, *v;
  float *new_parameter, *new_m, *new_v;
  Vf alpha, epsilon, b1, b2, rest_1, rest_2;
  bool decays;
  float decay;  // how much of the parameter goes first

  Adam(const penstock_call* call, double rate, double step, double weight_decay)
      : parameter(Input<float>(call, 0)),
        m(Input<float>(call, 1)),
        v(Input<float>(call, 2)),
        new_parameter(Output<float>(call, 0)),
        new_m(Output<float>(call, 1)),
        new_v(Output<float>(call, 2)),
        decays(weight_decay != 0.0),
        decay(static_cast<float>(rate * weight_decay)) {
    const double beta_1 = FloatAttr(call, 0), beta_2 = FloatAttr(call, 1);
    alpha =
        Splat(static_cast<float>(rate * sqrt(1.0 - pow(beta_2, step)) / (1.0 - pow(beta_1, step))));
    epsilon = Splat(static_cast<float>(FloatAttr(call, 2)));
    b1 = Splat(static_cast<float>(beta_1));
    b2 = Splat(static_cast<float>(beta_2));
    rest_1 = Splat(static_cast<float>(1.0 - beta_1));
    rest_2 = Splat(static_cast<float>(1.0 - beta_2));
  }

  // The elements from i on, by a vector's load and store.
  template <class Load, class Store>
  void Update(int64_t i, Vf g, const Load& load, const Store& store) const {
    const Vf mi = b1 * load(m + i) + rest_1 * g;
    const Vf vi = b2 * load(v + i) + rest_2 * (g * g);
    store(new_m + i, mi);
    store(new_v + i, vi);
    Vf p = load(parameter + i);
    if (decays) p -= p * decay;  // of infinities nothing is taken by 0
    store(new_parameter + i, p - alpha * mi / (Sqrt(vi) + epsilon));
  }

  // Elements [begin, begin + n); gradient(load, offset from begin) gives theirs.
  template <class Gradient>
  void UpdateAll(int64_t begin, int64_t n, const Gradient& gradient) const {
    ForVectors(
        n,
        [&](int64_t i) {
          const auto load = [](const float* p) { return Load(p); };
          Update(begin + i, gradient(load, i), load, [](float* p, Vf x) { Store(p, x); });
        },
        [&](int64_t i, int64_t rest) {
          const auto load = [rest](const float* p) { return LoadPartial(p, rest); };
          Update(begin + i, gradient(load, i), load,
                 [rest](float* p, Vf x) { StorePartial(p, x, rest); });
        });
  }
};

void CopyUnlessInPlace(const float* from, float* to, int64_t count) {
  if (from != to) memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

// The positions 0 .. count - 1 in the order of their indices, equal ones in their own order: radix sort, 11 bits at a
// time. Needs room for 2 * count numbers.
const int64_t* SortedPositions(const int64_t* index, int64_t count, int64_t size, int64_t* room) {
  constexpr int kBits = 11;
  constexpr int64_t kBuckets = 1 << kBits;
  int64_t *from = room, *to = room + count;
  for (int64_t i = 0; i < count; ++i) from[i] = i;
  for (int shift = 0; (size - 1) >> shift > 0; shift += kBits) {
    int64_t begin[kBuckets + 1] = {};
    const auto bucket = [&](int64_t i) { return index[i] >> shift & (kBuckets - 1); };
    for (int64_t i = 0; i < count; ++i) ++begin[bucket(i) + 1];
    for (int64_t b = 0; b < kBuckets; ++b) begin[b + 1] += begin[b];
    for (int64_t i = 0; i < count; ++i) to[begin[bucket(from[i])]++] = from[i];
    int64_t* swapped = from;
    from = to;
    to = swapped;
  }
  return from;
}

}  // namespace

int AdamUpdate(penstock_call* call) {
  const float* gradient = Input<float>(call, 3);
  const Adam adam(call, *Input<float>(call, 4), *Input<float>(call, 5), FloatAttr(call, 3));
  return ParallelFor(call, Count(call->inputs[0]), kChunk, [&](int64_t begin, int64_t end) {
    adam.UpdateAll(begin, end - begin,
                   [&](const auto& load, int64_t i) { return load(gradient + begin + i); });
  });
}

// Gradient rows of equal index are added up in their order; one task updates whole rows.
int AdamUpdateRows(penstock_call* call) {
  const AxisView view(call->inputs[0], 0);
  const int64_t count = Count(call->inputs[3]), n = view.inner;
  const float* gradient = Input<float>(call, 4);
  const Adam adam(call, *Input<float>(call, 5), *Input<float>(call, 6), 0.0);
  int status;
  const int64_t* index = CheckedIndices(call, call->inputs[3], view.size, &status);
  if (status != PENSTOCK_OK) return status;
  int64_t* room = Scratch<int64_t>(call, 3 * count + 1);
  if (room == nullptr) return PENSTOCK_NO_MEMORY;
  CopyUnlessInPlace(adam.parameter, adam.new_parameter, view.size * n);
  CopyUnlessInPlace(adam.m, adam.new_m, view.size * n);
  CopyUnlessInPlace(adam.v, adam.new_v, view.size * n);

  const int64_t* order = SortedPositions(index, count, view.size, room);
  int64_t *first = room + 2 * count, rows = 0;  // where each row begins in `order`
  for (int64_t i = 0; i < count; ++i) {
    if (i == 0 || index[order[i]] != index[order[i - 1]]) first[rows++] = i;
  }
  first[rows] = count;
  return ParallelFor(call, rows, Grain(n * CeilDiv(count, MaxOf<int64_t>(rows, 1))),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t r = begin; r < end; ++r) {
                         const auto sum = [&](const auto& load, int64_t i) {
                           Vf g = load(gradient + order[first[r]] * n + i);
                           for (int64_t k = first[r] + 1; k < first[r + 1]; ++k) {
                             g += load(gradient + order[k] * n + i);
                           }
                           return g;
                         };
                         adam.UpdateAll(index[order[first[r]]] * n, n, sum);
                       }
                     });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
