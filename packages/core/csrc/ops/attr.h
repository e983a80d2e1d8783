// Attributes: the static arguments of an op, in the order of its declaration.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/ref.h"
#include "tensor/tensor.h"

namespace penstock {

enum class AttrKind : uint8_t {
  kBool,
  kInt,
  kFloat,
  kStr,
  kDType,
  kInts,
  kShape,
  kFloats,
  kTensor,
  kGraph,
  kVariable,
  kObject
};

// kShape entries may be symbolic while tracing. Graphs, variables and host objects are reference counted.
using AttrValue =
    std::variant<std::monostate, bool, int64_t, double, std::string, DType, std::vector<int64_t>,
                 std::vector<double>, std::shared_ptr<const Tensor>, Ref<RefCounted>>;
using AttrList = std::vector<AttrValue>;

struct AttrSpec {
  std::string name;
  AttrKind kind;
  bool optional = false;  // None is allowed
  bool required = false;  // has no default
  bool keyword_only = false;
  AttrValue default_value;
};

// "axis", "(0, 2)", "'same'", "f32": the graph's text form.
PENSTOCK_API std::string attr_text(const AttrValue& value,
                                   const std::vector<std::string>& dim_names);
PENSTOCK_API const char* attr_kind_name(AttrKind kind);
PENSTOCK_API bool attr_kind_from_name(const std::string& name, AttrKind* out);
PENSTOCK_API bool attr_equal(const AttrValue& a, const AttrValue& b);
// True when a kShape attribute still holds symbols.
PENSTOCK_API bool attr_symbolic(const AttrValue& value);
// The attribute with every symbol replaced by its value.
PENSTOCK_API AttrValue attr_bind(const AttrValue& value, const std::vector<int64_t>& symbols);

}  // namespace penstock
