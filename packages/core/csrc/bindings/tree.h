// Nested lists, tuples and dictionaries of tensors: taken apart before a call, put together after it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bindings/common.h"

namespace penstock::python {

struct TreeSpec {
  enum Kind { kLeaf, kTuple, kNamedTuple, kList, kDict, kConstant } kind = kLeaf;
  nb::object data;  // namedtuple type, dict keys, or the constant
  std::vector<TreeSpec> children;
};

// Leaves are what `is_leaf` decides; containers are opened.
TreeSpec flatten(nb::handle tree, std::vector<nb::object>* leaves);
// `next` gives the leaves in order.
template <typename Next>
nb::object unflatten(const TreeSpec& spec, Next& next) {
  switch (spec.kind) {
    case TreeSpec::kLeaf:
      return next();
    case TreeSpec::kConstant:
      return spec.data;
    case TreeSpec::kDict: {
      nb::dict out;
      size_t i = 0;
      for (nb::handle key : nb::iter(spec.data)) out[key] = unflatten(spec.children[i++], next);
      return out;
    }
    default: {
      nb::list items;
      for (const TreeSpec& child : spec.children) items.append(unflatten(child, next));
      if (spec.kind == TreeSpec::kList) return items;
      if (spec.kind == TreeSpec::kNamedTuple) return spec.data(*items);
      return nb::tuple(items);
    }
  }
}

bool is_namedtuple(nb::handle o);

}  // namespace penstock::python
