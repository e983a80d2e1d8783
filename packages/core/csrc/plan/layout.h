// Internal to plan/: what all bindings of a plan share, because it does not depend on sizes.
#pragma once

#include <utility>
#include <vector>

#include "dispatch/call.h"

namespace penstock {

struct Layout {
  std::vector<Shape> shapes;  // of every value; those with symbols are each binding's own
  struct Sized {
    int32_t node, step;  // no step: it is its input under another shape
  };
  std::vector<Sized> sized;                        // nodes whose shape rules every binding runs
  std::vector<std::vector<penstock_attr>> frames;  // attributes of the other steps
  int64_t cost = 0;                                // of the other steps

  struct InPlace {
    int32_t root, value;  // of the input
  };
  struct Output {
    int32_t root, value;
    std::vector<InPlace> in_place;  // what it may be written over, if the sizes are the same
  };
  struct ArenaStep {
    std::vector<Output> outputs;
    std::vector<int32_t> dying;  // roots that nobody reads afterwards
  };
  std::vector<ArenaStep> arena;  // of every step

  std::vector<std::vector<int32_t>> views_of_root;  // which views to point at a root's memory
  std::vector<int32_t> first_view;                  // of every step
  int32_t num_views = 0;
  size_t num_dims = 0;  // of all views
};

}  // namespace penstock
