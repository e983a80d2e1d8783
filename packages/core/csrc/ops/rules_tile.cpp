#include <optional>

#include "ops/rules.h"
#include "ops/rules_common.h"
#include "ops/tile_program.h"

namespace penstock {
namespace {

constexpr const char* kRemedy = "; programs are made by the fuse pass, see penstock.ops.tiles";

// Walks a program once: the kind of every value, and what is reduced.
class Checker {
 public:
  Checker(InferContext& ctx, const TileProgram& program) : ctx_(ctx), program_(program) {}

  // `inputs`: the kind of each, 'N' or 'M'.
  void run(const std::string& inputs) {
    kinds_ = inputs;
    kinds_.append(static_cast<size_t>(program_.constants), 'N');
    for (int64_t i = 0; i < program_.instructions; ++i) check(program_.instruction(i));
    for (int64_t o = 0; o < program_.outputs; ++o) need_value(program_.results[o]);
  }

  // 'R' for what a reduction made.
  char kind(int64_t value) const { return kinds_[static_cast<size_t>(value)]; }

 private:
  void need_value(int64_t value) const {
    if (value < 0 || value >= static_cast<int64_t>(kinds_.size()))
      ctx_.fail(ErrorKind::kValue, "program uses value ", value, " before there is one", kRemedy);
  }

  void check(const int64_t* words) {
    const TileOpcode* opcode = find_tile_opcode(words[0]);
    if (!opcode)
      ctx_.fail(ErrorKind::kValue, "program has opcode ", words[0],
                ", which this penstock does not know", kRemedy);
    int64_t operands =
        opcode->reduces() ? 1 : static_cast<int64_t>(std::string(opcode->operands).size());
    for (int64_t i = 0; i < operands; ++i) {
      need_value(words[1 + i]);
      char expected = opcode->reduces() ? 'N' : opcode->operands[i];
      if (kind(words[1 + i]) != expected)
        ctx_.fail(ErrorKind::kValue, "operand ", i, " of ", opcode->name, " is a ",
                  text(kind(words[1 + i])), "; expected a ", text(expected), kRemedy);
    }
    if (opcode->reduces()) check_reduction(words);
    kinds_ += opcode->reduces() ? 'R' : opcode->result;
  }

  void check_reduction(const int64_t* words) {
    if (axes_ && *axes_ != words[2])
      ctx_.fail(ErrorKind::kValue, "program reduces ", *axes_, " and ", words[2],
                " trailing axes; all reductions of one program share them", kRemedy);
    axes_ = words[2];
  }

  static const char* text(char kind) {
    return kind == 'N' ? "number" : kind == 'M' ? "mask" : "reduced number";
  }

  InferContext& ctx_;
  const TileProgram& program_;
  std::string kinds_;
  std::optional<int64_t> axes_;
};

char kind_of(const InferContext& ctx, int input) {
  return ctx.dtype(input) == DType::kBool ? 'M' : 'N';
}

void need_sizes(const InferContext& ctx, const TileProgram& program, int64_t inputs,
                int constants_attr) {
  auto constants = static_cast<int64_t>(
      std::get<std::vector<double>>(ctx.attrs[static_cast<size_t>(constants_attr)]).size());
  if (program.inputs != inputs || program.constants != constants)
    ctx.fail(ErrorKind::kValue, "program takes ", program.inputs, " inputs and ", program.constants,
             " constants, and got ", inputs, " and ", constants);
}

Shape reduced_shape(const InferContext& ctx, const Shape& domain, const int64_t* words) {
  int64_t axes = words[2], kept = domain.ndim - axes;
  if (axes < 0 || kept < 0)
    ctx.fail(ErrorKind::kValue, "program reduces ", axes, " axes of shape ", ctx.dims(domain));
  Shape out;
  for (int d = 0; d < domain.ndim; ++d) {
    bool gone = d >= kept;
    if (gone && domain[d] == 0 && words[0] != PENSTOCK_TILE_SUM && words[0] != PENSTOCK_TILE_MEAN)
      ctx.fail(ErrorKind::kShape, "got shape ", ctx.dims(domain), ": axis ", d,
               " has no elements to choose from; reduce over another axis, or skip empty tensors");
    if (!gone || words[3]) out.push(gone ? 1 : domain[d]);
  }
  return out;
}

// A third input and those after it: what the program takes after the op's result.
void check_extra(InferContext& ctx, int i, const Aval& out) {
  if (ctx.dtype(i) != out.dtype && ctx.dtype(i) != DType::kBool)
    ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)), "; expected ",
             dtype_name(out.dtype), " or bool; cast it before the program");
  if (!ctx.same_shape(ctx.broadcast(out.shape, ctx.shape(i)), out.shape))
    ctx.fail(ErrorKind::kShape, input_name(ctx, i), " has shape ", ctx.dims(ctx.shape(i)),
             ", which is more than the result's, ", ctx.dims(out.shape),
             "; run the program after the op");
}

// An op whose result goes through a program, which is attribute `first_attr`.
void with_program(InferContext& ctx, void (*base)(InferContext&), int first_attr) {
  base(ctx);
  const Aval out = ctx.outputs[0];
  if (!is_float(out.dtype))
    ctx.fail(ErrorKind::kDType, "computes ", dtype_name(out.dtype),
             "; expected a floating dtype: use x.astype(...)");
  TileProgram program;
  std::string wrong = read_tile_program(ctx.get_ints(first_attr), &program);
  if (!wrong.empty()) ctx.fail(ErrorKind::kValue, wrong, kRemedy);
  need_sizes(ctx, program, ctx.num_inputs() - 1, first_attr + 1);
  std::string kinds = "N";
  for (int i = 2; i < ctx.num_inputs(); ++i) {
    check_extra(ctx, i, out);
    kinds += kind_of(ctx, i);
  }
  Checker checker(ctx, program);
  checker.run(kinds);
  if (program.outputs != 1 || checker.kind(program.results[0]) != 'N')
    ctx.fail(ErrorKind::kValue, "program must have one output, a number of every element", kRemedy);
}

}  // namespace

void rule_matmul_tile(InferContext& ctx) { with_program(ctx, rule_matmul, 2); }
void rule_conv2d_tile(InferContext& ctx) { with_program(ctx, rule_conv2d, 5); }
void rule_depthwise_conv2d_tile(InferContext& ctx) { with_program(ctx, rule_depthwise_conv2d, 4); }

void rule_tile(InferContext& ctx) {
  TileProgram program;
  std::string wrong = read_tile_program(ctx.get_ints(0), &program);
  if (!wrong.empty()) ctx.fail(ErrorKind::kValue, wrong, kRemedy);
  need_sizes(ctx, program, ctx.num_inputs(), 1);
  DType type = ctx.get_dtype(2);
  if (type != DType::kF32 && type != DType::kF64 && type != DType::kF16)
    ctx.fail(ErrorKind::kDType, "dtype is ", dtype_name(type),
             "; expected float16, float32 or float64");
  Shape domain = ctx.shape(0);
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    if (ctx.dtype(i) != type && ctx.dtype(i) != DType::kBool)
      ctx.fail(ErrorKind::kDType, input_name(ctx, i), " is ", dtype_name(ctx.dtype(i)),
               "; expected ", dtype_name(type), " or bool; cast it before the program");
    domain = ctx.broadcast(domain, ctx.shape(i));
  }
  Checker checker(ctx, program);
  std::string kinds;
  for (int i = 0; i < ctx.num_inputs(); ++i) kinds += kind_of(ctx, i);
  checker.run(kinds);
  for (int64_t o = 0; o < program.outputs; ++o) {
    char kind = checker.kind(program.results[o]);
    const int64_t* maker = program.instruction(program.maker(program.results[o]));
    ctx.output(kind == 'M' ? DType::kBool : type,
               kind == 'R' ? reduced_shape(ctx, domain, maker) : domain);
  }
}

}  // namespace penstock
