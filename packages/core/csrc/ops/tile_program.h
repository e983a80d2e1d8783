// Tile programs (kernel_abi.h): what is in one, and the check that it keeps its promises.
#pragma once

#include <string>
#include <vector>

#include "base/export.h"
#include "penstock/kernel_abi.h"

namespace penstock {

struct TileOpcode {
  const char* name;
  int64_t code;
  const char* operands;
  char result;
  bool reduces() const { return operands[0] == 'R'; }
};

PENSTOCK_API const std::vector<TileOpcode>& tile_opcodes();
const TileOpcode* find_tile_opcode(int64_t code);  // nullptr when unknown

// The parts of a program, read from its words.
struct TileProgram {
  int64_t inputs = 0, constants = 0, instructions = 0, outputs = 0;
  const int64_t* code = nullptr;     // the first instruction
  const int64_t* results = nullptr;  // the value of every output
  const int64_t* instruction(int64_t i) const { return code + i * PENSTOCK_TILE_INSTRUCTION_WORDS; }
  // The instruction that makes a value, or -1: an input or a constant.
  int64_t maker(int64_t value) const {
    int64_t i = value - inputs - constants;
    return i >= 0 ? i : -1;
  }
};

// Reads the header and checks sizes and limits. Returns what is wrong, or an empty string.
std::string read_tile_program(const std::vector<int64_t>& words, TileProgram* program);

}  // namespace penstock
