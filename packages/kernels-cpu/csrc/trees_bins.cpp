// tree_bins: into which bin of its column each number falls.
#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr uint8_t kMissing = 255;

template <class T>
int CheckEdges(penstock_call* call, const T* edges, int64_t columns, int64_t count) {
  for (int64_t i = 0; i < columns * count; ++i) {
    const bool first = i % count == 0;
    if (first ? edges[i] == edges[i] : edges[i] >= edges[i - 1]) continue;
    return Fail(call, "the edges of column %lld do not rise; sort them, and fill up with inf",
                static_cast<long long>(i / count));
  }
  return PENSTOCK_OK;
}

// How many edges are smaller than x.
template <class T>
uint8_t Bin(const T* edges, int64_t count, T x) {
  if (x != x) return kMissing;
  const T* at = edges;
  for (int64_t left = count; left > 0;) {
    const int64_t half = left / 2;
    const bool above = at[half] < x;
    at = above ? at + half + 1 : at;
    left = above ? left - half - 1 : half;
  }
  return static_cast<uint8_t>(at - edges);
}

template <class T>
int Bins(penstock_call* call) {
  const int64_t rows = call->inputs[0]->shape[0], columns = call->inputs[0]->shape[1];
  const int64_t count = call->inputs[1]->shape[1];
  const T* x = Input<T>(call, 0);
  const T* edges = Input<T>(call, 1);
  uint8_t* out = Output<uint8_t>(call, 0);
  const int status = CheckEdges(call, edges, columns, count);
  if (status != PENSTOCK_OK) return status;
  constexpr int64_t kSearch = 16;  // as long as so many simple steps
  return ParallelFor(call, rows, Grain(columns * kSearch), [&](int64_t begin, int64_t end) {
    // Column by column: its edges stay near.
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t r = begin; r < end; ++r) {
        out[r * columns + c] = Bin(edges + c * count, count, x[r * columns + c]);
      }
    }
  });
}

}  // namespace

int TreeBins(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kF64 ? Bins<double>(call) : Bins<float>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
