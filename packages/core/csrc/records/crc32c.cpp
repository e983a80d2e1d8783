#include "records/crc32c.h"

#include <cstring>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define PENSTOCK_HAS_SSE42_CRC 1
#include <nmmintrin.h>
#endif

namespace penstock {
namespace {

struct Tables {
  uint32_t t[8][256];
};

// Eight tables take eight bytes at a time.
Tables make_tables() {
  Tables made;
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) ? 0x82f63b78u : 0);
    made.t[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; ++i)
    for (int k = 1; k < 8; ++k)
      made.t[k][i] = (made.t[k - 1][i] >> 8) ^ made.t[0][made.t[k - 1][i] & 255];
  return made;
}

uint32_t portable(uint32_t crc, const unsigned char* p, size_t size) {
  static const Tables tables = make_tables();
  const auto& t = tables.t;
  for (; size >= 8; p += 8, size -= 8) {
    uint32_t low =
        crc ^ (uint32_t{p[0]} | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24);
    crc = t[7][low & 255] ^ t[6][(low >> 8) & 255] ^ t[5][(low >> 16) & 255] ^ t[4][low >> 24] ^
          t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
  }
  for (; size; ++p, --size) crc = (crc >> 8) ^ t[0][(crc ^ *p) & 255];
  return crc;
}

#ifdef PENSTOCK_HAS_SSE42_CRC
__attribute__((target("sse4.2"))) uint32_t with_sse42(uint32_t crc, const unsigned char* p,
                                                      size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; size; ++p, --size) crc = _mm_crc32_u8(crc, *p);
  return crc;
}
#endif

}  // namespace

uint32_t crc32c(const void* data, size_t size) {
  const auto* p = static_cast<const unsigned char*>(data);
#ifdef PENSTOCK_HAS_SSE42_CRC
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return ~with_sse42(~0u, p, size);
#endif
  return ~portable(~0u, p, size);
}

}  // namespace penstock
