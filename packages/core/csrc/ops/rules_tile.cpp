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

  void run() {
    for (int i = 0; i < ctx_.num_inputs(); ++i) kinds_ += ctx_.dtype(i) == DType::kBool ? 'M' : 'N';
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

}  // namespace

void rule_tile(InferContext& ctx) {
  TileProgram program;
  std::string wrong = read_tile_program(ctx.get_ints(0), &program);
  if (!wrong.empty()) ctx.fail(ErrorKind::kValue, wrong, kRemedy);
  size_t constants = std::get<std::vector<double>>(ctx.attrs[1]).size();
  if (program.inputs != ctx.num_inputs() || program.constants != static_cast<int64_t>(constants))
    ctx.fail(ErrorKind::kValue, "program takes ", program.inputs, " inputs and ", program.constants,
             " constants, and got ", ctx.num_inputs(), " and ", constants);
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
  checker.run();
  for (int64_t o = 0; o < program.outputs; ++o) {
    char kind = checker.kind(program.results[o]);
    const int64_t* maker = program.instruction(program.maker(program.results[o]));
    ctx.output(kind == 'M' ? DType::kBool : type,
               kind == 'R' ? reduced_shape(ctx, domain, maker) : domain);
  }
}

}  // namespace penstock
