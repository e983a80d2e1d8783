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
      if (it->bytes >= bytes && (best == free_.end() || it->bytes < best->bytes)) best = it;
    if (best != free_.end()) {
      int64_t at = best->at;
      best->at += bytes;
      best->bytes -= bytes;
      if (best->bytes == 0) free_.erase(best);
      return at;
    }
    int64_t at = end_;
    if (!free_.empty() && free_.back().at + free_.back().bytes == end_) {  // grow the last stretch
      at = free_.back().at;
      free_.pop_back();
    }
    end_ = at + bytes;
    return at;
  }
  void give(int64_t at, int64_t bytes) {
    auto next = std::lower_bound(free_.begin(), free_.end(), at,
                                 [](const Stretch& s, int64_t place) { return s.at < place; });
    bool before = next != free_.begin() && std::prev(next)->at + std::prev(next)->bytes == at;
    bool after = next != free_.end() && at + bytes == next->at;
    if (before && after) {
      std::prev(next)->bytes += bytes + next->bytes;
      free_.erase(next);
    } else if (before) {
      std::prev(next)->bytes += bytes;
    } else if (after) {
      *next = {at, bytes + next->bytes};
    } else {
      free_.insert(next, {at, bytes});
    }
  }
  int64_t size() const { return end_; }

 private:
  struct Stretch {
    int64_t at, bytes;
  };
  std::vector<Stretch> free_;
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
  shapes = plan.layout_.shapes;
  for (size_t i = 0; i < g.inputs.size(); ++i)
    shapes[static_cast<size_t>(g.inputs[i])] = input_shapes[i];
  cost = plan.layout_.cost;
  bodies.resize(plan.steps_.size());
  attrs.resize(plan.steps_.size());
  attr_frames.resize(plan.steps_.size());
  std::vector<Aval> avals;
  for (const Layout::Sized& sized : plan.layout_.sized) {
    const Node& node = g.nodes[static_cast<size_t>(sized.node)];
    size_t step = static_cast<size_t>(sized.step);
    if (has_bodies(node.op->builtin)) {
      bind_bodies(plan, step, symbols);
      continue;
    }
    AttrList bound;
    bound.reserve(node.attrs.size());
    for (const AttrValue& a : node.attrs)
      bound.push_back(attr_symbolic(a) ? attr_bind(a, symbols) : a);
    avals.resize(node.inputs.size());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Aval& aval = g.values[static_cast<size_t>(node.inputs[i])].aval;
      avals[i].dtype = aval.dtype;
      avals[i].weak = aval.weak;
      avals[i].shape = shapes[static_cast<size_t>(node.inputs[i])];
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
    if (!node.op->schema.alias && node.op->builtin == Builtin::kNone)
      cost += estimated_cost(*node.op, avals.data(), static_cast<int>(avals.size()), ctx.outputs,
                             ctx.num_outputs);
    if (sized.step < 0) continue;
    attrs[step] = std::move(bound);
    fill_attrs(node.op->schema, attrs[step], &attr_frames[step]);
  }
}

const AttrList& Binding::attrs_of(const Plan& plan, size_t step) const {
  const Node& node = plan.graph_->nodes[static_cast<size_t>(plan.steps_[step].node)];
  return attrs[step].empty() ? node.attrs : attrs[step];
}

const std::vector<penstock_attr>& Binding::frame_of(const Plan& plan, size_t step) const {
  return attrs[step].empty() ? plan.layout_.frames[step] : attr_frames[step];
}

void Binding::plan_memory(const Plan& plan) {
  const Graph& g = *plan.graph_;
  offsets.assign(plan.roots_.size(), -1);
  std::vector<int64_t> bytes(plan.roots_.size());
  std::vector<char> handed_over(plan.roots_.size(), 0);
  Arena arena;
  for (const Layout::ArenaStep& step : plan.layout_.arena) {
    for (const Layout::Output& output : step.outputs) {
      size_t r = static_cast<size_t>(output.root), v = static_cast<size_t>(output.value);
      bytes[r] = aligned(dim_mul(shapes[v].size(), dtype_size(g.values[v].aval.dtype)));
      unplanned_bytes += bytes[r];
      for (const Layout::InPlace& input : output.in_place) {
        size_t in = static_cast<size_t>(input.root);
        if (handed_over[in] || bytes[in] != bytes[r] ||
            shapes[static_cast<size_t>(input.value)] != shapes[v])
          continue;
        offsets[r] = offsets[in];
        handed_over[in] = 1;
        break;
      }
      if (offsets[r] < 0) offsets[r] = arena.take(bytes[r]);
    }
    for (int32_t root : step.dying) {
      size_t r = static_cast<size_t>(root);
      if (!handed_over[r]) arena.give(offsets[r], bytes[r]);
    }
  }
  arena_bytes = arena.size();
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
      point(static_cast<int32_t>(r), static_cast<char*>(arena->data()) + binding.offsets[r]);
}

RunState::RunState(const Plan& plan, Binding& binding, Ref<Storage> memory)
    : arena(std::move(memory)) {
  const Graph& g = *plan.graph_;
  const Layout& layout = plan.layout_;
  size_t num_steps = plan.steps_.size(), num_views = static_cast<size_t>(layout.num_views);
  views_of_root = &layout.views_of_root;
  views.resize(num_views);
  dims.resize(2 * layout.num_dims);
  int64_t* room = dims.data();
  in_pointers.resize(num_views);
  out_pointers.resize(num_views);
  calls.resize(num_steps);
  contexts = std::make_unique<CallContext[]>(num_steps);
  roots.resize(plan.roots_.size());
  published.resize(num_steps);
  versions.resize(plan.roots_.size());
  has_kept.resize(plan.kept_groups_.size());
  if (plan.prepares_) {
    prepared.resize(num_steps);
    prepared_for_good.resize(num_steps);
  }
  for (size_t s = 0; s < num_steps; ++s) {
    const Step& step = plan.steps_[s];
    if (step.kind != Step::kKernel) continue;
    const Node& node = g.nodes[static_cast<size_t>(step.node)];
    size_t view = static_cast<size_t>(layout.first_view[s]), first_in = view;
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
      const Shape& seen =
          node.op->schema.broadcasts ? binding.shapes[static_cast<size_t>(node.outputs[0])] : shape;
      views[view] = broadcast_view(dtype_of(v), shape, seen, *step.device, address(v), room);
      room += 2 * seen.ndim;
      in_pointers[view] = &views[view];
      ++view;
    }
    size_t first_out = view;
    for (int32_t v : node.outputs) {
      const Shape& shape = binding.shapes[static_cast<size_t>(v)];
      views[view] = dense_view(dtype_of(v), shape, *step.device, address(v), room);
      room += 2 * shape.ndim;
      out_pointers[view] = &views[view];
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
    const std::vector<penstock_attr>& frame = binding.frame_of(plan, s);
    call.attrs = frame.data();
    call.num_attrs = static_cast<int32_t>(frame.size());
    call.kernel_data = step.row->def.data;
    call.reserved = &contexts[s];
  }
}

}  // namespace penstock
