// sort, argsort, top_k: by rows, each on one thread, so the number of threads changes nothing. searchsorted.
#include "combine.h"
#include "copy.h"
#include "penstock/kernel_abi.h"
#include "sort_keys.h"
#include "sort_vectors.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// A row of a tensor along an axis: element i lies at first[i * step].
template <class T>
struct Line {
  T* first;
  int64_t step;
  T& operator[](int64_t i) const { return first[i * step]; }
};

template <class T>
Line<T> LineOf(T* data, const AxisView& view, int64_t row) {
  return {data + row / view.inner * view.size * view.inner + row % view.inner, view.inner};
}

// body(row, memory) for every row; rows of one chunk share memory for 2 * size items.
template <class Item, class Body>
int ForEachLine(penstock_call* call, const AxisView& view, Body&& body) {
  if (view.size > int64_t{1} << 32) return Fail(call, "an axis of more than 2^32 elements");
  const int64_t rows = view.outer * view.inner;
  const int64_t grain = MaxOf(Grain(16 * view.size), CeilDiv(rows, 64));
  Item* memory = Scratch<Item>(call, CeilDiv(rows, grain) * 2 * view.size);
  if (memory == nullptr) return PENSTOCK_NO_MEMORY;
  return ParallelFor(call, rows, grain, [&](int64_t begin, int64_t end) {
    Item* own = memory + begin / grain * 2 * view.size;
    for (int64_t row = begin; row < end; ++row) body(row, own);
  });
}

// The row's positions in sorted order; `turn` is all ones for falling order.
template <class T, class K>
const Placed<K>* SortPlaces(const Line<const T>& x, int64_t n, K turn, Placed<K>* memory) {
  for (int64_t i = 0; i < n; ++i) {
    memory[i] = {static_cast<K>(SortKey<T>::Of(x[i]) ^ turn), static_cast<uint32_t>(i)};
  }
  return SortByKey(memory, memory + n, n);
}

// Where the order of equal keys cannot be seen. Returns where the result lies: `keys` or `spare`.
template <class K>
K* SortKeysAlone(K* keys, K* spare, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(K) == 4) return SortByKey32(keys, spare, n);
#endif
  return SortByKey(keys, spare, n);
}

// Says whether there is a -0 among the elements.
template <class T, class K, class Elements>
bool MakeKeys(const Elements& x, int64_t n, K turn, K* keys) {
  bool has_negative_zero = false;
  for (int64_t i = 0; i < n; ++i) {
    keys[i] = SortKey<T>::Of(x[i]) ^ turn;
    has_negative_zero |= SortKey<T>::IsNegativeZero(x[i]);
  }
  return has_negative_zero;
}

template <class T, class K>
void SortValues(const Line<const T>& x, const Line<T>& out, int64_t n, K turn, void* memory) {
  K* keys = static_cast<K*>(memory);
  // Neighbours become keys in vectors.
  const bool has_negative_zero =
      x.step == 1 ? MakeKeys<T>(x.first, n, turn, keys) : MakeKeys<T>(x, n, turn, keys);
  if (has_negative_zero) {  // keys do not tell the zeros apart, so elements themselves have to move
    Placed<K>* items = static_cast<Placed<K>*>(memory);
    const Placed<K>* sorted = SortPlaces(x, n, turn, items);
    T* copy = reinterpret_cast<T*>(sorted == items ? items + n : items);
    for (int64_t i = 0; i < n; ++i) copy[i] = x[sorted[i].position];
    for (int64_t i = 0; i < n; ++i) out[i] = copy[i];
    return;
  }
  const K* sorted = SortKeysAlone(keys, keys + n, n);
  for (int64_t i = 0; i < n; ++i) out[i] = SortKey<T>::Back(sorted[i] ^ turn);
}

// The k smallest keys of a few, kept sorted; of equal ones the earlier comes first.
template <class T, class K>
const Placed<K>* SelectFew(const Line<const T>& x, int64_t n, int64_t k, K turn, Placed<K>* best) {
  int64_t kept = 0;
  for (int64_t i = 0; i < n; ++i) {
    const K key = SortKey<T>::Of(x[i]) ^ turn;
    if (kept == k && key >= best[k - 1].key) continue;
    int64_t j = kept < k ? kept++ : k - 1;
    for (; j > 0 && best[j - 1].key > key; --j) best[j] = best[j - 1];
    best[j] = {key, static_cast<uint32_t>(i)};
  }
  return best;
}

template <class T>
int64_t CountBelow(const T* sorted, int64_t n, T value, bool and_equal) {
  const auto key = SortKey<T>::Of(value);
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    const auto at = SortKey<T>::Of(sorted[middle]);
    if (at < key || (and_equal && at == key)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

int Sort(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    using K = typename SortKey<T>::Key;
    const K turn = BoolAttr(call, 1) ? ~K{0} : K{0};
    return ForEachLine<Placed<K>>(call, view, [&](int64_t row, void* memory) {
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
    return ForEachLine<Placed<K>>(call, view, [&](int64_t row, Placed<K>* memory) {
      const auto* sorted =
          SortPlaces(LineOf(Input<T>(call, 0), view, row), view.size, turn, memory);
      const Line<int64_t> out = LineOf(Output<int64_t>(call, 0), view, row);
      for (int64_t i = 0; i < view.size; ++i) out[i] = sorted[i].position;
    });
  });
}

int TopK(penstock_call* call) {
  const int64_t k = IntAttr(call, 0);
  const AxisView view(call->inputs[0], IntAttr(call, 1));
  const AxisView best(view.outer, k, view.inner);
  const bool few = k <= 64 && k < view.size / 4;
  if (k == 0) return PENSTOCK_OK;
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    using K = typename SortKey<T>::Key;
    const K turn = BoolAttr(call, 2) ? ~K{0} : K{0};
    return ForEachLine<Placed<K>>(call, view, [&](int64_t row, Placed<K>* memory) {
      const Line<const T> x = LineOf(Input<T>(call, 0), view, row);
      const auto* found =
          few ? SelectFew(x, view.size, k, turn, memory) : SortPlaces(x, view.size, turn, memory);
      const Line<T> values = LineOf(Output<T>(call, 0), best, row);
      const Line<int64_t> positions = LineOf(Output<int64_t>(call, 1), best, row);
      for (int64_t i = 0; i < k; ++i) {
        values[i] = x[found[i].position];
        positions[i] = found[i].position;
      }
    });
  });
}

int SearchSorted(penstock_call* call) {
  const penstock_tensor *sorted = call->inputs[0], *values = call->inputs[1];
  const int64_t n = sorted->shape[sorted->ndim - 1], count = Count(values);
  const bool and_equal = StrAttrIs(call, 0, "right");
  // One sequence for all values, or one for each row of them.
  const int64_t row = sorted->ndim == 1 ? 0 : values->shape[values->ndim - 1];
  int64_t* out = Output<int64_t>(call, 0);
  return WithNumber(sorted, [&](auto* element) {
    using T = decltype(Pointee(element));
    return ParallelFor(call, count, Grain(64), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* sequence = Input<T>(call, 0) + (row ? i / row * n : 0);
        out[i] = CountBelow(sequence, n, Input<T>(call, 1)[i], and_equal);
      }
    });
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
