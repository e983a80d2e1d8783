#include "saved/json.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/error.h"

namespace penstock {
namespace {

constexpr int kMaxDepth = 256;
constexpr int64_t kMaxValues = 8'000'000;

class Parser {
 public:
  Parser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  Json document() {
    if (!is_utf8(text_)) wrong("it is not UTF-8");
    Json value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) wrong("there is more after its end");
    return value;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void wrong(const Parts&... parts) const {
    std::string_view before = text_.substr(0, at_);
    size_t line_start = before.rfind('\n');
    size_t column = at_ - (line_start == std::string_view::npos ? 0 : line_start + 1);
    fail(ErrorKind::kFormat, what_, " is no whole JSON: line ",
         std::count(before.begin(), before.end(), '\n') + 1, ", column ", column + 1, ": ",
         parts..., "; fetch or save it again");
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  void need(char c) {
    if (!take(c)) wrong("expected '", c, "'");
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }

  Json parse_value(int depth) {
    if (depth > kMaxDepth) wrong("it is nested deeper than ", kMaxDepth, " levels");
    if (++count_ > kMaxValues) wrong("it has more than ", kMaxValues, " values");
    skip_space();
    switch (peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"':
        return Json(parse_string());
      case 't':
        return parse_word("true", Json(true));
      case 'f':
        return parse_word("false", Json(false));
      case 'n':
        return parse_word("null", Json());
      default:
        return parse_number();
    }
  }

  Json parse_word(std::string_view word, Json value) {
    if (text_.substr(at_, word.size()) != word) wrong("expected a value");
    at_ += word.size();
    return value;
  }

  Json parse_object(int depth) {
    need('{');
    Json::Object members;
    skip_space();
    if (take('}')) return Json(std::move(members));
    do {
      skip_space();
      if (peek() != '"') wrong("expected a name in quotes");
      std::string name = parse_string();
      skip_space();
      need(':');
      Json value = parse_value(depth + 1);
      members.emplace_back(std::move(name), std::move(value));
      skip_space();
    } while (take(','));
    need('}');
    check_unique(members);
    return Json(std::move(members));
  }

  void check_unique(const Json::Object& members) const {
    std::vector<std::string_view> names;
    for (const auto& member : members) names.push_back(member.first);
    std::sort(names.begin(), names.end());
    auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) wrong("an object has the name ", json_quoted(*twice), " twice");
  }

  Json parse_array(int depth) {
    need('[');
    Json::Array items;
    skip_space();
    if (take(']')) return Json(std::move(items));
    do {
      items.push_back(parse_value(depth + 1));
      skip_space();
    } while (take(','));
    need(']');
    return Json(std::move(items));
  }

  std::string parse_string() {
    need('"');
    std::string out;
    while (true) {
      size_t plain = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      out.append(text_.substr(plain, at_ - plain));
      if (at_ >= text_.size()) wrong("a text does not end");
      char c = text_[at_++];
      if (c == '"') return out;
      if (c != '\\') wrong("a text has a control character; write it as \\u00XX");
      parse_escape(out);
    }
  }

  void parse_escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    char c = peek();
    ++at_;
    if (c == 'u') return append_utf8(out, parse_code_point());
    size_t which = c ? kLetters.find(c) : std::string_view::npos;
    if (which == std::string_view::npos) wrong("a text has an unknown escape");
    out += kMeanings[which];
  }

  uint32_t parse_hex() {
    uint32_t unit = 0;
    const char* begin = text_.data() + std::min(at_, text_.size());
    const char* end = begin + std::min<size_t>(4, text_.size() - std::min(at_, text_.size()));
    auto [stop, error] = std::from_chars(begin, end, unit, 16);
    if (error != std::errc() || stop != begin + 4) wrong("\\u needs four hexadecimal digits");
    at_ += 4;
    return unit;
  }

  // A pair of surrogates is one code point; half a pair is a mistake.
  uint32_t parse_code_point() {
    uint32_t first = parse_hex();
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first < 0xDC00 && take('\\') && take('u')) {
      uint32_t second = parse_hex();
      if (second >= 0xDC00 && second <= 0xDFFF)
        return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
    wrong("a text has half a pair of surrogates");
  }

  static void append_utf8(std::string& out, uint32_t c) {
    if (c < 0x80) {
      out += static_cast<char>(c);
      return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static constexpr uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
    out += static_cast<char>(kLead[more] | (c >> (6 * more)));
    while (more-- > 0) out += static_cast<char>(0x80 | ((c >> (6 * more)) & 0x3F));
  }

  void digits() {
    if (peek() < '0' || peek() > '9') wrong("expected a value");
    while (peek() >= '0' && peek() <= '9') ++at_;
  }

  // Whole numbers are whole where 64 bits hold them.
  Json parse_number() {
    size_t begin = at_;
    take('-');
    if (!take('0')) digits();
    bool whole = true;
    if (take('.')) {
      digits();
      whole = false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('+')) take('-');
      digits();
      whole = false;
    }
    const char *first = text_.data() + begin, *last = text_.data() + at_;
    int64_t integer = 0;
    uint64_t natural = 0;
    double real = 0;
    if (whole && std::from_chars(first, last, integer).ec == std::errc()) return Json(integer);
    if (whole && std::from_chars(first, last, natural).ec == std::errc()) return Json(natural);
    if (std::from_chars(first, last, real).ec == std::errc()) return Json(real);
    wrong("a number is larger or smaller than any float");
  }

  std::string_view text_;
  const std::string& what_;
  size_t at_ = 0;
  int64_t count_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text, const std::string& what) {
  return Parser(text, what).document();
}

const char* Json::kind() const {
  static constexpr const char* kNames[] = {"null",           "true or false", "a whole number",
                                           "a whole number", "a number",      "a text",
                                           "a list",         "an object"};
  return kNames[value_.index()];
}

template <typename T>
const T& Json::as(const char* wanted, const std::string& what) const {
  if (const T* value = std::get_if<T>(&value_)) return *value;
  fail(ErrorKind::kFormat, what, " is ", kind(), "; expected ", wanted);
}

bool Json::boolean(const std::string& what) const { return as<bool>("true or false", what); }
int64_t Json::integer(const std::string& what) const { return as<int64_t>("a whole number", what); }
uint64_t Json::natural(const std::string& what) const {
  if (is_unsigned()) return std::get<uint64_t>(value_);
  int64_t value = integer(what);
  if (value < 0) fail(ErrorKind::kFormat, what, " is ", value, "; expected no negative number");
  return static_cast<uint64_t>(value);
}
double Json::number(const std::string& what) const {
  if (is_unsigned()) return static_cast<double>(std::get<uint64_t>(value_));
  if (is_int()) return static_cast<double>(std::get<int64_t>(value_));
  return as<double>("a number", what);
}
const std::string& Json::string(const std::string& what) const {
  return as<std::string>("a text", what);
}
const Json::Array& Json::array(const std::string& what) const { return as<Array>("a list", what); }
const Json::Object& Json::object(const std::string& what) const {
  return as<Object>("an object", what);
}

const Json* Json::find(std::string_view name) const {
  if (auto* members = std::get_if<Object>(&value_))
    for (const auto& [key, value] : *members)
      if (key == name) return &value;
  return nullptr;
}

const Json& Json::at(std::string_view name, const std::string& what) const {
  object(what);
  if (const Json* value = find(name)) return *value;
  fail(ErrorKind::kFormat, what, " has no ", json_quoted(name));
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - i < more) return false;
    uint32_t code = lead & (0x3Fu >> more);
    for (size_t k = 0; k < more; ++k) {
      auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3F);
    }
    static constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      return false;
  }
  return true;
}

}  // namespace penstock
