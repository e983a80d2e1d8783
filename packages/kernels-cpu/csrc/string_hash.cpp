// Strings into buckets: FNV-1a, and the fingerprint of FarmHash.
#include "penstock/kernel_abi.h"
#include "text.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr uint64_t k0 = 0xC3A5C85C97CB3127, k1 = 0xB492B66FBE98F273, k2 = 0x9AE16A3B2F90404F;

uint64_t Word(const char* p) {
  uint64_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

uint64_t HalfWord(const char* p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

uint64_t Turn(uint64_t x, int by) { return x >> by | x << (64 - by); }

uint64_t Mix(uint64_t x) { return x ^ x >> 47; }

// One word of two.
uint64_t Fold(uint64_t u, uint64_t v, uint64_t times) {
  const uint64_t a = Mix((u ^ v) * times);
  return Mix((v ^ a) * times) * times;
}

uint64_t UpTo16(const char* s, uint64_t n) {
  const uint64_t times = k2 + 2 * n;
  if (n >= 8) {
    const uint64_t a = Word(s) + k2, b = Word(s + n - 8);
    return Fold(Turn(b, 37) * times + a, (Turn(a, 25) + b) * times, times);
  }
  if (n >= 4) return Fold(n + (HalfWord(s) << 3), HalfWord(s + n - 4), times);
  if (n == 0) return k2;
  const auto byte = [&](uint64_t i) { return static_cast<uint64_t>(static_cast<uint8_t>(s[i])); };
  const uint64_t y = byte(0) + (byte(n >> 1) << 8), z = n + (byte(n - 1) << 2);
  return Mix(y * k2 ^ z * k0) * k2;
}

// Two words of each end of 17 bytes and more.
struct Ends {
  uint64_t first, u, v;
  Ends(const char* s, uint64_t n, uint64_t by, uint64_t times) : first(Word(s) * by) {
    const uint64_t b = Word(s + 8), c = Word(s + n - 8) * times, d = Word(s + n - 16) * k2;
    u = Turn(first + b, 43) + Turn(c, 30) + d;
    v = first + Turn(b + k2, 18) + c;
  }
};

uint64_t UpTo64(const char* s, uint64_t n) {
  const uint64_t times = k2 + 2 * n;
  if (n <= 32) {
    const Ends ends(s, n, k1, times);
    return Fold(ends.u, ends.v, times);
  }
  const Ends ends(s, n, k2, times);
  const uint64_t z = Fold(ends.u, ends.v, times);
  const uint64_t e = Word(s + 16) * times, f = Word(s + 24);
  const uint64_t g = (ends.u + Word(s + n - 32)) * times, h = (z + Word(s + n - 24)) * times;
  return Fold(Turn(e + f, 43) + Turn(g, 30) + h, e + Turn(f + ends.first, 18) + g, times);
}

struct Pair {
  uint64_t a, b;
};

// 32 bytes into two words.
Pair Absorb(const char* s, uint64_t a, uint64_t b) {
  a += Word(s);
  b = Turn(b + a + Word(s + 24), 21);
  const uint64_t c = a;
  a += Word(s + 8) + Word(s + 16);
  return {a + Word(s + 24), b + Turn(a, 44) + c};
}

struct State {
  uint64_t x, y, z;
  Pair v, w;

  // 64 bytes; the last ones weigh the words more.
  void Take(const char* s, uint64_t times, uint64_t weight) {
    x = Turn(x + y + v.a + Word(s + 8), 37) * times ^ w.b * weight;
    y = Turn(y + v.b + Word(s + 48), 42) * times + v.a * weight + Word(s + 40);
    z = Turn(z + w.a, 33) * times;
    v = Absorb(s, v.b * times, x + w.a);
    w = Absorb(s + 32, z + w.b, y + Word(s + 16));
    const uint64_t swapped = z;
    z = x;
    x = swapped;
  }
};

uint64_t Long(const char* s, uint64_t n) {
  const uint64_t seed = 81, y = seed * k1 + 113;
  State state = {seed * k2 + Word(s), y, Mix(y * k2 + 113) * k2, {0, 0}, {0, 0}};
  const uint64_t end = (n - 1) / 64 * 64;
  for (uint64_t at = 0; at < end; at += 64) state.Take(s + at, k1, 1);
  const uint64_t times = k1 + ((state.z & 0xFF) << 1);
  state.w.a += (n - 1) & 63;
  state.v.a += state.w.a;
  state.w.a += state.v.a;
  state.Take(s + n - 64, times, 9);
  return Fold(Fold(state.v.a, state.w.a, times) + Mix(state.y) * k0 + state.z,
              Fold(state.v.b, state.w.b, times) + state.x, times);
}

uint64_t Fingerprint(const Text& text) {
  const uint64_t n = static_cast<uint64_t>(text.size);
  if (n <= 16) return UpTo16(text.data, n);
  return n <= 64 ? UpTo64(text.data, n) : Long(text.data, n);
}

uint64_t Fnv1a(const Text& text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (int64_t i = 0; i < text.size; ++i) hash = (hash ^ text.At(i)) * 0x100000001B3;
  return hash;
}

// The state of SipHash-2-4.
struct Sip {
  uint64_t a, b, c, d;

  Sip(uint64_t key0, uint64_t key1)
      : a(key0 ^ 0x736F6D6570736575),
        b(key1 ^ 0x646F72616E646F6D),
        c(key0 ^ 0x6C7967656E657261),
        d(key1 ^ 0x7465646279746573) {}

  void Stir(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      a += b;
      c += d;
      b = Turn(b, 64 - 13) ^ a;
      d = Turn(d, 64 - 16) ^ c;
      a = Turn(a, 32) + d;
      c += b;
      b = Turn(b, 64 - 17) ^ c;
      d = Turn(d, 64 - 21) ^ a;
      c = Turn(c, 32);
    }
  }
  void Take(uint64_t word) {
    d ^= word;
    Stir(2);
    a ^= word;
  }
};

uint64_t SipHash(const Text& text, uint64_t key0, uint64_t key1) {
  Sip state(key0, key1);
  const int64_t whole = text.size / 8 * 8;
  for (int64_t at = 0; at < whole; at += 8) state.Take(Word(text.data + at));
  uint64_t rest = static_cast<uint64_t>(text.size) << 56;
  for (int64_t i = whole; i < text.size; ++i) {
    rest |= static_cast<uint64_t>(text.At(i)) << (8 * (i - whole));
  }
  state.Take(rest);
  state.c ^= 0xFF;
  state.Stir(4);
  return state.a ^ state.b ^ state.c ^ state.d;
}

template <class Hash>
int Buckets(penstock_call* call, Hash&& hash) {
  const uint64_t buckets = static_cast<uint64_t>(IntAttr(call, 0));
  int64_t* out = Output<int64_t>(call, 0);
  return ParallelFor(call, Count(call->outputs[0]), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = static_cast<int64_t>(hash(TextAt(call, 0, i)) % buckets);
    }
  });
}

}  // namespace

int StringToHashBucket(penstock_call* call) { return Buckets(call, Fnv1a); }

int StringToHashBucketFast(penstock_call* call) { return Buckets(call, Fingerprint); }

int StringToHashBucketStrong(penstock_call* call) {
  const Ints key = IntsAttr(call, 1);
  if (key.size != 2 || key[0] < 0 || key[1] < 0) {
    return Fail(call, "got a key of %d numbers; use two numbers from 0 to 2**63 - 1", key.size);
  }
  const uint64_t key0 = static_cast<uint64_t>(key[0]), key1 = static_cast<uint64_t>(key[1]);
  return Buckets(call, [=](const Text& text) { return SipHash(text, key0, key1); });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
