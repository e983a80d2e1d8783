// Sizes in text: "2*batch + 1". Whole numbers, names of symbols, + - * // %, max(a, b) and brackets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tensor/shape.h"

namespace penstock {

// The dimension that the text describes; `symbols` are a graph's, by number. Throws kFormat.
PENSTOCK_API Dim parse_size(std::string_view text, const std::vector<std::string>& symbols);

}  // namespace penstock
