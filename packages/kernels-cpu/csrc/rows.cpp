// The table of kernel rows of one instruction set.
#include "penstock/kernel_abi.h"
#include "plugin.h"

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

// Signatures too long for kernels.def.
#define ANY "bool i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64"
#define COMPARED "f32,f32->bool i32,i32->bool i64,i64->bool u8,u8->bool bool"
// clang-format off
#define EACH(X)                                                                         \
  X("bool") X("i8") X("i16") X("i32") X("i64") X("u8") X("u16") X("u32") X("u64")       \
  X("f16") X("bf16") X("f32") X("f64")
// clang-format on
#define CHOSEN_ONE(t) "bool," t "," t "->" t " "
#define CHOSEN EACH(CHOSEN_ONE)
#define TAKEN_ONE(t) t ",i32->" t " " t ",i64->" t " "
#define TAKEN EACH(TAKEN_ONE)
#define ADAM_ROWS \
  "f32,f32,f32,i32,f32,f32,f32->f32,f32,f32 f32,f32,f32,i64,f32,f32,f32->f32,f32,f32"
#define SEGMENTED TAKEN_ONE("f32") TAKEN_ONE("f64") TAKEN_ONE("i32") TAKEN_ONE("i64")
#define FOUND_ONE(t) t "->" t ",i64,i64,i64 "
#define FOUND FOUND_ONE("f32") FOUND_ONE("f64") FOUND_ONE("i32") FOUND_ONE("i64")
#define SCATTERED_ONE(t) t ",i32," t "->" t " " t ",i64," t "->" t " "
#define SCATTERED EACH(SCATTERED_ONE)
#define COMBINED SCATTERED_ONE("f32") SCATTERED_ONE("f64") SCATTERED_ONE("i32") SCATTERED_ONE("i64")
#define CASTS_OF(t) t "->f32 " t "->f64 " t "->i32 " t "->i64 " t "->u8 " t "->bool "
#define SMALL_CASTS_OF(t) CASTS_OF(t) t "->i8 " t "->i16 "
#define CASTS     \
  CASTS_OF("f32") \
  CASTS_OF("f64") \
  SMALL_CASTS_OF("i32") SMALL_CASTS_OF("i64") SMALL_CASTS_OF("u8") SMALL_CASTS_OF("bool")
#define WIDENED(t) t "->f32 " t "->i32 " t "->i64 "
#define NARROW_CASTS \
  WIDENED("i8") WIDENED("i16") WIDENED("u16") "f16->f32 bf16->f32 f32->f16 f32->bf16"
#define SPARSE_ONE(t) t ",i32,i32," t "->" t " " t ",i64,i64," t "->" t " "
#define SPARSE SPARSE_ONE("f32") SPARSE_ONE("f64")
#define QUANTIZED_LAYER \
  "i8,i8,i32,f32,i32,f32,i32,f32,i32->i8 u8,u8,i32,f32,i32,f32,i32,f32,i32->u8"
#define QUANTIZED_PAIR "i8,i8,f32,i32,f32,i32,f32,i32->i8 u8,u8,f32,i32,f32,i32,f32,i32->u8"
#define REQUANTIZED_ONE(t) "i8,f32,i32,f32,i32->" t " u8,f32,i32,f32,i32->" t " "
#define REQUANTIZED REQUANTIZED_ONE("i8") REQUANTIZED_ONE("u8")
// Numbers before masks, among the inputs and among the outputs.
#define TILES_OF(inputs) inputs "->f32 " inputs "->bool " inputs "->f32,bool "
#define TILES          \
  TILES_OF("f32")      \
  TILES_OF("bool")     \
  TILES_OF("f32,bool") \
  TILES_OF("f32,f32,bool") TILES_OF("f32,f32,f32,bool") TILES_OF("f32,f32,f32,f32,bool")

// A static build names a file with the rows that it needs.
#ifndef PENSTOCK_KERNELS_DEF
#define PENSTOCK_KERNELS_DEF "kernels.def"
#endif

namespace penstock::cpu::PENSTOCK_ISA {

// The families define them. No header declares them there, so that a new row compiles only this file again.
#define ROW(op, dtypes, function, inplace) int function(penstock_call* call);
#define CAPABLE(op, dtypes, function, inplace, caps, layouts) int function(penstock_call* call);
#define PREPARED(op, dtypes, function, inplace, caps, layouts, prepare, release) \
  int function(penstock_call* call);                                             \
  int prepare(penstock_call* call, void** state);                                \
  void release(void* state);
#include PENSTOCK_KERNELS_DEF
#undef PREPARED
#undef CAPABLE
#undef ROW

// widened.cpp
bool ServesNarrow(const Row& row);
int RunNarrow(penstock_call* call);
int PrepareNarrow(penstock_call* call, void** state);
void ReleaseNarrow(void* state);

namespace {

constexpr int8_t kInPlaceFirst[] = {0, 0, -1};
constexpr int8_t kInPlaceEither[] = {0, 0, 0, 1, -1};
constexpr int8_t kInPlaceAdam[] = {0, 0, 1, 1, 2, 2, -1};
// Any output may take the place of any of the first inputs: the kernel looks at the addresses.
constexpr int8_t kInPlaceTile[] = {0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 0, 1, 1, 1, 2, 1, 3,
                                   1, 4, 2, 0, 2, 1, 2, 2, 2, 3, 3, 0, 3, 1, 3, 2, 3, 3, -1};

constexpr Row kRows[] = {
#define ROW(op, dtypes, function, inplace) \
  {#op, dtypes, function, inplace, 0, nullptr, nullptr, nullptr},
#define CAPABLE(op, dtypes, function, inplace, caps, layouts) \
  {#op, dtypes, function, inplace, caps, layouts, nullptr, nullptr},
#define PREPARED(op, dtypes, function, inplace, caps, layouts, prepare, release) \
  {#op, dtypes, function, inplace, caps, layouts, prepare, release},
#include PENSTOCK_KERNELS_DEF
#undef PREPARED
#undef CAPABLE
#undef ROW
};

}  // namespace

RowTable Rows() {
  return {STRING(PENSTOCK_ISA), kRows,     sizeof(kRows) / sizeof(kRows[0]),
          ServesNarrow,         RunNarrow, PrepareNarrow,
          ReleaseNarrow};
}

}  // namespace penstock::cpu::PENSTOCK_ISA
