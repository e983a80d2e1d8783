// sort, argsort: by rows, each on one thread, so the number of threads changes nothing. searchsorted.
#include "combine.h"
#include "copy.h"
#include "penstock/kernel_abi.h"
#include "sort_lines.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Says whether there is a -0 among the elements.
template <class T, class K, class Elements>
bool MakeKeys(const Elements& x, int64_t n, K turn, K* keys) {
  K negative_zeros = 0;
  for (int64_t i = 0; i < n; ++i) {
    keys[i] = SortKey<T>::Of(x[i]) ^ turn;
    negative_zeros |= SortKey<T>::IsNegativeZero(x[i]);
  }
  return negative_zeros != 0;
}

// Keys do not tell the zeros apart: these keep their order.
template <class T>
int64_t CopyZeros(const Line<const T>& x, int64_t n, T* zeros) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    zeros[count] = x[i];
    count += x[i] == 0;
  }
  return count;
}

// Keys become elements; they may lie in the same memory.
template <class T, class K>
void MakeElements(const K* keys, int64_t n, K turn, const Line<T>& out) {
  for (int64_t i = 0; i < n; ++i) {
    K key;
    memcpy(&key, keys + i, sizeof key);
    const T x = SortKey<T>::Back(key ^ turn);
    memcpy(&out[i], &x, sizeof x);
  }
}

// `out` may be the memory of `x`. Where it is not, keys are sorted in it.
template <class T, class K>
void SortValues(const Line<const T>& x, const Line<T>& out, int64_t n, K turn, K* memory) {
  const bool dense = x.step == 1;
  K* keys = dense && x.first != out.first ? reinterpret_cast<K*>(out.first) : memory;
  K* spare = memory + n;
  // Neighbours become keys in vectors.
  const bool has_negative_zero =
      dense ? MakeKeys<T>(x.first, n, turn, keys) : MakeKeys<T>(x, n, turn, keys);
  SortKeys(keys, spare, n, ~K{0});
  T* zeros = reinterpret_cast<T*>(spare);
  const int64_t count = has_negative_zero ? CopyZeros(x, n, zeros) : 0;
  if (dense) {
    MakeElements(keys, n, turn, Line<T>{out.first, 1});
  } else {
    MakeElements(keys, n, turn, out);
  }
  if (count == 0) return;
  int64_t first = 0;
  while (out[first] != 0) ++first;
  for (int64_t i = 0; i < count; ++i) out[first + i] = zeros[i];
}

// Searches that take their steps together: each waits for memory, and nobody can foresee where it turns.
constexpr int64_t kSearches = 8;

// How many elements are below each of some values (kEqual: or equal to it). NaN is the largest, and equal to itself.
template <bool kEqual, class T>
void CountBelow(const T* sorted, int64_t n, const T (&values)[kSearches], int64_t* found) {
  const auto below = [](T x, T value) {
    return kEqual ? (x <= value) | (value != value) : (x < value) | ((value != value) & (x == x));
  };
  for (int64_t i = 0; i < kSearches; ++i) found[i] = 0;
  int64_t size = n;
  for (; size > 1; size -= size / 2) {
    const int64_t half = size / 2;
    for (int64_t i = 0; i < kSearches; ++i) {
      found[i] += half & -static_cast<int64_t>(below(sorted[found[i] + half - 1], values[i]));
    }
  }
  for (int64_t i = 0; i < kSearches && size > 0; ++i) {
    found[i] += below(sorted[found[i]], values[i]);
  }
}

// The same for any number of values.
template <class T>
void CountEachBelow(const T* sorted, int64_t n, const T* values, int64_t count, bool and_equal,
                    int64_t* out) {
  const auto search = and_equal ? CountBelow<true, T> : CountBelow<false, T>;
  for (int64_t i = 0; i < count; i += kSearches) {
    const int64_t some = MinOf(kSearches, count - i);
    T sought[kSearches];
    int64_t found[kSearches];
    for (int64_t j = 0; j < kSearches; ++j) sought[j] = values[i + MinOf(j, some - 1)];
    search(sorted, n, sought, found);
    memcpy(out + i, found, static_cast<size_t>(some) * sizeof(int64_t));
  }
}

}  // namespace

int Sort(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    using K = typename SortKey<T>::Key;
    const K turn = BoolAttr(call, 1) ? ~K{0} : K{0};
    return ForEachLine<K>(call, view, [&](int64_t row, K* memory) {
      SortValues(LineOf(Input<T>(call, 0), view, row), LineOf(Output<T>(call, 0), view, row),
                 view.size, turn, memory);
    });
  });
}

int ArgSort(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    using K = typename SortKey<T>::Key;
    const K turn = BoolAttr(call, 1) ? ~K{0} : K{0};
    return ForEachLine<uint64_t>(call, view, [&](int64_t row, uint64_t* memory) {
      const uint64_t* sorted =
          SortPlaces<T>(LineOf(Input<T>(call, 0), view, row), view.size, turn, memory);
      const Line<int64_t> out = LineOf(Output<int64_t>(call, 0), view, row);
      for (int64_t i = 0; i < view.size; ++i) out[i] = PositionOf(sorted[i]);
    });
  });
}

int SearchSorted(penstock_call* call) {
  const penstock_tensor *sorted = call->inputs[0], *values = call->inputs[1];
  const int64_t n = sorted->shape[sorted->ndim - 1], count = Count(values);
  const bool and_equal = StrAttrIs(call, 0, "right");
  // One sequence for all values, or one for each row of them.
  const int64_t row =
      MaxOf<int64_t>(sorted->ndim == 1 ? count : values->shape[values->ndim - 1], 1);
  return WithNumber(sorted, [&](auto* element) {
    using T = decltype(Pointee(element));
    return ParallelFor(call, count, Grain(64), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin, next; i < end; i = next) {
        next = MinOf(end, (i / row + 1) * row);
        CountEachBelow(Input<T>(call, 0) + i / row * n, n, Input<T>(call, 1) + i, next - i,
                       and_equal, Output<int64_t>(call, 0) + i);
      }
    });
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
