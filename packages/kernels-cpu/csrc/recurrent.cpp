// Recurrent networks over sequences [batch, time, units]. A task takes a few sequences through all steps, so that no
// step waits for another task; the recurrent kernel is packed once for all of them.
#include "gemm.h"
#include "penstock/kernel_abi.h"
#include "vec_math.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int64_t kSequences = kTileRows;  // in a task

// Columns [first, first + cols) of a matrix, packed for products that begin with it on the right.
struct Panels {
  const float* data;
  int64_t k, cols;
};

Panels Pack(penstock_call* call, Matrix from, int64_t k, int64_t cols) {
  const int64_t panels = CeilDiv(cols, kTileCols), size = k * kTileCols;
  float* out = Scratch<float>(call, panels * size);
  if (out == nullptr) return {nullptr, k, cols};
  for (int64_t i = 0; i < panels; ++i) {
    const int64_t col = i * kTileCols;
    PackCols({from.At(0, col), from.row, from.col}, k, MinOf<int64_t>(kTileCols, cols - col),
             out + i * size);
  }
  return {out, k, cols};
}

// c[rows, cols] = or += a[rows, k] * b.
void Multiply(const float* a, int64_t a_row, int64_t rows, const Panels& b, float* c, int64_t c_row,
              bool accumulate) {
  Tile tile = {};
  tile.a = a;
  tile.a_row = a_row;
  tile.a_k = 1;
  tile.b = b.data;
  tile.b_k = kTileCols;
  tile.k = b.k;
  tile.segments = 1;
  tile.c = c;
  tile.c_row = c_row;
  tile.accumulate = accumulate;
  RunTiles(tile, rows, b.cols, b.k * kTileCols);
}

struct Mask {
  const uint8_t* data;
  int64_t row, step;
  bool Keeps(int64_t r, int64_t t) const { return data[r * row + t * step] != 0; }
};

Mask MakeMask(const penstock_tensor* mask) {
  return {Data<const uint8_t>(mask), mask->shape[0] == 1 ? 0 : mask->shape[1],
          mask->shape[1] == 1 ? 0 : 1};
}

// f(i, n) for vectors of n elements from i on.
template <class F>
void ForUnits(int64_t units, F&& f) {
  for (int64_t i = 0; i < units; i += kLanes) f(i, MinOf<int64_t>(kLanes, units - i));
}

inline Vf Read(const float* p, int64_t n) { return n == kLanes ? Load(p) : LoadPartial(p, n); }

inline void Write(float* p, Vf v, int64_t n) { n == kLanes ? Store(p, v) : StorePartial(p, v, n); }

void Copy(float* to, const float* from, int64_t n) {
  memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}

void Clear(float* to, int64_t n) { memset(to, 0, static_cast<size_t>(n) * sizeof(float)); }

// Sizes, and where a state lies: every one in [batch, time, units], the first in [batch, units].
struct Steps {
  int64_t batch, time, units;
  const float *first, *every;

  const float* Before(int64_t r, int64_t t) const {
    return t == 0 ? first + r * units : every + (r * time + t - 1) * units;
  }
  int64_t RowBefore(int64_t t) const { return t == 0 ? units : time * units; }
  int64_t At(int64_t r, int64_t t) const { return r * time + t; }
};

// work(begin, end) for groups of sequences.
template <class Work>
int ForSequences(penstock_call* call, int64_t batch, Work&& work) {
  return ParallelFor(call, CeilDiv(batch, kSequences), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      work(i * kSequences, MinOf(batch, (i + 1) * kSequences));
    }
  });
}

Steps MakeSteps(const penstock_tensor* like, const float* first, const float* every) {
  return {like->shape[0], like->shape[1], like->shape[2], first, every};
}

// ---- LSTM ----

// Activates the gates z in place and makes the next states.
void LstmStep(float* z, const float* c_before, int64_t units, float* h, float* c) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf i = Sigmoid(Read(z + u, n)), f = Sigmoid(Read(z + units + u, n));
    const Vf g = Tanh(Read(z + 2 * units + u, n)), o = Sigmoid(Read(z + 3 * units + u, n));
    const Vf next = f * Read(c_before + u, n) + i * g;
    Write(z + u, i, n);
    Write(z + units + u, f, n);
    Write(z + 2 * units + u, g, n);
    Write(z + 3 * units + u, o, n);
    Write(c + u, next, n);
    Write(h + u, o * Tanh(next), n);
  });
}

// d and carry_c hold the gradients of this step's h and c; carry_c becomes that of the c before.
void LstmStepBack(const float* kept, const float* c_before, const float* d, int64_t units,
                  float* dz, float* carry_c) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf i = Read(kept + u, n), f = Read(kept + units + u, n);
    const Vf g = Read(kept + 2 * units + u, n), o = Read(kept + 3 * units + u, n);
    const Vf before = Read(c_before + u, n), dh = Read(d + u, n);
    const Vf curve = Tanh(f * before + i * g);
    const Vf dc = Read(carry_c + u, n) + dh * o * (1.0f - curve * curve);
    Write(dz + u, dc * g * i * (1.0f - i), n);
    Write(dz + units + u, dc * before * f * (1.0f - f), n);
    Write(dz + 2 * units + u, dc * i * (1.0f - g * g), n);
    Write(dz + 3 * units + u, dh * curve * o * (1.0f - o), n);
    Write(carry_c + u, dc * f, n);
  });
}

void AddTo(float* to, const float* from, int64_t n) {
  ForUnits(n, [&](int64_t u, int64_t k) { Write(to + u, Read(to + u, k) + Read(from + u, k), k); });
}

// ---- GRU ----

// z, r in `kept`, from x + u.
void GruGates(const float* x, const float* u_zr, const float* bias, int64_t units, float* kept) {
  ForUnits(2 * units, [&](int64_t u, int64_t n) {
    Write(kept + u, Sigmoid(Read(x + u, n) + (Read(u_zr + u, n) + Read(bias + u, n))), n);
  });
}

// The candidate and the next state; kept is z, r, n, and what r was or will be applied to.
void GruStep(const float* x, const float* u_h, const float* bias, const float* h_before,
             int64_t units, bool after, float* kept, float* h) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf z = Read(kept + u, n), r = Read(kept + units + u, n);
    const Vf inner = Read(u_h + u, n) + Read(bias + 2 * units + u, n);
    const Vf candidate = Tanh(Read(x + 2 * units + u, n) + (after ? r * inner : inner));
    Write(kept + 2 * units + u, candidate, n);
    if (after) Write(kept + 3 * units + u, inner, n);
    Write(h + u, z * Read(h_before + u, n) + (1.0f - z) * candidate, n);
  });
}

// The gradient of the candidate before its tanh.
void GruCandidateBack(const float* kept, const float* d, int64_t units, float* dn) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf z = Read(kept + u, n), candidate = Read(kept + 2 * units + u, n);
    Write(dn + u, Read(d + u, n) * (1.0f - z) * (1.0f - candidate * candidate), n);
  });
}

// dgates and dinner are z, r, n with n of dgates given; dq is the gradient of r * h where r comes first, else null.
// carry gets what does not pass the recurrent kernel.
void GruStepBack(const float* kept, const float* h_before, const float* d, const float* dq,
                 int64_t units, float* dgates, float* dinner, float* carry) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf z = Read(kept + u, n), r = Read(kept + units + u, n);
    const Vf candidate = Read(kept + 2 * units + u, n), inner = Read(kept + 3 * units + u, n);
    const Vf before = Read(h_before + u, n), dh = Read(d + u, n);
    const Vf dn = Read(dgates + 2 * units + u, n);
    const Vf dr = (dq ? Read(dq + u, n) * before : dn * inner) * r * (1.0f - r);
    const Vf dz = dh * (before - candidate) * z * (1.0f - z);
    Write(dgates + u, dz, n);
    Write(dgates + units + u, dr, n);
    Write(dinner + u, dz, n);
    Write(dinner + units + u, dr, n);
    Write(dinner + 2 * units + u, dq ? dn : dn * r, n);
    Write(carry + u, dq ? dh * z + Read(dq + u, n) * r : dh * z, n);
  });
}

// ---- the simple one ----

void Activate(float* h, int64_t units, bool relu) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf z = Read(h + u, n);
    Write(h + u, relu ? AtLeast(z, 0.0f) : Tanh(z), n);
  });
}

void ActivateBack(const float* h, const float* d, int64_t units, bool relu, float* dz) {
  ForUnits(units, [&](int64_t u, int64_t n) {
    const Vf y = Read(h + u, n);
    const Vf slope = relu ? (y > 0.0f ? Splat(1.0f) : Splat(0.0f)) : 1.0f - y * y;
    Write(dz + u, Read(d + u, n) * slope, n);
  });
}

}  // namespace

// gates, h, c, kernel, mask -> every h, every c, activated gates.
int Lstm(penstock_call* call) {
  const float* gates = Input<float>(call, 0);
  float *every_h = Output<float>(call, 0), *every_c = Output<float>(call, 1);
  float* kept = Output<float>(call, 2);
  const Steps h = MakeSteps(call->outputs[0], Input<float>(call, 1), every_h);
  const Steps c = MakeSteps(call->outputs[0], Input<float>(call, 2), every_c);
  const int64_t units = h.units, wide = 4 * units;
  const Mask mask = MakeMask(call->inputs[4]);
  const Panels kernel = Pack(call, {Input<float>(call, 3), wide, 1}, units, wide);
  if (kernel.data == nullptr) return PENSTOCK_NO_MEMORY;
  return ForSequences(call, h.batch, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < h.time; ++t) {
      for (int64_t r = begin; r < end; ++r) {
        Copy(kept + h.At(r, t) * wide, gates + h.At(r, t) * wide, wide);
      }
      Multiply(h.Before(begin, t), h.RowBefore(t), end - begin, kernel,
               kept + h.At(begin, t) * wide, h.time * wide, true);
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = h.At(r, t) * units;
        LstmStep(kept + 4 * at, c.Before(r, t), units, every_h + at, every_c + at);
        if (mask.Keeps(r, t)) continue;
        Copy(every_h + at, h.Before(r, t), units);
        Copy(every_c + at, c.Before(r, t), units);
      }
    }
  });
}

// activated gates, every c, the first c, kernel, mask, dh, dc -> dgates, and dh and dc at the start.
int LstmGrad(penstock_call* call) {
  const float *kept = Input<float>(call, 0), *dh = Input<float>(call, 5);
  const float* dc = Input<float>(call, 6);
  float *dgates = Output<float>(call, 0), *carry_h = Output<float>(call, 1);
  float* carry_c = Output<float>(call, 2);
  const Steps c = MakeSteps(call->inputs[1], Input<float>(call, 2), Input<float>(call, 1));
  const int64_t units = c.units, wide = 4 * units;
  const Mask mask = MakeMask(call->inputs[4]);
  const Panels kernel = Pack(call, {Input<float>(call, 3), 1, wide}, wide, units);
  float* d = Scratch<float>(call, c.batch * units);
  if (kernel.data == nullptr || d == nullptr) return PENSTOCK_NO_MEMORY;
  return ForSequences(call, c.batch, [&](int64_t begin, int64_t end) {
    Clear(carry_h + begin * units, (end - begin) * units);
    Clear(carry_c + begin * units, (end - begin) * units);
    for (int64_t t = c.time - 1; t >= 0; --t) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = c.At(r, t) * units, row = r * units;
        Copy(d + row, carry_h + row, units);
        AddTo(d + row, dh + at, units);
        AddTo(carry_c + row, dc + at, units);
        if (mask.Keeps(r, t)) {
          LstmStepBack(kept + 4 * at, c.Before(r, t), d + row, units, dgates + 4 * at,
                       carry_c + row);
        } else {
          Clear(dgates + 4 * at, wide);
        }
      }
      Multiply(dgates + c.At(begin, t) * wide, c.time * wide, end - begin, kernel,
               carry_h + begin * units, units, false);
      for (int64_t r = begin; r < end; ++r) {
        if (!mask.Keeps(r, t)) Copy(carry_h + r * units, d + r * units, units);
      }
    }
  });
}

// gates, h, kernel, bias, mask; reset_after -> every h; z, r, n, and what r is applied to.
int Gru(penstock_call* call) {
  const float *x = Input<float>(call, 0), *bias = Input<float>(call, 3);
  float *every = Output<float>(call, 0), *kept = Output<float>(call, 1);
  const Steps h = MakeSteps(call->outputs[0], Input<float>(call, 1), every);
  const int64_t units = h.units, wide = 3 * units;
  const bool after = BoolAttr(call, 0);
  const Mask mask = MakeMask(call->inputs[4]);
  const float* weights = Input<float>(call, 2);
  const Panels gates = Pack(call, {weights, wide, 1}, units, 2 * units);
  const Panels candidate = Pack(call, {weights + 2 * units, wide, 1}, units, units);
  float* inner = Scratch<float>(call, h.batch * wide);  // the products with the recurrent kernel
  if (gates.data == nullptr || candidate.data == nullptr || inner == nullptr) {
    return PENSTOCK_NO_MEMORY;
  }
  return ForSequences(call, h.batch, [&](int64_t begin, int64_t end) {
    const int64_t rows = end - begin;
    float *u_zr = inner + begin * wide, *u_h = u_zr + 2 * units;
    for (int64_t t = 0; t < h.time; ++t) {
      Multiply(h.Before(begin, t), h.RowBefore(t), rows, gates, u_zr, wide, false);
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = h.At(r, t) * units;
        float* row = kept + 4 * at;
        GruGates(x + 3 * at, inner + r * wide, bias, units, row);
        if (after) continue;
        const float* before = h.Before(r, t);
        ForUnits(units, [&](int64_t u, int64_t n) {
          Write(row + 3 * units + u, Read(row + units + u, n) * Read(before + u, n), n);
        });
      }
      if (after) {
        Multiply(h.Before(begin, t), h.RowBefore(t), rows, candidate, u_h, wide, false);
      } else {
        Multiply(kept + h.At(begin, t) * 4 * units + 3 * units, h.time * 4 * units, rows, candidate,
                 u_h, wide, false);
      }
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = h.At(r, t) * units;
        GruStep(x + 3 * at, inner + r * wide + 2 * units, bias, h.Before(r, t), units, after,
                kept + 4 * at, every + at);
        if (!mask.Keeps(r, t)) Copy(every + at, h.Before(r, t), units);
      }
    }
  });
}

// what was kept, every h, the first h, kernel, mask, dh; reset_after -> dgates, d(recurrent part), dh at the start.
int GruGrad(penstock_call* call) {
  const float *kept = Input<float>(call, 0), *dh = Input<float>(call, 5);
  float *dgates = Output<float>(call, 0), *dinner = Output<float>(call, 1);
  float* carry = Output<float>(call, 2);
  const Steps h = MakeSteps(call->inputs[1], Input<float>(call, 2), Input<float>(call, 1));
  const int64_t units = h.units, wide = 3 * units;
  const bool after = BoolAttr(call, 0);
  const Mask mask = MakeMask(call->inputs[4]);
  const float* weights = Input<float>(call, 3);
  const Panels gates = Pack(call, {weights, 1, wide}, 2 * units, units);
  const Panels candidate = Pack(call, {weights + 2 * units, 1, wide}, units, units);
  float* d = Scratch<float>(call, 2 * h.batch * units);
  if (gates.data == nullptr || candidate.data == nullptr || d == nullptr) {
    return PENSTOCK_NO_MEMORY;
  }
  float* dq = d + h.batch * units;
  return ForSequences(call, h.batch, [&](int64_t begin, int64_t end) {
    const int64_t rows = end - begin, stride = h.time * wide;
    Clear(carry + begin * units, rows * units);
    for (int64_t t = h.time - 1; t >= 0; --t) {
      float *dg = dgates + h.At(begin, t) * wide, *di = dinner + h.At(begin, t) * wide;
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = h.At(r, t) * units;
        Copy(d + r * units, carry + r * units, units);
        AddTo(d + r * units, dh + at, units);
        GruCandidateBack(kept + 4 * at, d + r * units, units, dgates + 3 * at + 2 * units);
      }
      if (!after)
        Multiply(dg + 2 * units, stride, rows, candidate, dq + begin * units, units, false);
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = h.At(r, t) * units, row = r * units;
        if (mask.Keeps(r, t)) {
          GruStepBack(kept + 4 * at, h.Before(r, t), d + row, after ? nullptr : dq + row, units,
                      dgates + 3 * at, dinner + 3 * at, carry + row);
        } else {
          Clear(dgates + 3 * at, wide);
          Clear(dinner + 3 * at, wide);
          Copy(carry + row, d + row, units);
        }
      }
      Multiply(di, stride, rows, gates, carry + begin * units, units, true);
      if (after)
        Multiply(di + 2 * units, stride, rows, candidate, carry + begin * units, units, true);
    }
  });
}

// gates, h, kernel, mask; activation -> every h.
int SimpleRnn(penstock_call* call) {
  const float* gates = Input<float>(call, 0);
  float* every = Output<float>(call, 0);
  const Steps h = MakeSteps(call->outputs[0], Input<float>(call, 1), every);
  const int64_t units = h.units;
  const bool relu = StrAttrIs(call, 0, "relu");
  const Mask mask = MakeMask(call->inputs[3]);
  const Panels kernel = Pack(call, {Input<float>(call, 2), units, 1}, units, units);
  if (kernel.data == nullptr) return PENSTOCK_NO_MEMORY;
  return ForSequences(call, h.batch, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < h.time; ++t) {
      for (int64_t r = begin; r < end; ++r) {
        Copy(every + h.At(r, t) * units, gates + h.At(r, t) * units, units);
      }
      Multiply(h.Before(begin, t), h.RowBefore(t), end - begin, kernel,
               every + h.At(begin, t) * units, h.time * units, true);
      for (int64_t r = begin; r < end; ++r) {
        float* state = every + h.At(r, t) * units;
        Activate(state, units, relu);
        if (!mask.Keeps(r, t)) Copy(state, h.Before(r, t), units);
      }
    }
  });
}

// every h, kernel, mask, dh; activation -> dgates, and dh at the start.
int SimpleRnnGrad(penstock_call* call) {
  const float *every = Input<float>(call, 0), *dh = Input<float>(call, 3);
  float *dgates = Output<float>(call, 0), *carry = Output<float>(call, 1);
  const Steps h = MakeSteps(call->inputs[0], nullptr, every);
  const int64_t units = h.units;
  const bool relu = StrAttrIs(call, 0, "relu");
  const Mask mask = MakeMask(call->inputs[2]);
  const Panels kernel = Pack(call, {Input<float>(call, 1), 1, units}, units, units);
  float* d = Scratch<float>(call, h.batch * units);
  if (kernel.data == nullptr || d == nullptr) return PENSTOCK_NO_MEMORY;
  return ForSequences(call, h.batch, [&](int64_t begin, int64_t end) {
    Clear(carry + begin * units, (end - begin) * units);
    for (int64_t t = h.time - 1; t >= 0; --t) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = h.At(r, t) * units, row = r * units;
        Copy(d + row, carry + row, units);
        AddTo(d + row, dh + at, units);
        if (mask.Keeps(r, t)) {
          ActivateBack(every + at, d + row, units, relu, dgates + at);
        } else {
          Clear(dgates + at, units);
        }
      }
      Multiply(dgates + h.At(begin, t) * units, h.time * units, end - begin, kernel,
               carry + begin * units, units, false);
      for (int64_t r = begin; r < end; ++r) {
        if (!mask.Keeps(r, t)) Copy(carry + r * units, d + r * units, units);
      }
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
