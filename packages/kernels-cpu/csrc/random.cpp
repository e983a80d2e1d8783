// Random numbers from Philox4x32-10 (Salmon et al., 2011). A block's number alone decides its words, so that any split
// of the work gives the same numbers.
#include "penstock/kernel_abi.h"
#include "vec_math.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Word w of kLanes blocks in a row.
struct Words {
  Vu w[4];
};

struct WideProduct {
  Vu high, low;
};

inline WideProduct MultiplyWide(Vu a, uint32_t b) {
  WideProduct p;
  for (int i = 0; i < kLanes; ++i) {
    const uint64_t wide = static_cast<uint64_t>(a[i]) * b;
    p.high[i] = static_cast<uint32_t>(wide >> 32);
    p.low[i] = static_cast<uint32_t>(wide);
  }
  return p;
}

Words Philox(uint64_t counter, uint64_t key) {
  Words x = {};
  for (int i = 0; i < kLanes; ++i) {
    const uint64_t c = counter + static_cast<uint64_t>(i);
    x.w[0][i] = static_cast<uint32_t>(c);
    x.w[1][i] = static_cast<uint32_t>(c >> 32);
  }
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const WideProduct p0 = MultiplyWide(x.w[0], 0xD2511F53u),
                      p1 = MultiplyWide(x.w[2], 0xCD9E8D57u);
    x = {{p1.high ^ x.w[1] ^ k0, p1.low, p0.high ^ x.w[3] ^ k1, p0.low}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x;
}

// The upper 24 bits as a float in [0, 2^24).
inline Vf Upper24(Vu w) { return __builtin_convertvector(reinterpret_cast<Vi>(w >> 8), Vf); }

constexpr float k2Pow24 = 1.0f / 16777216.0f;
constexpr int64_t kElements = 4 * kLanes;  // of one call of Philox

// x, rounded here: the compiler may not fuse its multiplication with an addition that follows. Without this, numbers
// would differ between instruction sets with and without FMA.
inline Vf Rounded(Vf x) {
#if defined(__SSE2__)
  asm("" : "+v"(x));
#else
  asm("" : "+m"(x));
#endif
  return x;
}

// A keyed op's first input is the key; to other random ops the runtime gives one.
struct Key {
  uint64_t key, counter;
};

inline Key KeyOf(const penstock_call* call) {
  if (call->num_inputs == 0) return {call->rng_key[0], call->rng_counter};
  const uint32_t* words = Input<uint32_t>(call, 0);
  return {words[0] | static_cast<uint64_t>(words[1]) << 32, 0};
}

// out = value(words)[element / 4, element % 4]: `value` turns words into four vectors.
template <class Value>
int Generate(penstock_call* call, Value&& value) {
  float* out = Output<float>(call, 0);
  const int64_t count = Count(call->outputs[0]);
  const Key from = KeyOf(call);
  return ParallelFor(
      call, CeilDiv(count, kElements), kChunk / 2 / kElements, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          Vf values[4];
          value(Philox(from.counter + static_cast<uint64_t>(i * kLanes), from.key), values);
          float* to = out + i * kElements;
          const int64_t n = MinOf(kElements, count - i * kElements);
          for (int64_t j = 0; j < n; ++j) to[j] = values[j % 4][j / 4];
        }
      });
}

inline double Rounded(double x) {
#if defined(__SSE2__)
  asm("" : "+x"(x));
#else
  asm("" : "+m"(x));
#endif
  return x;
}

// f64 takes two words for each number, of which the upper 53 bits count.
int UniformOfDoubles(penstock_call* call, double low, double high) {
  double* out = Output<double>(call, 0);
  const int64_t count = Count(call->outputs[0]);
  const Key from = KeyOf(call);
  const double span = high - low, below = low < high ? nextafter(high, low) : high;
  constexpr int64_t kDoubles = 2 * kLanes;
  return ParallelFor(
      call, CeilDiv(count, kDoubles), kChunk / 2 / kDoubles, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const Words words = Philox(from.counter + static_cast<uint64_t>(i * kLanes), from.key);
          const int64_t first = i * kDoubles, n = MinOf(kDoubles, count - first);
          for (int64_t j = 0; j < n; ++j) {
            const uint64_t lower = words.w[j % 2 * 2][j / 2], upper = words.w[j % 2 * 2 + 1][j / 2];
            const double drawn = static_cast<double>((lower | upper << 32) >> 11) * 0x1p-53;
            const double x = low + Rounded(drawn * span);
            out[first + j] = x > below ? below : x;
          }
        }
      });
}

// r cos(2 pi u), r sin(2 pi u) with r = sqrt(-2 ln v), from two words.
inline void BoxMuller(Vu w0, Vu w1, Vf* a, Vf* b) {
  const Vf v = (Upper24(w0) + 1.0f) * k2Pow24;
  const Vf angle = Upper24(w1) * (k2Pow24 * 6.28318530718f);
  const Vf r = Sqrt(Log(v) * -2.0f);
  *a = r * Cos(angle);
  *b = r * Sin(angle);
}

}  // namespace

int RandomUniform(penstock_call* call) {
  if (TypeKey(call->outputs[0]) == kF64) {
    return UniformOfDoubles(call, FloatAttr(call, 1), FloatAttr(call, 2));
  }
  const float low = static_cast<float>(FloatAttr(call, 1));
  const float high = static_cast<float>(FloatAttr(call, 2));
  const Vf span = Splat(high - low), below = Splat(low < high ? nextafterf(high, low) : high);
  return Generate(call, [&](const Words& words, Vf* values) {
    for (int i = 0; i < 4; ++i) {
      const Vf x = Rounded(Upper24(words.w[i]) * k2Pow24 * span) + low;
      values[i] = x > below ? below : x;  // rounding may reach the upper bound
    }
  });
}

int RandomNormal(penstock_call* call) {
  const float mean = static_cast<float>(FloatAttr(call, 1));
  const float stddev = static_cast<float>(FloatAttr(call, 2));
  return Generate(call, [&](const Words& words, Vf* values) {
    BoxMuller(words.w[0], words.w[1], &values[0], &values[1]);
    BoxMuller(words.w[2], words.w[3], &values[2], &values[3]);
    for (int i = 0; i < 4; ++i) values[i] = Rounded(values[i] * stddev) + mean;
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
