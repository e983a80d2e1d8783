// Reductions. A reduction over any axes becomes passes over a dense [outer, size, inner], innermost axes first; rows are
// folded in chunks fixed by the shape, so that the result never depends on the number of threads.
#include "columns.h"
#include "fold.h"
#include "passes.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

template <bool kFirst, class A, class B>
struct Choose {
  using Type = A;
};
template <class A, class B>
struct Choose<false, A, B> {
  using Type = B;
};

// ---- one pass ----

constexpr int64_t kColumnBlock = 256;

// out[c] = fold over rows of x[row, c], for up to kColumnBlock columns.
template <class Fold>
void FoldColumns(const float* x, int64_t rows, int64_t cols, int64_t row_step, float* out) {
  const Fold fold;
  ForVectors(
      cols,
      [&](int64_t c) {
        Vf acc = Splat(Fold::kInitial);
        for (int64_t r = 0; r < rows; ++r) acc = fold(acc, Load(x + r * row_step + c));
        Store(out + c, acc);
      },
      [&](int64_t c, int64_t n) {
        Vf acc = Splat(Fold::kInitial);
        for (int64_t r = 0; r < rows; ++r) acc = fold(acc, LoadPartial(x + r * row_step + c, n));
        StorePartial(out + c, acc, n);
      });
}

template <class Fold, class T>
void FoldColumns(const T* x, int64_t rows, int64_t cols, int64_t row_step, T* out) {
  const Fold fold;
  T acc[kColumnBlock];
  for (int64_t c = 0; c < cols; ++c) acc[c] = Fold::kInitial;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = x + r * row_step;
    for (int64_t c = 0; c < cols; ++c) acc[c] = fold(acc[c], row[c]);
  }
  memcpy(out, acc, static_cast<size_t>(cols) * sizeof(T));
}

// out[o] = fold of x[o, :]: long rows in chunks, whose results are folded again.
template <class T, class Fold>
int FoldRows(penstock_call* call, const T* x, int64_t outer, int64_t size, T* out) {
  const int64_t chunks = CeilDiv(size, kFoldChunk);
  T* partial = out;
  if (chunks > 1) {
    partial = Scratch<T>(call, outer * chunks);
    if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  }
  const int64_t pieces = MaxOf<int64_t>(1, chunks);
  const int status = ParallelFor(
      call, outer * pieces, Grain(MinOf(size, kFoldChunk)), [&](int64_t begin, int64_t end) {
        if (pieces == 1) {  // many short rows: without a division for each
          for (int64_t i = begin; i < end; ++i) out[i] = FoldRow<T, Fold>(x + i * size, size);
          return;
        }
        for (int64_t i = begin; i < end; ++i) {
          const int64_t first = i % pieces * kFoldChunk;
          partial[i] =
              FoldRow<T, Fold>(x + i / pieces * size + first, MinOf(kFoldChunk, size - first));
        }
      });
  if (status != PENSTOCK_OK || chunks <= 1) return status;
  return FoldRows<T, Fold>(call, partial, outer, chunks, out);
}

// out[o, :] = fold over s of x[o, s, :], in chunks of s and blocks of columns.
template <class T, class Fold>
int FoldMiddle(penstock_call* call, const T* x, int64_t outer, int64_t size, int64_t inner,
               T* out) {
  const int64_t per_chunk = RowsPerChunk(inner);
  const int64_t chunks = MaxOf<int64_t>(1, CeilDiv(size, per_chunk));
  const int64_t blocks = CeilDiv(inner, kColumnBlock);
  T* partial = out;
  if (chunks > 1) {
    partial = Scratch<T>(call, outer * chunks * inner);
    if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  }
  const int64_t cost = MinOf(per_chunk, size) * MinOf(inner, kColumnBlock);
  const int status =
      ParallelFor(call, outer * chunks * blocks, Grain(cost), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t col = i % blocks * kColumnBlock, chunk = i / blocks % chunks;
          const int64_t o = i / blocks / chunks, first = chunk * per_chunk;
          FoldColumns<Fold>(x + (o * size + first) * inner + col, MinOf(per_chunk, size - first),
                            MinOf(kColumnBlock, inner - col), inner,
                            partial + (o * chunks + chunk) * inner + col);
        }
      });
  if (status != PENSTOCK_OK || chunks == 1) return status;
  return FoldMiddle<T, Fold>(call, partial, outer, chunks, inner, out);
}

template <class T, class Fold>
int FoldPass(penstock_call* call, const T* x, int64_t outer, int64_t size, int64_t inner, T* out) {
  if (inner == 1) return FoldRows<T, Fold>(call, x, outer, size, out);
  return FoldMiddle<T, Fold>(call, x, outer, size, inner, out);
}

// Sums over leading axes (bias gradients) are common enough for a faster way.
template <>
int FoldPass<float, SumFold<float>>(penstock_call* call, const float* x, int64_t outer,
                                    int64_t size, int64_t inner, float* out) {
  if (inner == 1) return FoldRows<float, SumFold<float>>(call, x, outer, size, out);
  if (outer != 1) return FoldMiddle<float, SumFold<float>>(call, x, outer, size, inner, out);
  return SumColumns<1>(call, size, inner, MatrixRows{x, inner}, out);
}

template <class T, class Fold>
int Reduce(penstock_call* call) {
  return ReduceByPasses<T>(call,
                           [call](const T* x, int64_t outer, int64_t size, int64_t inner, T* out) {
                             return FoldPass<T, Fold>(call, x, outer, size, inner, out);
                           });
}

// Integers add and multiply as unsigned ones: they wrap around as numpy's do. (Sums of int32 are
// int64, and left to the reference.)
template <template <class> class Fold>
int Accumulate(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Reduce<float, Fold<float>>(call);
    case kF64:
      return Reduce<double, Fold<double>>(call);
    default:
      return Reduce<uint64_t, Fold<uint64_t>>(call);
  }
}

template <template <class> class Fold>
int Extreme(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return Reduce<float, Fold<float>>(call);
    case kF64:
      return Reduce<double, Fold<double>>(call);
    case kI32:
      return Reduce<int32_t, Fold<int32_t>>(call);
    default:
      return Reduce<int64_t, Fold<int64_t>>(call);
  }
}

template <class T>
int MeanOf(penstock_call* call) {
  const int status = Reduce<T, SumFold<T>>(call);
  if (status != PENSTOCK_OK) return status;
  T* out = Output<T>(call, 0);
  const int64_t n = Count(call->outputs[0]);
  const double count =
      n > 0 ? static_cast<double>(Count(call->inputs[0])) / static_cast<double>(n) : 0.0;
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(out[i] / count);
  return PENSTOCK_OK;
}

// ---- argmax, argmin ----

// Whether b displaces a: strictly better, or the first NaN. Without branches, so that loops of it become vectors.
template <bool kMax, class T>
bool Displaces(T b, T a) {
  return (kMax ? b > a : b < a) | ((b != b) & (a == a));
}

// Where `best` is first, or NaN if it is one; it must be there.
template <class T>
int64_t FirstOf(T best, const T* x, int64_t n) {
  constexpr int64_t kAtOnce = 64;
  int64_t i = 0;
  for (; i + kAtOnce <= n; i += kAtOnce) {
    int found = 0;
    for (int64_t j = i; j < i + kAtOnce; ++j) found |= (x[j] == best) | (x[j] != x[j]);
    if (found) break;
  }
  while (i < n - 1 && !(x[i] == best || x[i] != x[i])) ++i;
  return i;
}

// A piece is searched for its best element's place only while it lies in the first cache.
template <bool kMax, class T>
int64_t FirstBest(const T* x, int64_t n) {
  using Fold = typename Choose<kMax, MaxFold<T>, MinFold<T>>::Type;
  constexpr int64_t kPiece = 4096;
  int64_t from = 0;
  T best = FoldRow<T, Fold>(x, MinOf(kPiece, n));
  for (int64_t i = kPiece; i < n; i += kPiece) {
    const T other = FoldRow<T, Fold>(x + i, MinOf(kPiece, n - i));
    if (!Displaces<kMax>(other, best)) continue;
    best = other;
    from = i;
  }
  return from + FirstOf(best, x + from, MinOf(kPiece, n - from));
}

// place[c] = which of the rows is best in column c, for up to kColumnBlock columns. Places are as wide as elements, for
// vectors of both.
template <bool kMax, class T>
void FirstBestRows(const T* x, int64_t rows, int64_t cols, int64_t row_step, int64_t* place) {
  using Narrow = typename Choose<sizeof(T) == 4, int32_t, int64_t>::Type;
  constexpr int64_t kMost = int64_t{1} << 30;  // rows that a narrow place can number
  T best[kColumnBlock], own[kColumnBlock];
  Narrow at[kColumnBlock];
  for (int64_t first = 0; first < rows; first += kMost) {
    const T* from = x + first * row_step;
    memcpy(own, from, static_cast<size_t>(cols) * sizeof(T));
    for (int64_t c = 0; c < cols; ++c) at[c] = 0;
    for (int64_t r = 1; r < MinOf(kMost, rows - first); ++r) {
      const T* row = from + r * row_step;
      for (int64_t c = 0; c < cols; ++c) {
        const bool better = Displaces<kMax>(row[c], own[c]);
        own[c] = better ? row[c] : own[c];
        at[c] = better ? static_cast<Narrow>(r) : at[c];
      }
    }
    for (int64_t c = 0; c < cols; ++c) {
      if (first > 0 && !Displaces<kMax>(own[c], best[c])) continue;
      best[c] = own[c];
      place[c] = first + at[c];
    }
  }
}

template <bool kMax, class T>
int ArgBestOf(penstock_call* call) {
  const penstock_tensor* x = call->inputs[0];
  const AxisView view = IsNone(call, 0) ? AxisView(1, Count(x), 1) : AxisView(x, IntAttr(call, 0));
  if (view.size == 0 && view.outer * view.inner > 0) {
    return Fail(call, "%s of an empty axis", call->op);
  }
  const T* data = Data<const T>(x);
  int64_t* out = Output<int64_t>(call, 0);
  if (view.inner == 1) {
    return ParallelFor(call, view.outer, Grain(view.size), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = FirstBest<kMax>(data + i * view.size, view.size);
      }
    });
  }
  const int64_t blocks = CeilDiv(view.inner, kColumnBlock);
  const int64_t cost = view.size * MinOf(view.inner, kColumnBlock);
  return ParallelFor(call, view.outer * blocks, Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i / blocks, col = i % blocks * kColumnBlock;
      FirstBestRows<kMax>(data + o * view.size * view.inner + col, view.size,
                          MinOf(kColumnBlock, view.inner - col), view.inner,
                          out + o * view.inner + col);
    }
  });
}

template <bool kMax>
int ArgBest(penstock_call* call) {
  switch (TypeKey(call->inputs[0])) {
    case kF32:
      return ArgBestOf<kMax, float>(call);
    case kF64:
      return ArgBestOf<kMax, double>(call);
    case kI32:
      return ArgBestOf<kMax, int32_t>(call);
    default:
      return ArgBestOf<kMax, int64_t>(call);
  }
}

}  // namespace

int Sum(penstock_call* call) { return Accumulate<SumFold>(call); }
int Prod(penstock_call* call) { return Accumulate<ProdFold>(call); }
int Max(penstock_call* call) { return Extreme<MaxFold>(call); }
int Min(penstock_call* call) { return Extreme<MinFold>(call); }
int Any(penstock_call* call) { return Reduce<uint8_t, MaxFold<uint8_t>>(call); }
int All(penstock_call* call) { return Reduce<uint8_t, MinFold<uint8_t>>(call); }
int ArgMax(penstock_call* call) { return ArgBest<true>(call); }
int ArgMin(penstock_call* call) { return ArgBest<false>(call); }

int Mean(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kF64 ? MeanOf<double>(call) : MeanOf<float>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
