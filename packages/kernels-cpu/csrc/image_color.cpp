// Colours of pixels: three numbers in, three or one out, each pixel by itself.
#include "penstock/kernel_abi.h"
#include "vec.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

struct Color {
  float a, b, c;
};

// out[i] = f(pixel i).
template <class Out, class F>
int ForPixels(penstock_call* call, F&& f) {
  const float* x = Input<float>(call, 0);
  Out* out = Output<Out>(call, 0);
  const int64_t n = Count(call->inputs[0]) / 3;
  return ParallelFor(call, n, kChunk / 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = f(Color{x[3 * i], x[3 * i + 1], x[3 * i + 2]});
  });
}

// A row vector times a matrix.
int Multiply(penstock_call* call, const float (&m)[3][3]) {
  return ForPixels<Color>(call, [&](const Color& x) {
    return Color{x.a * m[0][0] + x.b * m[1][0] + x.c * m[2][0],
                 x.a * m[0][1] + x.b * m[1][1] + x.c * m[2][1],
                 x.a * m[0][2] + x.b * m[1][2] + x.c * m[2][2]};
  });
}

// Largest and smallest as NumPy has them: a NaN wins.
float Largest(float a, float b) { return a > b || a != a ? a : b; }
float Smallest(float a, float b) { return a < b || a != a ? a : b; }
float ZeroToOne(float x) { return x < 0 ? 0.0f : x > 1 ? 1.0f : x; }

}  // namespace

int RgbToHsv(penstock_call* call) {
  return ForPixels<Color>(call, [](const Color& x) {
    const float value = Largest(Largest(x.a, x.b), x.c);
    const float spread = value - Smallest(Smallest(x.a, x.b), x.c);
    const float safe = spread == 0 ? 1.0f : spread;
    const float red = (x.b - x.c) / safe, green = 2 + (x.c - x.a) / safe;
    const float blue = 4 + (x.a - x.b) / safe;
    const float sector = (value == x.a ? red : value == x.b ? green : blue) / 6;
    const float hue = spread == 0 ? 0.0f : sector < 0 ? sector + 1 : sector;
    return Color{hue, value > 0 ? spread / value : 0.0f, value};
  });
}

int HsvToRgb(penstock_call* call) {
  return ForPixels<Color>(call, [](const Color& x) {
    const float hue = x.a * 6, saturation = x.b, value = x.c;
    const auto mixed = [&](float color) {
      return value * (1 - saturation * (1 - ZeroToOne(color)));
    };
    return Color{mixed(fabsf(hue - 3) - 1), mixed(2 - fabsf(hue - 2)), mixed(2 - fabsf(hue - 4))};
  });
}

int RgbToGrayscale(penstock_call* call) {
  return ForPixels<float>(
      call, [](const Color& x) { return 0.2989f * x.a + 0.5870f * x.b + 0.1140f * x.c; });
}

int RgbToYuv(penstock_call* call) {
  static constexpr float kMatrix[3][3] = {{0.299f, -0.14714119f, 0.61497538f},
                                          {0.587f, -0.28886916f, -0.51496512f},
                                          {0.114f, 0.43601035f, -0.10001026f}};
  return Multiply(call, kMatrix);
}

int YuvToRgb(penstock_call* call) {
  static constexpr float kMatrix[3][3] = {
      {1, 1, 1}, {0, -0.394642334f, 2.03206185f}, {1.13988303f, -0.58062185f, 0}};
  return Multiply(call, kMatrix);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
