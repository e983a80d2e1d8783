#include "tile_program.h"

namespace penstock::cpu::PENSTOCK_ISA {
namespace {

// Whether an output is better stored past the caches: on AMD's processors three times as fast once it exceeds them. On
// Intel's the lines of an output, fetched ahead (Ahead below), cost a quarter less than such stores.
bool Streams(int64_t bytes) {
#if defined(__x86_64__)
  constexpr int64_t kLarge = 32 << 20;
  return bytes >= kLarge && !__builtin_cpu_is("intel");
#else
  (void)bytes;
  return false;
#endif
}

constexpr int kArity[] = {1, 2, 3};

int Arity(int64_t opcode) {
  switch (opcode) {
#define OPERANDS(name, code, operands, result) \
  case code:                                   \
    return kArity[sizeof(operands) - 2];
    PENSTOCK_TILE_OPCODES(OPERANDS)
#undef OPERANDS
    default:
      return 0;
  }
}

bool MakesMask(int64_t opcode) {
  switch (opcode) {
#define RESULT(name, code, operands, result) \
  case code:                                 \
    return result == 'M';
    PENSTOCK_TILE_OPCODES(RESULT)
#undef RESULT
    default:
      return false;
  }
}

bool Reduces(int64_t opcode) {
  return opcode >= PENSTOCK_TILE_SUM && FindTileInstruction(opcode) == nullptr;
}

float MaskOf(uint8_t b) {
  const int32_t bits = b != 0 ? -1 : 0;
  float mask;
  memcpy(&mask, &bits, sizeof mask);
  return mask;
}

void SpreadMask(const uint8_t* x, int64_t n, float* out) {
  typedef int32_t Bits32 __attribute__((may_alias));
  Bits32* bits = reinterpret_cast<Bits32*>(out);
  for (int64_t i = 0; i < n; ++i) bits[i] = x[i] != 0 ? -1 : 0;
}

}  // namespace

// ---- reading ----

TileProgram::TileProgram(const penstock_call* call, int first_attr,
                         const penstock_tensor* const* inputs, const penstock_tensor* domain,
                         penstock_tensor* const* outputs) {
  const int64_t* words = call->attrs[first_attr].v.is;
  const double* constants = call->attrs[first_attr + 1].v.fs;
  num_inputs_ = static_cast<int>(words[1]);
  num_constants_ = static_cast<int>(words[2]);
  const int64_t* code = words + PENSTOCK_TILE_HEADER_WORDS;
  int64_t axes = 0;
  for (int64_t i = 0; i < words[3]; ++i) {
    const int64_t* step = code + i * PENSTOCK_TILE_INSTRUCTION_WORDS;
    if (Reduces(step[0])) axes = step[2];
  }
  for (int i = 0; i < num_constants_; ++i) constants_[i] = static_cast<float>(constants[i]);
  ReadShape(inputs, domain, axes);
  ReadSteps(code, words[3]);
  ReadResults(code + words[3] * PENSTOCK_TILE_INSTRUCTION_WORDS, words[4], outputs);
  JoinPairs();
  AssignSlots();
}

// The domain as rows: neighbouring dimensions become one where every input allows it, but kept and reduced ones.
void TileProgram::ReadShape(const penstock_tensor* const* inputs, const penstock_tensor* domain,
                            int64_t axes) {
  const int ndim = domain->ndim;
  for (int d = ndim - static_cast<int>(axes); d < ndim; ++d) span_ *= domain->shape[d];
  const int split = span_ == 1 ? ndim : ndim - static_cast<int>(axes);  // of one: rows are free
  int64_t sizes[kMaxDims], strides[PENSTOCK_TILE_MAX_INPUTS][kMaxDims];
  int dims = 0;
  bool fresh = false;
  for (int d = 0; d < ndim; ++d) {
    const int64_t size = domain->shape[d];
    count_ *= size;
    fresh = fresh || d == split;
    if (size == 1) continue;
    bool joins = dims > 0 && !fresh;
    int64_t own[PENSTOCK_TILE_MAX_INPUTS];
    for (int k = 0; k < num_inputs_; ++k) {
      const int at = d - (ndim - inputs[k]->ndim);
      const bool repeats = at < 0 || inputs[k]->shape[at] == 1;
      own[k] = repeats ? 0 : Extent(inputs[k], at + 1, inputs[k]->ndim);
      joins = joins && strides[k][dims - 1] == own[k] * size;
    }
    if (!joins) ++dims;
    sizes[dims - 1] = joins ? sizes[dims - 1] * size : size;
    for (int k = 0; k < num_inputs_; ++k) strides[k][dims - 1] = own[k];
    fresh = false;
  }
  if (axes == 0) span_ = count_;
  const bool row_of_one = dims == 0;
  inner_ = row_of_one ? 1 : sizes[dims - 1];
  outer_dims_ = row_of_one ? dims : dims - 1;
  for (int d = 0; d < outer_dims_; ++d) outer_[d] = sizes[d];
  for (int k = 0; k < num_inputs_; ++k) {
    Input& input = inputs_[k];
    input.data = Data<void>(inputs[k]);
    input.is_mask = is_mask_[k] = TypeKey(inputs[k]) == kBool;
    input.inner_stride = row_of_one ? 0 : strides[k][dims - 1];
    bool flat = true;
    input.same_rows = 1;
    for (int d = outer_dims_ - 1; d >= 0; --d) {
      input.stride[d] = strides[k][d];
      flat = flat && strides[k][d] == 0;
      if (flat) input.same_rows *= outer_[d];
    }
    const int64_t size = Count(inputs[k]);
    input.kind = size == count_                ? Input::kFull
                 : flat && !input.inner_stride ? Input::kScalar
                 : flat                        ? Input::kRow
                                               : Input::kOther;
    const bool spreads = input.is_mask || input.kind == Input::kRow || input.kind == Input::kOther;
    input.slot = spreads ? num_slots_++ : -1;
  }
  for (int c = 0; c < num_constants_; ++c) is_mask_[num_inputs_ + c] = false;
}

void TileProgram::ReadSteps(const int64_t* code, int64_t instructions) {
  const int first = num_inputs_ + num_constants_;
  for (int i = 0; i < instructions; ++i, code += PENSTOCK_TILE_INSTRUCTION_WORDS) {
    is_mask_[first + i] = MakesMask(code[0]);
    Step& step = steps_[num_steps_++];
    step.opcode = code[0];
    step.run = FindTileInstruction(code[0]);
    step.value = first + i;
    step.arity = Arity(code[0]);
    step.slot = -1;
    for (int k = 0; k < step.arity; ++k) step.operand[k] = static_cast<int>(code[1 + k]);
    if (step.run == nullptr) {
      reductions_[num_reductions_++] = {code[0], step.operand[0], first + i};
      step.arity = 0;
    }
  }
}

void TileProgram::ReadResults(const int64_t* results, int64_t outputs,
                              penstock_tensor* const* tensors) {
  const int first = num_inputs_ + num_constants_;
  const bool stream = Streams(count_ * static_cast<int64_t>(sizeof(float)));
  // A reduction that nobody asked for folds nothing; the others learn where their result goes.
  TileReduction wanted[PENSTOCK_TILE_MAX_OUTPUTS];
  int num_wanted = 0;
  for (int o = 0; o < outputs; ++o) {
    const int value = static_cast<int>(results[o]);
    for (int k = 0; k < num_inputs_; ++k) {
      aliased_ = aliased_ || Data<void>(tensors[o]) == inputs_[k].data;
    }
    bool reduced = false;
    for (int r = 0; r < num_reductions_; ++r) {
      if (reductions_[r].output != value) continue;
      wanted[num_wanted++] = {reductions_[r].opcode, reductions_[r].value, o};
      reduced = true;
    }
    if (!reduced) {
      results_[num_results_++] = {value, -1, is_mask_[value], stream, Data<void>(tensors[o])};
    }
  }
  for (int r = 0; r < num_wanted; ++r) reductions_[r] = wanted[r];
  num_reductions_ = num_wanted;
  for (int r = 0; r < num_results_; ++r) {
    Result& result = results_[r];
    const int step = result.value - first;
    bool taken = step < 0 || result.is_mask || result.stream;
    for (int other = 0; other < r; ++other) taken = taken || results_[other].step == step;
    // Memory that is also an input's may be written when nobody reads any more.
    const bool last = step == num_steps_ - 1 && num_results_ == 1;
    if (!taken && (last || !aliased_)) result.step = step;
  }
}

// A step whose result only the next one wants is run together with it, where there is an instruction for both.
void TileProgram::JoinPairs() {
  int uses[kMaxTileValues] = {};
  for (int s = 0; s < num_steps_; ++s) {
    for (int k = 0; k < steps_[s].arity; ++k) ++uses[steps_[s].operand[k]];
  }
  for (int r = 0; r < num_results_; ++r) ++uses[results_[r].value];
  for (int r = 0; r < num_reductions_; ++r) ++uses[reductions_[r].value];
  for (int s = 0; s + 1 < num_steps_; ++s) {
    Step &first = steps_[s], &second = steps_[s + 1];
    if (first.arity != 2 || second.arity != 2 || uses[first.value] != 1) continue;
    const bool turned = second.operand[1] == first.value;
    if (!turned && second.operand[0] != first.value) continue;
    const TileInstruction run = FindTilePair(first.opcode, second.opcode, turned);
    if (run == nullptr) continue;
    const int other = second.operand[turned ? 0 : 1];
    second.run = run;
    second.arity = 3;
    second.operand[0] = first.operand[0];
    second.operand[1] = first.operand[1];
    second.operand[2] = other;
    first.run = nullptr;
    first.arity = 0;
  }
  for (int s = 0; s < num_steps_; ++s) num_runs_ += steps_[s].run != nullptr;
}

// Each value gets room from its instruction to its last use; what is stored or folded at the end keeps it.
void TileProgram::AssignSlots() {
  const int first = num_inputs_ + num_constants_;
  int last_use[kMaxTileValues];
  for (int v = 0; v < kMaxTileValues; ++v) last_use[v] = -1;
  for (int s = 0; s < num_steps_; ++s) {
    for (int k = 0; k < steps_[s].arity; ++k) last_use[steps_[s].operand[k]] = s;
  }
  for (int r = 0; r < num_results_; ++r) last_use[results_[r].value] = num_steps_;
  for (int r = 0; r < num_reductions_; ++r) last_use[reductions_[r].value] = num_steps_;
  int free_slots[PENSTOCK_TILE_MAX_INSTRUCTIONS], num_free = 0;
  for (int s = 0; s < num_steps_; ++s) {
    Step& step = steps_[s];
    for (int k = 0; k < step.arity;
         ++k) {  // an operand that dies here lends its room to the result
      const int v = step.operand[k];
      if (v < first || last_use[v] != s) continue;
      last_use[v] = -1;
      if (steps_[v - first].slot >= 0) free_slots[num_free++] = steps_[v - first].slot;
    }
    if (step.run == nullptr || last_use[step.value] < 0) continue;
    bool direct = false;
    for (int r = 0; r < num_results_; ++r) direct = direct || results_[r].step == s;
    if (!direct) step.slot = num_free > 0 ? free_slots[--num_free] : num_slots_++;
  }
}

int64_t TileProgram::PieceAt(int64_t at, int64_t end) const {
  const int64_t left = end - at, in_row = Column(at);
  if (inner_ > kTile || in_row != 0 || left < inner_)
    return MinOf(MinOf(kTile, inner_ - in_row), left);
  const int64_t unit = num_reductions_ > 0 && span_ <= kTile ? MaxOf(span_, inner_) : inner_;
  if (left < unit) return left / inner_ * inner_;
  return MinOf(kTile / unit * unit, left / unit * unit);
}

// ---- running ----

TileFrame::TileFrame(const TileProgram& program, float* slots) : program_(program), slots_(slots) {
  for (int k = 0; k < program_.num_inputs_; ++k) {
    const TileProgram::Input& input = program_.inputs_[k];
    const bool scalar = input.kind == TileProgram::Input::kScalar;
    operand_[k] = {static_cast<const float*>(input.data), scalar};
    if (scalar && input.is_mask) {
      *Slot(input.slot) = MaskOf(*static_cast<const uint8_t*>(input.data));
      operand_[k].data = Slot(input.slot);
    }
  }
  for (int c = 0; c < program_.num_constants_; ++c) {
    operand_[program_.num_inputs_ + c] = {program_.constants_ + c, true};
  }
}

namespace {

// `rows` rows of `inner` elements each, one after the other. Their sources begin `step` elements apart and hold as many
// elements, or one for the whole row. Short rows are stored as whole vectors where that is inside of the room.
void LayRows(const float* x, int64_t step, bool one, int64_t inner, int64_t rows, float* out,
             const float* room_end) {
  for (; inner < kLanes && rows > 0 && out + kLanes <= room_end; --rows, x += step, out += inner) {
    Store(out, one ? Splat(*x) : LoadPartial(x, inner));
  }
  for (; rows > 0; --rows, x += step, out += inner) {
    ForVectors(
        inner, [&](int64_t i) { Store(out + i, one ? Splat(*x) : Load(x + i)); },
        [&](int64_t i, int64_t n) {
          StorePartial(out + i, one ? Splat(*x) : LoadPartial(x + i, n), n);
        });
  }
}

void LayRows(const uint8_t* x, int64_t step, bool one, int64_t inner, int64_t rows, float* out,
             const float*) {
  for (; rows > 0; --rows, x += step, out += inner) {
    if (one) {
      FillTile(out, inner, MaskOf(*x));
    } else {
      SpreadMask(x, inner, out);
    }
  }
}

// Repeats the first row until there are `rows`.
void RepeatRow(float* out, int64_t inner, int64_t rows) {
  for (int64_t done = 1; done < rows;) {
    const int64_t more = MinOf(done, rows - done);
    memcpy(out + done * inner, out, static_cast<size_t>(more * inner) * sizeof(float));
    done += more;
  }
}

}  // namespace

// Whole rows, copied to the input's slot.
void TileFrame::SpreadRows(int k, int64_t row, int64_t rows) {
  const TileProgram::Input& input = program_.inputs_[k];
  const int64_t inner = program_.inner_, group = row / input.same_rows;
  const bool same = (row + rows - 1) / input.same_rows == group;
  if (same && spread_[k].group == group && rows * inner <= spread_[k].n) return;
  float *out = Slot(input.slot), *room_end = out + kTile;
  const int last = program_.outer_dims_ - 1;
  int64_t left = same ? 1 : rows;
  while (left > 0) {  // runs of rows along the last dimension
    int64_t offset = 0, rest = row;
    const int64_t along =
        last < 0 ? 1 : MinOf(left, program_.outer_[last] - row % program_.outer_[last]);
    for (int d = last; d >= 0; --d) {
      offset += rest % program_.outer_[d] * input.stride[d];
      rest /= program_.outer_[d];
    }
    const int64_t step = last < 0 ? 0 : input.stride[last];
    const bool one = input.inner_stride == 0;
    if (input.is_mask) {
      LayRows(static_cast<const uint8_t*>(input.data) + offset, step, one, inner, along, out,
              room_end);
    } else {
      LayRows(static_cast<const float*>(input.data) + offset, step, one, inner, along, out,
              room_end);
    }
    out += along * inner;
    row += along;
    left -= along;
  }
  if (same) RepeatRow(Slot(input.slot), inner, rows);
  spread_[k].n = same ? rows * inner : 0;
  spread_[k].group = group;
}

void TileFrame::Place(int k, int64_t at, int64_t n) {
  using Input = TileProgram::Input;
  const Input& input = program_.inputs_[k];
  if (input.kind == Input::kScalar) return;
  if (input.kind == Input::kFull && !input.is_mask) {
    operand_[k].data = static_cast<const float*>(input.data) + at;
    return;
  }
  if (input.kind == Input::kFull) {
    SpreadMask(static_cast<const uint8_t*>(input.data) + at, n, Slot(input.slot));
    operand_[k].data = Slot(input.slot);
    return;
  }
  const int64_t inner = program_.inner_, row = program_.RowOf(at), col = at - row * inner;
  operand_[k] = {Slot(input.slot), false};
  if (n > inner - col) return SpreadRows(k, row, n / inner);
  int64_t offset = col * input.inner_stride, rest = row;
  const int dims = input.kind == Input::kRow ? 0 : program_.outer_dims_;  // a row repeats
  for (int d = dims - 1; d >= 0; --d) {
    offset += rest % program_.outer_[d] * input.stride[d];
    rest /= program_.outer_[d];
  }
  const bool one = input.inner_stride == 0;
  if (input.is_mask) {
    LayRows(static_cast<const uint8_t*>(input.data) + offset, 0, one, n, 1, Slot(input.slot),
            nullptr);
    spread_[k].n = 0;
  } else {  // part of one row: as it lies
    operand_[k] = {static_cast<const float*>(input.data) + offset, one};
  }
}

void TileFrame::Run(int64_t at, int64_t n) {
  for (int k = 0; k < program_.num_inputs_; ++k) Place(k, at, n);
  Ahead ahead(program_, at + n, n);
  for (int s = 0; s < program_.num_steps_; ++s) {
    const TileProgram::Step& step = program_.steps_[s];
    if (step.run == nullptr) continue;
    float* out = Room(s, at);
    if (out == nullptr) continue;  // nobody uses it
    ahead.Fetch();
    TileOperand in[3];
    for (int k = 0; k < step.arity; ++k) in[k] = operand_[step.operand[k]];
    step.run(in, out, n);
    operand_[step.value] = {out, false};
  }
  StoreResults(at, n);
}

// Where a step's result goes, or NULL.
float* TileFrame::Room(int step, int64_t at) {
  if (program_.steps_[step].slot >= 0) return Slot(program_.steps_[step].slot);
  for (int r = 0; r < program_.num_results_; ++r) {
    const TileProgram::Result& result = program_.results_[r];
    if (result.step == step) return static_cast<float*>(result.data) + at;
  }
  return nullptr;
}

// Smaller tensors are near enough without it. What follows a short piece is not known: behind a product it is elsewhere.
constexpr int64_t kFetchFrom = 128 * 1024, kFetchPiece = kTile / 2;

TileFrame::Ahead::Ahead(const TileProgram& program, int64_t next, int64_t n)
    : share_(CeilDiv(n, MaxOf(1, program.num_runs_)) * static_cast<int64_t>(sizeof(float))) {
  if (program.count_ < kFetchFrom || n < kFetchPiece || next + n > program.count_) return;
  const auto add = [&](const void* data) {
    if (count_ < kMost) at_[count_++] = static_cast<const char*>(data) + next * sizeof(float);
  };
  for (int k = 0; k < program.num_inputs_; ++k) {
    const TileProgram::Input& input = program.inputs_[k];
    if (input.kind == TileProgram::Input::kFull && !input.is_mask) add(input.data);
  }
  for (int r = 0; r < program.num_results_; ++r) {
    if (program.results_[r].step >= 0) add(program.results_[r].data);
  }
}

void TileFrame::Ahead::Fetch() {
  constexpr int kLine = 64;
  for (int i = 0; i < count_; ++i) {
    const char* end = at_[i] + share_;
    for (; at_[i] < end; at_[i] += kLine) __builtin_prefetch(at_[i], 0, 2);
  }
}

const float* TileFrame::Elements(int value, int64_t n) {
  const TileOperand& x = operand_[value];
  if (!x.scalar) return x.data;
  FillTile(Slot(0), n, *x.data);
  return Slot(0);
}

void TileFrame::StoreResults(int64_t at, int64_t n) {
  for (int r = 0; r < program_.num_results_; ++r) {
    const TileProgram::Result& result = program_.results_[r];
    if (result.step >= 0) continue;
    const float* x = Elements(result.value, n);
    if (result.is_mask) {
      uint8_t* out = static_cast<uint8_t*>(result.data) + at;
      ForVectors(
          n, [&](int64_t i) { Store(out + i, Bits(Load(x + i))); },
          [&](int64_t i, int64_t rest) {
            StorePartial(out + i, Bits(LoadPartial(x + i, rest)), rest);
          });
    } else {
      float* out = static_cast<float*>(result.data) + at;
      if (result.stream) {
        StreamCopy(x, n, out);
      } else {
        memmove(out, x, static_cast<size_t>(n) * sizeof(float));
      }
    }
  }
}

}  // namespace penstock::cpu::PENSTOCK_ISA
