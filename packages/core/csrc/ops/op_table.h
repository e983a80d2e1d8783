// The language of op_table.inc, the generated table of core's ops: one statement per op,
//   op("sum", 1).rule("reduce:sum").input("x").attr("axis", "ints?", none());
// "?" after a kind allows None. Attributes stand in the order in which kernels see them.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "ops/op.h"

namespace penstock {

class OpBuilder {
 public:
  OpBuilder(const char* name, int version);
  OpBuilder& rule(const char* rule);
  OpBuilder& input(const char* name);
  OpBuilder& variadic(const char* name);  // the last input: a list
  OpBuilder& attr(const char* name, const char* kind, AttrValue default_value);
  OpBuilder& required(const char* name, const char* kind);  // an attribute without a default
  OpBuilder& keyword_only();                                // what follows is given by name only
  OpBuilder& outputs(int n, int num_public);
  OpBuilder& effects(const char* name);  // read, write, random, io
  OpBuilder& alias();
  OpBuilder& broadcasts();
  OpBuilder& host_only();
  OpSchema take() { return std::move(schema_); }

 private:
  AttrSpec& add_attr(const char* name, const char* kind);
  OpSchema schema_;
  bool keyword_only_ = false;
};

// Registers every op of op_table.inc; called once, by the registry's first use.
void add_generated_ops();
// register_op without filling the table first.
void add_core_op(OpSchema schema);

}  // namespace penstock
