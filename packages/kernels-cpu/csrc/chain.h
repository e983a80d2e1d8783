// Tile programs that are chains: every instruction takes the result of the one before it, and at most one value from
// outside. A kernel runs them on its results while these are in registers.
#ifndef PENSTOCK_KERNELS_CPU_CHAIN_H_
#define PENSTOCK_KERNELS_CPU_CHAIN_H_

#include "tile_ops.h"

namespace penstock::cpu::PENSTOCK_ISA {

struct ChainStep {
  // What is worth doing in registers; the others go through memory.
  enum Kind : int {
    kAdd,
    kAddFull,
    kSubtract,
    kMultiply,
    kAtLeast,
    kAtMost,
    kRelu,
    kRelu6,
    kOther
  };
  Kind kind;
  bool full;    // `operand` has an element for each of the result's, else one for each column
  bool same;    // one number for all columns
  bool turned;  // `operand` comes before the result
  const float* operand;  // NULL: there is none
  TileInstruction run;   // what an instruction means, on memory
};

class Chain {
 public:
  Chain() = default;
  Chain(const Chain&) = delete;  // steps point into it
  Chain& operator=(const Chain&) = delete;

  static constexpr int kMaxSteps = 12;

  // Reads the program at attribute `first_attr` of a call of core.matmul_tile or core.conv2d_tile; false if it is no
  // chain, or a longer one.
  bool Read(const penstock_call* call, int first_attr);

  int count() const { return count_; }
  const ChainStep& step(int i) const { return steps_[i]; }
  const float* y() const { return y_; }  // the result; full operands lie like it

  // Runs a step on `rows` rows of a result of columns [col, col + cols), which lie in `room`, `width` apart. `at`: where
  // each row begins, from the result's first element on.
  void RunInMemory(const ChainStep& step, const int64_t* at, int rows, int64_t col, int cols,
                   int width, float* room) const;

 private:
  bool ReadOperand(const penstock_call* call, int64_t value, int64_t inputs, int64_t constants,
                   ChainStep* step);

  int count_ = 0;
  ChainStep steps_[kMaxSteps];
  float* y_ = nullptr;
  float constants_[PENSTOCK_TILE_MAX_CONSTANTS];
};

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_CHAIN_H_
