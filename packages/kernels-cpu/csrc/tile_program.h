// A tile program made ready to run: what kernel_abi.h calls a program, over tiles that stay in the L1 cache.
#ifndef PENSTOCK_KERNELS_CPU_TILE_PROGRAM_H_
#define PENSTOCK_KERNELS_CPU_TILE_PROGRAM_H_

#include "tile_ops.h"

namespace penstock::cpu::PENSTOCK_ISA {

constexpr int64_t kTile = 1024;  // elements: a few values of 4 KiB each
constexpr int kMaxTileValues =
    PENSTOCK_TILE_MAX_INPUTS + PENSTOCK_TILE_MAX_CONSTANTS + PENSTOCK_TILE_MAX_INSTRUCTIONS;

struct TileReduction {
  int64_t opcode;
  int value, output;
};

class TileFrame;

class TileProgram {
 public:
  // `first_attr`: where the program and its constants are among the call's attributes. The inputs broadcast to
  // `domain`. Output i of the program is outputs[i].
  TileProgram(const penstock_call* call, int first_attr, const penstock_tensor* const* inputs,
              const penstock_tensor* domain, penstock_tensor* const* outputs);

  int64_t count() const { return count_; }  // elements of the domain
  int64_t span() const { return span_; }    // elements that one reduction folds
  int reductions() const { return num_reductions_; }
  const TileReduction& reduction(int i) const { return reductions_[i]; }
  bool aliased() const { return aliased_; }  // an output's memory is an input's
  int64_t slot_floats() const { return num_slots_ * kTile; }

  // How elements from `at` on are best cut: up to kTile of them, whole rows where that is possible.
  int64_t PieceAt(int64_t at, int64_t end) const;

 private:
  friend class TileFrame;

  // Where an input's elements are, over the domain as rows of `inner_` elements.
  struct Input {
    const void* data;
    bool is_mask;
    enum Kind { kFull, kScalar, kRow, kOther } kind;
    int64_t inner_stride;
    int64_t stride[kMaxDims];  // along the dimensions outside of a row
    int64_t same_rows;         // so many rows, one after the other, hold the same
    int slot;                  // room to spread it out in, or -1
  };
  struct Step {
    int64_t opcode;
    TileInstruction run;
    int value, arity, slot;  // slot -1: straight into an output
    int operand[3];
  };
  struct Result {
    int value, step;  // step: the instruction that writes it straight away, or -1
    bool is_mask, stream;
    void* data;
  };

  void ReadShape(const penstock_tensor* const* inputs, const penstock_tensor* domain, int64_t axes);
  void ReadSteps(const int64_t* code, int64_t instructions);
  void ReadResults(const int64_t* results, int64_t outputs, penstock_tensor* const* tensors);
  void JoinPairs();
  void AssignSlots();
  // Where an element is in its row. Division is slow, and most domains are one row.
  int64_t Column(int64_t at) const { return inner_ == count_ ? at : at - RowOf(at) * inner_; }
  // The row of an element. Dividing halves takes a third of the time, and pieces behind a product are short.
  int64_t RowOf(int64_t at) const {
    if (inner_ == count_) return 0;
    const bool small = count_ <= UINT32_MAX;
    return small ? static_cast<uint32_t>(at) / static_cast<uint32_t>(inner_) : at / inner_;
  }

  int num_inputs_ = 0, num_constants_ = 0, num_steps_ = 0, num_results_ = 0, num_reductions_ = 0;
  int num_slots_ = 1;  // the first is spare room
  int num_runs_ = 0;   // steps that run
  bool aliased_ = false;
  int64_t count_ = 1, inner_ = 1, span_ = 1;
  int outer_dims_ = 0;
  int64_t outer_[kMaxDims];
  Input inputs_[PENSTOCK_TILE_MAX_INPUTS];
  float constants_[PENSTOCK_TILE_MAX_CONSTANTS];
  Step steps_[PENSTOCK_TILE_MAX_INSTRUCTIONS];
  Result results_[PENSTOCK_TILE_MAX_OUTPUTS];
  TileReduction reductions_[PENSTOCK_TILE_MAX_INSTRUCTIONS];
  bool is_mask_[kMaxTileValues];
};

// One thread's values while it runs a program.
class TileFrame {
 public:
  // `slots` has room for program.slot_floats(), aligned to a vector.
  TileFrame(const TileProgram& program, float* slots);
  ~TileFrame() { StreamFence(); }
  TileFrame(const TileFrame&) = delete;
  TileFrame& operator=(const TileFrame&) = delete;

  // Runs elements [at, at + n) of the domain and stores their outputs; n as PieceAt gave it.
  void Run(int64_t at, int64_t n);

  // Runs [at, end), cut into pieces.
  void RunAll(int64_t at, int64_t end) {
    while (at < end) {
      const int64_t n = program_.PieceAt(at, end);
      Run(at, n);
      at += n;
    }
  }

  // A value's elements on the piece that ran last.
  const float* Elements(int value, int64_t n);

 private:
  void Place(int input, int64_t at, int64_t n);
  float* Room(int step, int64_t at);
  void SpreadRows(int input, int64_t row, int64_t rows);
  void StoreResults(int64_t at, int64_t n);

  float* Slot(int slot) { return slots_ + slot * kTile; }

  // What the next piece will read and write is fetched during this one, a share with every step.
  class Ahead {
   public:
    Ahead(const TileProgram& program, int64_t next, int64_t n);
    void Fetch();

   private:
    static constexpr int kMost = 4;
    const char* at_[kMost];
    int count_ = 0;
    int64_t share_;
  };

  const TileProgram& program_;
  float* slots_;
  // What lies spread out in an input's slot: elements of rows that are all the same, and which such rows.
  struct Spread {
    int64_t n = 0, group = 0;
  };
  Spread spread_[PENSTOCK_TILE_MAX_INPUTS];
  TileOperand operand_[kMaxTileValues];
};

// A frame's slots, on the stack of the thread that runs it.
#define PENSTOCK_TILE_SLOTS(program)               \
  static_cast<float*>(__builtin_alloca_with_align( \
      static_cast<size_t>((program).slot_floats()) * sizeof(float), 512))

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_TILE_PROGRAM_H_
