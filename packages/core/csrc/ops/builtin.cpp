#include <utility>

#include "ops/op.h"

namespace penstock {

Builtin builtin_from_name(const std::string& name) {
  static const std::pair<const char*, Builtin> kNames[] = {
      {"placeholder", Builtin::kPlaceholder},
      {"constant", Builtin::kConstant},
      {"read_variable", Builtin::kReadVariable},
      {"assign_variable", Builtin::kAssignVariable},
      {"to_device", Builtin::kToDevice},
      {"custom_gradient", Builtin::kCustomGradient},
      {"stop_gradient", Builtin::kStopGradient},
      {"call", Builtin::kCall},
      {"cond", Builtin::kCond},
      {"while", Builtin::kWhile},
      {"scan", Builtin::kScan},
  };
  for (const auto& [known, builtin] : kNames)
    if (name == known) return builtin;
  return Builtin::kNone;
}

}  // namespace penstock
