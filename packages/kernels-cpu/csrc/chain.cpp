#include "chain.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

constexpr int kMostRows = 16, kMostWidth = 2 * kLanes;

// The instructions that have a loop of their own over registers; x is the result of the one before.
ChainStep::Kind KindOf(int64_t opcode, const ChainStep& step) {
  const bool number = step.same && *step.operand == *step.operand;  // one, and not NaN
  switch (opcode) {
    case PENSTOCK_TILE_ADD:
      return step.full ? ChainStep::kAddFull : ChainStep::kAdd;
    case PENSTOCK_TILE_SUBTRACT:
      return step.full || step.turned ? ChainStep::kOther : ChainStep::kSubtract;
    case PENSTOCK_TILE_MULTIPLY:
      return step.full ? ChainStep::kOther : ChainStep::kMultiply;
    case PENSTOCK_TILE_MAXIMUM:
      return number && !step.turned ? ChainStep::kAtLeast : ChainStep::kOther;
    case PENSTOCK_TILE_MINIMUM:
      return number && !step.turned ? ChainStep::kAtMost : ChainStep::kOther;
    case PENSTOCK_TILE_RELU:
      return ChainStep::kRelu;
    case PENSTOCK_TILE_RELU6:
      return ChainStep::kRelu6;
    default:
      return ChainStep::kOther;
  }
}

// How many values an instruction takes; 0 for reductions.
int Operands(int64_t opcode) {
  switch (opcode) {
#define OPERANDS(name, code, operands, result) \
  case code:                                   \
    return result == 'N' && operands[0] == 'N' ? static_cast<int>(sizeof(operands)) - 1 : 0;
    PENSTOCK_TILE_OPCODES(OPERANDS)
#undef OPERANDS
    default:
      return 0;
  }
}

bool IsRow(const penstock_tensor* x, int64_t columns) {
  return x->ndim > 0 && x->shape[x->ndim - 1] == columns && Count(x) == columns;
}

bool SameShape(const penstock_tensor* a, const penstock_tensor* b) {
  if (a->ndim != b->ndim) return false;
  for (int d = 0; d < a->ndim; ++d) {
    if (a->shape[d] != b->shape[d]) return false;
  }
  return true;
}

}  // namespace

bool Chain::Read(const penstock_call* call, int first_attr) {
  const int64_t* words = call->attrs[first_attr].v.is;
  const int64_t inputs = words[1], constants = words[2], instructions = words[3];
  if (instructions > kMaxSteps || words[4] != 1) return false;
  const penstock_attr& numbers = call->attrs[first_attr + 1];
  for (int64_t i = 0; i < constants; ++i) constants_[i] = static_cast<float>(numbers.v.fs[i]);
  y_ = Output<float>(call, 0);
  const int64_t* code = words + PENSTOCK_TILE_HEADER_WORDS;
  int64_t before = 0;  // the value that the next instruction has to take
  for (int64_t i = 0; i < instructions; ++i, code += PENSTOCK_TILE_INSTRUCTION_WORDS) {
    ChainStep step = {};
    step.run = FindTileInstruction(code[0]);
    const int operands = Operands(code[0]);
    if (step.run == nullptr || operands < 1 || operands > 2) return false;
    step.turned = operands == 2 && code[2] == before;
    if (operands == 2 && code[1] == code[2]) return false;
    if (!step.turned && code[1] != before) return false;
    if (operands == 2 && !ReadOperand(call, code[step.turned ? 1 : 2], inputs, constants, &step)) {
      return false;
    }
    step.kind = KindOf(code[0], step);
    steps_[count_++] = step;
    before = inputs + constants + i;
  }
  return code[0] == before;
}

// Values 1, 2, ... of the program are the call's inputs behind the op's own two.
bool Chain::ReadOperand(const penstock_call* call, int64_t value, int64_t inputs, int64_t constants,
                        ChainStep* step) {
  if (value == 0 || value >= inputs + constants) return false;
  if (value >= inputs) {
    step->operand = constants_ + (value - inputs);
    step->same = true;
    return true;
  }
  const penstock_tensor *x = call->inputs[value + 1], *y = call->outputs[0];
  if (TypeKey(x) != kF32) return false;
  step->operand = Data<const float>(x);
  step->same = Count(x) == 1;
  if (step->same || IsRow(x, y->shape[y->ndim - 1])) return true;
  step->full = true;
  return SameShape(x, y);
}

void Chain::RunInMemory(const ChainStep& step, const int64_t* at, int rows, int64_t col, int cols,
                        int width, float* room) const {
  float other[kMostRows * kMostWidth];
  TileOperand in[2] = {{room, false}, {other, false}};
  if (step.same) {
    in[1] = {step.operand, true};
  } else if (step.operand != nullptr) {
    for (int i = 0; i < rows; ++i) {
      const float* from = step.operand + col + (step.full ? at[i] : 0);
      float* to = other + i * width;
      memcpy(to, from, static_cast<size_t>(cols) * sizeof(float));
      for (int j = cols; j < width; ++j) to[j] = 0.0f;
    }
  }
  const TileOperand turned[2] = {in[1], in[0]};
  step.run(step.turned ? turned : in, room, int64_t{rows} * width);
}

}  // namespace penstock::cpu::PENSTOCK_ISA
