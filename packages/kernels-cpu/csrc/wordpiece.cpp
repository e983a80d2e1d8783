// Text cut into the pieces of a vocabulary: words by rules about characters, then the longest pieces from the left.
//
// Each character goes through the same steps as in the reference: dropped or made a space, set apart, taken apart from
// its marks, made small. Characters that a step made are not put into canonical order; after marks are gone a few
// signs of music alone could need it.
#include <stdlib.h>

#include "penstock/kernel_abi.h"
#include "text.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Texts in one parallel chunk.
constexpr int64_t kTexts = 64;
constexpr int kLongestWord = 1000;  // characters, each of at most 4 bytes

// ---- what characters are ----

enum CodeKind { kLetter, kRemoved, kSpace, kPunctuation, kIdeograph, kMark };

struct CodeRange {
  int32_t first, last;
  CodeKind kind;
};
struct OneCode {
  int32_t code, to;
};
struct SeveralCodes {
  int32_t code, to[3];
};

#include "unicode_tables.inc"

// The last entry that begins at or before a code; NULL if none does.
template <class Entry, int64_t N>
const Entry* Before(const Entry (&entries)[N], int32_t code, int32_t Entry::* begin) {
  int64_t low = 0, high = N;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (entries[middle].*begin <= code) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low ? &entries[low - 1] : nullptr;
}

CodeKind KindOf(int32_t code) {
  if (code < 0x80) {
    if (code == ' ' || code == '\t' || code == '\n' || code == '\r') return kSpace;
    if (code < ' ' || code == 0x7F) return kRemoved;
    const int32_t small = code | 0x20;
    const bool is_letter = (small >= 'a' && small <= 'z') || (code >= '0' && code <= '9');
    return is_letter ? kLetter : kPunctuation;
  }
  const CodeRange* range = Before(kRanges, code, &CodeRange::first);
  return range != nullptr && code <= range->last ? range->kind : kLetter;
}

// What a table makes of a code: how many codes it wrote to `to`.
template <int64_t N, int64_t M>
int Replace(const OneCode (&ones)[N], const SeveralCodes (&several)[M], int32_t code, int32_t* to) {
  const OneCode* one = Before(ones, code, &OneCode::code);
  to[0] = one != nullptr && one->code == code ? one->to : code;
  if (to[0] != code) return 1;
  const SeveralCodes* more = Before(several, code, &SeveralCodes::code);
  if (more == nullptr || more->code != code) return 1;
  int n = 0;
  while (n < 3 && more->to[n] != 0) {
    to[n] = more->to[n];
    ++n;
  }
  return n;
}

int TakeMarksAway(int32_t code, int32_t* to) {
  constexpr int32_t kSyllables = 0xAC00, kVowels = 21, kEnds = 28;
  to[0] = code;
  if (code < 0x80) return 1;
  if (code >= kSyllables && code < kSyllables + 19 * kVowels * kEnds) {
    const int32_t i = code - kSyllables;
    to[0] = 0x1100 + i / (kVowels * kEnds);
    to[1] = 0x1161 + i / kEnds % kVowels;
    to[2] = 0x11A7 + i % kEnds;
    return i % kEnds ? 3 : 2;
  }
  return KindOf(code) == kMark ? 0 : Replace(kBare, kBareSeveral, code, to);
}

int MakeSmall(int32_t code, int32_t* to) {
  to[0] = code >= 'A' && code <= 'Z' ? code + 0x20 : code;
  return code < 0x80 ? 1 : Replace(kLower, kLowerSeveral, code, to);
}

int WriteUtf8(int32_t code, char* to) {
  if (code < 0x80) {
    to[0] = static_cast<char>(code);
    return 1;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const int32_t lead = (0xF0 << (3 - more)) & 0xFF;
  to[0] = static_cast<char>(lead | code >> 6 * more);
  for (int k = 1; k <= more; ++k)
    to[k] = static_cast<char>(0x80 | ((code >> 6 * (more - k)) & 0x3F));
  return more + 1;
}

// ---- the vocabulary ----

struct Hash {  // FNV-1a, a byte at a time
  uint64_t value = 0xCBF29CE484222325u;
  void Add(char byte) { value = (value ^ static_cast<uint8_t>(byte)) * 0x100000001B3u; }
  void Add(const Text& text) {
    for (int64_t i = 0; i < text.size; ++i) Add(text.data[i]);
  }
};

struct Slot {
  uint32_t check;
  int32_t number;  // -1: empty
};

// Where each piece is in the list. Its slots are memory of the call, or kept by `prepare`.
struct Vocabulary {
  const penstock_string* pieces;
  Slot* slots;
  uint64_t mask;
  int64_t longest;

  static uint64_t SlotsFor(int64_t pieces) {
    uint64_t n = 16;
    while (n < 2 * static_cast<uint64_t>(pieces)) n *= 2;
    return n;
  }

  void Fill(int64_t count) {
    longest = 0;
    for (uint64_t i = 0; i <= mask; ++i) slots[i] = {0, -1};
    for (int64_t i = 0; i < count; ++i) {
      const Text piece(pieces[i]);
      Hash hash;
      hash.Add(piece);
      longest = MaxOf(longest, piece.size);
      if (Find(hash, Text(), piece) >= 0) continue;  // the first of several counts
      uint64_t at = hash.value & mask;
      while (slots[at].number >= 0) at = (at + 1) & mask;
      slots[at] = {Check(hash), static_cast<int32_t>(i)};
    }
  }

  // The number of the piece `before` + `text`, whose hash is known; -1 if there is none.
  int32_t Find(const Hash& hash, const Text& before, const Text& text) const {
    for (uint64_t at = hash.value & mask; slots[at].number >= 0; at = (at + 1) & mask) {
      if (slots[at].check != Check(hash)) continue;
      const Text piece(pieces[slots[at].number]);
      if (piece.size == before.size + text.size && piece.StartsWith(before) &&
          memcmp(piece.data + before.size, text.data, static_cast<size_t>(text.size)) == 0)
        return slots[at].number;
    }
    return -1;
  }

  static uint32_t Check(const Hash& hash) { return static_cast<uint32_t>(hash.value >> 32); }
};

// ---- texts ----

struct Rules {
  bool lower, strip_accents, split_ideographs;
  Text prefix;
  Hash after_prefix;
  int32_t unknown;
  int64_t max_characters;
};

// The numbers of one text's pieces, as many as there is room for.
struct Row {
  int32_t* ids;
  int64_t size, count;
  void Add(int32_t id) {
    if (count < size) ids[count] = id;
    ++count;
  }
};

class Reader {
 public:
  Reader(const Vocabulary& vocabulary, const Rules& rules, Row* row)
      : vocabulary_(vocabulary), rules_(rules), row_(row) {}

  void Read(const Text& text) {
    for (int64_t at = 0; at < text.size;) {
      const Character c = CharacterAt(text, at);
      at += c.size;
      Take(c.code);
    }
    EndWord();
  }

 private:
  void Take(int32_t code) {
    const CodeKind kind = KindOf(code);
    if (kind == kRemoved) return;
    if (kind == kSpace) return EndWord();
    const bool apart = kind == kIdeograph && rules_.split_ideographs;
    if (apart) EndWord();
    int32_t bare[3] = {code, 0, 0};
    const int n = rules_.strip_accents ? TakeMarksAway(code, bare) : 1;
    for (int i = 0; i < n; ++i) {
      int32_t small[3] = {bare[i], 0, 0};
      const int m = rules_.lower ? MakeSmall(bare[i], small) : 1;
      for (int k = 0; k < m; ++k) Put(small[k]);
    }
    if (apart) EndWord();
  }

  void Put(int32_t code) {
    const bool alone = KindOf(code) == kPunctuation;
    if (alone) EndWord();
    if (characters_ < rules_.max_characters) size_ += WriteUtf8(code, word_ + size_);
    ++characters_;
    if (alone) EndWord();
  }

  void EndWord() {
    if (characters_ > 0) {
      const int64_t before = row_->count;
      if (characters_ > rules_.max_characters || !Cut(Text(word_, size_))) {
        row_->count = before;
        row_->Add(rules_.unknown);
      }
    }
    size_ = 0;
    characters_ = 0;
  }

  // Takes the longest piece again and again; false where there is none.
  bool Cut(const Text& word) {
    for (int64_t start = 0; start < word.size;) {
      const Text before = start ? rules_.prefix : Text();
      Hash hash = start ? rules_.after_prefix : Hash();
      const int64_t last = MinOf(word.size, start + vocabulary_.longest);
      int64_t end = start;
      int32_t found = -1;
      for (int64_t at = start; at < last;) {
        do {
          hash.Add(word.data[at++]);
        } while (at < word.size && (word.At(at) & 0xC0) == 0x80);
        const int32_t number = vocabulary_.Find(hash, before, word.Cut(start, at));
        if (number < 0) continue;
        found = number;
        end = at;
      }
      if (found < 0) return false;
      row_->Add(found);
      start = end;
    }
    return true;
  }

  const Vocabulary& vocabulary_;
  const Rules& rules_;
  Row* row_;
  char word_[4 * kLongestWord];
  int64_t size_ = 0, characters_ = 0;
};

Vocabulary VocabularyOf(const penstock_call* call, Slot* slots) {
  const uint64_t room = Vocabulary::SlotsFor(call->inputs[1]->shape[0]);
  return {Input<penstock_string>(call, 1), slots, room - 1, 0};
}

}  // namespace

int PrepareWordpiece(penstock_call* call, void** state) {
  if (call->inputs[1]->data == nullptr) return PENSTOCK_OK;
  const uint64_t room = Vocabulary::SlotsFor(call->inputs[1]->shape[0]);
  // The longest piece's length lies before the slots.
  auto* kept = static_cast<Slot*>(malloc(static_cast<size_t>(room + 1) * sizeof(Slot)));
  if (kept == nullptr) return PENSTOCK_NO_MEMORY;
  Vocabulary vocabulary = VocabularyOf(call, kept + 1);
  vocabulary.Fill(call->inputs[1]->shape[0]);
  memcpy(kept, &vocabulary.longest, sizeof vocabulary.longest);
  *state = kept;
  return PENSTOCK_OK;
}

void ReleaseWordpiece(void* state) { free(state); }

int Wordpiece(penstock_call* call) {
  const int64_t pieces = call->inputs[1]->shape[0], size = IntAttr(call, 0);
  Vocabulary vocabulary{};
  if (call->state != nullptr) {
    vocabulary = VocabularyOf(call, static_cast<Slot*>(call->state) + 1);
    memcpy(&vocabulary.longest, call->state, sizeof vocabulary.longest);
  } else {
    Slot* slots = Scratch<Slot>(call, static_cast<int64_t>(Vocabulary::SlotsFor(pieces)));
    if (slots == nullptr) return PENSTOCK_NO_MEMORY;
    vocabulary = VocabularyOf(call, slots);
    vocabulary.Fill(pieces);
  }
  Rules rules{BoolAttr(call, 1), BoolAttr(call, 2), BoolAttr(call, 3), StrAttr(call, 4), Hash(), 0,
              IntAttr(call, 6)};
  if (rules.max_characters < 1 || rules.max_characters > kLongestWord)
    return Fail(call, "got max_characters=%lld; use 1 to %d",
                static_cast<long long>(rules.max_characters), kLongestWord);
  rules.after_prefix.Add(rules.prefix);
  const Text unknown = StrAttr(call, 5);
  Hash hash;
  hash.Add(unknown);
  rules.unknown = vocabulary.Find(hash, Text(), unknown);
  if (rules.unknown < 0)
    return Fail(call, "the vocabulary has no '%s'; name its piece for unknown words", unknown.data);
  int32_t* ids = Output<int32_t>(call, 0);
  int64_t* counts = Output<int64_t>(call, 1);
  return ParallelFor(call, Count(call->outputs[1]), kTexts, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Row row{ids + i * size, size, 0};
      Reader(vocabulary, rules, &row).Read(TextAt(call, 0, i));
      counts[i] = row.count;
      for (int64_t k = row.count; k < size; ++k) row.ids[k] = 0;
    }
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
