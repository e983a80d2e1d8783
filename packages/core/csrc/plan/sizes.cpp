// Which binding serves a call's sizes, and the memory that bindings hand to one another.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "plan/binding.h"
#include "plan/plan.h"

namespace penstock {

namespace {
constexpr size_t kMaxBindings = 16;
}  // namespace

void Plan::check_inputs(const std::vector<Shape>& shapes) const {
  if (static_cast<int>(shapes.size()) != num_inputs())
    fail(ErrorKind::kValue, "the graph takes ", num_inputs(), " inputs and got ", shapes.size());
  for (const Shape& s : shapes)
    for (int d = 0; d < s.ndim; ++d)
      if (s[d] < 0)
        fail(ErrorKind::kShape, "an input's shape is ", s.text(), "; sizes are not negative");
}

std::shared_ptr<Binding> Plan::binding_for(const std::vector<Shape>& shapes) {
  check_inputs(shapes);
  std::vector<int64_t> key;
  for (const Shape& s : shapes) {
    key.push_back(s.ndim);
    key.insert(key.end(), s.dims, s.dims + s.ndim);
  }
  {
    std::lock_guard lock(mutex_);
    auto it = bindings_.find(key);
    if (it != bindings_.end()) {
      it->second->last_use = ++clock_;
      collect_arenas();
      return last_ = it->second;
    }
  }
  // Outside the lock: shape rules written in Python let other threads run meanwhile.
  auto made = std::make_shared<Binding>(*this, shapes);
  std::shared_ptr<Binding> evicted;
  std::lock_guard lock(mutex_);
  if (bindings_.size() >= kMaxBindings) {
    auto oldest = std::min_element(
        bindings_.begin(), bindings_.end(),
        [](const auto& a, const auto& b) { return a.second->last_use < b.second->last_use; });
    evicted = std::move(oldest->second);
    bindings_.erase(oldest);
  }
  made->last_use = ++clock_;
  collect_arenas();
  last_ = bindings_.emplace(std::move(key), std::move(made)).first->second;
  return last_;
}

// From all bindings: a run that ended after another thread had changed the sizes has left its own behind.
void Plan::collect_arenas() {
  for (auto& entry : bindings_) entry.second->take_arenas(&arenas_);
}

// The smallest that is large enough. If none is, all make room for a larger one.
Ref<Storage> Plan::take_arena(int64_t bytes) {
  std::vector<Ref<Storage>> too_small;
  {
    std::lock_guard lock(mutex_);
    auto best = arenas_.end();
    for (auto it = arenas_.begin(); it != arenas_.end(); ++it)
      if ((*it)->bytes() >= bytes && (best == arenas_.end() || (*it)->bytes() < (*best)->bytes()))
        best = it;
    if (best != arenas_.end()) {
      Ref<Storage> found = std::move(*best);
      arenas_.erase(best);
      return found;
    }
    too_small.swap(arenas_);
  }
  too_small.clear();
  return Storage::allocate(bytes);
}

// The usual case: the same shapes as last time.
std::shared_ptr<Binding> Plan::last_binding(const Tensor* inputs, int n) {
  std::lock_guard lock(mutex_);
  if (!last_) return nullptr;
  for (int i = 0; i < n; ++i)
    if (last_->input_shapes[static_cast<size_t>(i)] != inputs[i].shape) return nullptr;
  return last_;
}

bool Plan::accepts(const Tensor* inputs, int n) const {
  const Graph& g = *graph_;
  if (n != num_inputs()) return false;
  std::vector<int64_t> symbols(g.hints.size(), kUnknown);
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < n; ++i) {
      const Aval& formal = g.values[static_cast<size_t>(g.inputs[static_cast<size_t>(i)])].aval;
      if (formal.dtype != inputs[i].dtype || formal.shape.ndim != inputs[i].shape.ndim)
        return false;
      for (int d = 0; d < formal.shape.ndim; ++d) {
        int symbol;
        if (dim_is_symbol(formal.shape[d], &symbol)) {
          int64_t& known = symbols[static_cast<size_t>(symbol)];
          if (known == kUnknown) known = inputs[i].shape[d];
          if (known != inputs[i].shape[d]) return false;
        } else if (pass == 1 && dim_eval(formal.shape[d], symbols) != inputs[i].shape[d]) {
          return false;
        }
      }
    }
  }
  for (const Guard& guard : g.guards) {
    int64_t a = dim_eval(guard.a, symbols), b = dim_eval(guard.b, symbols);
    if ((guard.kind == Guard::kEqual ? a == b : a < b) != guard.result) return false;
  }
  return true;
}

}  // namespace penstock
