// Shapes and symbolic dimensions. A dimension is an int64: a size, or, far below zero, the number of an interned
// expression over a graph's symbols. So one shape rule serves eager calls, tracing and binding alike.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/export.h"

namespace penstock {

using Dim = int64_t;
constexpr Dim kSymbolBase = INT64_MIN;
constexpr Dim kSymbolLimit = INT64_MIN / 2;
inline bool is_symbolic(Dim d) { return d < kSymbolLimit; }

PENSTOCK_API Dim dim_symbol(int index);  // the graph's symbol number `index`
PENSTOCK_API Dim dim_add(Dim, Dim);
PENSTOCK_API Dim dim_sub(Dim, Dim);
PENSTOCK_API Dim dim_mul(Dim, Dim);
PENSTOCK_API Dim dim_floordiv(Dim, Dim);
PENSTOCK_API Dim dim_max(Dim, Dim);
inline Dim dim_ceildiv(Dim a, Dim b) { return dim_floordiv(dim_add(a, dim_sub(b, 1)), b); }
// Value under an assignment of the symbols; a symbol with a negative value makes the result kUnknown.
constexpr int64_t kUnknown = kSymbolLimit;  // no size, and no difference of sizes either
PENSTOCK_API int64_t dim_eval(Dim, const std::vector<int64_t>& symbols);
PENSTOCK_API bool dim_is_symbol(Dim, int* index);
// "3", "n0", "2*n0 + 1", "(n0 + 1)//2". `names` may be empty: then symbols are what `ExampleSizes` says, else s0, s1, ...
PENSTOCK_API std::string dim_text(Dim, const std::vector<std::string>& names = {});
// The other way round. Throws kValue for anything else, and for formulas that grow out of bounds.
PENSTOCK_API Dim dim_parse(const std::string& text, const std::vector<std::string>& names);
// How many terms the sum has.
PENSTOCK_API size_t dim_terms(Dim);

// While one lives, messages of this thread show sizes as they are in the call that is being traced: "5", and "batch=5" if
// somebody named the symbol. Sizes that no call has given keep their names.
class PENSTOCK_API ExampleSizes {
 public:
  ExampleSizes(const std::vector<std::string>& names, const std::vector<int64_t>& sizes);
  ~ExampleSizes();
  ExampleSizes(const ExampleSizes&) = delete;
  ExampleSizes& operator=(const ExampleSizes&) = delete;
  std::string text(Dim d) const;

 private:
  bool is_named(Dim d) const;
  const std::vector<std::string>& names_;
  const std::vector<int64_t>& sizes_;
  const ExampleSizes* outer_;
};
// What a symbol is called when nobody names it: "n0".
std::string default_symbol_name(size_t index);

constexpr int kMaxRank = 16;

struct Shape {
  int32_t ndim = 0;
  Dim dims[kMaxRank];

  Shape() = default;
  Shape(std::initializer_list<Dim> list) : ndim(static_cast<int32_t>(list.size())) {
    std::memcpy(dims, list.begin(), sizeof(Dim) * list.size());
  }
  Shape(const Shape& o) : ndim(o.ndim) { std::memcpy(dims, o.dims, sizeof(Dim) * o.ndim); }
  Shape& operator=(const Shape& o) {
    ndim = o.ndim;
    std::memmove(dims, o.dims, sizeof(Dim) * o.ndim);
    return *this;
  }
  // Throws when there are more than kMaxRank dimensions.
  PENSTOCK_API static Shape from(const std::vector<Dim>& dims);
  PENSTOCK_API void push(Dim d);
  Dim operator[](int i) const { return dims[i]; }
  Dim& operator[](int i) { return dims[i]; }
  bool operator==(const Shape& o) const {
    return ndim == o.ndim && std::memcmp(dims, o.dims, sizeof(Dim) * ndim) == 0;
  }
  bool operator!=(const Shape& o) const { return !(*this == o); }
  bool symbolic() const {
    for (int i = 0; i < ndim; ++i)
      if (is_symbolic(dims[i])) return true;
    return false;
  }
  std::vector<Dim> vec() const { return {dims, dims + ndim}; }
  // Number of elements; symbolic if a dimension is. Throws when it exceeds int64.
  PENSTOCK_API Dim size() const;
  // "(2, 3)", as Python prints a tuple.
  PENSTOCK_API std::string text(const std::vector<std::string>& names = {}) const;
};

}  // namespace penstock
