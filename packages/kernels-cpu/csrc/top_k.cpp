// top_k: by rows, each on one thread, so the number of threads changes nothing.
#include "combine.h"
#include "copy.h"
#include "sort_lines.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kBlock = 128;

// The keys of some elements of a row.
template <class T, class K>
int64_t KeysOf(const Line<const T>& x, int64_t begin, int64_t n, K turn, K* keys) {
  const int64_t count = MinOf(kBlock, n - begin);
  if (x.step == 1) {
    for (int64_t i = 0; i < count; ++i) keys[i] = SortKey<T>::Of(x.first[begin + i]) ^ turn;
  } else {
    for (int64_t i = 0; i < count; ++i) keys[i] = SortKey<T>::Of(x[begin + i]) ^ turn;
  }
  return count;
}

// Whether a key is below the bound, or equal to it where that counts.
template <class K>
bool AnyWithin(const K* keys, int64_t n, K bound, bool and_equal) {
  K below = 0, equal = 0;
  for (int64_t i = 0; i < n; ++i) {
    below |= keys[i] < bound;
    equal |= keys[i] == bound;
  }
  return below != 0 || (and_equal && equal != 0);
}

// The largest of the k smallest keys, and how many of these are smaller than it.
template <class K>
struct Bound {
  K key;
  int64_t below;
};

// Keeps candidates, whose number is cut to k each time that there is no room for another block. Memory: twice `room`.
template <class T, class K>
Bound<K> FindBound(const Line<const T>& x, int64_t n, int64_t k, K turn, K* kept, int64_t room) {
  K keys[kBlock];
  Bound<K> bound = {~K{0}, 0};
  int64_t count = 0;
  const auto cut = [&] {
    SortKeys(kept, kept + room, count, ~K{0});
    count = MinOf(count, k);
    if (count == k) bound.key = kept[k - 1];
  };
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = KeysOf(x, begin, n, turn, keys);
    if (!AnyWithin(keys, size, bound.key, false)) continue;
    if (count + size > room) cut();
    for (int64_t i = 0; i < size; ++i) {
      kept[count] = keys[i];
      count += keys[i] < bound.key;
    }
  }
  cut();
  while (bound.below < count && kept[bound.below] < bound.key) ++bound.below;
  return bound;
}

// The positions of the k smallest keys, rising; of those equal to the bound the first ones.
template <class T, class K>
void FindPositions(const Line<const T>& x, int64_t n, int64_t k, K turn, Bound<K> bound,
                   uint32_t* positions) {
  K keys[kBlock];
  int64_t equal = k - bound.below;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = KeysOf(x, begin, n, turn, keys);
    if (!AnyWithin(keys, size, bound.key, equal > 0)) continue;
    for (int64_t i = 0; i < size; ++i) {
      if (keys[i] > bound.key || (keys[i] == bound.key && equal-- <= 0)) continue;
      *positions++ = static_cast<uint32_t>(begin + i);
    }
  }
}

// Those elements of a row that are looked at.
template <class T>
struct Chosen {
  Line<const T> x;
  const uint32_t* positions;
  T operator[](int64_t i) const { return x[positions[i]]; }
};

// Room for candidates.
constexpr int64_t RoomFor(int64_t k) { return 2 * k + 2 * kBlock; }

template <class T, class K>
void TopKOfMany(const Line<const T>& x, int64_t n, int64_t k, K turn, uint64_t* memory,
                const Line<T>& values, const Line<int64_t>& places) {
  const Bound<K> bound = FindBound(x, n, k, turn, reinterpret_cast<K*>(memory), RoomFor(k));
  uint32_t* positions = reinterpret_cast<uint32_t*>(memory + 2 * k);
  FindPositions(x, n, k, turn, bound, positions);
  const uint64_t* sorted = SortPlaces<T>(Chosen<T>{x, positions}, k, turn, memory);
  for (int64_t i = 0; i < k; ++i) {
    places[i] = positions[PositionOf(sorted[i])];
    values[i] = x[places[i]];
  }
}

template <class T, class K>
void TopKOfFew(const Line<const T>& x, int64_t n, int64_t k, K turn, uint64_t* memory,
               const Line<T>& values, const Line<int64_t>& places) {
  const uint64_t* sorted = SortPlaces<T>(x, n, turn, memory);
  for (int64_t i = 0; i < k; ++i) {
    places[i] = PositionOf(sorted[i]);
    values[i] = x[places[i]];
  }
}

}  // namespace

int TopK(penstock_call* call) {
  const int64_t k = IntAttr(call, 0);
  const AxisView view(call->inputs[0], IntAttr(call, 1));
  const AxisView best(view.outer, k, view.inner);
  if (k == 0) return PENSTOCK_OK;
  return WithNumber(call->inputs[0], [&](auto* element) {
    using T = decltype(Pointee(element));
    using K = typename SortKey<T>::Key;
    const K turn = BoolAttr(call, 2) ? ~K{0} : K{0};
    return ForEachLine<uint64_t>(call, view, [&](int64_t row, uint64_t* memory) {
      const auto find = 2 * RoomFor(k) <= view.size ? TopKOfMany<T, K> : TopKOfFew<T, K>;
      find(LineOf(Input<T>(call, 0), view, row), view.size, k, turn, memory,
           LineOf(Output<T>(call, 0), best, row), LineOf(Output<int64_t>(call, 1), best, row));
    });
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
