// Tile programs that run on a result which was just computed and is still in the cache.
#ifndef PENSTOCK_KERNELS_CPU_EPILOGUE_H_
#define PENSTOCK_KERNELS_CPU_EPILOGUE_H_

#include "tile_program.h"

namespace penstock::cpu::PENSTOCK_ISA {

// The program of a call of core.matmul_tile or core.conv2d_tile: the op's own two inputs come first, its result is the
// program's first input, and the program is attribute `first_attr`.
class Epilogue {
 public:
  Epilogue(const penstock_call* call, int first_attr)
      : program(call, first_attr, Collect(call), call->outputs[0], call->outputs) {}

 private:
  const penstock_tensor* const* Collect(const penstock_call* call) {
    inputs_[0] = call->outputs[0];
    for (int i = 2; i < call->num_inputs; ++i) inputs_[i - 1] = call->inputs[i];
    return inputs_;
  }

  const penstock_tensor* inputs_[PENSTOCK_TILE_MAX_INPUTS];

 public:
  const TileProgram program;  // after what it is made of
};

// Runs a program on a whole result.
inline int RunBehind(penstock_call* call, const TileProgram& program) {
  return ParallelFor(call, program.count(), kChunk, [&](int64_t begin, int64_t end) {
    TileFrame frame(program, PENSTOCK_TILE_SLOTS(program));
    frame.RunAll(begin, end);
  });
}

}  // namespace penstock::cpu::PENSTOCK_ISA

#endif  // PENSTOCK_KERNELS_CPU_EPILOGUE_H_
