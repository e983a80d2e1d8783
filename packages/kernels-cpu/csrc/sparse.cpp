// A sparse matrix times a dense one: each stored element adds a multiple of a row of x to a row of the result.
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Columns of the result that one task fills; tasks split columns only, so that sums keep their order.
constexpr int64_t kColumns = 64;

template <class Index>
int CheckPlaces(penstock_call* call, const char* name, const Index* places, int64_t n,
                int64_t size) {
  for (int64_t i = 0; i < n; ++i) {
    if (places[i] >= 0 && places[i] < size) continue;
    Fail(call, "%s %lld at position %lld is out of range for %lld %ss; use 0 to %lld", name,
         static_cast<long long>(places[i]), static_cast<long long>(i), static_cast<long long>(size),
         name, static_cast<long long>(size - 1));
    return PENSTOCK_OUT_OF_RANGE;
  }
  return PENSTOCK_OK;
}

template <class T, class Index>
int Run(penstock_call* call) {
  const T *values = Input<T>(call, 0), *x = Input<T>(call, 3);
  const Index *rows = Input<Index>(call, 1), *columns = Input<Index>(call, 2);
  const int64_t stored = Count(call->inputs[0]), wide = call->inputs[3]->shape[1];
  T* y = Output<T>(call, 0);
  int status = CheckPlaces(call, "row", rows, stored, call->outputs[0]->shape[0]);
  if (status == PENSTOCK_OK)
    status = CheckPlaces(call, "column", columns, stored, call->inputs[3]->shape[0]);
  if (status != PENSTOCK_OK) return status;
  memset(y, 0, static_cast<size_t>(Count(call->outputs[0])) * sizeof(T));
  return ParallelFor(call, CeilDiv(wide, kColumns), Grain(stored * kColumns),
                     [&](int64_t begin, int64_t end) {
                       const int64_t first = begin * kColumns, last = MinOf(wide, end * kColumns);
                       for (int64_t k = 0; k < stored; ++k) {
                         const T value = values[k];
                         const T* from = x + columns[k] * wide;
                         T* to = y + rows[k] * wide;
                         for (int64_t j = first; j < last; ++j) to[j] += value * from[j];
                       }
                     });
}

template <class T>
int OfType(penstock_call* call) {
  return TypeKey(call->inputs[1]) == kI32 ? Run<T, int32_t>(call) : Run<T, int64_t>(call);
}

}  // namespace

int SparseMatMul(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kF32 ? OfType<float>(call) : OfType<double>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
