// Calls of the host's own functions, whose results the caller describes.
#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {

// tensors...; function, dtypes "f32,i64", ranks, sizes of all outputs one after the other.
void rule_host_call(InferContext& ctx) {
  const std::string& codes = ctx.get_str(1);
  const std::vector<int64_t>& ranks = ctx.get_ints(2);
  const auto& sizes = std::get<std::vector<int64_t>>(ctx.attrs[3]);
  size_t at = 0, begin = 0;
  for (int64_t rank : ranks) {
    size_t end = std::min(codes.find(',', begin), codes.size());
    DType dtype;
    if (begin > codes.size() || !dtype_from_code(codes.substr(begin, end - begin), &dtype))
      ctx.fail(ErrorKind::kDType, "dtypes is '", codes, "'; give a code for each of ", ranks.size(),
               " outputs, such as 'f32,i64'");
    begin = end + 1;
    if (rank < 0 || rank > kMaxRank || sizes.size() - at < static_cast<size_t>(rank))
      ctx.fail(ErrorKind::kShape, "ranks ask for more than the ", sizes.size(),
               " sizes that are given; give the sizes of all outputs one after the other");
    Shape shape;
    for (int64_t d = 0; d < rank; ++d) shape.push(sizes[at++]);
    ctx.output(dtype, shape);
  }
}

}  // namespace penstock
