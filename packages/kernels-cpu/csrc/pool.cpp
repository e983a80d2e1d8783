// Max and average pooling of NHWC images and NDHWC volumes, and their gradients. Channels are the vectors; an image is
// a volume of depth 1.
#include "penstock/kernel_abi.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Axis {
  int64_t in, out, size, stride, before;
  // The window of output i, cut to the image.
  int64_t Begin(int64_t i) const { return MaxOf<int64_t>(0, i * stride - before); }
  int64_t End(int64_t i) const { return MinOf(in, i * stride - before + size); }
};

struct Pool {
  int64_t batch, channels;
  Axis d, h, w;
  int64_t InputSize() const { return d.in * h.in * w.in * channels; }
  int64_t OutputSize() const { return Rows() * w.out * channels; }
  int64_t Rows() const { return d.out * h.out; }  // of output pixels
};

struct Window {
  int64_t front, back, top, bottom, left, right;
  int64_t Size() const { return (back - front) * (bottom - top) * (right - left); }
};

Axis MakeAxis(const penstock_call* call, int first_attr, int axis, int64_t in, int64_t out) {
  const Ints size = IntsAttr(call, first_attr);
  const Ints stride = IsNone(call, first_attr + 1) ? size : IntsAttr(call, first_attr + 1);
  Axis a = {in, out, size[axis], stride[axis], 0};
  if (StrAttrIs(call, first_attr + 2, "same")) {
    a.before = MaxOf<int64_t>((out - 1) * a.stride + a.size - in, 0) / 2;
  }
  return a;
}

Pool MakePool(const penstock_call* call, int first_attr, const penstock_tensor* x,
              const penstock_tensor* y) {
  const int sides = x->ndim - 2;
  const auto axis = [&](int i) {
    return MakeAxis(call, first_attr, i, x->shape[1 + i], y->shape[1 + i]);
  };
  const Axis whole = {1, 1, 1, 1, 0};
  return {x->shape[0], x->shape[sides + 1], sides == 3 ? axis(0) : whole, axis(sides - 2),
          axis(sides - 1)};
}

// body(window, offset of the output pixel) for every output pixel of one image's row.
template <class Body>
void ForEachWindow(const Pool& pool, int64_t row, Body&& body) {
  const int64_t z = row / pool.h.out, i = row % pool.h.out;
  for (int64_t j = 0; j < pool.w.out; ++j) {
    body(Window{pool.d.Begin(z), pool.d.End(z), pool.h.Begin(i), pool.h.End(i), pool.w.Begin(j),
                pool.w.End(j)},
         (row * pool.w.out + j) * pool.channels);
  }
}

// body(offset of the row's first pixel, whether it is the window's first row) for every row of a window.
template <class Body>
void ForEachRowOf(const Pool& pool, const Window& window, Body&& body) {
  for (int64_t z = window.front; z < window.back; ++z) {
    for (int64_t i = window.top; i < window.bottom; ++i) {
      body((z * pool.h.in + i) * pool.w.in, z == window.front && i == window.top);
    }
  }
}

// fold(accumulator, x) over a window; a window is never empty.
template <class Load, class Fold>
auto FoldWindow(const Pool& pool, const Window& window, Load&& load, Fold&& fold) {
  const int64_t first = (window.front * pool.h.in + window.top) * pool.w.in + window.left;
  auto acc = load(first * pool.channels);
  ForEachRowOf(pool, window, [&](int64_t row, bool begins) {
    for (int64_t j = window.left + begins; j < window.right; ++j) {
      acc = fold(acc, load((row + j) * pool.channels));
    }
  });
  return acc;
}

// y = finish(fold over the window, window size).
template <class Fold, class Finish>
int Forward(penstock_call* call, const Pool& pool, Fold fold, Finish finish) {
  const float* x = Input<float>(call, 0);
  float* y = Output<float>(call, 0);
  const auto row = [&](int64_t index) {
    const float* image = x + index / pool.Rows() * pool.InputSize();
    float* out = y + index / pool.Rows() * pool.OutputSize();
    ForEachWindow(pool, index % pool.Rows(), [&](const Window& window, int64_t at) {
      ForVectors(
          pool.channels,
          [&](int64_t c) {
            const auto load = [&](int64_t offset) { return Load(image + offset + c); };
            Store(out + at + c, finish(FoldWindow(pool, window, load, fold), window.Size()));
          },
          [&](int64_t c, int64_t n) {
            const auto load = [&](int64_t offset) { return LoadPartial(image + offset + c, n); };
            StorePartial(out + at + c, finish(FoldWindow(pool, window, load, fold), window.Size()),
                         n);
          });
    });
  };
  const int64_t cost = pool.d.stride * pool.h.stride * pool.w.in * pool.channels;
  return ParallelFor(call, pool.batch * pool.Rows(), Grain(cost), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) row(i);
  });
}

// Whether every input pixel lies in exactly one window.
bool Partitions(const Axis& axis) {
  return axis.stride == axis.size && axis.before == 0 && axis.out * axis.size == axis.in;
}

bool Partitions(const Pool& pool) {
  return Partitions(pool.d) && Partitions(pool.h) && Partitions(pool.w);
}

// Hands every output pixel to body(image, window, offset), after clearing dx unless all of it will be written. Windows
// may overlap, so an image is one task.
template <class Body>
int Backward(penstock_call* call, const Pool& pool, bool clear, float* dx, Body&& body) {
  return ParallelFor(call, pool.batch, Grain(pool.InputSize()), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      if (clear) {
        memset(dx + n * pool.InputSize(), 0, static_cast<size_t>(pool.InputSize()) * sizeof(float));
      }
      for (int64_t i = 0; i < pool.Rows(); ++i) {
        ForEachWindow(pool, i, [&](const Window& window, int64_t at) { body(n, window, at); });
      }
    }
  });
}

// Gives dy to dx where x holds the window's first maximum: by adding, or by writing all of the window. `access` loads
// and stores a vector or a part of one.
template <class Access>
void ToFirstMaximum(bool add, const Pool& pool, const Window& window, const Access& access,
                    const float* x, Vf y, Vf dy, float* dx) {
  Vi open = Vi{} - 1;
  ForEachRowOf(pool, window, [&](int64_t row, bool) {
    for (int64_t j = window.left; j < window.right; ++j) {
      const int64_t at = (row + j) * pool.channels;
      const Vf v = access.Load(x + at);
      const Vi hit = open & ((v == y) | ((v != v) & (y != y)));
      open &= ~hit;
      const Vf share = hit ? dy : Vf{};
      access.Store(dx + at, add ? access.Load(dx + at) + share : share);
    }
  });
}

struct FullAccess {
  Vf Load(const float* p) const { return PENSTOCK_ISA::Load(p); }
  void Store(float* p, Vf v) const { PENSTOCK_ISA::Store(p, v); }
};

struct PartialAccess {
  int64_t n;
  Vf Load(const float* p) const { return LoadPartial(p, n); }
  void Store(float* p, Vf v) const { StorePartial(p, v, n); }
};

void AddEverywhere(const Pool& pool, const Window& window, const float* dy, float* dx) {
  const float scale = 1.0f / static_cast<float>(window.Size());
  ForEachRowOf(pool, window, [&](int64_t row, bool) {
    for (int64_t j = window.left; j < window.right; ++j) {
      float* to = dx + (row + j) * pool.channels;
      for (int64_t c = 0; c < pool.channels; ++c) to[c] += dy[c] * scale;
    }
  });
}

}  // namespace

namespace {

Pool ForwardPool(const penstock_call* call) {
  return MakePool(call, 0, call->inputs[0], call->outputs[0]);
}

int LargestOf(penstock_call* call, const Pool& pool) {
  return Forward(
      call, pool, [](Vf a, Vf b) { return Maximum(a, b); }, [](Vf a, int64_t) { return a; });
}

}  // namespace

int MaxPool(penstock_call* call) { return LargestOf(call, ForwardPool(call)); }

// Where a window begins follows from the padding before; where the last one ends, from the shapes.
int PaddedMaxPool(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *y = call->outputs[0];
  const Ints size = IntsAttr(call, 0), stride = IntsAttr(call, 1), padding = IntsAttr(call, 2);
  const auto axis = [&](int i) {
    return Axis{x->shape[1 + i], y->shape[1 + i], size[i], stride[i], padding[2 * i]};
  };
  return LargestOf(call, {x->shape[0], x->shape[3], {1, 1, 1, 1, 0}, axis(0), axis(1)});
}

int AvgPool(penstock_call* call) {
  return Forward(
      call, ForwardPool(call), [](Vf a, Vf b) { return a + b; },
      [](Vf sum, int64_t size) { return sum * (1.0f / static_cast<float>(size)); });
}

int MaxPoolGrad(penstock_call* call) {
  const Pool pool = MakePool(call, 0, call->inputs[0], call->inputs[1]);
  const float *x = Input<float>(call, 0), *y = Input<float>(call, 1), *dy = Input<float>(call, 2);
  float* dx = Output<float>(call, 0);
  const bool add = !Partitions(pool);
  return Backward(call, pool, add, dx, [&](int64_t image, const Window& window, int64_t at) {
    const int64_t in = image * pool.InputSize(), out = image * pool.OutputSize() + at;
    ForVectors(
        pool.channels,
        [&](int64_t c) {
          ToFirstMaximum(add, pool, window, FullAccess(), x + in + c, Load(y + out + c),
                         Load(dy + out + c), dx + in + c);
        },
        [&](int64_t c, int64_t n) {
          ToFirstMaximum(add, pool, window, PartialAccess{n}, x + in + c,
                         LoadPartial(y + out + c, n), LoadPartial(dy + out + c, n), dx + in + c);
        });
  });
}

int AvgPoolGrad(penstock_call* call) {
  const Pool pool = MakePool(call, 1, call->outputs[0], call->inputs[0]);
  const float* dy = Input<float>(call, 0);
  float* dx = Output<float>(call, 0);
  return Backward(call, pool, true, dx, [&](int64_t image, const Window& window, int64_t at) {
    AddEverywhere(pool, window, dy + image * pool.OutputSize() + at, dx + image * pool.InputSize());
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
