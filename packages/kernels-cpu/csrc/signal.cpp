// Signals cut into frames that overlap, and put together again. A row of time is one task or more.
#include "penstock/kernel_abi.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// [..., frames, length] of a call, seen from the tensor that has both axes.
struct Frames {
  int64_t rows, count, length, step;
  Frames(const penstock_tensor* framed, int64_t step)
      : rows(Extent(framed, 0, framed->ndim - 2)),
        count(framed->shape[framed->ndim - 2]),
        length(framed->shape[framed->ndim - 1]),
        step(step) {}
};

template <class T>
int CutFrames(penstock_call* call) {
  const penstock_tensor* x = call->inputs[0];
  const Frames frames(call->outputs[0], IntAttr(call, 2));
  const int64_t size = x->shape[x->ndim - 1];
  const T fill = static_cast<T>(FloatAttr(call, 3));
  const T* from = Input<T>(call, 0);
  T* to = Output<T>(call, 0);
  return ParallelFor(
      call, frames.rows * frames.count, Grain(frames.length), [&](int64_t begin, int64_t end) {
        for (int64_t f = begin; f < end; ++f) {
          const int64_t first = f % frames.count * frames.step;
          const int64_t whole = MinOf(frames.length, MaxOf<int64_t>(size - first, 0));
          T* out = to + f * frames.length;
          if (whole > 0) {
            memcpy(out, from + f / frames.count * size + first,
                   static_cast<size_t>(whole) * sizeof(T));
          }
          for (int64_t i = whole; i < frames.length; ++i) out[i] = fill;
        }
      });
}

// Every element adds up what the frames over it hold, first frame first, whatever the chunk that it lies in.
template <class T>
int AddFrames(penstock_call* call) {
  const Frames frames(call->inputs[0], IntAttr(call, 1));
  const penstock_tensor* y = call->outputs[0];
  const int64_t size = y->shape[y->ndim - 1];
  if (Count(y) == 0) return PENSTOCK_OK;
  const int64_t piece = MaxOf<int64_t>(frames.step, 8192), pieces = CeilDiv(size, piece);
  const T* from = Input<T>(call, 0);
  T* to = Output<T>(call, 0);
  return ParallelFor(call, frames.rows * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t row = p / pieces, first = p % pieces * piece;
      const int64_t last = MinOf(first + piece, size);
      T* out = to + row * size;
      memset(out + first, 0, static_cast<size_t>(last - first) * sizeof(T));
      const int64_t before = first - frames.length;  // frames that end here or earlier do not count
      for (int64_t f = before < 0 ? 0 : before / frames.step; f < frames.count; ++f) {
        const int64_t start = f * frames.step;
        if (start >= last) break;
        const T* frame = from + (row * frames.count + f) * frames.length;
        const int64_t low = MaxOf(first, start), high = MinOf(last, start + frames.length);
        for (int64_t i = low; i < high; ++i) out[i] += frame[i - start];
      }
    }
  });
}

}  // namespace

int Frame(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kF64 ? CutFrames<double>(call) : CutFrames<float>(call);
}

int OverlapAndAdd(penstock_call* call) {
  return TypeKey(call->inputs[0]) == kF64 ? AddFrames<double>(call) : AddFrames<float>(call);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
