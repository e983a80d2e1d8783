// Rows gathered into groups by number: segment_sum, segment_mean, segment_max, segment_min.
#include "combine.h"
#include "copy.h"
#include "indices.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// The first of those numbers that is too large, or their count.
template <class T>
int64_t CopySegments(const T* from, int64_t count, int64_t segments, int64_t* to) {
  bool wrong = false;
  for (int64_t i = 0; i < count; ++i) {
    to[i] = from[i];
    wrong |= to[i] >= segments;
  }
  if (!wrong) return count;
  int64_t right = 0;
  while (to[right] < segments) ++right;
  return right;
}

// Below zero means no segment; NULL when one is too large or memory ran out, then *status says which.
const int64_t* CheckedSegments(penstock_call* call, const penstock_tensor* ids, int64_t segments,
                               int* status) {
  const int64_t count = Count(ids);
  int64_t* out = Scratch<int64_t>(call, count);
  *status = out ? PENSTOCK_OK : PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  const int64_t right = ids->dtype.bits == 32
                            ? CopySegments(Data<const int32_t>(ids), count, segments, out)
                            : CopySegments(Data<const int64_t>(ids), count, segments, out);
  if (right == count) return out;
  Fail(call, "segment %lld at position %lld is out of range for %lld segments",
       static_cast<long long>(out[right]), static_cast<long long>(right),
       static_cast<long long>(segments));
  *status = PENSTOCK_OUT_OF_RANGE;
  return nullptr;
}

// What an empty maximum or minimum is.
template <class T>
T Outermost(bool lowest) {
  if constexpr (static_cast<T>(0.5) != 0) {
    return static_cast<T>(lowest ? -__builtin_inf() : __builtin_inf());
  } else {
    const uint64_t low = uint64_t{1} << (8 * sizeof(T) - 1);
    return static_cast<T>(lowest ? low : low - 1);
  }
}

// Rows of one segment follow each other in their order: parallel over blocks of columns, never over rows.
template <class Mode, class T>
int Gather(penstock_call* call, const int64_t* ids, int64_t segments, T start) {
  const int64_t rows = Count(call->inputs[1]);
  const int64_t columns = Extent(call->inputs[0], call->inputs[1]->ndim, call->inputs[0]->ndim);
  const T* data = Input<T>(call, 0);
  T* out = Output<T>(call, 0);
  constexpr int64_t kBlock = 64;
  const int64_t cost = (rows + segments) * MinOf(kBlock, columns);
  return ParallelFor(call, CeilDiv(columns, kBlock), Grain(cost), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kBlock, last = MinOf(columns, end * kBlock);
    for (int64_t s = 0; s < segments; ++s) {
      for (int64_t c = first; c < last; ++c) out[s * columns + c] = start;
    }
    for (int64_t row = 0; row < rows; ++row) {
      if (ids[row] < 0) continue;
      if (columns == 1) {  // as in counting
        out[ids[row]] = Mode::Of(out[ids[row]], data[row]);
        continue;
      }
      const T* from = data + row * columns;
      T* to = out + ids[row] * columns;
      for (int64_t c = first; c < last; ++c) to[c] = Mode::Of(to[c], from[c]);
    }
  });
}

template <class T>
int DivideByCounts(penstock_call* call, const int64_t* ids, int64_t segments) {
  const int64_t columns = Extent(call->outputs[0], 1, call->outputs[0]->ndim);
  int64_t* counts = Scratch<int64_t>(call, segments);
  if (counts == nullptr) return PENSTOCK_NO_MEMORY;
  for (int64_t s = 0; s < segments; ++s) counts[s] = 0;
  for (int64_t row = 0; row < Count(call->inputs[1]); ++row) {
    if (ids[row] >= 0) ++counts[ids[row]];
  }
  T* out = Output<T>(call, 0);
  for (int64_t s = 0; s < segments; ++s) {
    const T number = static_cast<T>(MaxOf<int64_t>(counts[s], 1));
    for (int64_t c = 0; c < columns; ++c) out[s * columns + c] /= number;
  }
  return PENSTOCK_OK;
}

template <class Mode>
int Extreme(penstock_call* call, bool lowest) {
  const int64_t segments = IntAttr(call, 0);
  int status;
  const int64_t* ids = CheckedSegments(call, call->inputs[1], segments, &status);
  if (status != PENSTOCK_OK) return status;
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    return Gather<Mode, T>(call, ids, segments, Outermost<T>(lowest));
  });
}

}  // namespace

int SegmentSum(penstock_call* call) {
  const int64_t segments = IntAttr(call, 0);
  int status;
  const int64_t* ids = CheckedSegments(call, call->inputs[1], segments, &status);
  if (status != PENSTOCK_OK) return status;
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    return Gather<AddUp, T>(call, ids, segments, T{0});
  });
}

int SegmentMean(penstock_call* call) {
  const int64_t segments = IntAttr(call, 0);
  int status;
  const int64_t* ids = CheckedSegments(call, call->inputs[1], segments, &status);
  if (status != PENSTOCK_OK) return status;
  const auto average = [&](auto start) {
    using T = decltype(start);
    const int summed = Gather<AddUp, T>(call, ids, segments, start);
    return summed == PENSTOCK_OK ? DivideByCounts<T>(call, ids, segments) : summed;
  };
  return TypeKey(call->inputs[0]) == kF64 ? average(0.0) : average(0.0f);
}

int SegmentMax(penstock_call* call) { return Extreme<Larger>(call, true); }
int SegmentMin(penstock_call* call) { return Extreme<Smaller>(call, false); }

}  // namespace penstock::cpu::PENSTOCK_ISA
