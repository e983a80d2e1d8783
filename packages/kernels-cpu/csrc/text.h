// Text in UTF-8: where characters begin, and what counts as white space. Bytes that belong to no character count as
// one each, as in the reference.
#ifndef PENSTOCK_KERNELS_CPU_TEXT_H_
#define PENSTOCK_KERNELS_CPU_TEXT_H_

#include "frame.h"

namespace penstock::cpu::PENSTOCK_ISA {

// Bytes [data, data + size) of somebody else's.
struct Text {
  const char* data;
  int64_t size;

  Text() : data(""), size(0) {}
  Text(const char* data, int64_t size) : data(size ? data : ""), size(size) {}
  explicit Text(const penstock_string& s) : Text(s.data, static_cast<int64_t>(s.size)) {}

  uint8_t At(int64_t i) const { return static_cast<uint8_t>(data[i]); }
  Text From(int64_t i) const { return {data + i, size - i}; }
  Text Cut(int64_t begin, int64_t end) const { return {data + begin, end - begin}; }
  bool StartsWith(const Text& other) const {
    return size >= other.size && memcmp(data, other.data, static_cast<size_t>(other.size)) == 0;
  }
  bool EndsWith(const Text& other) const {
    return size >= other.size && From(size - other.size).StartsWith(other);
  }
};

inline Text StrAttr(const penstock_call* call, int i) {
  return {call->attrs[i].v.s, call->attrs[i].count};
}

inline Text TextAt(const penstock_call* call, int input, int64_t i) {
  return Text(Input<penstock_string>(call, input)[i]);
}

// Where `word` begins in `text` at or after `from`; -1 if nowhere.
inline int64_t Find(const Text& text, const Text& word, int64_t from) {
  if (word.size == 0) return from <= text.size ? from : -1;
  const int64_t last = text.size - word.size;
  for (int64_t i = from; i <= last;) {
    const void* hit = memchr(text.data + i, word.data[0], static_cast<size_t>(last - i + 1));
    if (hit == nullptr) return -1;
    i = static_cast<const char*>(hit) - text.data;
    if (text.From(i).StartsWith(word)) return i;
    ++i;
  }
  return -1;
}

// The character that begins at `at`: how many bytes it has, and its code point, U+FFFD for a byte that is none.
struct Character {
  int64_t size;
  int32_t code;
};

inline Character CharacterAt(const Text& text, int64_t at) {
  constexpr int32_t kNone = 0xFFFD;
  const uint8_t lead = text.At(at);
  if (lead < 0x80) return {1, lead};
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || at + more >= text.size) return {1, kNone};
  int32_t code = lead & (0x3F >> more);
  for (int k = 1; k <= more; ++k) {
    const uint8_t byte = text.At(at + k);
    if ((byte & 0xC0) != 0x80) return {1, kNone};
    code = code << 6 | (byte & 0x3F);
  }
  const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
  if (overlong || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return {1, kNone};
  return {more + 1, code};
}

inline int64_t CountCharacters(const Text& text) {
  int64_t n = 0;
  for (int64_t at = 0; at < text.size; ++n) at += CharacterAt(text, at).size;
  return n;
}

// Where character n begins; the end if there are fewer.
inline int64_t Offset(const Text& text, int64_t n) {
  int64_t at = 0;
  for (; n > 0 && at < text.size; --n) at += CharacterAt(text, at).size;
  return at;
}

// White space as Python's str has it.
inline bool IsSpace(int32_t code) {
  return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

// The first place at or after `from` that is white space, or is not; the end if there is none.
inline int64_t Skip(const Text& text, int64_t from, bool while_space) {
  while (from < text.size) {
    const Character c = CharacterAt(text, from);
    if (IsSpace(c.code) != while_space) break;
    from += c.size;
  }
  return from;
}

// Where the white space at the end begins.
inline int64_t TrimmedEnd(const Text& text) {
  int64_t end = text.size;
  while (end > 0) {
    int64_t at = end - 1;
    while (at > 0 && end - at < 4 && (text.At(at) & 0xC0) == 0x80) --at;
    const Character c = CharacterAt(text, at);
    if (at + c.size != end || !IsSpace(c.code)) break;
    end = at;
  }
  return end;
}

// Bytes that grow, in the call's own memory.
class Builder {
 public:
  explicit Builder(penstock_call* call) : call_(call) {}

  bool Add(const Text& text) {
    if (size_ + text.size > room_ && !Grow(size_ + text.size)) return false;
    memcpy(data_ + size_, text.data, static_cast<size_t>(text.size));
    size_ += text.size;
    return true;
  }
  void Clear() { size_ = 0; }
  Text text() const { return {data_, size_}; }

 private:
  bool Grow(int64_t wanted) {
    const int64_t room = MaxOf<int64_t>(2 * wanted, 256);
    char* data = Scratch<char>(call_, room);
    if (data == nullptr) return false;
    if (size_) memcpy(data, data_, static_cast<size_t>(size_));
    data_ = data;
    room_ = room;
    return true;
  }

  penstock_call* call_;
  char* data_ = nullptr;
  int64_t size_ = 0, room_ = 0;
};

inline int SetText(penstock_call* call, int64_t i, const Text& text) {
  return call->host->set_string(call, 0, i, text.data, static_cast<uint64_t>(text.size));
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TEXT_H_
