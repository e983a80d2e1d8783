// What the shape rules share: sets of dtypes, promotion, and small questions about dimensions.
#pragma once

#include <string>
#include <vector>

#include "ops/infer.h"

namespace penstock {

// A set of dtypes, as an argument of a rule. `text` and `cast` go into the error message.
struct Accepts {
  uint32_t mask;
  bool lifts;  // bool and integers become the default float
  const char* text;
  const char* cast;
  bool has(DType t) const { return mask >> static_cast<int>(t) & 1; }
};

constexpr uint32_t dtype_range(DType first, DType last) {
  return (2u << static_cast<int>(last)) - (1u << static_cast<int>(first));
}
constexpr uint32_t kIntegerBits = dtype_range(DType::kI8, DType::kU64);
constexpr uint32_t kFloatBits = dtype_range(DType::kF16, DType::kF64);
constexpr uint32_t kComplexBits = dtype_range(DType::kC64, DType::kC128);

constexpr Accepts kAny{dtype_range(DType::kBool, DType::kString), false, "any dtype", ""};
constexpr Accepts kNotString{dtype_range(DType::kBool, DType::kC128), false, "any dtype but string",
                             "float32"};
constexpr Accepts kNumeric{kIntegerBits | kFloatBits | kComplexBits, false,
                           "an integer, float or complex dtype", "int32"};
constexpr Accepts kReal{kIntegerBits | kFloatBits, false, "an integer or float dtype", "int32"};
constexpr Accepts kFloat{kFloatBits | kComplexBits, true, "a number", "float32"};
constexpr Accepts kRealFloat{kFloatBits, true, "a real number", "float32"};
constexpr Accepts kBoolOnly{dtype_range(DType::kBool, DType::kBool), false, "bool", "bool"};
constexpr Accepts kBits{kIntegerBits | dtype_range(DType::kBool, DType::kBool), false,
                        "an integer dtype or bool", "int32"};
constexpr Accepts kIntegerOnly{kIntegerBits, false, "an integer dtype", "int32"};

// `t`, or the default float if the set lifts it, or an error that names the cast.
DType accept(const InferContext& ctx, DType t, const Accepts& accepts);
// The common dtype of inputs first, ..., last - 1; Python scalars only lift its kind.
DType promote_inputs(const InferContext& ctx, int first, int last);
// Both, and asks for the casts.
DType common_dtype(InferContext& ctx, const Accepts& accepts, int first, int last);
// The dtype of the real and imaginary parts; real dtypes are their own.
DType real_dtype(DType t);
// The complex dtype whose parts hold t; below float64 it is complex64.
DType complex_dtype(DType t);
bool all_weak(const InferContext& ctx, int first, int last);
// Input i as an index: int32 and int64 stay, other integers become int64.
void want_index(InferContext& ctx, int i);
// Input i stored into a tensor of dtype t: refuses to lower the kind (float into int).
void want_stored_as(InferContext& ctx, int i, DType t);

// "x", or "xs[2]" for a list.
std::string input_name(const InferContext& ctx, int i);
void need_rank(const InferContext& ctx, int i, int rank, const char* layout);
void need_rank_at_least(const InferContext& ctx, int i, int rank);
// Input i must have this shape; `what` says whose it is.
void need_shape(InferContext& ctx, int i, const Shape& expected, const char* what);

// a <= b. Asks the oracle only when the difference is not a number.
bool at_most(InferContext& ctx, Dim a, Dim b);
// Inputs first, first + 1, ... one behind the other along the axis that the attribute names.
Shape concat_shape(InferContext& ctx, int first, int axis_attr);
// A kShape attribute as a shape; sizes must not be negative.
Shape shape_attr(InferContext& ctx, int attr);

}  // namespace penstock
