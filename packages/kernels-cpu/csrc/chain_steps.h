// The steps of a chain on rows of a result that are in registers.
#ifndef PENSTOCK_KERNELS_CPU_CHAIN_STEPS_H_
#define PENSTOCK_KERNELS_CPU_CHAIN_STEPS_H_

#include "chain.h"

namespace penstock::cpu::PENSTOCK_ISA {

#define ALWAYS_INLINE \
  inline __attribute__((always_inline))  // or the accumulators would travel through memory

template <int kRows, int kVectors>
using Accumulators = Vf[kRows][kVectors];

// Vector v of a row of `cols` columns.
template <int kVectors>
ALWAYS_INLINE Vf LoadColumns(const float* row, int v, int cols) {
  const int rest = cols - v * kLanes;
  return v < kVectors - 1 || rest == kLanes ? Load(row + v * kLanes)
                                            : LoadPartial(row + v * kLanes, rest);
}

// acc[i][v] = f(acc[i][v], i, v)
template <int kRows, int kVectors, class F>
ALWAYS_INLINE void ForAll(Accumulators<kRows, kVectors>& acc, F f) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[i][v] = f(acc[i][v], i, v);
  }
}

// Row i of the result begins at chain.y() + at[i]; columns [col, col + cols) of it are in `acc`.
template <int kRows, int kVectors>
ALWAYS_INLINE void RunStep(const Chain& chain, const ChainStep& step, const int64_t* at,
                           int64_t col, int cols, Accumulators<kRows, kVectors>& acc) {
  Vf row[kVectors] = {};
  if (step.operand != nullptr && !step.full) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      row[v] =
          step.same ? Splat(*step.operand) : LoadColumns<kVectors>(step.operand + col, v, cols);
    }
  }
  switch (step.kind) {
    case ChainStep::kAdd:
      return ForAll<kRows, kVectors>(acc, [&](Vf x, int, int v) { return x + row[v]; });
    case ChainStep::kAddFull:
      return ForAll<kRows, kVectors>(acc, [&](Vf x, int i, int v) {
        return x + LoadColumns<kVectors>(step.operand + at[i] + col, v, cols);
      });
    case ChainStep::kSubtract:
      return ForAll<kRows, kVectors>(acc, [&](Vf x, int, int v) { return x - row[v]; });
    case ChainStep::kMultiply:
      return ForAll<kRows, kVectors>(acc, [&](Vf x, int, int v) { return x * row[v]; });
    case ChainStep::kAtLeast:
      return ForAll<kRows, kVectors>(acc,
                                     [&](Vf x, int, int v) { return x <= row[v] ? row[v] : x; });
    case ChainStep::kAtMost:
      return ForAll<kRows, kVectors>(acc,
                                     [&](Vf x, int, int v) { return x >= row[v] ? row[v] : x; });
    case ChainStep::kRelu:
      return ForAll<kRows, kVectors>(acc, [](Vf x, int, int) { return x < 0.0f ? Vf{} : x; });
    case ChainStep::kRelu6:
      return ForAll<kRows, kVectors>(acc,
                                     [](Vf x, int, int) { return AtMost(AtLeast(x, 0.0f), 6.0f); });
    case ChainStep::kOther: {
      float room[kRows * kVectors * kLanes];
      ForAll<kRows, kVectors>(acc, [&](Vf x, int i, int v) {
        Store(room + (i * kVectors + v) * kLanes, x);
        return x;
      });
      chain.RunInMemory(step, at, kRows, col, cols, kVectors * kLanes, room);
      return ForAll<kRows, kVectors>(
          acc, [&](Vf, int i, int v) { return Load(room + (i * kVectors + v) * kLanes); });
    }
  }
}

// All steps of a chain.
template <int kRows, int kVectors>
ALWAYS_INLINE void RunChain(const Chain& chain, const int64_t* at, int64_t col, int cols,
                            Accumulators<kRows, kVectors>& acc) {
  for (int s = 0; s < chain.count(); ++s) {
    RunStep<kRows, kVectors>(chain, chain.step(s), at, col, cols, acc);
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_CHAIN_STEPS_H_
