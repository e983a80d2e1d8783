#include "ops/op_table.h"

#include <deque>
#include <string>

#include "base/error.h"

namespace penstock {
namespace {

// Literals of the table.
AttrValue none() { return std::monostate(); }
AttrValue ints(std::initializer_list<int64_t> values) { return std::vector<int64_t>(values); }
AttrValue dtype(const char* code) {
  DType t;
  if (!dtype_from_code(code, &t)) fail(ErrorKind::kInternal, "op table: no dtype \"", code, "\"");
  return t;
}

}  // namespace

OpBuilder::OpBuilder(const char* name, int version) {
  schema_.name = name;
  schema_.version = version;
}

OpBuilder& OpBuilder::rule(const char* rule) {
  schema_.rule = rule;
  return *this;
}

OpBuilder& OpBuilder::input(const char* name) {
  schema_.inputs.push_back({name, false});
  return *this;
}

OpBuilder& OpBuilder::variadic(const char* name) {
  schema_.inputs.push_back({name, true});
  return *this;
}

AttrSpec& OpBuilder::add_attr(const char* name, const char* kind) {
  AttrSpec spec;
  spec.name = name;
  spec.keyword_only = keyword_only_;
  std::string bare = kind;
  spec.optional = !bare.empty() && bare.back() == '?';
  if (spec.optional) bare.pop_back();
  if (!attr_kind_from_name(bare, &spec.kind))
    fail(ErrorKind::kInternal, "op table: ", schema_.name, ".", name, " has the unknown kind ",
         kind);
  schema_.attrs.push_back(std::move(spec));
  return schema_.attrs.back();
}

OpBuilder& OpBuilder::attr(const char* name, const char* kind, AttrValue default_value) {
  add_attr(name, kind).default_value = std::move(default_value);
  return *this;
}

OpBuilder& OpBuilder::required(const char* name, const char* kind) {
  add_attr(name, kind).required = true;
  return *this;
}

OpBuilder& OpBuilder::keyword_only() {
  keyword_only_ = true;
  return *this;
}

OpBuilder& OpBuilder::outputs(int n, int num_public) {
  schema_.num_outputs = n;
  schema_.num_public = num_public;
  return *this;
}

OpBuilder& OpBuilder::effects(const char* name) {
  std::string n = name;
  schema_.effects = n == "read"     ? Effects::kRead
                    : n == "write"  ? Effects::kWrite
                    : n == "random" ? Effects::kRandom
                    : n == "io"     ? Effects::kIo
                                    : Effects::kNone;
  if (schema_.effects == Effects::kNone)
    fail(ErrorKind::kInternal, "op table: ", schema_.name, " has the unknown effect ", name);
  return *this;
}

OpBuilder& OpBuilder::alias() {
  schema_.alias = true;
  return *this;
}

OpBuilder& OpBuilder::broadcasts() {
  schema_.broadcasts = true;
  return *this;
}

OpBuilder& OpBuilder::host_only() {
  schema_.host_only = true;
  return *this;
}

void add_generated_ops() {
  std::deque<OpBuilder> builders;  // a deque: references stay valid
  auto op = [&](const char* name, int version) -> OpBuilder& {
    return builders.emplace_back(name, version);
  };
#include "ops/op_table.inc"
  for (OpBuilder& builder : builders) add_core_op(builder.take());
}

}  // namespace penstock
