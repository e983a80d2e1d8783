// einsum with one letter for each axis: "ab,bc->ac". The Python function fills in "..." and what is implied.
#include <array>

#include "ops/rules.h"
#include "ops/rules_common.h"

namespace penstock {
namespace {

constexpr Dim kUnseen = -1;

// The letters of each operand and, behind "->", of the result.
std::vector<std::string> terms_of(const InferContext& ctx, const std::string& equation) {
  size_t arrow = equation.find("->");
  bool ok = arrow != std::string::npos;
  std::vector<std::string> terms(1);
  for (size_t i = 0; ok && i < equation.size(); ++i) {
    char c = equation[i];
    if (i == arrow || (c == ',' && i < arrow)) {
      terms.emplace_back();
      i += i == arrow ? 1 : 0;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      terms.back() += c;
    } else {
      ok = false;
    }
  }
  if (!ok)
    ctx.fail(ErrorKind::kValue, "got the equation \"", equation,
             "\"; expected a letter for each axis, such as \"ab,bc->ac\"");
  return terms;
}

// A size of 1 broadcasts.
Dim joined(InferContext& ctx, char letter, Dim a, Dim b) {
  if (a == kUnseen || a == b || a == 1) return b;
  if (b == 1) return a;
  if (!ctx.equal(a, b))
    ctx.fail(ErrorKind::kShape, "axis \"", std::string(1, letter), "\" has size ", dim_text(a),
             " in one place and ", dim_text(b), " in another; give it one size, or other letters");
  return is_symbolic(a) ? b : a;
}

}  // namespace

void rule_einsum(InferContext& ctx) {
  DType type = common_dtype(ctx, kNumeric, 0, ctx.num_inputs());
  std::vector<std::string> terms = terms_of(ctx, ctx.get_str(0));
  if (static_cast<int>(terms.size()) != ctx.num_inputs() + 1)
    ctx.fail(ErrorKind::kValue, "the equation \"", ctx.get_str(0), "\" is for ", terms.size() - 1,
             " operands; got ", ctx.num_inputs());
  std::array<Dim, 128> sizes;
  sizes.fill(kUnseen);
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    const std::string& term = terms[static_cast<size_t>(i)];
    const Shape& shape = ctx.shape(i);
    if (static_cast<int>(term.size()) != shape.ndim)
      ctx.fail(ErrorKind::kShape, "\"", term, "\" has ", term.size(), " letters for ",
               input_name(ctx, i), " of shape ", ctx.dims(shape), "; write one for each axis");
    for (int d = 0; d < shape.ndim; ++d) {
      char letter = term[static_cast<size_t>(d)];
      Dim& size = sizes[static_cast<size_t>(letter)];
      size = joined(ctx, letter, size, shape[d]);
    }
  }
  Shape out;
  const std::string& result = terms.back();
  for (size_t i = 0; i < result.size(); ++i) {
    Dim size = sizes[static_cast<size_t>(result[i])];
    if (size == kUnseen)
      ctx.fail(ErrorKind::kValue, "the result has an axis \"", std::string(1, result[i]),
               "\" that no operand has; leave it out");
    if (result.find(result[i]) != i)
      ctx.fail(ErrorKind::kValue, "the result has the axis \"", std::string(1, result[i]),
               "\" twice; name it once");
    out.push(size);
  }
  ctx.output(type, out);
}

}  // namespace penstock
