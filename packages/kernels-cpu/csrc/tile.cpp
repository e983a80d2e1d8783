// core.tile: a whole chain of elementwise ops in one pass over memory, and the reductions at its end.
#include "fold.h"
#include "penstock/kernel_abi.h"
#include "tile_program.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// The shape to which the inputs broadcast.
struct Domain {
  int64_t shape[kMaxDims];
  penstock_tensor tensor = {};

  explicit Domain(const penstock_call* call) {
    for (int k = 0; k < call->num_inputs; ++k) {
      tensor.ndim = MaxOf(tensor.ndim, call->inputs[k]->ndim);
    }
    for (int d = 0; d < tensor.ndim; ++d) shape[d] = 1;
    for (int k = 0; k < call->num_inputs; ++k) {
      const penstock_tensor* x = call->inputs[k];
      for (int d = 0; d < x->ndim; ++d) {
        int64_t& size = shape[tensor.ndim - x->ndim + d];
        if (x->shape[d] != 1) size = x->shape[d];
      }
    }
    tensor.shape = shape;
  }
};

// Elements in one parallel chunk: whole pieces, so that chunks begin where rows do.
int64_t ChunkOf(const TileProgram& program, int64_t count) {
  const int64_t piece = program.PieceAt(0, count);
  return MaxOf<int64_t>(1, kChunk / piece) * piece;
}

int Map(penstock_call* call, const TileProgram& program) {
  const int64_t count = program.count();
  if (count == 0) return PENSTOCK_OK;
  const int64_t chunk = ChunkOf(program, count);
  return ParallelFor(call, CeilDiv(count, chunk), 1, [&](int64_t begin, int64_t end) {
    TileFrame frame(program, PENSTOCK_TILE_SLOTS(program));
    frame.RunAll(begin * chunk, MinOf(count, end * chunk));
  });
}

// ---- reductions ----

float Initial(int64_t opcode) {
  switch (opcode) {
    case PENSTOCK_TILE_MAX:
      return MaxFold<float>::kInitial;
    case PENSTOCK_TILE_MIN:
      return MinFold<float>::kInitial;
    default:
      return 0.0f;
  }
}

// out[i] = fold of x[i, :], for `count` rows of n elements.
template <class Fold>
void FoldEach(const float* x, int64_t n, int64_t count, float* out) {
  if (n > 1) {
    for (int64_t i = 0; i < count; ++i) out[i] = FoldRow<float, Fold>(x + i * n, n);
  } else {
    const Fold fold;
    for (int64_t i = 0; i < count; ++i) out[i] = fold(Fold::kInitial, x[i]);
  }
}

void FoldEach(int64_t opcode, const float* x, int64_t n, int64_t count, float* out) {
  switch (opcode) {
    case PENSTOCK_TILE_MAX:
      return FoldEach<MaxFold<float>>(x, n, count, out);
    case PENSTOCK_TILE_MIN:
      return FoldEach<MinFold<float>>(x, n, count, out);
    default:
      return FoldEach<SumFold<float>>(x, n, count, out);
  }
}

float FoldOf(int64_t opcode, const float* x, int64_t n) {
  float result;
  FoldEach(opcode, x, n, 1, &result);
  return result;
}

// Any number of elements, in chunks whose results are folded again; overwrites them.
float FoldAll(int64_t opcode, float* x, int64_t n) {
  while (n > kFoldChunk) {
    const int64_t chunks = CeilDiv(n, kFoldChunk);
    for (int64_t i = 0; i < chunks; ++i) {
      const int64_t first = i * kFoldChunk;
      x[i] = FoldOf(opcode, x + first, MinOf(kFoldChunk, n - first));
    }
    n = chunks;
  }
  return FoldOf(opcode, x, n);
}

// What the kernel folds: `outer` spans, each in `chunks` parts whose results are folded at the end. Parts are those of
// the single reductions (reduce.cpp), so that sums are the same in every bit.
class Folds {
 public:
  Folds(penstock_call* call, const TileProgram& program)
      : call_(call),
        program_(program),
        span_(program.span()),
        outer_(Outer()),
        chunks_(span_ > kTile ? CeilDiv(span_, kFoldChunk) : 1) {}

  int Run() {
    const int64_t parts = outer_ * chunks_;
    // Not into the outputs at once: they may be memory that is still to be read.
    room_ = Scratch<float>(call_, program_.reductions() * parts);
    if (room_ == nullptr) return PENSTOCK_NO_MEMORY;
    if (span_ == 0) {
      for (int r = 0; r < program_.reductions(); ++r) {
        for (int64_t i = 0; i < parts; ++i) *Part(r, i) = Initial(program_.reduction(r).opcode);
      }
    }
    const int status = span_ == 0 || outer_ == 0 ? PENSTOCK_OK
                       : span_ > kTile           ? FoldParts(parts)
                                                 : FoldWhole();
    if (status == PENSTOCK_OK) Finish();
    return status;
  }

 private:
  // Zero elements may still be several reductions of nothing.
  int64_t Outer() const {
    if (program_.count() > 0) return program_.count() / span_;
    return Count(call_->outputs[program_.reduction(0).output]);
  }

  float* Part(int reduction, int64_t i) const { return room_ + reduction * outer_ * chunks_ + i; }

  // Spans longer than a tile: a part's elements are gathered, one stretch for each reduction, and folded together.
  int FoldParts(int64_t parts) {
    const int64_t length = MinOf(span_, kFoldChunk);
    const size_t bytes = static_cast<size_t>(program_.reductions() * length) * sizeof(float);
    return ParallelFor(call_, parts, Grain(length), [&](int64_t begin, int64_t end) {
      TileFrame frame(program_, PENSTOCK_TILE_SLOTS(program_));
      float* gathered = static_cast<float*>(__builtin_alloca_with_align(bytes, 512));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t from = i % chunks_ * kFoldChunk;
        FoldPart(&frame, i, i / chunks_ * span_ + from, MinOf(kFoldChunk, span_ - from), gathered);
      }
    });
  }

  void FoldPart(TileFrame* frame, int64_t part, int64_t first, int64_t length, float* gathered) {
    for (int64_t done = 0; done < length;) {
      const int64_t n = program_.PieceAt(first + done, first + length);
      frame->Run(first + done, n);
      for (int r = 0; r < program_.reductions(); ++r) {
        memcpy(gathered + r * length + done, frame->Elements(program_.reduction(r).value, n),
               static_cast<size_t>(n) * sizeof(float));
      }
      done += n;
    }
    for (int r = 0; r < program_.reductions(); ++r) {
      *Part(r, part) = FoldOf(program_.reduction(r).opcode, gathered + r * length, length);
    }
  }

  // Several spans in a tile.
  int FoldWhole() {
    const int64_t count = program_.count(), chunk = ChunkOf(program_, count);
    return ParallelFor(call_, CeilDiv(count, chunk), 1, [&](int64_t begin, int64_t end) {
      TileFrame frame(program_, PENSTOCK_TILE_SLOTS(program_));
      const int64_t last = MinOf(count, end * chunk);
      for (int64_t at = begin * chunk; at < last;) {
        const int64_t n = program_.PieceAt(at, last);
        frame.Run(at, n);
        for (int r = 0; r < program_.reductions(); ++r) {
          const TileReduction& reduction = program_.reduction(r);
          const float* x = frame.Elements(reduction.value, n);
          FoldEach(reduction.opcode, x, span_, n / span_, Part(r, at / span_));
        }
        at += n;
      }
    });
  }

  void Finish() {
    for (int r = 0; r < program_.reductions(); ++r) {
      const TileReduction& reduction = program_.reduction(r);
      float* out = Output<float>(call_, reduction.output);
      for (int64_t o = 0; o < outer_; ++o) {
        float* parts = Part(r, o * chunks_);
        float result = chunks_ == 1 ? *parts : FoldAll(reduction.opcode, parts, chunks_);
        if (reduction.opcode == PENSTOCK_TILE_MEAN) {
          result = static_cast<float>(result / static_cast<double>(span_));
        }
        out[o] = result;
      }
    }
  }

  penstock_call* call_;
  const TileProgram& program_;
  int64_t span_, outer_, chunks_;
  float* room_ = nullptr;
};

}  // namespace

int CoreTile(penstock_call* call) {
  const Domain domain(call);
  const TileProgram program(call, 0, call->inputs, &domain.tensor, call->outputs);
  return program.reductions() > 0 ? Folds(call, program).Run() : Map(call, program);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
