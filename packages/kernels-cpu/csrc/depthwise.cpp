// Depthwise convolution and its gradients: every channel by itself, so channels are the vectors and memory is the limit.
//
// Result and input gradient are one loop: each pixel of the target is a sum over (source pixel, filter tap) pairs,
// listed per row and per column in advance. With a multiplier above 1 every channel is first repeated so often; then
// all is as if the multiplier were 1.
#include "chain_steps.h"
#include "epilogue.h"
#include "penstock/kernel_abi.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Axis {
  int64_t in, kernel, out, stride, dilation, before;
};

Axis MakeAxis(const penstock_call* call, int first_attr, int axis, int64_t in, int64_t kernel,
              int64_t out) {
  Axis a = {in, kernel, out, IntsAttr(call, first_attr)[axis], IntsAttr(call, first_attr + 3)[axis],
            0};
  if (StrAttrIs(call, first_attr + 1, "same")) {
    a.before = MaxOf<int64_t>((out - 1) * a.stride + (kernel - 1) * a.dilation + 1 - in, 0) / 2;
  } else if (StrAttrIs(call, first_attr + 1, "explicit")) {
    a.before = IntsAttr(call, first_attr + 2)[2 * axis];
  }
  return a;
}

struct Depthwise {
  Axis h, w;
  int64_t batch, channels, multiplier;
  int64_t Wide() const { return channels * multiplier; }
  int64_t FilterSize() const { return h.kernel * w.kernel * Wide(); }
};

Depthwise MakeDepthwise(const penstock_call* call, int first_attr, const int64_t* x,
                        const int64_t* filter, const int64_t* y) {
  return {MakeAxis(call, first_attr, 0, x[1], filter[0], y[1]),
          MakeAxis(call, first_attr, 1, x[2], filter[1], y[2]), x[0], x[3], filter[3]};
}

// ---- which source positions and taps meet at each target position of one side ----

struct Meetings {
  int64_t count = 0;  // of target positions
  int64_t kernel = 0;
  int64_t *size, *source, *tap;  // [count], [count, kernel], [count, kernel]
  int64_t period = 1;            // targets so far apart meet the same taps, as a rule
  bool* repeats;  // [count]: position + period meets the same taps, `step` sources on
  int64_t step = 1;
};

bool Repeats(const Meetings& m, int64_t at) {
  const int64_t next = at + m.period;
  if (next >= m.count || m.size[at] != m.size[next]) return false;
  const int64_t a = at * m.kernel, b = next * m.kernel;
  return m.size[at] == 0 || (m.tap[a] == m.tap[b] && m.source[a] + m.step == m.source[b]);
}

// add(at, add_pair) lists the pairs of target position `at`.
template <class List>
bool Fill(penstock_call* call, Meetings* m, const List& list) {
  m->size = Scratch<int64_t>(call, m->count * (2 * m->kernel + 1));
  m->repeats = Scratch<bool>(call, m->count);
  if (m->size == nullptr || m->repeats == nullptr) return false;
  m->source = m->size + m->count;
  m->tap = m->source + m->count * m->kernel;
  for (int64_t at = 0; at < m->count; ++at) {
    int64_t n = 0;
    list(at, [&](int64_t source, int64_t tap) {
      m->source[at * m->kernel + n] = source;
      m->tap[at * m->kernel + n++] = tap;
    });
    m->size[at] = n;
  }
  for (int64_t at = 0; at < m->count; ++at) m->repeats[at] = Repeats(*m, at);
  return true;
}

// Targets are output positions, sources input positions.
bool ForwardMeetings(penstock_call* call, const Axis& a, Meetings* m) {
  m->count = a.out, m->kernel = a.kernel, m->period = 1, m->step = a.stride;
  return Fill(call, m, [&](int64_t at, const auto& add) {
    for (int64_t k = 0; k < a.kernel; ++k) {
      const int64_t i = at * a.stride - a.before + k * a.dilation;
      if (i >= 0 && i < a.in) add(i, k);
    }
  });
}

// Targets are input positions, sources output positions.
bool BackwardMeetings(penstock_call* call, const Axis& a, Meetings* m) {
  m->count = a.in, m->kernel = a.kernel, m->period = a.stride, m->step = 1;
  return Fill(call, m, [&](int64_t at, const auto& add) {
    for (int64_t k = 0; k < a.kernel; ++k) {
      const int64_t i = at + a.before - k * a.dilation;
      if (i >= 0 && i % a.stride == 0 && i / a.stride < a.out) add(i / a.stride, k);
    }
  });
}

// ---- the sum over the pairs ----

struct Sum {
  const Meetings &rows, &cols;
  const float* source;  // of this image
  int64_t source_width, channels;
  const float* filter;
  int64_t filter_width;
  const Chain* chain;  // what runs on the sums, or NULL
};

// The pairs of one row and one column of targets: as one list while it is short, else row by row.
struct Pairs {
  static constexpr int64_t kMost = 128;
  int64_t rows, cols, list = 0;
  int64_t x[kMost], filter[kMost];  // offsets

  Pairs(const Sum& s, int64_t row, int64_t col)
      : rows(s.rows.size[row]), cols(s.cols.size[col]), sum_(s), row_(row), col_(col) {
    if (rows * cols > kMost) return;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < cols; ++k) Find(r, k, &x[list], &filter[list]), ++list;
    }
  }

  // f(pixel, weights) for every pair, at channel c.
  template <class F>
  void ForEach(int64_t shift, int64_t c, const F& f) const {
    const float *pixels = sum_.source + shift + c, *weights = sum_.filter + c;
    for (int64_t i = 0; i < list; ++i) f(pixels + x[i], weights + filter[i]);
    if (list > 0) return;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < cols; ++k) {
        int64_t from, weight;
        Find(r, k, &from, &weight);
        f(pixels + from, weights + weight);
      }
    }
  }

 private:
  void Find(int64_t r, int64_t k, int64_t* from, int64_t* weight) const {
    const int64_t at = row_ * sum_.rows.kernel + r, pair = col_ * sum_.cols.kernel + k;
    const Meetings &down = sum_.rows, &across = sum_.cols;
    *from = (down.source[at] * sum_.source_width + across.source[pair]) * sum_.channels;
    *weight = (down.tap[at] * sum_.filter_width + across.tap[pair]) * sum_.channels;
  }

  const Sum& sum_;
  int64_t row_, col_;
};

// kPixels targets, a period apart, in a block of at most kVectors vectors of channels from c on. `shift`: from the
// sources of the pairs to those of the first target, which is out.
template <int kPixels, int kVectors, class LoadAt, class StoreAt>
void SumBlock(const Sum& s, const Pairs& pairs, int64_t shift, int64_t c, float* out,
              const LoadAt& load, const StoreAt& store, int cols = kVectors * kLanes) {
  Vf acc[kPixels][kVectors] = {};
  const int64_t step = s.cols.step * s.channels, apart = s.cols.period * s.channels;
  pairs.ForEach(shift, c, [&](const float* x, const float* f) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vf weight = load(f + v * kLanes);
#pragma GCC unroll 4
      for (int p = 0; p < kPixels; ++p) acc[p][v] += weight * load(x + p * step + v * kLanes);
    }
  });
  if (s.chain != nullptr) {
    int64_t at[kPixels];
    for (int p = 0; p < kPixels; ++p) at[p] = out - s.chain->y() + p * apart;
    RunChain<kPixels, kVectors>(*s.chain, at, c, cols, acc);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPixels; ++p) {
    float* to = out + p * apart + c;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(to + v * kLanes, acc[p][v]);
  }
}

constexpr int kPixelsAtOnce = 4;

// `count` targets that meet alike, from `out` on: a block of channels at a time, so that their sources stay near. The
// last targets may be computed twice.
template <int kVectors, class LoadAt, class StoreAt>
void SumRun(const Sum& s, const Pairs& pairs, int64_t count, int64_t c, float* out,
            const LoadAt& load, const StoreAt& store, int cols = kVectors * kLanes) {
  const int64_t step = s.cols.step * s.channels, apart = s.cols.period * s.channels;
  if (count < kPixelsAtOnce) {
    for (int64_t p = 0; p < count; ++p) {
      SumBlock<1, kVectors>(s, pairs, p * step, c, out + p * apart, load, store, cols);
    }
    return;
  }
  for (int64_t p = 0; p < count; p += kPixelsAtOnce) {
    const int64_t at = MinOf(p, count - kPixelsAtOnce);
    SumBlock<kPixelsAtOnce, kVectors>(s, pairs, at * step, c, out + at * apart, load, store, cols);
  }
}

void SumRow(const Sum& s, int64_t row, float* out) {
  const auto load = [](const float* p) { return Load(p); };
  const auto store = [](float* p, Vf v) { Store(p, v); };
  const Meetings& m = s.cols;
  for (int64_t phase = 0; phase < MinOf(m.period, m.count); ++phase) {
    for (int64_t col = phase, next; col < m.count; col = next) {
      int64_t count = 1;
      for (next = col; m.repeats[next]; next += m.period) ++count;
      next += m.period;
      const Pairs pairs(s, row, col);
      float* to = out + col * s.channels;
      int64_t c = 0;
      for (; c + 2 * kLanes <= s.channels; c += 2 * kLanes) {
        SumRun<2>(s, pairs, count, c, to, load, store);
      }
      for (; c + kLanes <= s.channels; c += kLanes) SumRun<1>(s, pairs, count, c, to, load, store);
      if (const int64_t n = s.channels - c; n > 0) {
        SumRun<1>(
            s, pairs, count, c, to, [n](const float* p) { return LoadPartial(p, n); },
            [n](float* p, Vf v) { StorePartial(p, v, n); }, static_cast<int>(n));
      }
    }
  }
}

int SumAll(penstock_call* call, const Meetings& rows, const Meetings& cols, const Depthwise& d,
           const float* source, int64_t source_height, int64_t source_width, const float* filter,
           float* out, const Chain* chain = nullptr) {
  const int64_t channels = d.Wide(), line = cols.count * channels;
  const int64_t cost = line * d.h.kernel * d.w.kernel;
  return ParallelFor(
      call, d.batch * rows.count, Grain(cost, 8 * kChunk), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const float* image = source + i / rows.count * source_height * source_width * channels;
          const Sum sum = {rows, cols, image, source_width, channels, filter, d.w.kernel, chain};
          SumRow(sum, i % rows.count, out + i * line);
        }
      });
}

// ---- multipliers ----

// x [pixels, channels] with every channel repeated.
const float* Repeat(penstock_call* call, const float* x, int64_t pixels, const Depthwise& d,
                    int* status) {
  *status = PENSTOCK_OK;
  if (d.multiplier == 1) return x;
  float* out = Scratch<float>(call, pixels * d.Wide());
  *status = PENSTOCK_NO_MEMORY;
  if (out == nullptr) return nullptr;
  *status = ParallelFor(call, pixels, Grain(d.Wide()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * d.channels; i < end * d.channels; ++i) {
      for (int64_t m = 0; m < d.multiplier; ++m) out[i * d.multiplier + m] = x[i];
    }
  });
  return out;
}

// The sums over the copies of each channel.
int AddCopies(penstock_call* call, const float* wide, int64_t pixels, const Depthwise& d,
              float* out) {
  return ParallelFor(call, pixels, Grain(d.Wide()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * d.channels; i < end * d.channels; ++i) {
      float sum = 0.0f;
      for (int64_t m = 0; m < d.multiplier; ++m) sum += wide[i * d.multiplier + m];
      out[i] = sum;
    }
  });
}

// ---- filter gradient ----

// dfilter[tap, c] = sum over pixels of x * dy. The rows of output pixels are summed in a fixed number of shares, so
// that the sum never depends on the threads.
constexpr int64_t kShares = 16;

// The output columns whose taps [k, k + n) all lie in the image: [first, last).
struct Columns {
  int64_t first, last;
  Columns(const Axis& a, int64_t k, int n) {
    const int64_t left = a.before - k * a.dilation;
    const int64_t right = a.in - 1 + a.before - (k + n - 1) * a.dilation;
    first = MinOf(a.out, CeilDiv(MaxOf<int64_t>(0, left), a.stride));
    last = right < 0 ? first : MaxOf(first, MinOf(a.out, right / a.stride + 1));
  }
};

// Taps [k, k + kTaps) of one filter row, kVectors vectors of channels: the sums over one row of output pixels are added
// to `out`.
template <int kTaps, int kVectors, class LoadAt, class StoreAt>
void RowProducts(const Depthwise& d, const Columns& inner, const float* x, const float* dy,
                 int64_t k, float* out, const LoadAt& load, const StoreAt& store) {
  const int64_t channels = d.Wide(), tap = d.w.dilation * channels;
  Vf acc[kTaps][kVectors] = {};
  const auto edge = [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      for (int t = 0; t < kTaps; ++t) {
        const int64_t i = j * d.w.stride - d.w.before + (k + t) * d.w.dilation;
        if (i < 0 || i >= d.w.in) continue;
        for (int v = 0; v < kVectors; ++v) {
          acc[t][v] += load(dy + j * channels + v * kLanes) * load(x + i * channels + v * kLanes);
        }
      }
    }
  };
  edge(0, inner.first);
  const float* from = x + (inner.first * d.w.stride - d.w.before + k * d.w.dilation) * channels;
  const float* g = dy + inner.first * channels;
  for (int64_t j = inner.first; j < inner.last; ++j) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const Vf gradient = load(g + v * kLanes);
#pragma GCC unroll 4
      for (int t = 0; t < kTaps; ++t) acc[t][v] += gradient * load(from + t * tap + v * kLanes);
    }
    from += d.w.stride * channels;
    g += channels;
  }
  edge(inner.last, d.w.out);
#pragma GCC unroll 4
  for (int t = 0; t < kTaps; ++t) {
    for (int v = 0; v < kVectors; ++v) {
      float* to = out + (k + t) * channels + v * kLanes;
      store(to, load(to) + acc[t][v]);
    }
  }
}

// Taps [k, k + kTaps) of one filter row, all channels.
template <int kTaps>
void AddTaps(const Depthwise& d, const float* x, const float* dy, int64_t k, float* out) {
  const Columns inner(d.w, k, kTaps);
  const auto load = [](const float* p) { return Load(p); };
  const auto store = [](float* p, Vf v) { Store(p, v); };
  int64_t c = 0;
  for (; c + 2 * kLanes <= d.Wide(); c += 2 * kLanes) {
    RowProducts<kTaps, 2>(d, inner, x + c, dy + c, k, out + c, load, store);
  }
  for (; c + kLanes <= d.Wide(); c += kLanes) {
    RowProducts<kTaps, 1>(d, inner, x + c, dy + c, k, out + c, load, store);
  }
  if (const int64_t rest = d.Wide() - c; rest > 0) {
    RowProducts<kTaps, 1>(
        d, inner, x + c, dy + c, k, out + c,
        [rest](const float* p) { return LoadPartial(p, rest); },
        [rest](float* p, Vf v) { StorePartial(p, v, rest); });
  }
}

void AddRow(const Depthwise& d, const float* x, const float* dy, float* out) {
  int64_t k = 0;
  for (; k + 3 <= d.w.kernel; k += 3) AddTaps<3>(d, x, dy, k, out);
  for (; k + 2 <= d.w.kernel; k += 2) AddTaps<2>(d, x, dy, k, out);
  if (k < d.w.kernel) AddTaps<1>(d, x, dy, k, out);
}

// Rows [begin, end) of all output pixels, into `out`.
void AddRows(const Depthwise& d, const float* x, const float* dy, int64_t begin, int64_t end,
             float* out) {
  const int64_t channels = d.Wide();
  memset(out, 0, static_cast<size_t>(d.FilterSize()) * sizeof(float));
  for (int64_t row = begin; row < end; ++row) {
    const float* image = x + row / d.h.out * d.h.in * d.w.in * channels;
    for (int64_t k = 0; k < d.h.kernel; ++k) {
      const int64_t i = row % d.h.out * d.h.stride - d.h.before + k * d.h.dilation;
      if (i < 0 || i >= d.h.in) continue;
      AddRow(d, image + i * d.w.in * channels, dy + row * d.w.out * channels,
             out + k * d.w.kernel * channels);
    }
  }
}

int FilterGradient(penstock_call* call, const Depthwise& d, const float* x, const float* dy,
                   float* dfilter) {
  const int64_t rows = d.batch * d.h.out, size = d.FilterSize();
  const int64_t shares = MaxOf<int64_t>(1, MinOf(kShares, rows)), per_share = CeilDiv(rows, shares);
  float* partial = Scratch<float>(call, (shares - 1) * size);
  if (partial == nullptr) return PENSTOCK_NO_MEMORY;
  const auto share_of = [&](int64_t s) { return s == 0 ? dfilter : partial + (s - 1) * size; };
  const int64_t cost = per_share * d.w.out * size;
  const int status =
      ParallelFor(call, shares, Grain(cost, 8 * kChunk), [&](int64_t begin, int64_t end) {
        for (int64_t s = begin; s < end; ++s) {
          AddRows(d, x, dy, MinOf(rows, s * per_share), MinOf(rows, (s + 1) * per_share),
                  share_of(s));
        }
      });
  if (status != PENSTOCK_OK) return status;
  return ParallelFor(call, size, kChunk / shares, [&](int64_t begin, int64_t end) {
    for (int64_t s = 1; s < shares; ++s) {
      const float* from = share_of(s);
      for (int64_t i = begin; i < end; ++i) dfilter[i] += from[i];
    }
  });
}

}  // namespace

namespace {

int ForwardDepthwise(penstock_call* call, const Chain* chain) {
  const penstock_tensor *x = call->inputs[0], *filter = call->inputs[1], *y = call->outputs[0];
  const Depthwise d = MakeDepthwise(call, 0, x->shape, filter->shape, y->shape);
  int status;
  const float* wide = Repeat(call, Data<const float>(x), d.batch * d.h.in * d.w.in, d, &status);
  if (status != PENSTOCK_OK) return status;
  Meetings rows, cols;
  if (!ForwardMeetings(call, d.h, &rows) || !ForwardMeetings(call, d.w, &cols)) {
    return PENSTOCK_NO_MEMORY;
  }
  return SumAll(call, rows, cols, d, wide, d.h.in, d.w.in, Data<const float>(filter),
                Data<float>(y), chain);
}

}  // namespace

int DepthwiseConv2d(penstock_call* call) {
  constexpr int kOwnAttrs = 4;
  if (Count(call->outputs[0]) == 0) return PENSTOCK_OK;
  if (call->num_attrs == kOwnAttrs) return ForwardDepthwise(call, nullptr);
  Chain chain;
  if (chain.Read(call, kOwnAttrs)) return ForwardDepthwise(call, &chain);
  const int status = ForwardDepthwise(call, nullptr);
  if (status != PENSTOCK_OK) return status;
  return RunBehind(call, Epilogue(call, kOwnAttrs).program);
}

int DepthwiseConv2dInputGrad(penstock_call* call) {
  const penstock_tensor *dy = call->inputs[0], *filter = call->inputs[1], *dx = call->outputs[0];
  if (Count(dx) == 0) return PENSTOCK_OK;
  const Depthwise d = MakeDepthwise(call, 1, dx->shape, filter->shape, dy->shape);
  const int64_t pixels = d.batch * d.h.in * d.w.in;
  float* wide = Data<float>(dx);
  if (d.multiplier != 1) wide = Scratch<float>(call, pixels * d.Wide());
  Meetings rows, cols;
  if (wide == nullptr || !BackwardMeetings(call, d.h, &rows) ||
      !BackwardMeetings(call, d.w, &cols)) {
    return PENSTOCK_NO_MEMORY;
  }
  const int status = SumAll(call, rows, cols, d, Data<const float>(dy), d.h.out, d.w.out,
                            Data<const float>(filter), wide);
  if (status != PENSTOCK_OK || d.multiplier == 1) return status;
  return AddCopies(call, wide, pixels, d, Data<float>(dx));
}

int DepthwiseConv2dFilterGrad(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *dy = call->inputs[1], *out = call->outputs[0];
  if (Count(out) == 0) return PENSTOCK_OK;
  const Depthwise d = MakeDepthwise(call, 1, x->shape, out->shape, dy->shape);
  int status;
  const float* wide = Repeat(call, Data<const float>(x), d.batch * d.h.in * d.w.in, d, &status);
  if (status != PENSTOCK_OK) return status;
  return FilterGradient(call, d, wide, Data<const float>(dy), Data<float>(out));
}

}  // namespace penstock::cpu::PENSTOCK_ISA
