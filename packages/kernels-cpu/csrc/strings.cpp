// Strings: lengths, parts, joins, questions and places in a list. What needs tables of Unicode or regular expressions
// stays with the reference.
#include "penstock/kernel_abi.h"
#include "text.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Strings in one parallel chunk.
constexpr int64_t kStrings = 1024;

// out[i] = f(text of element i), for outputs of numbers.
template <class T, class F>
int MapToNumbers(penstock_call* call, F&& f) {
  T* out = Output<T>(call, 0);
  return ParallelFor(call, Count(call->outputs[0]), kStrings, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = f(TextAt(call, 0, i));
  });
}

// Element i = f(text of element i), which is a part of it.
template <class F>
int MapToParts(penstock_call* call, F&& f) {
  return ParallelFor(call, Count(call->outputs[0]), kStrings, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) SetText(call, i, f(TextAt(call, 0, i)));
  });
}

int BadUnit(penstock_call* call, int attr) {
  return Fail(call, "got unit=\"%s\"; use \"bytes\" or \"chars\"", call->attrs[attr].v.s);
}

// Whether the unit of attribute `attr` is a character; -1 where it is neither.
int InCharacters(const penstock_call* call, int attr) {
  if (StrAttrIs(call, attr, "chars")) return 1;
  return StrAttrIs(call, attr, "bytes") ? 0 : -1;
}

// Hands the parts of each string to a sink, which keeps those for which there is room and counts all.
struct Parts {
  penstock_call* call;
  int64_t first, size, count;
  Parts(penstock_call* call, int64_t element)
      : call(call), first(element * IntAttr(call, 0)), size(IntAttr(call, 0)), count(0) {}
  void Add(const Text& part) {
    if (count < size) SetText(call, first + count, part);
    ++count;
  }
};

// body(text, parts) for every element; then output 1 holds the counts.
template <class Body>
int CutIntoParts(penstock_call* call, Body&& body) {
  int64_t* counts = Output<int64_t>(call, 1);
  return ParallelFor(call, Count(call->outputs[1]), kStrings, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Parts parts(call, i);
      body(TextAt(call, 0, i), &parts);
      counts[i] = parts.count;
      for (int64_t k = parts.count; k < parts.size; ++k) SetText(call, parts.first + k, Text());
    }
  });
}

void CutAtSpace(const Text& text, int64_t most, Parts* parts) {
  int64_t at = Skip(text, 0, true);
  while (at < text.size) {
    if (parts->count == most) return parts->Add(text.From(at));
    const int64_t end = Skip(text, at, false);
    parts->Add(text.Cut(at, end));
    at = Skip(text, end, true);
  }
}

void CutAt(const Text& text, const Text& separator, int64_t most, Parts* parts) {
  int64_t at = 0;
  while (parts->count != most) {
    const int64_t end = Find(text, separator, at);
    if (end < 0) break;
    parts->Add(text.Cut(at, end));
    at = end + separator.size;
  }
  parts->Add(text.From(at));
}

// The part of `length` units from `start` on.
Text Part(const Text& text, int64_t start, int64_t length, bool chars) {
  if (start < 0) {
    start = MaxOf<int64_t>(start + (chars ? CountCharacters(text) : text.size), 0);
  }
  const int64_t begin = chars ? Offset(text, start) : MinOf(start, text.size);
  const Text rest = text.From(begin);
  return {rest.data, chars ? Offset(rest, length) : MinOf(length, rest.size)};
}

}  // namespace

int StringLength(penstock_call* call) {
  const int chars = InCharacters(call, 0);
  if (chars < 0) return BadUnit(call, 0);
  return MapToNumbers<int64_t>(
      call, [=](const Text& text) { return chars ? CountCharacters(text) : text.size; });
}

int StringStrip(penstock_call* call) {
  return MapToParts(call, [](const Text& text) {
    const int64_t begin = Skip(text, 0, true);
    return text.Cut(begin, MaxOf(begin, TrimmedEnd(text)));
  });
}

int StringSubstr(penstock_call* call) {
  const int64_t start = IntAttr(call, 0), length = IntAttr(call, 1);
  const int chars = InCharacters(call, 2);
  if (chars < 0) return BadUnit(call, 2);
  if (length < 0) {
    return Fail(call, "got length=%lld; it must not be negative", static_cast<long long>(length));
  }
  return MapToParts(call, [=](const Text& text) { return Part(text, start, length, chars > 0); });
}

int StringTranslate(penstock_call* call) {
  const Text characters = StrAttr(call, 0), replacements = StrAttr(call, 1);
  constexpr int kRemoved = -1;
  int table[256];
  for (int i = 0; i < 256; ++i) table[i] = i;
  if (replacements.size > characters.size) {
    return Fail(call, "got %lld replacements for %lld characters; give one for each at most",
                static_cast<long long>(replacements.size), static_cast<long long>(characters.size));
  }
  for (int64_t i = 0; i < characters.size; ++i) {
    if (characters.At(i) > 127 || (i < replacements.size && replacements.At(i) > 127)) {
      return Fail(call, "got a character that is not of ASCII; use regex_replace");
    }
    table[characters.At(i)] = i < replacements.size ? replacements.At(i) : kRemoved;
  }
  Builder made(call);
  const int64_t n = Count(call->outputs[0]);
  for (int64_t i = 0; i < n; ++i) {
    const Text text = TextAt(call, 0, i);
    made.Clear();
    for (int64_t at = 0; at < text.size; ++at) {
      const int to = table[text.At(at)];
      const char byte = static_cast<char>(to);
      if (to != kRemoved && !made.Add(Text(&byte, 1))) return PENSTOCK_NO_MEMORY;
    }
    SetText(call, i, made.text());
  }
  return PENSTOCK_OK;
}

int StringStartsWith(penstock_call* call) {
  const Text prefix = StrAttr(call, 0);
  return MapToNumbers<uint8_t>(call, [=](const Text& text) { return text.StartsWith(prefix); });
}

int StringEndsWith(penstock_call* call) {
  const Text suffix = StrAttr(call, 0);
  return MapToNumbers<uint8_t>(call, [=](const Text& text) { return text.EndsWith(suffix); });
}

int StringContains(penstock_call* call) {
  const Text word = StrAttr(call, 0);
  return MapToNumbers<uint8_t>(call, [=](const Text& text) { return Find(text, word, 0) >= 0; });
}

int StringSplit(penstock_call* call) {
  const Text separator = StrAttr(call, 1);
  const int64_t most = IntAttr(call, 2);
  return CutIntoParts(call, [=](const Text& text, Parts* parts) {
    if (separator.size == 0) {
      CutAtSpace(text, most, parts);
    } else {
      CutAt(text, separator, most, parts);
    }
  });
}

int StringChars(penstock_call* call) {
  const int chars = InCharacters(call, 1);
  if (chars < 0) return BadUnit(call, 1);
  return CutIntoParts(call, [=](const Text& text, Parts* parts) {
    for (int64_t at = 0; at < text.size;) {
      const int64_t end = at + (chars ? CharacterAt(text, at).size : 1);
      parts->Add(text.Cut(at, end));
      at = end;
    }
  });
}

int UnicodeDecode(penstock_call* call) {
  const int64_t size = IntAttr(call, 0);
  int32_t* codes = Output<int32_t>(call, 0);
  int64_t* counts = Output<int64_t>(call, 1);
  return ParallelFor(call, Count(call->outputs[1]), kStrings, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Text text = TextAt(call, 0, i);
      int64_t n = 0;
      for (int64_t at = 0; at < text.size; ++n) {
        const Character c = CharacterAt(text, at);
        if (n < size) codes[i * size + n] = c.code;
        at += c.size;
      }
      counts[i] = n;
      for (; n < size; ++n) codes[i * size + n] = 0;
    }
  });
}

// The inputs arrive broadcast to the output's rank.
int StringJoin(penstock_call* call) {
  const penstock_tensor* out = call->outputs[0];
  const Text glue = StrAttr(call, 0);
  const int64_t n = Count(out);
  Builder joined(call);
  for (int64_t i = 0; i < n; ++i) {
    joined.Clear();
    for (int k = 0; k < call->num_inputs; ++k) {
      const penstock_tensor* x = call->inputs[k];
      int64_t rest = i, at = 0;
      for (int d = out->ndim - 1; d >= 0; --d) {
        at += rest % out->shape[d] * x->strides[d];
        rest /= out->shape[d];
      }
      if (!(k == 0 || joined.Add(glue)) || !joined.Add(TextAt(call, k, at))) {
        return PENSTOCK_NO_MEMORY;
      }
    }
    SetText(call, i, joined.text());
  }
  return PENSTOCK_OK;
}

int StringNgrams(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *out = call->outputs[0];
  const int64_t width = IntAttr(call, 0), n = out->shape[out->ndim - 1];
  const Text glue = StrAttr(call, 1);
  const int64_t count = Count(out);
  Builder joined(call);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i / n * x->shape[x->ndim - 1] + i % n;
    joined.Clear();
    for (int64_t k = 0; k < width; ++k) {
      if (!(k == 0 || joined.Add(glue)) || !joined.Add(TextAt(call, 0, first + k))) {
        return PENSTOCK_NO_MEMORY;
      }
    }
    SetText(call, i, joined.text());
  }
  return PENSTOCK_OK;
}

int StringReduceJoin(penstock_call* call) {
  const AxisView view(call->inputs[0], IntAttr(call, 0));
  const Text glue = StrAttr(call, 2);
  Builder joined(call);
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    const int64_t first = i / view.inner * view.size * view.inner + i % view.inner;
    joined.Clear();
    for (int64_t k = 0; k < view.size; ++k) {
      if (!(k == 0 || joined.Add(glue)) || !joined.Add(TextAt(call, 0, first + k * view.inner))) {
        return PENSTOCK_NO_MEMORY;
      }
    }
    SetText(call, i, joined.text());
  }
  return PENSTOCK_OK;
}

int StringSearch(penstock_call* call) {
  const penstock_string* words = Input<penstock_string>(call, 1);
  const int64_t n = call->inputs[1]->shape[0];
  const auto below = [](const Text& a, const Text& b) {
    const int order = memcmp(a.data, b.data, static_cast<size_t>(MinOf(a.size, b.size)));
    return order < 0 || (order == 0 && a.size < b.size);
  };
  return MapToNumbers<int64_t>(call, [=](const Text& text) -> int64_t {
    int64_t low = 0, high = n;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (below(Text(words[middle]), text)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < n && !below(text, Text(words[low])) ? low : -1;
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA
