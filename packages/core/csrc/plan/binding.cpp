#include "plan/binding.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "graph/bodies.h"

namespace penstock {
namespace {

constexpr int64_t kAlign = 64;
int64_t aligned(int64_t bytes) {
  return (std::max<int64_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
}

// Free stretches of the arena, kept sorted and merged; best fit. Sizes come from the lifetimes alone, so a plan needs
// the same arena on every run.
class Arena {
 public:
  int64_t take(int64_t bytes) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it)
      if (it->second >= bytes && (best == free_.end() || it->second < best->second)) best = it;
    if (best != free_.end()) {
      int64_t at = best->first, rest = best->second - bytes;
      free_.erase(best);
      if (rest > 0) free_[at + bytes] = rest;
      return at;
    }
    if (!free_.empty() &&
        free_.rbegin()->first + free_.rbegin()->second == end_) {  // grow the last stretch
      int64_t at = free_.rbegin()->first;
      free_.erase(at);
      end_ = at + bytes;
      return at;
    }
    int64_t at = end_;
    end_ += bytes;
    return at;
  }
  void give(int64_t at, int64_t bytes) {
    auto next = free_.lower_bound(at);
    if (next != free_.end() && at + bytes == next->first) {
      bytes += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      auto previous = std::prev(next);
      if (previous->first + previous->second == at) {
        previous->second += bytes;
        return;
      }
    }
    free_[at] = bytes;
  }
  int64_t size() const { return end_; }

 private:
  std::map<int64_t, int64_t> free_;
  int64_t end_ = 0;
};

}  // namespace

Binding::Binding(const Plan& plan, const std::vector<Shape>& inputs,
                 const std::vector<int64_t>* outer_symbols)
    : input_shapes(inputs), symbols_(plan.graph_->hints.size(), kUnknown) {
  if (outer_symbols && plan.graph_->shares_symbols)
    std::copy_n(outer_symbols->begin(), std::min(outer_symbols->size(), symbols_.size()),
                symbols_.begin());
  bind_symbols(plan, &symbols_);
  check_guards(plan, symbols_);
  infer_shapes(plan, symbols_);
  plan_memory(plan);
  count_views(plan);
}

void Binding::bind_symbols(const Plan& plan, std::vector<int64_t>* symbols) const {
  const Graph& g = *plan.graph_;
  for (int pass = 0; pass < 2; ++pass) {  // symbols first, then what is computed from them
    for (size_t i = 0; i < g.inputs.size(); ++i) {
      const Shape& formal = g.values[static_cast<size_t>(g.inputs[i])].aval.shape;
      const Shape& actual = input_shapes[i];
      auto mismatch = [&] {
        fail(ErrorKind::kShape, "input '", g.value_name(g.inputs[i]), "' has shape ", actual.text(),
             "; the graph expects ", formal.text(g.symbol_names));
      };
      if (formal.ndim != actual.ndim) mismatch();
      for (int d = 0; d < formal.ndim; ++d) {
        int symbol;
        if (dim_is_symbol(formal[d], &symbol)) {
          int64_t& known = (*symbols)[static_cast<size_t>(symbol)];
          if (known == kUnknown) known = actual[d];
          if (known != actual[d]) mismatch();
        } else if (pass == 1 && dim_eval(formal[d], *symbols) != actual[d]) {
          mismatch();
        }
      }
    }
  }
}

int64_t Binding::total_bytes(int64_t Binding::* what) const {
  int64_t total = this->*what;
  for (const auto& inner : bodies)
    for (const auto& body : inner) total += body->total_bytes(what);
  return total;
}

int64_t Binding::scan_length(const Node& node) const {
  return dim_eval(std::get<std::vector<int64_t>>(node.attrs[ScanAttrs::kLength])[0], symbols_);
}

// What the graph was built on must hold for these sizes: a wrong guess may not become a wrong number.
void Binding::check_guards(const Plan& plan, const std::vector<int64_t>& symbols) const {
  const Graph& g = *plan.graph_;
  for (const Guard& guard : g.guards) {
    int64_t a = dim_eval(guard.a, symbols), b = dim_eval(guard.b, symbols);
    if (a == kUnknown || b == kUnknown) continue;
    if ((guard.kind == Guard::kEqual ? a == b : a < b) == guard.result) continue;
    const char* sign = guard.kind == Guard::kEqual ? (guard.result ? " == " : " != ")
                                                   : (guard.result ? " < " : " >= ");
    fail(
        ErrorKind::kShape, "the graph was built for ", dim_text(guard.a, g.symbol_names), sign,
        dim_text(guard.b, g.symbol_names), guard.source.empty() ? "" : ", at " + guard.source,
        ", and is given ", a, " and ", b,
        "; state sizes that matter in the placeholder's shape, or build the graph for these sizes");
  }
}

void Binding::infer_shapes(const Plan& plan, const std::vector<int64_t>& symbols) {
  const Graph& g = *plan.graph_;
  shapes.resize(g.values.size());
  for (size_t i = 0; i < g.inputs.size(); ++i)
    shapes[static_cast<size_t>(g.inputs[i])] = input_shapes[i];
  std::vector<AttrList> node_attrs(g.nodes.size());
  bodies.resize(plan.steps_.size());
  size_t next_step = 0;  // steps are in the order of their nodes
  for (size_t n = 0; n < g.nodes.size(); ++n) {
    const Node& node = g.nodes[n];
    if (node.op->builtin == Builtin::kPlaceholder) continue;
    while (next_step < plan.steps_.size() && plan.steps_[next_step].node < static_cast<int32_t>(n))
      ++next_step;
    if (has_bodies(node.op->builtin)) {
      bind_bodies(plan, next_step, symbols);
      continue;
    }
    AttrList bound;
    for (const AttrValue& a : node.attrs)
      bound.push_back(attr_symbolic(a) ? attr_bind(a, symbols) : a);
    std::vector<Aval> avals;
    for (int32_t in : node.inputs) {
      avals.push_back(g.values[static_cast<size_t>(in)].aval);
      avals.back().shape = shapes[static_cast<size_t>(in)];
    }
    InferContext ctx(*node.op, avals.data(), static_cast<int>(avals.size()), bound, nullptr);
    try {
      node.op->infer(ctx);
    } catch (const Error& e) {
      if (node.source.empty()) throw;
      fail(e.kind, e.what(), "\n  node '", node.name, "', at ", node.source);
    }
    for (size_t o = 0; o < node.outputs.size(); ++o)
      shapes[static_cast<size_t>(node.outputs[o])] = ctx.outputs[o].shape;
    cost += node.op->schema.alias || node.op->builtin != Builtin::kNone
                ? 0
                : estimated_cost(*node.op, avals.data(), static_cast<int>(avals.size()),
                                 ctx.outputs, ctx.num_outputs);
    node_attrs[n] = std::move(bound);
  }
  attrs.resize(plan.steps_.size());
  attr_frames.resize(plan.steps_.size());
  for (size_t s = 0; s < plan.steps_.size(); ++s) {
    const Step& step = plan.steps_[s];
    if (step.kind == Step::kBodies) continue;
    attrs[s] = std::move(node_attrs[static_cast<size_t>(step.node)]);
    fill_attrs(g.nodes[static_cast<size_t>(step.node)].op->schema, attrs[s], &attr_frames[s]);
  }
}

void Binding::plan_memory(const Plan& plan) {
  const Graph& g = *plan.graph_;
  offsets.assign(plan.roots_.size(), -1);
  auto bytes_of = [&](const Root& root) {
    size_t v = static_cast<size_t>(root.value);
    return aligned(dim_mul(shapes[v].size(), dtype_size(g.values[v].aval.dtype)));
  };
  std::vector<std::vector<int32_t>> dying(plan.steps_.size());
  for (size_t r = 0; r < plan.roots_.size(); ++r)
    if (plan.roots_[r].place == Place::kArena && plan.roots_[r].last_step >= 0)
      dying[static_cast<size_t>(plan.roots_[r].last_step)].push_back(static_cast<int32_t>(r));
  Arena arena;
  std::vector<char> handed_over(plan.roots_.size(), 0);
  for (size_t s = 0; s < plan.steps_.size(); ++s) {
    const Step& step = plan.steps_[s];
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      size_t r = static_cast<size_t>(plan.root_of(node.outputs[o]));
      const Root& root = plan.roots_[r];
      if (root.place != Place::kArena) continue;
      int64_t bytes = bytes_of(root);
      unplanned_bytes += bytes;
      for (size_t i = 0; step.row && i < node.inputs.size() && offsets[r] < 0; ++i) {  // in place
        size_t in = static_cast<size_t>(plan.root_of(node.inputs[i]));
        const Root& from = plan.roots_[in];
        bool once = std::count_if(node.inputs.begin(), node.inputs.end(), [&](int32_t v) {
                      return plan.root_of(v) == static_cast<int32_t>(in);
                    }) == 1;
        if (from.place == Place::kArena && from.last_step == static_cast<int32_t>(s) &&
            !handed_over[in] && once && bytes_of(from) == bytes &&
            dtype_size(g.values[static_cast<size_t>(node.inputs[i])].aval.dtype) ==
                dtype_size(g.values[static_cast<size_t>(node.outputs[o])].aval.dtype) &&
            shapes[static_cast<size_t>(node.inputs[i])] ==
                shapes[static_cast<size_t>(node.outputs[o])] &&
            step.row->may_alias(static_cast<int>(o), static_cast<int>(i))) {
          offsets[r] = offsets[in];
          handed_over[in] = 1;
        }
      }
      if (offsets[r] < 0) offsets[r] = arena.take(bytes);
    }
    for (int32_t r : dying[s])
      if (!handed_over[static_cast<size_t>(r)])
        arena.give(offsets[static_cast<size_t>(r)], bytes_of(plan.roots_[static_cast<size_t>(r)]));
  }
  arena_bytes = arena.size();
}

void Binding::count_views(const Plan& plan) {
  const Graph& g = *plan.graph_;
  views_of_root.resize(plan.roots_.size());
  for (const Step& step : plan.steps_) {
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    first_view.push_back(num_views);
    if (step.kind != Step::kKernel) continue;
    for (int32_t v : node.inputs)
      views_of_root[static_cast<size_t>(plan.root_of(v))].push_back(num_views++);
    for (int32_t v : node.outputs)
      views_of_root[static_cast<size_t>(plan.root_of(v))].push_back(num_views++);
  }
}

std::unique_ptr<RunState> Binding::take_state(Plan& plan) {
  std::unique_ptr<RunState> state;
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      state = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!state) return std::make_unique<RunState>(plan, *this, plan.take_arena(arena_bytes));
  if (!state->arena) state->attach(plan, *this, plan.take_arena(arena_bytes));
  return state;
}

void Binding::take_arenas(std::vector<Ref<Storage>>* taken) {
  {
    std::lock_guard lock(mutex_);
    for (auto& state : idle_)
      if (state->arena) taken->push_back(std::exchange(state->arena, nullptr));
  }
  std::vector<Ref<Storage>> let_go;
  for (auto& of_step : bodies)
    for (auto& body : of_step) body->take_arenas(&let_go);
}

void Binding::give_state(std::unique_ptr<RunState> state) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(state));
}

void RunState::clear() {
  for (Tensor& t : roots) t.storage = nullptr;
  for (size_t s = 0; s < prepared.size(); ++s)
    if (!prepared_for_good[s]) prepared[s] = nullptr;
  std::fill(published.begin(), published.end(), 0);
}

void RunState::attach(const Plan& plan, const Binding& binding, Ref<Storage> memory) {
  arena = std::move(memory);
  for (size_t r = 0; r < plan.roots_.size(); ++r)
    if (plan.roots_[r].place == Place::kArena && binding.offsets[r] >= 0)
      point(binding, static_cast<int32_t>(r),
            static_cast<char*>(arena->data()) + binding.offsets[r]);
}

RunState::RunState(const Plan& plan, Binding& binding, Ref<Storage> memory)
    : arena(std::move(memory)) {
  const Graph& g = *plan.graph_;
  size_t num_steps = plan.steps_.size(), num_views = static_cast<size_t>(binding.num_views);
  views = std::make_unique<TensorView[]>(num_views);
  in_pointers.resize(num_views);
  out_pointers.resize(num_views);
  calls.resize(num_steps);
  contexts = std::make_unique<CallContext[]>(num_steps);
  roots.resize(plan.roots_.size());
  published.resize(num_steps);
  versions.resize(plan.roots_.size());
  if (plan.prepares_) {
    prepared.resize(num_steps);
    prepared_for_good.resize(num_steps);
  }
  for (size_t s = 0; s < num_steps; ++s) {
    const Step& step = plan.steps_[s];
    if (step.kind != Step::kKernel) continue;
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    size_t view = static_cast<size_t>(binding.first_view[s]), first_in = view;
    auto address = [&](int32_t v) -> void* {
      size_t r = static_cast<size_t>(plan.root_of(v));
      const Root& root = plan.roots_[r];
      if (root.place == Place::kArena)
        return static_cast<char*>(arena->data()) + binding.offsets[r];
      if (root.place == Place::kConstant) {
        const Node& constant =
            g.nodes[static_cast<size_t>(g.values[static_cast<size_t>(root.value)].node)];
        return std::get<std::shared_ptr<const Tensor>>(constant.attrs[0])->data();
      }
      return nullptr;
    };
    auto dtype_of = [&](int32_t v) { return g.values[static_cast<size_t>(v)].aval.dtype; };
    for (int32_t v : node.inputs) {
      const Shape& shape = binding.shapes[static_cast<size_t>(v)];
      if (node.op->schema.broadcasts) {
        const Shape& target = binding.shapes[static_cast<size_t>(node.outputs[0])];
        views[view].set_broadcast(dtype_of(v), shape, target, *step.device, address(v));
      } else {
        views[view].set(dtype_of(v), shape, *step.device, address(v));
      }
      in_pointers[view] = &views[view].abi;
      ++view;
    }
    size_t first_out = view;
    for (int32_t v : node.outputs) {
      views[view].set(dtype_of(v), binding.shapes[static_cast<size_t>(v)], *step.device,
                      address(v));
      out_pointers[view] = &views[view].abi;
      ++view;
    }
    contexts[s].op = node.op;
    contexts[s].row = step.row;
    penstock_call& call = calls[s];
    call = {};
    call.head = {sizeof(call), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
    call.host = &host_table();
    call.op = node.op->name().c_str();
    call.num_inputs = static_cast<int32_t>(node.inputs.size());
    call.num_outputs = static_cast<int32_t>(node.outputs.size());
    call.inputs = in_pointers.data() + first_in;
    call.outputs = out_pointers.data() + first_out;
    call.attrs = binding.attr_frames[s].data();
    call.num_attrs = static_cast<int32_t>(binding.attr_frames[s].size());
    call.kernel_data = step.row->def.data;
    call.reserved = &contexts[s];
  }
}

}  // namespace penstock
