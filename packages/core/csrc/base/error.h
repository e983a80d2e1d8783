// One exception type for the whole runtime; `kind` decides the Python class and the C API's status.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "base/export.h"

namespace penstock {

enum class ErrorKind {
  kValue,      // an attribute or argument has a value that the op cannot use
  kType,       // an argument of the wrong kind
  kShape,      // shapes that do not fit
  kDType,      // dtypes that do not fit
  kIndex,      // an axis or index out of range
  kDevice,     // unknown device, or tensors on different ones
  kKernel,     // no kernel for op, device and dtypes
  kGraph,      // feeding, fetching or building graphs
  kMemory,     // the device is out of memory
  kCancelled,  // cancelled or past its deadline
  kNumeric,    // NaN or infinity where debug_nans looks for it
  kPlugin,     // a library that cannot be loaded
  kFormat,     // a file that is damaged, or not what was expected
  kInternal,   // our fault
};

class PENSTOCK_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind(kind) {}
  ErrorKind kind;
};

// Throws Error(kind) with the parts joined: fail(ErrorKind::kShape, "[add] got ", a, " and ", b).
template <typename... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  throw Error(kind, out.str());
}

}  // namespace penstock
