#include "ops/attr.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace penstock {
namespace {

constexpr const char* kKindNames[] = {"bool",  "int",    "float",  "str",   "dtype",    "ints",
                                      "shape", "floats", "tensor", "graph", "variable", "object"};

// Python's repr: the shortest digits that read back as the same number, and always a '.' or an 'e'.
std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[40];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  std::string out = text;
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (char c : s) {
    if (c == '\'' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "'";
}

template <typename T, typename F>
std::string tuple_text(const std::vector<T>& values, F&& text) {
  std::string out = "(";
  for (size_t i = 0; i < values.size(); ++i) out += (i ? ", " : "") + text(values[i]);
  return out + (values.size() == 1 ? ",)" : ")");
}

// Bitwise, so that NaN equals itself and 0.0 differs from -0.0.
bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

bool same_tensor(const Tensor* a, const Tensor* b) {
  if (a == b) return true;
  if (!a || !b || a->dtype != b->dtype || a->weak != b->weak || a->shape != b->shape) return false;
  if (!a->storage || !b->storage) return false;
  if (a->storage == b->storage && a->byte_offset == b->byte_offset) return true;
  bool comparable = a->dtype != DType::kString && a->device().is_host() && b->device().is_host();
  if (!comparable) return false;
  size_t bytes = static_cast<size_t>(a->bytes());
  return bytes == 0 || std::memcmp(a->data(), b->data(), bytes) == 0;
}

}  // namespace

namespace {

std::string element_text(const Tensor& t, int64_t i) {
  if (t.dtype == DType::kString) {
    const auto& text = reinterpret_cast<const penstock_string*>(t.data())[i];
    return quoted(std::string(text.data ? text.data : "", text.size));
  }
  Tensor one = t;
  one.shape = {};
  one.byte_offset += i * dtype_size(t.dtype);
  if (is_float(t.dtype)) return float_text(one.item_double());
  return t.dtype == DType::kBool ? (one.item_int() ? "True" : "False")
                                 : std::to_string(one.item_int());
}

// Few elements as they are, many as a hash of their bytes: enough to see that two constants differ.
std::string tensor_text(const Tensor& t) {
  constexpr int64_t kShown = 8;
  int64_t n = t.shape.size();
  if (t.symbolic() || !t.device().is_host())
    return std::string(dtype_code(t.dtype)) + t.shape.text();
  if (n <= kShown && !is_complex(t.dtype)) {
    if (t.shape.ndim == 0) return element_text(t, 0);
    std::string out = "[";
    for (int64_t i = 0; i < n; ++i) out += (i ? ", " : "") + element_text(t, i);
    return out + "]";
  }
  uint64_t hash = 0xcbf29ce484222325u;
  for (int64_t i = 0; t.dtype != DType::kString && i < t.bytes(); ++i)
    hash = (hash ^ static_cast<unsigned char>(t.data()[i])) * 0x100000001b3u;
  char text[24];
  std::snprintf(text, sizeof(text), "#%08x", static_cast<unsigned>(hash ^ (hash >> 32)));
  return std::string(dtype_code(t.dtype)) + t.shape.text() + text;
}

}  // namespace

std::string attr_text(const AttrValue& value, const std::vector<std::string>& dim_names) {
  struct Visitor {
    const std::vector<std::string>& names;
    std::string operator()(std::monostate) const { return "None"; }
    std::string operator()(bool v) const { return v ? "True" : "False"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return float_text(v); }
    std::string operator()(const std::string& v) const { return quoted(v); }
    std::string operator()(DType v) const { return dtype_code(v); }
    std::string operator()(const std::vector<int64_t>& v) const {
      return tuple_text(v, [this](Dim d) { return dim_text(d, names); });
    }
    std::string operator()(const std::vector<double>& v) const { return tuple_text(v, float_text); }
    std::string operator()(const std::shared_ptr<const Tensor>& v) const {
      return v ? tensor_text(*v) : "None";
    }
    std::string operator()(const Ref<RefCounted>& v) const { return v ? v->label() : "None"; }
  };
  return std::visit(Visitor{dim_names}, value);
}

const char* attr_kind_name(AttrKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

bool attr_kind_from_name(const std::string& name, AttrKind* out) {
  for (size_t i = 0; i < std::size(kKindNames); ++i)
    if (name == kKindNames[i]) return *out = static_cast<AttrKind>(i), true;
  return false;
}

bool attr_equal(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (auto* x = std::get_if<double>(&a)) return same_bits(*x, std::get<double>(b));
  if (auto* x = std::get_if<std::vector<double>>(&a))
    return same_bits(*x, std::get<std::vector<double>>(b));
  if (auto* x = std::get_if<std::shared_ptr<const Tensor>>(&a))
    return same_tensor(x->get(), std::get<std::shared_ptr<const Tensor>>(b).get());
  return a == b;
}

// Only lists: a lone int may be a random seed, whose bits are free to look like a symbol.
bool attr_symbolic(const AttrValue& value) {
  auto* dims = std::get_if<std::vector<int64_t>>(&value);
  if (!dims) return false;
  for (Dim d : *dims)
    if (is_symbolic(d)) return true;
  return false;
}

AttrValue attr_bind(const AttrValue& value, const std::vector<int64_t>& symbols) {
  if (!attr_symbolic(value)) return value;
  std::vector<int64_t> bound = std::get<std::vector<int64_t>>(value);
  for (Dim& d : bound) d = dim_eval(d, symbols);
  return bound;
}

}  // namespace penstock
