// What Winograd's convolutions and their filter gradient share: the transformations, and the tiles that they read.
#ifndef PENSTOCK_KERNELS_CPU_WINOGRAD_TILES_H_
#define PENSTOCK_KERNELS_CPU_WINOGRAD_TILES_H_

#include <cstdlib>

#include "chain_steps.h"
#include "conv_product.h"
#include "lanes.h"
#include "rooms.h"

namespace penstock::cpu::PENSTOCK_ISA::winograd {

constexpr int kSide = 6, kOut = 4, kFilter = 3, kPlaces = kSide * kSide;
constexpr float kA = 0.70710678118654752f,
                kB = 1.41421356237309505f;  // the points, but 0 and infinity
constexpr float kNearer = -2.0f / 3.0f, kFarther = 1.0f / 6.0f;

// ---- the transformations of one line; those of gradients are transposed ----

struct OfInput {
  ALWAYS_INLINE void operator()(const Vf (&d)[kSide], Vf (&out)[kSide]) const {
    const Vf even = d[4] - 2.0f * d[2], odd = kA * (d[3] - 2.0f * d[1]);
    const Vf even2 = d[4] - 0.5f * d[2], odd2 = kB * (d[3] - 0.5f * d[1]);
    out[0] = d[0] - 2.5f * d[2] + d[4];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = d[1] - 2.5f * d[3] + d[5];
  }
};

struct OfFilter {
  ALWAYS_INLINE void operator()(const Vf (&g)[kFilter], Vf (&out)[kSide]) const {
    const Vf even = kNearer * (g[0] + 0.5f * g[2]), odd = (kNearer * kA) * g[1];
    const Vf even2 = kFarther * (g[0] + 2.0f * g[2]), odd2 = (kFarther * kB) * g[1];
    out[0] = g[0];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = g[2];
  }
};

struct ToFilter {
  ALWAYS_INLINE void operator()(const Vf (&m)[kSide], Vf (&out)[kFilter]) const {
    const Vf sum = kNearer * (m[1] + m[2]), sum2 = kFarther * (m[3] + m[4]);
    out[0] = m[0] + sum + sum2;
    out[1] = (kNearer * kA) * (m[1] - m[2]) + (kFarther * kB) * (m[3] - m[4]);
    out[2] = 0.5f * sum + 2.0f * sum2 + m[5];
  }
};

struct ToOutput {
  ALWAYS_INLINE void operator()(const Vf (&m)[kSide], Vf (&out)[kOut]) const {
    const Vf sum = m[1] + m[2], difference = m[1] - m[2];
    const Vf sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    out[0] = m[0] + sum + sum2;
    out[1] = kA * difference + kB * difference2;
    out[2] = 0.5f * sum + 2.0f * sum2;
    out[3] = (0.5f * kA) * difference + (2.0f * kB) * difference2 + m[5];
  }
};

struct OfOutput {
  ALWAYS_INLINE void operator()(const Vf (&d)[kOut], Vf (&out)[kSide]) const {
    const Vf even = d[0] + 0.5f * d[2], odd = kA * (d[1] + 0.5f * d[3]);
    const Vf even2 = d[0] + 2.0f * d[2], odd2 = kB * (d[1] + 2.0f * d[3]);
    out[0] = d[0];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = d[3];
  }
};

// Columns, then rows: keep(i, row i of kMade vectors), of load(i, j) for i, j < kIn.
template <int kIn, int kMade, class Transform, class Load, class Keep>
ALWAYS_INLINE void TransformTile(const Transform& transform, const Load& load, const Keep& keep) {
  Vf half[kMade][kIn];
#pragma GCC unroll 6
  for (int j = 0; j < kIn; ++j) {
    Vf line[kIn], made[kMade];
#pragma GCC unroll 6
    for (int i = 0; i < kIn; ++i) line[i] = load(i, j);
    transform(line, made);
#pragma GCC unroll 6
    for (int i = 0; i < kMade; ++i) half[i][j] = made[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kMade; ++i) {
    Vf made[kMade];
    transform(half[i], made);
    keep(i, made);
  }
}

// ---- channels ----

inline int64_t Padded(int64_t channels) {
  return RoundUp(channels, kLanes) + kLanes;  // rows far enough apart not to meet in the cache
}

// f(first channel, how many), a vector at a time.
template <class F>
ALWAYS_INLINE void ForChannels(int64_t channels, const F& f) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) f(c, int64_t{kLanes});
  if (c < channels) f(c, channels - c);
}

// ---- when ----

constexpr int64_t kTransform = 7 * kPlaces;  // what a tile's channel costs, in multiplications

// Read once: filters are prepared by the answer.
inline bool SwitchedOff() {
  static const bool off = [] {
    const char* value = getenv("PENSTOCK_WINOGRAD");
    return value != nullptr && strcmp(value, "off") == 0;
  }();
  return off;
}

inline bool IsPlain(const Axis& axis) {
  return axis.kernel == kFilter && axis.stride == 1 && axis.dilation == 1;
}

// Whether the algorithm knows such convolutions, and there are channels enough for whole vectors.
inline bool CanBeWinograd(const Conv& conv) {
  constexpr int64_t kLeast = 2 * kLanes;
  return IsPlain(conv.h) && IsPlain(conv.w) && conv.groups == 1 && conv.in_channels >= kLeast &&
         conv.out_channels >= kLeast && !SwitchedOff();
}

// ---- tiles ----

struct Corner {
  int64_t image, row, col;  // of a tile's first result
};

// The tiles of all images, one after the other.
struct Tiles {
  int64_t down, across, count;  // of an image; of all

  explicit Tiles(const Conv& conv)
      : down(CeilDiv(conv.h.out, kOut)),
        across(CeilDiv(conv.w.out, kOut)),
        count(conv.batch * down * across) {}

  Corner At(int64_t index) const {
    const int64_t line = index / across;
    return {line / down, line % down * kOut, index % across * kOut};
  }
};

// Images [n, h, w, c], and zeros for a pixel outside of them: Padded(c) of them.
struct Pixels {
  const float* data;
  int64_t h, w, c;
  const float* zeros;

  const float* At(int64_t image, int64_t row, int64_t col) const {
    if (row < 0 || row >= h || col < 0 || col >= w) return zeros;
    return data + ((image * h + row) * w + col) * c;
  }
};

// out[place * step + channel] = the transformed pixels from `first` on, kIn x kIn of them.
template <int kIn, class Transform>
void ReadTile(const Pixels& pixels, const Corner& first, int64_t step, float* out) {
  const float* at[kIn][kIn];
  for (int i = 0; i < kIn; ++i) {
    for (int j = 0; j < kIn; ++j) at[i][j] = pixels.At(first.image, first.row + i, first.col + j);
  }
  ForChannels(pixels.c, [&](int64_t c, int64_t n) {
    TransformTile<kIn, kSide>(
        Transform(), [&](int i, int j) { return LoadUpTo(at[i][j] + c, n); },
        [&](int i, const Vf(&made)[kSide]) {
          for (int j = 0; j < kSide; ++j) Store(out + (i * kSide + j) * step + c, made[j]);
        });
  });
}

// Tiles in portions, and these in tasks, which share nothing, if there are enough of them; else all in one task, whose
// loops are parallel.
struct Portions {
  int64_t tiles, at_once;  // of a portion
  int64_t count, per_task, tasks;

  Portions(int64_t tiles, int64_t most_at_once, int64_t most_tasks) : tiles(tiles) {
    at_once = CeilDiv(tiles, CeilDiv(tiles, most_at_once));
    count = CeilDiv(tiles, at_once);
    per_task = count < most_tasks / 2 ? count : CeilDiv(count, most_tasks);
    tasks = CeilDiv(count, per_task);
  }

  int64_t First(int64_t portion) const { return portion * at_once; }
  int64_t Size(int64_t portion) const { return MinOf(at_once, tiles - First(portion)); }

  // f(task, first portion, last portion) gives a status.
  template <class F>
  int Run(penstock_call* call, const F& f) const {
    int failed = PENSTOCK_OK;
    const int status = ParallelFor(call, count, per_task, [&](int64_t begin, int64_t end) {
      const int status = f(begin / per_task, begin, end);
      if (status != PENSTOCK_OK) __atomic_store_n(&failed, status, __ATOMIC_RELAXED);
    });
    return status != PENSTOCK_OK ? status : failed;
  }
};

// What a portion's tiles become, and the products or the results' gradients: [place, slot, channels].
struct Room {
  float *in, *out;
};

// f(i) for `count` tiles of so many channels.
template <class F>
int ForTiles(penstock_call* call, int64_t count, int64_t channels, const F& f) {
  return ParallelFor(call, count, Grain(4 * kPlaces * channels), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// Zeros for Pixels; NULL if there is no memory.
inline const float* Zeros(penstock_call* call, int64_t channels) {
  float* zeros = Scratch<float>(call, Padded(channels));
  if (zeros != nullptr) memset(zeros, 0, static_cast<size_t>(Padded(channels)) * sizeof(float));
  return zeros;
}

}  // namespace penstock::cpu::PENSTOCK_ISA::winograd

#endif  // PENSTOCK_KERNELS_CPU_WINOGRAD_TILES_H_
