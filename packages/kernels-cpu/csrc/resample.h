// How much each pixel of a line counts for each pixel of a longer or shorter one.
#ifndef PENSTOCK_KERNELS_CPU_RESAMPLE_H_
#define PENSTOCK_KERNELS_CPU_RESAMPLE_H_

#include <math.h>

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

enum class Filter {
  kNearest,
  kBilinear,
  kBicubic,
  kArea,
  kLanczos3,
  kLanczos5,
  kGaussian,
  kMitchell
};

// Pixel i of the result is the sum of count[i] pixels from first[i] on, each times its weight.
struct Taps {
  int64_t out, most;  // most: of one pixel
  int64_t *first, *count;
  float* weight;
  bool all;  // whether every pixel takes from some
  const float* Weights(int64_t i) const { return weight + i * most; }
};

inline double SinC(double x) {
  const double angle = 3.14159265358979323846 * x;
  return angle == 0 ? 1 : sin(angle) / angle;
}

inline double FilterRadius(Filter filter) {
  switch (filter) {
    case Filter::kBicubic:
    case Filter::kMitchell:
      return 2;
    case Filter::kLanczos3:
      return 3;
    case Filter::kLanczos5:
      return 5;
    case Filter::kGaussian:
      return 1.5;
    default:
      return 1;
  }
}

inline double FilterAt(Filter filter, double x) {
  x = fabs(x);
  const double radius = FilterRadius(filter);
  if (x >= radius) return 0;
  switch (filter) {
    case Filter::kBicubic:
      return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
    case Filter::kMitchell:
      return x < 1 ? (7.0 / 6 * x - 2) * x * x + 8.0 / 9
                   : ((-7.0 / 18 * x + 2) * x - 10.0 / 3) * x + 16.0 / 9;
    case Filter::kGaussian:
      return exp(-2 * x * x);
    case Filter::kLanczos3:
    case Filter::kLanczos5:
      return SinC(x) * SinC(x / radius);
    default:
      return 1 - x;
  }
}

// One way from a line of `size` pixels to one of `out`.
struct Line {
  Filter filter;
  int64_t size, out;
  double stretch;  // of the filter

  Line(Filter filter, int64_t size, int64_t out, bool antialias)
      : filter(filter),
        size(size),
        out(out),
        stretch(antialias && size > out ? static_cast<double>(size) / static_cast<double>(out)
                                        : 1) {}

  double Centre(int64_t i) const {
    return (static_cast<double>(i) + 0.5) * static_cast<double>(size) / static_cast<double>(out);
  }
  int64_t First(int64_t i) const {
    if (filter == Filter::kNearest) return MinOf((2 * i + 1) * size / (2 * out), size - 1);
    if (filter == Filter::kArea) return i * size / out;
    const double reach = FilterRadius(filter) * stretch;
    return MaxOf<int64_t>(static_cast<int64_t>(ceil(Centre(i) - reach - 0.5)), 0);
  }
  int64_t Last(int64_t i) const {
    if (filter == Filter::kNearest) return First(i);
    if (filter == Filter::kArea) return CeilDiv((i + 1) * size, out) - 1;
    const double reach = FilterRadius(filter) * stretch;
    return MinOf(static_cast<int64_t>(floor(Centre(i) + reach - 0.5)), size - 1);
  }
  double Weight(int64_t i, int64_t j) const {
    if (filter == Filter::kNearest) return 1;
    if (filter == Filter::kArea) {
      const double n = static_cast<double>(out), step = static_cast<double>(size);
      const double low = MaxOf(static_cast<double>(j), static_cast<double>(i) * step / n);
      const double high = MinOf(static_cast<double>(j + 1), static_cast<double>(i + 1) * step / n);
      return high - low;
    }
    return FilterAt(filter, (static_cast<double>(j) + 0.5 - Centre(i)) / stretch);
  }
};

inline bool Allocate(penstock_call* call, int64_t out, int64_t most, Taps* taps) {
  *taps = {out,
           most,
           Scratch<int64_t>(call, out),
           Scratch<int64_t>(call, out),
           Scratch<float>(call, out * most),
           false};
  return taps->first != nullptr && taps->count != nullptr && taps->weight != nullptr;
}

// The pixels that count for pixel i: at its ends a filter may be 0.
inline void Reach(const Line& line, int64_t i, int64_t* first, int64_t* last) {
  *first = line.First(i);
  *last = line.Last(i);
  while (*first < *last && line.Weight(i, *first) == 0) ++*first;
  while (*first < *last && line.Weight(i, *last) == 0) --*last;
}

inline bool MakeTaps(penstock_call* call, const Line& line, Taps* taps) {
  int64_t most = 1, first, last;
  for (int64_t i = 0; i < line.out; ++i) {
    Reach(line, i, &first, &last);
    most = MaxOf(most, last - first + 1);
  }
  if (!Allocate(call, line.out, most, taps)) return false;
  for (int64_t i = 0; i < line.out; ++i) {
    Reach(line, i, &first, &last);
    double total = 0;
    for (int64_t j = first; j <= last; ++j) total += line.Weight(i, j);
    float* weight = taps->weight + i * most;
    for (int64_t j = first; j <= last; ++j) {
      weight[j - first] = static_cast<float>(line.Weight(i, j) / total);
    }
    taps->first[i] = first;
    taps->count[i] = last - first + 1;
  }
  taps->all = true;
  return true;
}

// The same weights, from the result back: pixel j of the source takes from the first result that it gave to up to the
// last one. Between them may be some that it gave nothing, where a filter was 0 at its end.
inline bool Transpose(penstock_call* call, const Taps& taps, int64_t size, Taps* back) {
  int64_t* first = Scratch<int64_t>(call, size);
  if (first == nullptr) return false;
  for (int64_t j = 0; j < size; ++j) first[j] = -1;
  int64_t most = 1;
  for (int64_t i = 0; i < taps.out; ++i) {
    for (int64_t k = 0; k < taps.count[i]; ++k) {
      const int64_t j = taps.first[i] + k;
      if (first[j] < 0) first[j] = i;
      most = MaxOf(most, i - first[j] + 1);
    }
  }
  if (!Allocate(call, size, most, back)) return false;
  memset(back->weight, 0, static_cast<size_t>(size * most) * sizeof(float));
  for (int64_t j = 0; j < size; ++j) {
    back->first[j] = MaxOf<int64_t>(first[j], 0);
    back->count[j] = 0;
  }
  for (int64_t i = 0; i < taps.out; ++i) {
    for (int64_t k = 0; k < taps.count[i]; ++k) {
      const int64_t j = taps.first[i] + k, at = i - first[j];
      back->count[j] = at + 1;
      back->weight[j * most + at] = taps.Weights(i)[k];
    }
  }
  return true;
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_RESAMPLE_H_
