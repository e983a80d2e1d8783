// Internal to plan/: what kernels prepared for one binding, or for all of a plan, such as packed weights.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace penstock {

// One state per step, for the versions of the variables that `prepare` saw. Runs hold the state that they use, so a
// newer one may replace it meanwhile. Nothing is prepared under the lock: a kernel's code may wait for the GIL.
class PreparedStates {
 public:
  using State = std::shared_ptr<void>;  // may be null: the kernel wanted to keep nothing

  std::optional<State> find(size_t step, const std::vector<uint64_t>& versions) {
    std::lock_guard lock(mutex_);
    if (step >= entries_.size() || !entries_[step].known || entries_[step].versions != versions)
      return std::nullopt;
    return entries_[step].state;
  }

  void put(size_t step, std::vector<uint64_t> versions, State state) {
    std::lock_guard lock(mutex_);
    if (step >= entries_.size()) entries_.resize(step + 1);
    Entry& entry = entries_[step];
    entry.known = true;
    entry.versions = std::move(versions);
    std::swap(entry.state, state);
  }

 private:
  struct Entry {
    bool known = false;
    std::vector<uint64_t> versions;
    State state;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace penstock
