// Rows of a tensor along an axis, and their positions in sorted order.
#ifndef PENSTOCK_KERNELS_CPU_SORT_LINES_H_
#define PENSTOCK_KERNELS_CPU_SORT_LINES_H_

#include "sort_vectors.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Element i lies at first[i * step].
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

// A key of 32 bits above the position that it came from: no two are equal, and their order is the stable one.
inline uint64_t Placed(uint64_t key, int64_t position) {
  return key << 32 | static_cast<uint64_t>(position);
}

inline int64_t PositionOf(uint64_t placed) { return static_cast<uint32_t>(placed); }

// How many digits of a key differ anywhere, given those bits that do.
inline int DigitsOf(uint64_t bits) {
  int digits = 0;
  for (; bits != 0; bits >>= kRadixBits) digits += (bits & (kRadixSize - 1)) != 0;
  return digits;
}

// Positions rise as they are placed. `differ` are the bits of keys that do anywhere: a pass for each of few digits beats
// comparing.
inline void SortPlaced(uint64_t* items, uint64_t* spare, int64_t n, uint64_t differ) {
  if (DigitsOf(differ) <= 2) {
    RadixSort(items, spare, n, differ << 32);
  } else {
    SortKeys(items, spare, n, differ << 32);
  }
}

// Items are sorted by a part of their keys; sorts those equal in it by the rest, of 32 bits: rest(position).
template <class Rest>
void SortRuns(uint64_t* items, uint64_t* spare, int64_t n, Rest&& rest) {
  for (int64_t begin = 0, end; begin < n; begin = end) {
    const uint64_t part = items[begin] >> 32;
    for (end = begin + 1; end < n && items[end] >> 32 == part;) ++end;
    if (end - begin == 1) continue;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t position = PositionOf(items[i]);
      items[i] = Placed(rest(position), position);
    }
    if (end - begin < 8) {
      InsertionSort(items + begin, end - begin);
    } else {
      SortKeys(items + begin, spare, end - begin, ~uint64_t{0} << 32);
    }
  }
}

// Items whose positions are those of the row in sorted order; `turn` is all ones for falling order. Needs memory for 2 n.
template <class T, class K, class Elements>
const uint64_t* SortPlaces(const Elements& x, int64_t n, K turn, uint64_t* items) {
  const auto key = [&](int64_t i) { return static_cast<K>(SortKey<T>::Of(x[i]) ^ turn); };
  if (Never<K>(n, [&](int64_t i) { return key(i - 1) > key(i); })) {
    for (int64_t i = 0; i < n; ++i) items[i] = Placed(0, i);
    return items;
  }
  const K first = key(0);
  K differ = 0;
  for (int64_t i = 1; i < n; ++i) differ |= key(i) ^ first;
  if constexpr (sizeof(K) == 4) {
    for (int64_t i = 0; i < n; ++i) items[i] = Placed(key(i), i);
    SortPlaced(items, items + n, n, differ);
  } else {
    // By the 32 bits from the first one that differs; by the others where that leaves equals.
    const int shift = __builtin_clzll(differ);
    for (int64_t i = 0; i < n; ++i) items[i] = Placed(key(i) << shift >> 32, i);
    SortPlaced(items, items + n, n, differ << shift >> 32);
    if (differ << shift & 0xffffffffu) {
      SortRuns(items, items + n, n, [&](int64_t i) { return key(i) << shift & 0xffffffffu; });
    }
  }
  return items;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_SORT_LINES_H_
