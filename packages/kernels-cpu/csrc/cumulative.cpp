// Running sums, products and extremes along an axis.
#include "penstock/kernel_abi.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Float sums and products run in double, integers in unsigned arithmetic, which wraps around.
struct RunningSum {
  using Total = double;
  static double Neutral() { return 0; }
  static double Next(double total, double x) { return total + x; }
};

struct RunningProduct {
  using Total = double;
  static double Neutral() { return 1; }
  static double Next(double total, double x) { return total * x; }
};

struct RunningIntegerSum {
  using Total = uint64_t;
  static uint64_t Neutral() { return 0; }
  static uint64_t Next(uint64_t total, uint64_t x) { return total + x; }
};

struct RunningIntegerProduct {
  using Total = uint64_t;
  static uint64_t Neutral() { return 1; }
  static uint64_t Next(uint64_t total, uint64_t x) { return total * x; }
};

// What is below everything else: minus infinity, or the smallest integer.
template <class T>
constexpr T Lowest() {
  if constexpr (static_cast<T>(0.5) != 0) {
    return static_cast<T>(-__builtin_inf());
  } else {
    return static_cast<T>(uint64_t{1} << (8 * sizeof(T) - 1));
  }
}

template <class T>
constexpr T Highest() {
  if constexpr (static_cast<T>(0.5) != 0) {
    return static_cast<T>(__builtin_inf());
  } else {
    return static_cast<T>(~(uint64_t{1} << (8 * sizeof(T) - 1)));
  }
}

// A NaN stays.
template <class T>
struct RunningMaximum {
  using Total = T;
  static T Neutral() { return Lowest<T>(); }
  static T Next(T total, T x) { return total > x || total != total ? total : x; }
};

template <class T>
struct RunningMinimum {
  using Total = T;
  static T Neutral() { return Highest<T>(); }
  static T Next(T total, T x) { return total < x || total != total ? total : x; }
};

// ---- sums of neighbouring floats ----

// As many totals as a vector of doubles has lanes: fewer steps wait for each other than elements there are.
constexpr int kWide = PENSTOCK_VECTOR_BYTES / 8;
typedef double Wide __attribute__((vector_size(PENSTOCK_VECTOR_BYTES)));
typedef float Narrow __attribute__((vector_size(PENSTOCK_VECTOR_BYTES / 2)));

inline Wide LoadWide(const float* x) {
  Narrow v;
  memcpy(&v, x, sizeof v);
  return __builtin_convertvector(v, Wide);
}

// The lanes one place further, behind a zero.
inline Wide Shifted(Wide v) {
#if PENSTOCK_VECTOR_BYTES == 64
  return __builtin_shufflevector(Wide{}, v, 0, 8, 9, 10, 11, 12, 13, 14);
#elif PENSTOCK_VECTOR_BYTES == 32
  return __builtin_shufflevector(Wide{}, v, 0, 4, 5, 6);
#else
  return __builtin_shufflevector(Wide{}, v, 0, 2);
#endif
}

// Lane i becomes the sum of lanes 0 ... i.
inline Wide SumsOfLanes(Wide v) {
  v += Shifted(v);
#if PENSTOCK_VECTOR_BYTES == 64
  v += __builtin_shufflevector(Wide{}, v, 0, 1, 8, 9, 10, 11, 12, 13);
  v += __builtin_shufflevector(Wide{}, v, 0, 1, 2, 3, 8, 9, 10, 11);
#elif PENSTOCK_VECTOR_BYTES == 32
  v += __builtin_shufflevector(Wide{}, v, 0, 1, 4, 5);
#endif
  return v;
}

void SumNeighbours(const float* x, float* out, int64_t n, bool exclusive, double total) {
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide) {
    const Wide sums = SumsOfLanes(LoadWide(x + i));
    const Narrow result =
        __builtin_convertvector((exclusive ? Shifted(sums) : sums) + total, Narrow);
    memcpy(out + i, &result, sizeof result);
    total += sums[kWide - 1];
  }
  for (; i < n; ++i) {
    const double before = total;
    total += x[i];
    out[i] = static_cast<float>(exclusive ? before : total);
  }
}

double SumOfNeighbours(const float* x, int64_t n) {
  Wide sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kWide <= n; i += 4 * kWide) {
    for (int k = 0; k < 4; ++k) sums[k] += LoadWide(x + i + k * kWide);
  }
  const Wide all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double total = 0;
  for (int lane = 0; lane < kWide; ++lane) total += all[lane];
  for (; i < n; ++i) total += x[i];
  return total;
}

// ---- walks ----

// The elements of a line in the order of the walk: element i lies at first + i * step.
struct Walk {
  int64_t first, step;
  bool exclusive;
};

// Several neighbouring lines at once, elements begin ... end - 1, each from its own total, which is lost.
template <class Running, class T>
void WalkLines(const T* x, T* out, const Walk& walk, int64_t begin, int64_t end, int64_t lines,
               typename Running::Total* totals) {
  if constexpr (__is_same(Running, RunningSum)) {
    if (lines == 1 && walk.step == 1) {
      return SumNeighbours(x + begin, out + begin, end - begin, walk.exclusive, *totals);
    }
  }
  for (int64_t i = begin; i < end; ++i) {
    const int64_t at = walk.first + i * walk.step;
    for (int64_t line = 0; line < lines; ++line) {
      const auto before = totals[line];
      totals[line] = Running::Next(before, static_cast<typename Running::Total>(x[at + line]));
      out[at + line] = static_cast<T>(walk.exclusive ? before : totals[line]);
    }
  }
}

template <class Running, class T>
typename Running::Total TotalOf(const T* x, const Walk& walk, int64_t begin, int64_t end) {
  if constexpr (__is_same(Running, RunningSum)) {
    if (walk.step == 1) return SumOfNeighbours(x + begin, end - begin);
  }
  auto total = Running::Neutral();
  for (int64_t i = begin; i < end; ++i) {
    total =
        Running::Next(total, static_cast<typename Running::Total>(x[walk.first + i * walk.step]));
  }
  return total;
}

// Long lines whose elements are neighbours: totals of fixed chunks, then each chunk from what lies before it.
template <class Running, class T>
int LongLines(penstock_call* call, const AxisView& view, Walk walk, const T* x, T* out) {
  using Total = typename Running::Total;
  const int64_t chunks = CeilDiv(view.size, kChunk);
  Total* totals = Scratch<Total>(call, view.outer * chunks);
  if (totals == nullptr) return PENSTOCK_NO_MEMORY;
  const auto end_of = [&](int64_t chunk) { return MinOf(view.size, (chunk + 1) * kChunk); };
  int status = ParallelFor(call, view.outer * chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t chunk = i % chunks;
      totals[i] = TotalOf<Running>(x + i / chunks * view.size, walk, chunk * kChunk, end_of(chunk));
    }
  });
  if (status != PENSTOCK_OK) return status;
  for (int64_t o = 0; o < view.outer; ++o) {
    Total before = Running::Neutral();
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const Total own = totals[o * chunks + chunk];
      totals[o * chunks + chunk] = before;
      before = Running::Next(before, own);
    }
  }
  return ParallelFor(call, view.outer * chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / chunks * view.size, chunk = i % chunks;
      WalkLines<Running>(x + row, out + row, walk, chunk * kChunk, end_of(chunk), 1, totals + i);
    }
  });
}

template <class Running, class T>
int ShortLines(penstock_call* call, const AxisView& view, Walk walk, const T* x, T* out) {
  constexpr int64_t kBlock = 64;
  const int64_t blocks = CeilDiv(view.inner, kBlock);
  const int64_t cost = view.size * MinOf(kBlock, view.inner);
  return ParallelFor(call, view.outer * blocks, Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % blocks * kBlock;
      const int64_t at = i / blocks * view.size * view.inner + column;
      typename Running::Total totals[kBlock];
      for (auto& total : totals) total = Running::Neutral();
      WalkLines<Running>(x + at, out + at, walk, 0, view.size, MinOf(kBlock, view.inner - column),
                         totals);
    }
  });
}

template <class Running, class T>
int Run(penstock_call* call, bool exclusive, bool reverse) {
  const penstock_tensor* x = call->inputs[0];
  const AxisView view = IsNone(call, 0) ? AxisView(1, Count(x), 1) : AxisView(x, IntAttr(call, 0));
  const Walk walk = {reverse ? (view.size - 1) * view.inner : 0, reverse ? -view.inner : view.inner,
                     exclusive};
  const bool is_long = view.inner == 1 && view.size > 2 * kChunk;
  const T* from = Input<T>(call, 0);
  T* to = Output<T>(call, 0);
  return is_long ? LongLines<Running>(call, view, walk, from, to)
                 : ShortLines<Running>(call, view, walk, from, to);
}

template <class Floating, class Integer>
int Total(penstock_call* call) {
  const bool exclusive = BoolAttr(call, 1), reverse = BoolAttr(call, 2);
  if (TypeKey(call->inputs[0]) == kI64) return Run<Integer, int64_t>(call, exclusive, reverse);
  return Run<Floating, float>(call, exclusive, reverse);
}

template <template <class> class Extreme>
int Best(penstock_call* call) {
  const bool reverse = BoolAttr(call, 1);
  switch (TypeKey(call->inputs[0])) {
    case kI32:
      return Run<Extreme<int32_t>, int32_t>(call, false, reverse);
    case kI64:
      return Run<Extreme<int64_t>, int64_t>(call, false, reverse);
    default:
      return Run<Extreme<float>, float>(call, false, reverse);
  }
}

}  // namespace

int CumSum(penstock_call* call) { return Total<RunningSum, RunningIntegerSum>(call); }
int CumProd(penstock_call* call) { return Total<RunningProduct, RunningIntegerProduct>(call); }
int CumMax(penstock_call* call) { return Best<RunningMaximum>(call); }
int CumMin(penstock_call* call) { return Best<RunningMinimum>(call); }

}  // namespace penstock::cpu::PENSTOCK_ISA
