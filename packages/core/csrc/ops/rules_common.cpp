#include "ops/rules_common.h"

namespace penstock {
namespace {

// Tensors, not Python scalars, of one dtype: nothing to promote and nothing to cast.
bool uniform(const InferContext& ctx, int first, int last) {
  for (int i = first; i < last; ++i)
    if (ctx.input(i).weak || ctx.dtype(i) != ctx.dtype(first)) return false;
  return first < last;
}

}  // namespace

DType accept(const InferContext& ctx, DType t, const Accepts& accepts) {
  if (accepts.has(t)) return t;
  if (accepts.lifts && (t == DType::kBool || is_integer(t))) return kDefaultFloat;
  if (t == DType::kString)
    ctx.fail(ErrorKind::kDType, "got string; expected ", accepts.text,
             "; make numbers of strings with penstock.string_to_number(x) or "
             "penstock.string_to_hash_bucket(x, num_buckets)");
  if (is_complex(t))
    ctx.fail(ErrorKind::kDType, "got ", dtype_name(t), "; expected ", accepts.text,
             "; take the real part, or the absolute value, first");
  ctx.fail(ErrorKind::kDType, "got ", dtype_name(t), "; expected ", accepts.text,
           "; convert it: x.astype(penstock.", accepts.cast, ")");
}

DType promote_inputs(const InferContext& ctx, int first, int last) {
  DType type = kDefaultFloat;
  bool weak = true, any = false;
  for (int pass = 0; pass < 2; ++pass) {  // tensors first, then Python scalars
    for (int i = first; i < last; ++i) {
      const Aval& in = ctx.input(i);
      if (in.weak != (pass == 1)) continue;
      type = any ? promote(type, weak, in.dtype, in.weak, ctx.op.name().c_str()) : in.dtype;
      weak = weak && in.weak;
      any = true;
    }
  }
  return type;
}

DType common_dtype(InferContext& ctx, const Accepts& accepts, int first, int last) {
  if (uniform(ctx, first, last) && accepts.has(ctx.dtype(first))) return ctx.dtype(first);
  DType type = accept(ctx, promote_inputs(ctx, first, last), accepts);
  for (int i = first; i < last; ++i) ctx.want(i, type);
  return type;
}

DType real_dtype(DType t) {
  return t == DType::kC128 ? DType::kF64 : t == DType::kC64 ? DType::kF32 : t;
}

DType complex_dtype(DType t) {
  return t == DType::kF64 || t == DType::kC128 ? DType::kC128 : DType::kC64;
}

bool all_weak(const InferContext& ctx, int first, int last) {
  for (int i = first; i < last; ++i)
    if (!ctx.input(i).weak) return false;
  return first < last;
}

void want_index(InferContext& ctx, int i) {
  DType t = ctx.dtype(i);
  if (!is_integer(t))
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(t),
             "; expected int32 or int64; convert it: ", input_name(ctx, i),
             ".astype(penstock.int64)");
  ctx.want(i, t == DType::kI32 ? t : DType::kI64);
}

void want_stored_as(InferContext& ctx, int i, DType t) {
  auto rank = [](DType d) {
    DTypeKind k = dtype_kind(d);
    return k == DTypeKind::kUnsigned ? DTypeKind::kSigned : k;
  };
  bool strings = ctx.dtype(i) == DType::kString || t == DType::kString;
  if (rank(ctx.dtype(i)) > rank(t) || (strings && ctx.dtype(i) != t))
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)),
             ", which does not fit into ", dtype_name(t), "; convert it: ", input_name(ctx, i),
             ".astype(penstock.", dtype_name(t), ")");
  ctx.want(i, t);
}

std::string input_name(const InferContext& ctx, int i) {
  const auto& inputs = ctx.op.schema.inputs;
  int last = static_cast<int>(inputs.size()) - 1;
  if (last < 0) return "input " + std::to_string(i);
  if (i < last || (i == last && !inputs.back().variadic))
    return inputs[static_cast<size_t>(i)].name;
  return inputs.back().name + "[" + std::to_string(i - last) + "]";
}

void need_rank(const InferContext& ctx, int i, int rank, const char* layout) {
  const Shape& s = ctx.shape(i);
  if (s.ndim != rank)
    ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(s), "; expected ", rank,
             " axes, ", layout, "; reshape it");
}

void need_rank_at_least(const InferContext& ctx, int i, int rank) {
  const Shape& s = ctx.shape(i);
  if (s.ndim < rank)
    ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(s),
             "; expected at least ", rank, rank == 1 ? " axis" : " axes", "; reshape it");
}

void need_shape(InferContext& ctx, int i, const Shape& expected, const char* what) {
  if (!ctx.same_shape(ctx.shape(i), expected))
    ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(ctx.shape(i)),
             "; expected ", ctx.dims(expected), ", ", what,
             "; reshape it, or check the other arguments");
}

bool at_most(InferContext& ctx, Dim a, Dim b) {
  Dim rest = dim_sub(b, a);
  return is_symbolic(rest) ? !ctx.less(b, a) : rest >= 0;
}

Shape shape_attr(InferContext& ctx, int attr) {
  Shape out;
  for (Dim d : ctx.get_ints(attr)) {
    out.push(d);
    if (!is_symbolic(d) && d < 0)
      ctx.fail(ErrorKind::kValue, "got shape ", attr_text(ctx.attrs[static_cast<size_t>(attr)], {}),
               "; sizes must not be negative");
  }
  return out;
}

}  // namespace penstock
