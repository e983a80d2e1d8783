#include "tensor/shape.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace penstock {
namespace {

// An expression is a polynomial: constant + sum of coefficient * product of atoms. Atoms are symbols, or what does not
// reduce to a polynomial (a floor division, a maximum). Equal expressions intern to the same number.
struct Atom {
  enum Kind { kSymbol, kFloorDiv, kMax } kind;
  int symbol;
  Dim a, b;
};
using Monomial = std::vector<int>;  // sorted atom numbers; empty is the constant term
using Polynomial = std::map<Monomial, int64_t>;

[[noreturn]] void too_large() {
  fail(ErrorKind::kMemory, "the formula of a size has numbers that exceed the 64-bit range");
}

int64_t plus(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) too_large();
  return sum;
}

int64_t times(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) too_large();
  return product;
}

class Expressions {
 public:
  Dim intern(const Polynomial& p) {
    if (p.empty()) return 0;
    if (p.size() == 1 && p.begin()->first.empty()) {
      if (is_symbolic(p.begin()->second)) too_large();  // it would be taken for an expression
      return p.begin()->second;
    }
    auto [it, added] = ids_.try_emplace(p, static_cast<int64_t>(polynomials_.size()));
    if (added) polynomials_.push_back(p);
    return kSymbolBase + it->second;
  }
  int atom(Atom::Kind kind, int symbol, Dim a, Dim b) {
    auto key = std::make_tuple(static_cast<int>(kind), symbol, a, b);
    auto [it, added] = atom_ids_.try_emplace(key, static_cast<int>(atoms_.size()));
    if (added) atoms_.push_back({kind, symbol, a, b});
    return it->second;
  }
  const Polynomial& of(Dim symbolic) const {
    return polynomials_[static_cast<size_t>(symbolic - kSymbolBase)];
  }
  Polynomial get(Dim d) const {
    if (is_symbolic(d)) return of(d);
    Polynomial p;
    if (d != 0) p[{}] = d;
    return p;
  }
  const Atom& atom(int i) const { return atoms_[static_cast<size_t>(i)]; }

 private:
  std::map<Polynomial, int64_t> ids_;
  std::deque<Polynomial> polynomials_;
  std::map<std::tuple<int, int, Dim, Dim>, int> atom_ids_;
  std::deque<Atom> atoms_;
};

std::recursive_mutex& mutex() {
  static std::recursive_mutex m;
  return m;
}
Expressions& table() {
  static Expressions* t =
      new Expressions;  // never destroyed: tensors may outlive static destruction
  return *t;
}

Dim from_atom(int atom) { return table().intern({{{atom}, 1}}); }

Dim combine(Dim a, Dim b, int64_t sign) {
  std::lock_guard lock(mutex());
  Polynomial p = table().get(a);
  for (const auto& [monomial, coefficient] : table().get(b)) {
    int64_t& c = p[monomial];
    c = plus(c, times(sign, coefficient));
    if (c == 0) p.erase(monomial);
  }
  return table().intern(p);
}

int64_t floordiv(int64_t a, int64_t b) {
  if (b == -1) return times(a, b);  // INT64_MIN / -1 is no int64
  int64_t q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

// p / d when d is one monomial that divides every term of p: n*28 / n -> 28.
bool divide_exactly(const Polynomial& p, const Polynomial& d, Polynomial* out) {
  if (d.size() != 1) return false;
  const auto& [divisor, coefficient] = *d.begin();
  for (const auto& [monomial, c] : p) {
    if ((coefficient != -1 && c % coefficient != 0) ||
        !std::includes(monomial.begin(), monomial.end(), divisor.begin(), divisor.end()))
      return false;
    Monomial rest;
    std::set_difference(monomial.begin(), monomial.end(), divisor.begin(), divisor.end(),
                        std::back_inserter(rest));
    (*out)[rest] = floordiv(c, coefficient);
  }
  return true;
}

int64_t eval_atom(const Atom& atom, const std::vector<int64_t>& symbols) {
  if (atom.kind == Atom::kSymbol) {
    size_t i = static_cast<size_t>(atom.symbol);
    return i < symbols.size() ? symbols[i] : kUnknown;
  }
  int64_t a = dim_eval(atom.a, symbols), b = dim_eval(atom.b, symbols);
  if (atom.kind == Atom::kMax) return std::max(a, b);
  return b == 0 ? kUnknown : floordiv(a, b);
}

bool has_unknown(Dim d, const std::vector<int64_t>& symbols) {
  if (!is_symbolic(d)) return false;
  for (const auto& [monomial, c] : table().of(d)) {
    for (int i : monomial) {
      const Atom& atom = table().atom(i);
      if (atom.kind == Atom::kSymbol) {
        size_t s = static_cast<size_t>(atom.symbol);
        if (s >= symbols.size() || symbols[s] < 0) return true;
      } else if (has_unknown(atom.a, symbols) || has_unknown(atom.b, symbols)) {
        return true;
      }
    }
  }
  return false;
}

thread_local const ExampleSizes* t_example = nullptr;

std::string atom_text(const Atom& atom, const std::vector<std::string>& names) {
  if (atom.kind == Atom::kSymbol) {
    size_t i = static_cast<size_t>(atom.symbol);
    return i < names.size() ? names[i] : "s" + std::to_string(atom.symbol);
  }
  std::string a = dim_text(atom.a, names), b = dim_text(atom.b, names);
  if (atom.kind == Atom::kMax) return "max(" + a + ", " + b + ")";
  auto wrap = [](const std::string& s, const char* signs) {
    return s.find_first_of(signs) == std::string::npos ? s : "(" + s + ")";
  };
  return wrap(a, " *") + "//" + wrap(b, " */");
}

}  // namespace

Dim dim_symbol(int index) {
  std::lock_guard lock(mutex());
  return from_atom(table().atom(Atom::kSymbol, index, 0, 0));
}

// Sums that leave the range would be taken for symbols.
static Dim checked_sum(Dim a, Dim b, bool minus) {
  Dim sum;
  bool overflow = minus ? __builtin_sub_overflow(a, b, &sum) : __builtin_add_overflow(a, b, &sum);
  if (overflow || is_symbolic(sum))
    fail(ErrorKind::kMemory, "a dimension of ", a, minus ? " - " : " + ", b,
         " exceeds the 64-bit range");
  return sum;
}

Dim dim_add(Dim a, Dim b) {
  return is_symbolic(a) || is_symbolic(b) ? combine(a, b, 1) : checked_sum(a, b, false);
}

Dim dim_sub(Dim a, Dim b) {
  return is_symbolic(a) || is_symbolic(b) ? combine(a, b, -1) : checked_sum(a, b, true);
}

Dim dim_mul(Dim a, Dim b) {
  if (!is_symbolic(a) && !is_symbolic(b)) {
    Dim product;
    if (__builtin_mul_overflow(a, b, &product) || is_symbolic(product))
      fail(ErrorKind::kMemory, "a tensor of ", a, " x ", b, " elements exceeds the 64-bit range");
    return product;
  }
  std::lock_guard lock(mutex());
  Polynomial product;
  for (const auto& [ma, ca] : table().get(a)) {
    for (const auto& [mb, cb] : table().get(b)) {
      Monomial m = ma;
      m.insert(m.end(), mb.begin(), mb.end());
      std::sort(m.begin(), m.end());
      int64_t& c = product[m];
      c = plus(c, times(ca, cb));
      if (c == 0) product.erase(m);
    }
  }
  return table().intern(product);
}

Dim dim_floordiv(Dim a, Dim b) {
  if (b == 0) fail(ErrorKind::kValue, "a dimension is divided by zero");
  if (!is_symbolic(a) && !is_symbolic(b)) return floordiv(a, b);
  if (b == 1) return a;
  std::lock_guard lock(mutex());
  Polynomial pa = table().get(a), quotient;
  if (divide_exactly(pa, table().get(b), &quotient)) return table().intern(quotient);
  if (!is_symbolic(b) && b > 0) {  // (4n + 3)//2 -> 2n + 1: take out what divides
    Polynomial whole, rest;
    for (const auto& [m, c] : pa) {
      int64_t q = floordiv(c, b);
      if (m.empty() || c % b == 0) {
        if (q != 0) whole[m] = q;
        if (c - q * b != 0) rest[m] = c - q * b;
      } else {
        rest[m] = c;
      }
    }
    Dim remainder = table().intern(rest);
    if (!is_symbolic(remainder)) return table().intern(whole);
    Dim atom = from_atom(table().atom(Atom::kFloorDiv, 0, remainder, b));
    return dim_add(table().intern(whole), atom);
  }
  return from_atom(table().atom(Atom::kFloorDiv, 0, a, b));
}

Dim dim_max(Dim a, Dim b) {
  if (!is_symbolic(a) && !is_symbolic(b)) return std::max(a, b);
  if (a == b) return a;
  std::lock_guard lock(mutex());
  return from_atom(table().atom(Atom::kMax, 0, std::max(a, b), std::min(a, b)));
}

int64_t dim_eval(Dim d, const std::vector<int64_t>& symbols) {
  if (!is_symbolic(d)) return d;
  std::lock_guard lock(mutex());
  if (has_unknown(d, symbols)) return kUnknown;
  int64_t total = 0;
  for (const auto& [monomial, coefficient] : table().of(d)) {
    int64_t product = coefficient;
    for (int atom : monomial) product = times(product, eval_atom(table().atom(atom), symbols));
    total = plus(total, product);
  }
  if (is_symbolic(total)) too_large();
  return total;
}

bool dim_is_symbol(Dim d, int* index) {
  if (!is_symbolic(d)) return false;
  std::lock_guard lock(mutex());
  const Polynomial& p = table().of(d);
  if (p.size() != 1 || p.begin()->second != 1 || p.begin()->first.size() != 1) return false;
  const Atom& atom = table().atom(p.begin()->first[0]);
  if (atom.kind != Atom::kSymbol) return false;
  *index = atom.symbol;
  return true;
}

size_t dim_terms(Dim d) {
  std::lock_guard lock(mutex());
  return is_symbolic(d) ? table().get(d).size() : 1;
}

std::string dim_text(Dim d, const std::vector<std::string>& names) {
  if (!is_symbolic(d)) return std::to_string(d);
  if (names.empty() && t_example) return t_example->text(d);
  std::lock_guard lock(mutex());
  std::string text, constant;
  for (const auto& [monomial, c] : table().get(d)) {
    std::string factors;
    // 2*(n//3) is not 2*n//3, and -(n//3) is not -n//3.
    bool alone = monomial.size() == 1 && (c == 1 || (c == -1 && !text.empty()));
    for (int atom : monomial) {
      std::string factor = atom_text(table().atom(atom), names);
      bool quotient = table().atom(atom).kind == Atom::kFloorDiv;
      factors += (factors.empty() ? "" : "*") + (quotient && !alone ? "(" + factor + ")" : factor);
    }
    int64_t magnitude = c < 0 ? -c : c;
    std::string term = monomial.empty() ? std::to_string(magnitude)
                       : magnitude == 1 ? factors
                                        : std::to_string(magnitude) + "*" + factors;
    if (monomial.empty()) {
      constant = (c < 0 ? " - " : " + ") + term;
    } else if (text.empty()) {
      text = (c < 0 ? "-" : "") + term;
    } else {
      text += (c < 0 ? " - " : " + ") + term;
    }
  }
  return text + constant;
}

std::string default_symbol_name(size_t index) { return "n" + std::to_string(index); }

ExampleSizes::ExampleSizes(const std::vector<std::string>& names, const std::vector<int64_t>& sizes)
    : names_(names), sizes_(sizes), outer_(std::exchange(t_example, this)) {}

ExampleSizes::~ExampleSizes() { t_example = outer_; }

std::string ExampleSizes::text(Dim d) const {
  std::string name = names_.empty() ? "?" : dim_text(d, names_);
  int64_t size = dim_eval(d, sizes_);
  if (size == kUnknown) return name;
  if (!is_named(d)) return std::to_string(size);
  bool sum = name.find(' ') != std::string::npos;
  return (sum ? "(" + name + ")" : name) + "=" + std::to_string(size);
}

bool ExampleSizes::is_named(Dim d) const {
  if (!is_symbolic(d)) return false;
  std::lock_guard lock(mutex());
  for (const auto& [monomial, c] : table().get(d)) {
    for (int i : monomial) {
      const Atom& atom = table().atom(i);
      if (atom.kind != Atom::kSymbol) {
        if (is_named(atom.a) || is_named(atom.b)) return true;
        continue;
      }
      size_t s = static_cast<size_t>(atom.symbol);
      if (s < names_.size() && names_[s] != default_symbol_name(s)) return true;
    }
  }
  return false;
}

Shape Shape::from(const std::vector<Dim>& dims) {
  Shape s;
  for (Dim d : dims) s.push(d);
  return s;
}

void Shape::push(Dim d) {
  if (ndim == kMaxRank) fail(ErrorKind::kShape, "a tensor has at most ", kMaxRank, " dimensions");
  dims[ndim++] = d;
}

Dim Shape::size() const {
  Dim n = 1;
  int fine = 0;
  for (; fine < ndim; ++fine)  // the usual case: small known sizes
    if (dims[fine] < 0 || dims[fine] > INT32_MAX || __builtin_mul_overflow(n, dims[fine], &n))
      break;
  if (fine == ndim) return n;
  n = 1;
  for (int i = 0; i < ndim; ++i)
    if (dims[i] == 0) return 0;
  for (int i = 0; i < ndim; ++i) n = dim_mul(n, dims[i]);
  return n;
}

std::string Shape::text(const std::vector<std::string>& names) const {
  std::string out = "(";
  for (int i = 0; i < ndim; ++i) out += (i ? ", " : "") + dim_text(dims[i], names);
  return out + (ndim == 1 ? ",)" : ")");
}

}  // namespace penstock
