// Boxes: crops of images brought to one size, and the choice of boxes that do not overlap.
#include <math.h>

#include "penstock/kernel_abi.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Box {
  float top, left, bottom, right;
};

// From any two corners.
Box MakeBox(const float* p) {
  return {MinOf(p[0], p[2]), MinOf(p[1], p[3]), MaxOf(p[0], p[2]), MaxOf(p[1], p[3])};
}

float Area(const Box& box) { return (box.bottom - box.top) * (box.right - box.left); }

float Overlap(const Box& a, const Box& b) {
  const float height = MinOf(a.bottom, b.bottom) - MaxOf(a.top, b.top);
  const float width = MinOf(a.right, b.right) - MaxOf(a.left, b.left);
  if (!(height > 0 && width > 0)) return 0;
  const float shared = height * width;
  return shared / (Area(a) + Area(b) - shared);
}

// What a crop reads along one side: the pixels before and after a place, and how far it is from the first.
struct Place {
  int64_t low, high;
  float share;
  bool inside;
};

Place PlaceOf(float begin, float end, int64_t i, int64_t n, int64_t size, bool nearest) {
  const float last = static_cast<float>(size - 1);
  const float at =
      n == 1 ? 0.5f * (begin + end) * last
             : (begin + (end - begin) * static_cast<float>(i) / static_cast<float>(n - 1)) * last;
  if (!(at >= 0 && at <= last)) return {0, 0, 0, false};
  if (nearest) {
    const int64_t pixel = static_cast<int64_t>(floorf(at + 0.5f));
    return {pixel, pixel, 0, true};
  }
  const int64_t low = static_cast<int64_t>(floorf(at)), high = static_cast<int64_t>(ceilf(at));
  return {low, high, at - static_cast<float>(low), true};
}

// out = above + (below - above) * down, each between its left and right.
void Blend(const float* const (&corner)[4], float across, float down, int64_t channels,
           float* out) {
  const auto blend = [=](Vf a, Vf b, Vf c, Vf d) {
    const Vf above = a * (1.0f - across) + b * across, below = c * (1.0f - across) + d * across;
    return above + (below - above) * down;
  };
  ForVectors(
      channels,
      [&](int64_t i) {
        Store(out + i, blend(Load(corner[0] + i), Load(corner[1] + i), Load(corner[2] + i),
                             Load(corner[3] + i)));
      },
      [&](int64_t i, int64_t n) {
        StorePartial(out + i,
                     blend(LoadPartial(corner[0] + i, n), LoadPartial(corner[1] + i, n),
                           LoadPartial(corner[2] + i, n), LoadPartial(corner[3] + i, n)),
                     n);
      });
}

int64_t IndexAt(const penstock_tensor* indices, int64_t i) {
  return TypeKey(indices) == kI32 ? Data<const int32_t>(indices)[i]
                                  : Data<const int64_t>(indices)[i];
}

// The boxes that may still be chosen, with what is left of their scores.
struct Candidates {
  int64_t count;
  Box* boxes;
  float* scores;
  int64_t* places;
};

// The best of them, the first where several are.
int64_t Best(const Candidates& open) {
  int64_t best = 0;
  for (int64_t i = 1; i < open.count; ++i) {
    if (open.scores[i] > open.scores[best]) best = i;
  }
  return best;
}

// Takes out what overlaps a chosen box, and the box itself; keeps the order.
void Suppress(const Box& chosen, int64_t place, float most, float least, double sigma,
              Candidates* open) {
  int64_t kept = 0;
  for (int64_t i = 0; i < open->count; ++i) {
    const float overlap = Overlap(chosen, open->boxes[i]);
    float score = open->scores[i];
    if (sigma > 0) {
      const double iou = static_cast<double>(overlap);
      score *= static_cast<float>(exp(-0.5 * iou * iou / sigma));
    }
    const bool covered = sigma == 0 && !(overlap <= most);
    if (open->places[i] == place || covered || !(score > least)) continue;
    open->boxes[kept] = open->boxes[i];
    open->scores[kept] = score;
    open->places[kept++] = open->places[i];
  }
  open->count = kept;
}

}  // namespace

int CropAndResize(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  if (Count(out) == 0) return PENSTOCK_OK;
  const int64_t batch = x->shape[0], height = x->shape[1], width = x->shape[2];
  const int64_t channels = x->shape[3], rows = out->shape[1], columns = out->shape[2];
  for (int64_t b = 0; b < out->shape[0]; ++b) {
    const int64_t index = IndexAt(call->inputs[2], b);
    if (index >= 0 && index < batch) continue;
    Fail(call, "box %lld is of image %lld, and there are %lld; use 0 to %lld",
         static_cast<long long>(b), static_cast<long long>(index), static_cast<long long>(batch),
         static_cast<long long>(batch - 1));
    return PENSTOCK_OUT_OF_RANGE;
  }
  const bool nearest = StrAttrIs(call, 1, "nearest");
  const float fill = static_cast<float>(FloatAttr(call, 2));
  const float *images = Input<float>(call, 0), *boxes = Input<float>(call, 1);
  float* to = Output<float>(call, 0);
  return ParallelFor(
      call, out->shape[0] * rows, Grain(columns * channels * 4), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t b = r / rows;
          const float* box = boxes + 4 * b;
          const float* image = images + IndexAt(call->inputs[2], b) * height * width * channels;
          const Place y = PlaceOf(box[0], box[2], r % rows, rows, height, nearest);
          for (int64_t j = 0; j < columns; ++j) {
            const Place at = PlaceOf(box[1], box[3], j, columns, width, nearest);
            float* pixel = to + (r * columns + j) * channels;
            if (!y.inside || !at.inside) {
              for (int64_t c = 0; c < channels; ++c) pixel[c] = fill;
              continue;
            }
            const float *above = image + y.low * width * channels,
                        *below = image + y.high * width * channels;
            const float* const corner[4] = {above + at.low * channels, above + at.high * channels,
                                            below + at.low * channels, below + at.high * channels};
            Blend(corner, at.share, y.share, channels, pixel);
          }
        }
      });
}

// One after the other: what is chosen decides what is left.
int NonMaxSuppression(penstock_call* call) {
  const int64_t n = call->inputs[0]->shape[0], size = IntAttr(call, 0);
  const float most = static_cast<float>(FloatAttr(call, 1));
  const float least = IsNone(call, 2) ? -INFINITY : static_cast<float>(FloatAttr(call, 2));
  const double sigma = FloatAttr(call, 3);
  const float *boxes = Input<float>(call, 0), *scores = Input<float>(call, 1);
  int64_t* places = Output<int64_t>(call, 0);
  float* found = Output<float>(call, 1);
  Candidates open = {0, Scratch<Box>(call, n), Scratch<float>(call, n), Scratch<int64_t>(call, n)};
  if (open.boxes == nullptr || open.scores == nullptr || open.places == nullptr) {
    return PENSTOCK_NO_MEMORY;
  }
  for (int64_t i = 0; i < n; ++i) {
    if (!(scores[i] > least)) continue;
    open.boxes[open.count] = MakeBox(boxes + 4 * i);
    open.scores[open.count] = scores[i];
    open.places[open.count++] = i;
  }
  int64_t count = 0;
  while (count < size && open.count > 0) {
    const int64_t best = Best(open);
    const Box chosen = open.boxes[best];
    places[count] = open.places[best];
    found[count] = open.scores[best];
    Suppress(chosen, places[count], most, least, sigma, &open);
    ++count;
  }
  *Output<int64_t>(call, 2) = count;
  for (int64_t i = count; i < size; ++i) {
    places[i] = 0;
    found[i] = 0;
  }
  return PENSTOCK_OK;
}

}  // namespace penstock::cpu::PENSTOCK_ISA
