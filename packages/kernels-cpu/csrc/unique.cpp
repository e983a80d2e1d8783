// unique: the different elements of a tensor, by sorting positions, on one thread.
#include "combine.h"
#include "copy.h"
#include "penstock/kernel_abi.h"
#include "sort_lines.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Equal elements follow each other, the first one first; missing ones repeat the very first.
template <class T>
void WriteUnique(penstock_call* call, const uint64_t* sorted, int64_t n, int64_t size) {
  const T* x = Input<T>(call, 0);
  T* values = Output<T>(call, 0);
  int64_t *first = Output<int64_t>(call, 1), *places = Output<int64_t>(call, 2),
          *counts = Output<int64_t>(call, 3);
  int64_t found = 0, begin = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t position = PositionOf(sorted[i]);
    const int64_t next = i + 1 < n ? PositionOf(sorted[i + 1]) : position;
    places[position] = found;
    if (i + 1 < n && SortKey<T>::Of(x[next]) == SortKey<T>::Of(x[position])) continue;
    if (found < size) {
      first[found] = PositionOf(sorted[begin]);
      values[found] = x[first[found]];
      counts[found] = i + 1 - begin;
    }
    ++found;
    begin = i + 1;
  }
  for (int64_t i = MinOf(found, size); i < size; ++i) {
    values[i] = found ? values[0] : T{0};
    first[i] = found ? first[0] : 0;
    counts[i] = 0;
  }
}

}  // namespace

int Unique(penstock_call* call) {
  const int64_t n = Count(call->inputs[0]);
  if (n > int64_t{1} << 32) return Fail(call, "more than 2^32 elements");
  uint64_t* memory = Scratch<uint64_t>(call, 2 * n);
  if (memory == nullptr) return PENSTOCK_NO_MEMORY;
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    using K = typename SortKey<T>::Key;
    const uint64_t* sorted = SortPlaces<T>(Input<T>(call, 0), n, K{0}, memory);
    WriteUnique<T>(call, sorted, n, IntAttr(call, 0));
    return PENSTOCK_OK;
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
