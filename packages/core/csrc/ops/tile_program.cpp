#include "ops/tile_program.h"

namespace penstock {

const std::vector<TileOpcode>& tile_opcodes() {
  static const auto* table = new std::vector<TileOpcode>{
#define OPCODE(name, code, operands, result) {#name, code, operands, result},
      PENSTOCK_TILE_OPCODES(OPCODE)
#undef OPCODE
  };
  return *table;
}

const TileOpcode* find_tile_opcode(int64_t code) {
  for (const TileOpcode& opcode : tile_opcodes())
    if (opcode.code == code) return &opcode;
  return nullptr;
}

std::string read_tile_program(const std::vector<int64_t>& words, TileProgram* program) {
  if (words.size() < PENSTOCK_TILE_HEADER_WORDS) return "program has no header";
  if (words[0] != PENSTOCK_TILE_VERSION)
    return "program is of version " + std::to_string(words[0]) + "; this penstock reads version " +
           std::to_string(PENSTOCK_TILE_VERSION);
  auto limited = [&](int64_t n, int64_t low, int64_t high, const char* what) -> std::string {
    if (n >= low && n <= high) return "";
    return "program has " + std::to_string(n) + " " + what + "; expected " + std::to_string(low) +
           " to " + std::to_string(high);
  };
  std::string wrong = limited(words[1], 1, PENSTOCK_TILE_MAX_INPUTS, "inputs");
  if (wrong.empty()) wrong = limited(words[2], 0, PENSTOCK_TILE_MAX_CONSTANTS, "constants");
  if (wrong.empty()) wrong = limited(words[3], 1, PENSTOCK_TILE_MAX_INSTRUCTIONS, "instructions");
  if (wrong.empty()) wrong = limited(words[4], 1, PENSTOCK_TILE_MAX_OUTPUTS, "outputs");
  if (!wrong.empty()) return wrong;
  size_t expected = static_cast<size_t>(PENSTOCK_TILE_HEADER_WORDS +
                                        words[3] * PENSTOCK_TILE_INSTRUCTION_WORDS + words[4]);
  if (words.size() != expected)
    return "program has " + std::to_string(words.size()) + " words; its header says " +
           std::to_string(expected);
  program->inputs = words[1];
  program->constants = words[2];
  program->instructions = words[3];
  program->outputs = words[4];
  program->code = words.data() + PENSTOCK_TILE_HEADER_WORDS;
  program->results = program->instruction(program->instructions);
  return "";
}

}  // namespace penstock
