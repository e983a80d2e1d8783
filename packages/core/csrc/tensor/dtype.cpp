#include "tensor/dtype.h"

#include <algorithm>

#include "base/error.h"

namespace penstock {
namespace {

struct Row {
  const char* name;
  const char* code;
  DTypeKind kind;
  uint8_t abi_code, bits;
};

constexpr Row kRows[kNumDTypes] = {
    {"bool", "bool", DTypeKind::kBool, PENSTOCK_CODE_BOOL, 8},
    {"int8", "i8", DTypeKind::kSigned, PENSTOCK_CODE_INT, 8},
    {"int16", "i16", DTypeKind::kSigned, PENSTOCK_CODE_INT, 16},
    {"int32", "i32", DTypeKind::kSigned, PENSTOCK_CODE_INT, 32},
    {"int64", "i64", DTypeKind::kSigned, PENSTOCK_CODE_INT, 64},
    {"uint8", "u8", DTypeKind::kUnsigned, PENSTOCK_CODE_UINT, 8},
    {"uint16", "u16", DTypeKind::kUnsigned, PENSTOCK_CODE_UINT, 16},
    {"uint32", "u32", DTypeKind::kUnsigned, PENSTOCK_CODE_UINT, 32},
    {"uint64", "u64", DTypeKind::kUnsigned, PENSTOCK_CODE_UINT, 64},
    {"float16", "f16", DTypeKind::kFloat, PENSTOCK_CODE_FLOAT, 16},
    {"bfloat16", "bf16", DTypeKind::kFloat, PENSTOCK_CODE_BFLOAT, 16},
    {"float32", "f32", DTypeKind::kFloat, PENSTOCK_CODE_FLOAT, 32},
    {"float64", "f64", DTypeKind::kFloat, PENSTOCK_CODE_FLOAT, 64},
    {"complex64", "c64", DTypeKind::kComplex, PENSTOCK_CODE_COMPLEX, 64},
    {"complex128", "c128", DTypeKind::kComplex, PENSTOCK_CODE_COMPLEX, 128},
    {"string", "str", DTypeKind::kString, PENSTOCK_CODE_STRING, 128},
};

const Row& row(DType t) { return kRows[static_cast<int>(t)]; }

DType find(DTypeKind kind, int bits) {
  for (int i = 0; i < kNumDTypes; ++i) {
    if (kRows[i].kind == kind && kRows[i].bits == bits && kRows[i].abi_code != PENSTOCK_CODE_BFLOAT)
      return static_cast<DType>(i);
  }
  return kDefaultFloat;
}

[[noreturn]] void no_promotion(DType a, DType b, const char* op) {
  if (a == DType::kString || b == DType::kString)
    fail(ErrorKind::kDType, "[", op, "] got ", dtype_name(a), " and ", dtype_name(b),
         ", and strings go with strings only; make numbers of them, penstock.string_to_number(x), "
         "or "
         "strings of the others, penstock.as_string(x)");
  fail(ErrorKind::kDType, "[", op, "] got ", dtype_name(a), " and ", dtype_name(b),
       ", which have no common dtype; convert one of them: x.astype(penstock.", dtype_name(a), ")");
}

DType promote_same_rank(DType a, DType b, const char* op) {
  DTypeKind ka = dtype_kind(a), kb = dtype_kind(b);
  if (ka > kb) return promote_same_rank(b, a, op);
  if (ka == kb) {
    if (a == b) return a;
    if (row(a).bits == row(b).bits) return DType::kF32;  // float16 with bfloat16
    return row(a).bits > row(b).bits ? a : b;
  }
  if (ka == DTypeKind::kUnsigned && kb == DTypeKind::kSigned) {
    if (a == DType::kU64) no_promotion(a, b, op);
    return find(DTypeKind::kSigned, std::max<int>(row(a).bits * 2, row(b).bits));
  }
  if (ka == DTypeKind::kFloat && kb == DTypeKind::kComplex)
    return a == DType::kF64 ? DType::kC128 : b;
  return b;  // bool with anything, integer with float or complex
}

// A Python scalar's dtype once it meets a tensor of dtype `strong`.
DType lift_weak(DType weak, DType strong) {
  DTypeKind kw = dtype_kind(weak), ks = dtype_kind(strong);
  if (kw == DTypeKind::kUnsigned) kw = DTypeKind::kSigned;
  if (kw == DTypeKind::kSigned && ks == DTypeKind::kUnsigned) return strong;
  if (kw <= ks) return strong;
  if (kw == DTypeKind::kSigned) return kDefaultInt;  // int scalar with a bool tensor
  if (kw == DTypeKind::kFloat) return kDefaultFloat;
  return strong == DType::kF64 ? DType::kC128 : DType::kC64;
}

}  // namespace

const char* dtype_name(DType t) { return row(t).name; }
const char* dtype_code(DType t) { return row(t).code; }
int64_t dtype_size(DType t) { return row(t).bits / 8; }
DTypeKind dtype_kind(DType t) { return row(t).kind; }
penstock_dtype dtype_to_abi(DType t) { return {row(t).abi_code, row(t).bits, 1}; }

bool dtype_from_code(const std::string& code, DType* out) {
  for (int i = 0; i < kNumDTypes; ++i)
    if (code == kRows[i].code) return *out = static_cast<DType>(i), true;
  return false;
}

bool dtype_from_name(const std::string& name, DType* out) {
  for (int i = 0; i < kNumDTypes; ++i)
    if (name == kRows[i].name) return *out = static_cast<DType>(i), true;
  return false;
}

bool dtype_from_abi(penstock_dtype abi, DType* out) {
  for (int i = 0; i < kNumDTypes; ++i) {
    if (abi.code == kRows[i].abi_code && abi.bits == kRows[i].bits && abi.lanes == 1)
      return *out = static_cast<DType>(i), true;
  }
  return false;
}

DType promote(DType a, bool a_weak, DType b, bool b_weak, const char* op) {
  if (a == b) return a;
  if (a == DType::kString || b == DType::kString) no_promotion(a, b, op);
  if (a_weak && !b_weak) return lift_weak(a, b);
  if (b_weak && !a_weak) return lift_weak(b, a);
  return promote_same_rank(a, b, op);
}

}  // namespace penstock
