// Internal to plan/: what follows from constants and variables alone is computed once for each version of the variables.
#pragma once

#include <mutex>
#include <vector>

#include "tensor/tensor.h"

namespace penstock {

// Kernels that hang together and read nothing else.
struct KeptGroup {
  std::vector<int32_t> variables;  // roots that they read
  std::vector<int32_t> results;    // roots that other steps read
  int32_t last_step = -1;          // after it all results are there
};

// The results of each group, for the versions that they were computed from. Runs hold the tensors that they use.
class KeptValues {
 public:
  // Fills in a group's results. False if there are none for these versions; others are let go, so that new ones can
  // have their memory.
  bool find(size_t group, const KeptGroup& of, const std::vector<uint64_t>& versions,
            std::vector<Tensor>* roots) {
    std::vector<Tensor> old;  // dies after the lock
    std::lock_guard lock(mutex_);
    if (group >= entries_.size() || !entries_[group].known) return false;
    Entry& entry = entries_[group];
    for (size_t v = 0; v < of.variables.size(); ++v)
      if (entry.versions[v] != versions[static_cast<size_t>(of.variables[v])]) {
        entry.known = false;
        old.swap(entry.results);
        return false;
      }
    for (size_t r = 0; r < of.results.size(); ++r)
      (*roots)[static_cast<size_t>(of.results[r])] = entry.results[r];
    return true;
  }

  void put(size_t group, const KeptGroup& of, const std::vector<uint64_t>& versions,
           const std::vector<Tensor>& roots) {
    Entry made{true, {}, {}};
    for (int32_t v : of.variables) made.versions.push_back(versions[static_cast<size_t>(v)]);
    for (int32_t r : of.results) made.results.push_back(roots[static_cast<size_t>(r)]);
    std::lock_guard lock(mutex_);
    if (group >= entries_.size()) entries_.resize(group + 1);
    std::swap(entries_[group], made);
  }

 private:
  struct Entry {
    bool known = false;
    std::vector<uint64_t> versions;
    std::vector<Tensor> results;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace penstock
