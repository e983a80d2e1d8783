// Reads what `dim_text` writes. Files come from strangers, so the length, the depth and the number of terms are limited.
#include <cctype>
#include <cstdlib>

#include "base/error.h"
#include "tensor/shape.h"

namespace penstock {
namespace {

constexpr size_t kMaxLength = 1000;
constexpr int kMaxDepth = 50;
constexpr size_t kMaxTerms = 1 << 12;

class SizeParser {
 public:
  SizeParser(const std::string& text, const std::vector<std::string>& names)
      : text_(text), names_(names) {}

  Dim all() {
    if (text_.size() > kMaxLength) bad("it is longer than 1000 characters");
    Dim d = sum();
    if (peek() != '\0') bad("nothing may follow the formula");
    return d;
  }

 private:
  Dim sum() {
    if (++depth_ > kMaxDepth) bad("its brackets are nested too deep");
    Dim d = product();
    for (;;) {
      if (take('+')) {
        d = dim_add(d, product());
      } else if (take('-')) {
        d = dim_sub(d, product());
      } else {
        break;
      }
    }
    --depth_;
    return d;
  }

  Dim product() {
    Dim d = factor();
    for (;;) {
      if (take('*')) {
        d = multiplied(d, factor());
      } else if (take('/')) {
        if (!take('/')) bad("divide by //");
        d = divided(d, factor());
      } else if (take('%')) {
        Dim by = factor();
        d = dim_sub(d, multiplied(by, divided(d, by)));
      } else {
        return d;
      }
    }
  }

  Dim factor() {
    if (take('-')) {
      if (++depth_ > kMaxDepth) bad("its signs are nested too deep");
      Dim d = dim_sub(0, factor());
      --depth_;
      return d;
    }
    if (take('(')) {
      Dim d = sum();
      if (!take(')')) bad("a ) is missing");
      return d;
    }
    char c = peek();
    if (std::isdigit(static_cast<unsigned char>(c))) return number();
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') return named();
    bad("a number or a name is missing");
  }

  Dim number() {
    Dim d = 0;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      if (__builtin_mul_overflow(d, Dim{10}, &d) ||
          __builtin_add_overflow(d, Dim{text_[at_] - '0'}, &d))
        bad("a number is too large");
      ++at_;
    }
    return d;
  }

  Dim named() {
    size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    std::string name = text_.substr(begin, at_ - begin);
    for (size_t i = 0; i < names_.size(); ++i)
      if (names_[i] == name) return dim_symbol(static_cast<int>(i));
    if (name != "max" || !take('(')) bad("there is no symbol " + name);
    Dim a = sum();
    if (!take(',')) bad("max takes two sizes");
    Dim b = sum();
    if (!take(')')) bad("a ) is missing");
    return dim_max(a, b);
  }

  Dim multiplied(Dim a, Dim b) {
    if (dim_terms(a) * dim_terms(b) > kMaxTerms) bad("it has too many terms");
    return dim_mul(a, b);
  }
  Dim divided(Dim a, Dim b) {
    if (!is_symbolic(b) && b <= 0) bad("it divides by " + std::to_string(b));
    return dim_floordiv(a, b);
  }

  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void bad(const std::string& why) const {
    fail(ErrorKind::kValue, "'", text_.substr(0, 80), "' is no size: ", why);
  }

  const std::string& text_;
  const std::vector<std::string>& names_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Dim dim_parse(const std::string& text, const std::vector<std::string>& names) {
  return SizeParser(text, names).all();
}

}  // namespace penstock
