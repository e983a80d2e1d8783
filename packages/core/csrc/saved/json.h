// JSON as RFC 8259 has it and nothing besides, for files that a stranger may have written: no value is made before its
// text was checked, and depth and number of values are limited.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/export.h"

namespace penstock {

class PENSTOCK_API Json {
 public:
  using Array = std::vector<Json>;
  // In the order of the file. Names are unique.
  using Object = std::vector<std::pair<std::string, Json>>;

  // Throws kFormat with `what`, line and column in front.
  static Json parse(std::string_view text, const std::string& what);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<int64_t>(value_); }
  // A whole number past int64 that uint64 holds; still larger ones are floats.
  bool is_unsigned() const { return std::holds_alternative<uint64_t>(value_); }
  bool is_float() const { return std::holds_alternative<double>(value_); }
  bool is_number() const { return is_int() || is_unsigned() || is_float(); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  // "an object", for messages.
  const char* kind() const;

  // Each throws kFormat if the value is of another kind; `what` names it.
  bool boolean(const std::string& what) const;
  int64_t integer(const std::string& what) const;
  uint64_t natural(const std::string& what) const;
  double number(const std::string& what) const;
  const std::string& string(const std::string& what) const;
  const Array& array(const std::string& what) const;
  const Object& object(const std::string& what) const;
  // A member of an object; null when it has none of that name.
  const Json* find(std::string_view name) const;
  // The same; throws when it is not there.
  const Json& at(std::string_view name, const std::string& what) const;

  Json() = default;
  explicit Json(bool v) : value_(v) {}
  explicit Json(int64_t v) : value_(v) {}
  explicit Json(uint64_t v) : value_(v) {}
  explicit Json(double v) : value_(v) {}
  explicit Json(std::string v) : value_(std::move(v)) {}
  explicit Json(Array v) : value_(std::move(v)) {}
  explicit Json(Object v) : value_(std::move(v)) {}

 private:
  template <typename T>
  const T& as(const char* wanted, const std::string& what) const;
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

// The text as a JSON string, with its quotes.
PENSTOCK_API std::string json_quoted(std::string_view text);
// Whether the bytes are UTF-8: shortest forms only, no surrogates, nothing past U+10FFFF.
PENSTOCK_API bool is_utf8(std::string_view text);

}  // namespace penstock
