#include "saved/sizes.h"

#include <charconv>

#include "base/error.h"

namespace penstock {
namespace {

constexpr size_t kMaxText = 1000;
constexpr int kMaxDepth = 50;
constexpr int kMaxOperations = 400;
constexpr int kMaxBeforeProduct =
    40;  // a product of sums has as many terms as its factors' terms multiplied

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class SizeParser {
 public:
  SizeParser(std::string_view text, const std::vector<std::string>& symbols)
      : text_(text), symbols_(symbols) {}

  Dim parse() {
    if (text_.size() > kMaxText) wrong("it is too long");
    Dim value = sum(0);
    skip_space();
    if (at_ != text_.size()) wrong("expected an operator");
    return value;
  }

 private:
  [[noreturn]] void wrong(const std::string& why) const {
    fail(ErrorKind::kFormat, "\"", text_.substr(0, 80), "\" is no size: ", why);
  }

  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool take(std::string_view token) {
    skip_space();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  void need(std::string_view token) {
    if (!take(token)) wrong("expected " + std::string(token));
  }

  void count() {
    if (++operations_ > kMaxOperations) wrong("it is too long");
  }

  Dim sum(int depth) {
    if (depth > kMaxDepth) wrong("it is nested too deep");
    Dim value = product(depth);
    while (true) {
      if (take("+")) {
        count();
        value = dim_add(value, product(depth));
      } else if (take("-")) {
        count();
        value = dim_sub(value, product(depth));
      } else {
        return value;
      }
    }
  }

  Dim product(int depth) {
    Dim value = factor(depth);
    while (true) {
      if (take("//")) {
        count();
        value = dim_floordiv(value, divisor(depth));
      } else if (take("*")) {
        count();
        Dim by = factor(depth);
        if (is_symbolic(value) && is_symbolic(by) && operations_ > kMaxBeforeProduct)
          wrong("it is too long for a product of symbols");
        value = dim_mul(value, by);
      } else if (take("%")) {
        count();
        Dim by = divisor(depth);
        value = dim_sub(value, dim_mul(dim_floordiv(value, by), by));
      } else {
        return value;
      }
    }
  }

  Dim divisor(int depth) {
    Dim by = factor(depth);
    if (!is_symbolic(by) && by <= 0) wrong("it divides by " + std::to_string(by));
    return by;
  }

  Dim factor(int depth) {
    if (depth > kMaxDepth) wrong("it is nested too deep");
    if (take("-")) return dim_sub(0, factor(depth + 1));
    if (take("(")) {
      Dim value = sum(depth + 1);
      need(")");
      return value;
    }
    skip_space();
    if (at_ < text_.size() && is_digit(text_[at_])) return number();
    if (at_ < text_.size() && is_letter(text_[at_])) return named(depth);
    wrong("expected a number or a name");
  }

  Dim number() {
    int64_t value = 0;
    const char* end = text_.data() + text_.size();
    auto [stop, error] = std::from_chars(text_.data() + at_, end, value);
    if (error != std::errc()) wrong("a number is too large");
    at_ = static_cast<size_t>(stop - text_.data());
    return value;
  }

  Dim named(int depth) {
    size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    std::string_view name = text_.substr(begin, at_ - begin);
    if (name == "max" && take("(")) {
      Dim a = sum(depth + 1);
      need(",");
      Dim b = sum(depth + 1);
      need(")");
      count();
      return dim_max(a, b);
    }
    for (size_t i = 0; i < symbols_.size(); ++i)
      if (symbols_[i] == name) return dim_symbol(static_cast<int>(i));
    wrong("there is no symbol " + std::string(name));
  }

  std::string_view text_;
  const std::vector<std::string>& symbols_;
  size_t at_ = 0;
  int operations_ = 0;
};

}  // namespace

Dim parse_size(std::string_view text, const std::vector<std::string>& symbols) {
  return SizeParser(text, symbols).parse();
}

}  // namespace penstock
