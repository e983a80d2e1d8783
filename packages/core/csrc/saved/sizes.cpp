#include "saved/sizes.h"

#include "base/error.h"

namespace penstock {

Dim parse_size(std::string_view text, const std::vector<std::string>& symbols) {
  try {
    return dim_parse(std::string(text), symbols);
  } catch (const Error& e) {
    fail(ErrorKind::kFormat, e.what());
  }
}

}  // namespace penstock
