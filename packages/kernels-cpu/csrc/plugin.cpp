// The plugin's entry: registers the kernels of the best instruction set that the host allows.
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

namespace penstock::cpu {
namespace {

RowTable BestRows(int32_t isa_level) {
#if defined(PENSTOCK_ONLY_ISA)  // a static build for one kind of device
  (void)isa_level;
  return PENSTOCK_ONLY_ISA::Rows();
#else
#if defined(PENSTOCK_HAVE_X86)
  if (isa_level >= 2) return avx512::Rows();
  if (isa_level == 1) return avx2::Rows();
#endif
  (void)isa_level;
  return portable::Rows();
#endif
}

// Products of bfloat16 by pairs, where the processor has an instruction for them; PENSTOCK_BF16_PAIRS=emulated takes them
// without it, to test them, and =off leaves them out. Of `run` NULL if there are none.
Row PairProducts(int32_t isa_level) {
#if defined(PENSTOCK_HAVE_X86) && !defined(PENSTOCK_ONLY_ISA)
  const char* asked = getenv("PENSTOCK_BF16_PAIRS");
  const bool off = asked != nullptr && strcmp(asked, "off") == 0;
  const bool emulated = asked != nullptr && strcmp(asked, "emulated") == 0;
  Row row = {"matmul", "bf16", nullptr, nullptr, PENSTOCK_CAP_ONE_STATE, nullptr, nullptr, nullptr};
  if (isa_level >= 3 && !off) {
    row.run = avx512_bf16::MatMulBf16;
    row.prepare = avx512_bf16::PrepareMatMulBf16;
    row.release = avx512_bf16::ReleaseMatMulBf16;
  } else if (isa_level == 2 && emulated) {
    row.run = avx512::MatMulBf16;
    row.prepare = avx512::PrepareMatMulBf16;
    row.release = avx512::ReleaseMatMulBf16;
  }
  return row;
#else
  (void)isa_level;
  return {};
#endif
}

penstock_kernel_def Definition(const RowTable& table, const Row& row) {
  penstock_kernel_def def = {};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.op = row.op;
  def.op_version = 1;
  def.device = "cpu";
  def.dtypes = row.dtypes;
  def.isa = table.isa;
  def.run = row.run;
  def.prepare = row.prepare;
  def.release = row.release;
  def.inplace = row.inplace;
  def.caps = row.caps;
  def.layouts = row.layouts;
  return def;
}

int Register(penstock_registry* registry) {
  if (registry == nullptr || registry->head.struct_size < sizeof(penstock_registry)) {
    return PENSTOCK_ERROR;
  }
  if (registry->head.abi_major != PENSTOCK_ABI_MAJOR) {
    return registry->fail(registry,
                          "kernels-cpu was built for another major version of the kernel ABI");
  }
  const RowTable table = BestRows(registry->cpu_isa_level);
  const Row pairs = PairProducts(registry->cpu_isa_level);
  if (pairs.run != nullptr) {
    penstock_kernel_def def = Definition(table, pairs);
    def.isa = "avx512_bf16";
    const int status = registry->add_kernel(registry, &def);
    if (status != PENSTOCK_OK) return status;
  }
  for (size_t i = 0; i < table.count; ++i) {
    const Row& row = table.rows[i];
    penstock_kernel_def def = Definition(table, row);
    int status = registry->add_kernel(registry, &def);
    if (status == PENSTOCK_OK && table.serves_narrow(row)) {
      const bool has_own = pairs.run != nullptr && strcmp(row.op, pairs.op) == 0;
      def.dtypes = has_own ? "f16" : "bf16 f16";
      def.run = table.run_narrow;
      def.prepare = table.prepare_narrow;
      def.release = table.release_narrow;
      def.inplace = nullptr;
      def.caps = 0;
      def.data = const_cast<Row*>(&row);
      status = registry->add_kernel(registry, &def);
    }
    if (status != PENSTOCK_OK) return status;
  }
  return PENSTOCK_OK;
}

}  // namespace
}  // namespace penstock::cpu

PENSTOCK_PLUGIN_ENTRY(kernels_cpu)(penstock_registry* registry) {
  return penstock::cpu::Register(registry);
}
