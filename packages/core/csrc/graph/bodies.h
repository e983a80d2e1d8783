// Ops whose attributes are graphs: call, cond, while and scan. What their bodies do counts as theirs.
#pragma once

#include <set>
#include <vector>

#include "graph/graph.h"

namespace penstock {

class Variable;

// The graphs among a node's attributes, in the order of declaration.
PENSTOCK_API std::vector<Ref<Graph>> bodies_of(const Node& node);
// The strongest effect of the op and of everything inside its bodies.
PENSTOCK_API Effects effects_of(const Node& node);
// Every variable that the node, or something inside it, reads or assigns.
PENSTOCK_API void add_touched(const Node& node, std::vector<Variable*>* out);
// Every variable that the node, or something inside it, assigns.
PENSTOCK_API void add_assigned(const Node& node, std::set<const Variable*>* out);

// The attributes of while and scan, by position.
struct WhileAttrs {
  static constexpr int kCond = 0, kBody = 1, kNumCarried = 2, kSteps = 4, kMaxIterations = 5;
};
struct ScanAttrs {
  static constexpr int kBody = 0, kNumCarried = 1, kNumScanned = 2, kLength = 4, kReverse = 5;
};

}  // namespace penstock
