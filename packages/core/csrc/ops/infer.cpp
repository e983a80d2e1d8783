#include "ops/infer.h"

#include <algorithm>

namespace penstock {

void InferContext::set_want(int i, DType dtype) {
  if (!casts) wanted.assign(static_cast<size_t>(num_inputs_), int16_t{-1});
  casts = true;
  wanted[static_cast<size_t>(i)] = static_cast<int16_t>(dtype);
}

void InferContext::grow() {
  if (op.builtin == Builtin::kNone)
    fail(ErrorKind::kValue, "has more than ", kMaxOutputs, " outputs");
  if (many_.empty()) many_.assign(first_, first_ + num_outputs);
  many_.resize(static_cast<size_t>(num_outputs) + 1);
  outputs = many_.data();
}

bool InferContext::same_shape(const Shape& a, const Shape& b) {
  if (a == b) return true;
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (!equal(a[i], b[i])) return false;
  return true;
}

Shape InferContext::broadcast(const Shape& a, const Shape& b) {
  if (a == b) return a;
  Shape out = a.ndim >= b.ndim ? a : b;
  for (int back = 1; back <= std::min(a.ndim, b.ndim); ++back) {
    Dim da = a[a.ndim - back], db = b[b.ndim - back];
    Dim& d = out[out.ndim - back];
    // Against a literal 1 the other dimension wins whatever its value: no question, hence no guard.
    if (da == db || db == 1) {
      d = da;
    } else if (da == 1) {
      d = db;
    } else if (equal(da, db)) {
      d = is_symbolic(da) ? db : da;  // a known size is worth more than a symbol
    } else if (is_symbolic(da) && equal(da, 1)) {
      d = db;
    } else if (is_symbolic(db) && equal(db, 1)) {
      d = da;
    } else {
      fail(ErrorKind::kShape, "got shapes ", dims(a), " and ", dims(b),
           ", which do not broadcast: axis -", back, " is ", dim_text(da), " in one and ",
           dim_text(db),
           " in the other, and neither is 1; reshape one of them, or insert an axis of ", "size 1");
    }
  }
  return out;
}

int64_t InferContext::axis(int64_t axis, int rank) const {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  if (rank == 0)
    fail(ErrorKind::kIndex, "axis ", axis,
         " is out of range for a tensor of rank 0: it has no axes");
  fail(ErrorKind::kIndex, "axis ", axis, " is out of range for a tensor of rank ", rank, ": use ",
       -rank, " to ", rank - 1);
}

}  // namespace penstock
