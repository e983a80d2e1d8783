// SHA-256 (FIPS 180-4), by which a lowered graph says what it was made from.
#pragma once

#include <string>
#include <string_view>

#include "base/export.h"

namespace penstock {

// 64 hexadecimal digits.
PENSTOCK_API std::string sha256(std::string_view bytes);

}  // namespace penstock
