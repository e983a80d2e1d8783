// The dtypes of DESIGN section 9, their names, sizes, DLPack codes, and the one promotion table.
#pragma once

#include <cstdint>
#include <string>

#include "base/export.h"
#include "penstock/kernel_abi.h"

namespace penstock {

enum class DType : uint8_t {
  kBool,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kF16,
  kBF16,
  kF32,
  kF64,
  kC64,
  kC128,
  kString
};
constexpr int kNumDTypes = 16;

enum class DTypeKind : uint8_t { kBool, kUnsigned, kSigned, kFloat, kComplex, kString };

PENSTOCK_API const char* dtype_name(DType);  // "float32"
PENSTOCK_API const char* dtype_code(DType);  // "f32": kernel rows and graph text
PENSTOCK_API bool dtype_from_code(const std::string& code, DType* out);
PENSTOCK_API bool dtype_from_name(const std::string& name, DType* out);
PENSTOCK_API bool dtype_from_abi(penstock_dtype, DType* out);
PENSTOCK_API penstock_dtype dtype_to_abi(DType);
PENSTOCK_API int64_t dtype_size(DType);
PENSTOCK_API DTypeKind dtype_kind(DType);
inline bool is_float(DType t) { return dtype_kind(t) == DTypeKind::kFloat; }
inline bool is_complex(DType t) { return dtype_kind(t) == DTypeKind::kComplex; }
inline bool is_integer(DType t) {
  return dtype_kind(t) == DTypeKind::kSigned || dtype_kind(t) == DTypeKind::kUnsigned;
}

// The array API's table; mixed kinds go to the higher kind (int + float -> that float, as PyTorch and JAX do), and a
// weak operand (a Python scalar) only lifts the kind. Throws for strings with numbers, and for u64 with signed.
PENSTOCK_API DType promote(DType a, bool a_weak, DType b, bool b_weak, const char* op);

constexpr DType kDefaultFloat = DType::kF32;
constexpr DType kDefaultInt = DType::kI64;

}  // namespace penstock
