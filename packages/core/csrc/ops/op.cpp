#include "ops/op.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/error.h"
#include "ops/op_table.h"
#include "ops/rules.h"

namespace penstock {

// ops/kernel_table.cpp
extern KernelRows* new_kernel_rows();
extern void delete_kernel_rows(KernelRows*);

namespace {

// Open addressing over a fixed array. Ops are withdrawn but never removed, so a reader needs no lock: it walks
// from the name's slot until it meets the name or an empty slot.
class Registry {
 public:
  Op* find(const std::string& name) const {
    for (size_t i = slot(name);; i = (i + 1) % kSlots) {
      Op* op = slots_[i].load(std::memory_order_acquire);
      if (!op || (op->name() == name && !op->withdrawn.load(std::memory_order_relaxed))) return op;
    }
  }

  Op& add(OpSchema schema) {
    std::lock_guard lock(mutex_);
    if (find(schema.name))
      fail(ErrorKind::kValue, "an op named \"", schema.name,
           "\" is registered already; choose another name");
    if (count_ == kSlots / 2) fail(ErrorKind::kPlugin, "more than ", count_, " ops are registered");
    size_t i = slot(schema.name);
    Op* op = new Op(std::move(schema));  // lives as long as the process
    while (slots_[i].load(std::memory_order_relaxed)) i = (i + 1) % kSlots;
    slots_[i].store(op, std::memory_order_release);
    ++count_;
    return *op;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& s : slots_)
      if (Op* op = s.load(std::memory_order_acquire); op && !op->withdrawn)
        out.push_back(op->name());
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  static constexpr size_t kSlots = 8192;
  static size_t slot(const std::string& name) { return std::hash<std::string>()(name) % kSlots; }

  std::array<std::atomic<Op*>, kSlots> slots_{};
  std::mutex mutex_;
  size_t count_ = 0;
};

Registry& bare_registry() {
  static Registry* registry = new Registry;
  return *registry;
}

// With core's ops in it.
Registry& registry() {
  static std::once_flag once;
  std::call_once(once, add_generated_ops);
  return bare_registry();
}

// Levenshtein's distance, one row at a time.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// "; did you mean "a" or "b"?", or nothing.
std::string suggestion(const std::string& name, const std::vector<std::string>& known) {
  std::string out;
  for (const std::string& near : nearest_names(name, known))
    out += (out.empty() ? "; did you mean \"" : " or \"") + near + "\"";
  return out.empty() ? out : out + "?";
}

InferFn rule_of(const OpSchema& schema) {
  InferFn fn = find_rule(schema.rule);
  if (!fn) fn = find_rule(schema.rule.substr(0, schema.rule.find(':')));
  if (!fn)
    fail(ErrorKind::kValue, "[", schema.name, "] there is no shape rule \"", schema.rule, "\"",
         suggestion(schema.rule, rule_names()));
  return fn;
}

}  // namespace

Op::Op(OpSchema s) : schema(std::move(s)), infer(rule_of(schema)), kernels(new_kernel_rows()) {
  size_t colon = schema.rule.find(':');
  if (colon != std::string::npos) rule_arg = schema.rule.substr(colon + 1);
  for (const AttrSpec& spec : schema.attrs) {
    default_attrs.push_back(spec.default_value);
    callable_without_attrs &= !spec.required;
  }
}

Op::~Op() { delete_kernel_rows(kernels); }

int Op::attr_index(const std::string& name) const {
  for (size_t i = 0; i < schema.attrs.size(); ++i)
    if (schema.attrs[i].name == name) return static_cast<int>(i);
  return -1;
}

void check_arity(const Op& op, int num_inputs) {
  int wanted = op.num_inputs();
  if (op.variadic() ? num_inputs >= wanted - 1 : num_inputs == wanted) return;
  fail(ErrorKind::kType, "[", op.name(), "] takes ", wanted, " inputs and got ", num_inputs);
}

Op* find_op(const std::string& name) { return registry().find(name); }

Op& get_op(const std::string& name) {
  Registry& ops = registry();
  if (Op* op = ops.find(name)) return *op;
  fail(ErrorKind::kValue, "there is no op \"", name, "\"", suggestion(name, ops.names()));
}

Op& register_op(OpSchema schema) { return registry().add(std::move(schema)); }
void withdraw_op(const std::string& name) {
  Op& op = get_op(name);
  if (op.core) fail(ErrorKind::kPlugin, "op \"", name, "\" is core's own and cannot be taken back");
  op.withdrawn = true;
}
void add_core_op(OpSchema schema) { bare_registry().add(std::move(schema)).core = true; }
std::vector<std::string> op_names() { return registry().names(); }

std::vector<std::string> nearest_names(const std::string& name,
                                       const std::vector<std::string>& known) {
  constexpr size_t kAtMost = 3;
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& k : known) {
    size_t distance = edit_distance(name, k);
    if (distance <= 1 + name.size() / 3 && distance < k.size()) near.emplace_back(distance, k);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (const auto& [distance, k] : near)  // a distant guess beside a close one only distracts
    if (out.size() < kAtMost && distance <= near[0].first + 1) out.push_back(k);
  return out;
}

}  // namespace penstock
