// Depthwise convolutions of bytes, a line or two of results at once: bytes of four rows lie together, for 64 channels of each
// column. Where a block has fewer channels, parts of its lines lie side by side and act as more of them.
#ifndef PENSTOCK_KERNELS_CPU_QUANTIZED_LINES_H_
#define PENSTOCK_KERNELS_CPU_QUANTIZED_LINES_H_

#include "quantized_layer.h"
#include "quantized_window.h"

#if defined(PENSTOCK_BYTE_PRODUCTS)

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int64_t kBlock = 64;         // channels of a block, or those of all parts
constexpr int64_t kQuad = 4 * kBlock;  // bytes of four rows of a column

// Where a channel of a block comes: unpacking goes lane by lane, and so does packing results.
constexpr int64_t InLanes(int64_t c) { return c % 16 / 4 * 16 + c / 16 * 4 + c % 4; }

inline int64_t Blocks(const WindowConv& conv) { return CeilDiv(conv.in_channels, kBlock); }

// How a block of channels is computed.
struct LinePlan {
  int64_t first, channels;  // the last block may begin within the one before
  int64_t parts;            // of a line, side by side
  int64_t columns;          // results of a part
  int64_t width;            // columns that a part sees, with padding
  int64_t lines,
      quads;  // lines of results computed together, and how many times four rows they see

  LinePlan(const WindowConv& conv, bool lifted, int64_t block) {
    first = block * kBlock;
    channels = MinOf(kBlock, conv.in_channels - first);
    if (block > 0 && channels > kBlock / 2 && channels < kBlock) {
      first = conv.in_channels - kBlock;
      channels = kBlock;
    }
    parts = channels > 32 ? 1 : channels > 16 ? 2 : 4;
    columns = CeilDiv(conv.w.out, parts);
    width = (columns - 1) * conv.w.stride + (conv.w.kernel - 1) * conv.w.dilation + 1;
    quads = CeilDiv(conv.h.kernel, 4);
    const bool fit = CeilDiv(conv.h.kernel + conv.h.stride, 4) == quads;
    lines = fit && conv.h.dilation == 1 && !lifted ? 2 : 1;
  }
  int64_t BlockBytes(const WindowConv& conv) const { return lines * LineBytes(conv); }
  int64_t LineBytes(const WindowConv& conv) const { return quads * conv.w.kernel * kQuad; }
  // Bytes of a column that belong to each part.
  int64_t Room() const { return kBlock / parts; }
};

// A column of all parts, `apart` from each other. kSome: not all of a part's bytes are there.
template <int kParts, bool kSome, class T>
__m512i LoadColumn(const T* x, int64_t apart, uint64_t there) {
  if (kParts == 1) return kSome ? _mm512_maskz_loadu_epi8(there, x) : _mm512_loadu_si512(x);
  if (kParts == 2) {
    const auto half = [&](int p) {
      const T* from = x + p * apart;
      return kSome ? _mm256_maskz_loadu_epi8(static_cast<__mmask32>(there), from)
                   : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    };
    return _mm512_inserti64x4(_mm512_castsi256_si512(half(0)), half(1), 1);
  }
  const auto quarter = [&](int p) {
    const T* from = x + p * apart;
    return kSome ? _mm_maskz_loadu_epi8(static_cast<__mmask16>(there), from)
                 : _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  __m512i all = _mm512_castsi128_si512(quarter(0));
  all = _mm512_inserti32x4(all, quarter(1), 1);
  all = _mm512_inserti32x4(all, quarter(2), 2);
  return _mm512_inserti32x4(all, quarter(3), 3);
}

inline void StoreQuad(__m512i a, __m512i b, __m512i c, __m512i d, __m512i flip, uint8_t* to) {
  a = _mm512_xor_si512(a, flip), b = _mm512_xor_si512(b, flip);
  c = _mm512_xor_si512(c, flip), d = _mm512_xor_si512(d, flip);
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  _mm512_storeu_si512(to, _mm512_unpacklo_epi16(ab_low, cd_low));
  _mm512_storeu_si512(to + 64, _mm512_unpackhi_epi16(ab_low, cd_low));
  _mm512_storeu_si512(to + 128, _mm512_unpacklo_epi16(ab_high, cd_high));
  _mm512_storeu_si512(to + 192, _mm512_unpackhi_epi16(ab_high, cd_high));
}

// What line i of the results, and the next, see of an image: [quads][width][channels][4 rows]. image: at the first channel of
// the block. What lies outside, and behind the rows that are seen, holds the zero point.
template <class T, int kParts, bool kSome>
void FillLines(const WindowConv& conv, const LinePlan& plan, const T* image, int64_t i,
               int32_t zero, uint8_t* to) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(kRaise<T>));
  const int64_t each = plan.channels;
  const uint64_t there = each == 64 ? ~uint64_t{0} : (uint64_t{1} << each) - 1;
  const int64_t shift = plan.columns * conv.w.stride;  // between parts
  const int64_t begin = MinOf(plan.width, MaxOf<int64_t>(0, conv.w.before));
  const int64_t end =
      MaxOf(begin, MinOf(plan.width, conv.w.in + conv.w.before - (plan.parts - 1) * shift));
  const int64_t seen = conv.h.kernel + (plan.lines - 1) * conv.h.stride;
  alignas(64) T padding[kBlock];
  for (T& value : padding) value = static_cast<T>(zero);
  for (int64_t quad = 0; quad < plan.quads; ++quad, to += plan.width * kQuad) {
    const T* rows[4];  // where a row of the image begins, or NULL
    for (int64_t r = 0; r < 4; ++r) {
      const int64_t p = quad * 4 + r, row = i * conv.h.stride - conv.h.before + p * conv.h.dilation;
      const bool inside = p < seen && row >= 0 && row < conv.h.in;
      rows[r] = inside ? image + row * conv.w.in * conv.in_channels : nullptr;
    }
    const auto edge = [&](int64_t col) {
      if (kParts == 1) {
        memset(to + col * kQuad, zero + kRaise<T>, kQuad);
        return;
      }
      alignas(64) T bytes[4][kBlock];
      for (int r = 0; r < 4; ++r) {
        memcpy(bytes[r], padding, sizeof padding);
        for (int64_t p = 0; rows[r] != nullptr && p < plan.parts; ++p) {
          const int64_t at = col - conv.w.before + p * shift;
          if (at >= 0 && at < conv.w.in)
            memcpy(bytes[r] + p * plan.Room(), rows[r] + at * conv.in_channels,
                   static_cast<size_t>(each));
        }
      }
      StoreQuad(_mm512_load_si512(bytes[0]), _mm512_load_si512(bytes[1]),
                _mm512_load_si512(bytes[2]), _mm512_load_si512(bytes[3]), flip, to + col * kQuad);
    };
    for (int64_t col = 0; col < begin; ++col) edge(col);
    const T* from[4];
    int64_t step[4], apart[4];
    for (int r = 0; r < 4; ++r) {
      const bool inside = rows[r] != nullptr;
      step[r] = inside ? conv.in_channels : 0;
      apart[r] = step[r] * shift;
      from[r] = inside ? rows[r] + (begin - conv.w.before) * step[r] : padding;
    }
    for (int64_t col = begin; col < end; ++col) {
      const auto load = [&](int r) { return LoadColumn<kParts, kSome>(from[r], apart[r], there); };
      StoreQuad(load(0), load(1), load(2), load(3), flip, to + col * kQuad);
      for (int r = 0; r < 4; ++r) from[r] += step[r];
    }
    for (int64_t col = end; col < plan.width; ++col) edge(col);
  }
}

inline __m512i AddBytes(__m512i sums, __m512i x, __m512i w) {
  return reinterpret_cast<__m512i>(
      AddProducts(reinterpret_cast<Vi>(sums), reinterpret_cast<Vi>(x), reinterpret_cast<Vi>(w)));
}

// Writes a column of a block.
template <class T>
struct ColumnStore {
  int64_t parts, room;             // room: bytes of a part
  int64_t columns, out, channels;  // of a part, of the line, and of the image
  uint64_t there;
  ColumnStore(const WindowConv& conv, const LinePlan& plan)
      : parts(plan.parts),
        room(plan.Room()),
        columns(plan.columns),
        out(conv.w.out),
        channels(conv.out_channels),
        there(plan.channels == kBlock ? ~uint64_t{0} : (uint64_t{1} << plan.channels) - 1) {}

  void operator()(T* line, int64_t j, __m512i bytes) const {
    if (parts == 1) return _mm512_mask_storeu_epi8(line + j * channels, there, bytes);
    alignas(64) T all[kBlock];
    _mm512_store_si512(all, bytes);
    for (int64_t p = 0, at = j; p < parts && at < out; ++p, at += columns) {
      const T* from = all + p * room;
      if (parts == 2) {
        _mm256_mask_storeu_epi8(line + at * channels, static_cast<__mmask32>(there),
                                _mm256_load_si256(reinterpret_cast<const __m256i*>(from)));
      } else {
        _mm_mask_storeu_epi8(line + at * channels, static_cast<__mmask16>(there),
                             _mm_load_si128(reinterpret_cast<const __m128i*>(from)));
      }
    }
  }
};

// One block of kLines lines of results, `y_line` apart. kLifted: the sum of the images' bytes counts too.
template <class T, int kLines, bool kLifted>
void SumLines(const WindowConv& conv, const LinePlan& plan, const uint8_t* data,
              const int8_t* weights, const Columns& columns, const Finish& finish, T* y) {
  constexpr int kAtOnce = kLifted ? 1 : 2;
  const Rescale<T, true> rescale(columns, finish, 4, false);
  const ColumnStore<T> store(conv, plan);
  const int64_t y_line = conv.w.out * conv.out_channels, line_bytes = plan.LineBytes(conv);
  const auto vector = [](const void* from, int v) {
    return _mm512_loadu_si512(static_cast<const int8_t*>(from) + v * 64);
  };
  for (int64_t j = 0; j < plan.columns; j += kAtOnce) {
    __m512i acc[kAtOnce][kLines][4], plain[4];
    const uint8_t* from[kAtOnce];  // behind the last result the last one is computed again
#pragma GCC unroll 2
    for (int u = 0; u < kAtOnce; ++u) {
      from[u] = data + MinOf(j + u, plan.columns - 1) * conv.w.stride * kQuad;
#pragma GCC unroll 2
      for (int l = 0; l < kLines; ++l)
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) acc[u][l][v] = vector(columns.bias, v);
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) plain[v] = _mm512_setzero_si512();
    for (int64_t quad = 0; quad < plan.quads; ++quad) {
      const int64_t rows = MinOf<int64_t>(4, conv.h.kernel - quad * 4);
      const __m512i ones = _mm512_set1_epi32(static_cast<int32_t>(0x01010101u >> (8 * (4 - rows))));
      const int8_t* w = weights + quad * conv.w.kernel * kQuad;
      int64_t at = quad * plan.width * kQuad;
      for (int64_t q = 0; q < conv.w.kernel; ++q, w += kQuad, at += conv.w.dilation * kQuad) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
          __m512i w_of[kLines];
#pragma GCC unroll 2
          for (int l = 0; l < kLines; ++l) w_of[l] = vector(w + l * line_bytes, v);
#pragma GCC unroll 2
          for (int u = 0; u < kAtOnce; ++u) {
            const __m512i x = vector(from[u] + at, v);
#pragma GCC unroll 2
            for (int l = 0; l < kLines; ++l) acc[u][l][v] = AddBytes(acc[u][l][v], x, w_of[l]);
            if (kLifted) plain[v] = AddBytes(plain[v], x, ones);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      if (kLifted)
        acc[0][0][v] =
            _mm512_add_epi32(acc[0][0][v], _mm512_mullo_epi32(plain[v], vector(columns.lift, v)));
    }
#pragma GCC unroll 2
    for (int u = 0; u < kAtOnce; ++u) {
      if (j + u == plan.columns) break;
#pragma GCC unroll 2
      for (int l = 0; l < kLines; ++l)
        store(y + l * y_line, j + u,
              rescale(acc[u][l][0], acc[u][l][1], acc[u][l][2], acc[u][l][3]));
    }
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_BYTE_PRODUCTS
#endif  // PENSTOCK_KERNELS_CPU_QUANTIZED_LINES_H_
