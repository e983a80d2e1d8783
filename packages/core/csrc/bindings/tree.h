// Nested lists, tuples and dictionaries of tensors: taken apart before a call, put together after it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bindings/common.h"

namespace penstock::python {

struct TreeSpec {
  enum Kind { kLeaf, kTuple, kNamedTuple, kList, kDict, kParts, kConstant } kind = kLeaf;
  nb::object data;  // namedtuple type, dict keys, the constant, or (type, rest of its arguments)
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
      if (spec.kind == TreeSpec::kParts) {
        for (nb::handle fixed : nb::iter(spec.data[1])) items.append(fixed);
        return spec.data[0].attr("__penstock_whole__")(*items);
      }
      return nb::tuple(items);
    }
  }
}

bool is_namedtuple(nb::handle o);

// An object made of tensors names them by `__penstock_parts__() -> (tensors, rest) | None`, and its
// type makes it again by `__penstock_whole__(*tensors, *rest)`, also from whatever stands for them. None: it has no parts, or wants to be a leaf.
nb::object parts_of(nb::handle o);

}  // namespace penstock::python
