#include "dispatch/run_options.h"

namespace penstock {
namespace {

thread_local const RunOptions* t_options = nullptr;

}  // namespace

const char* RunOptions::stop_reason() const {
  for (const RunOptions* o = this; o; o = o->outer) {
    if (o->cancel && o->cancel->load(std::memory_order_relaxed)) return "the run was cancelled";
    if (o->deadline != kNever && std::chrono::steady_clock::now() > o->deadline)
      return "the run was cancelled: its time is over";
  }
  return nullptr;
}

// The mode word says whether there are any: without, no thread local variable of a library is looked up.
const RunOptions* current_options() { return t_mode & kModeOptions ? t_options : nullptr; }

OptionsScope::OptionsScope(const RunOptions& options) : mine_(options) {
  mine_.outer = current_options();
  t_options = &mine_;
  set_mode(kModeOptions, true);
}

OptionsScope::~OptionsScope() {
  t_options = mine_.outer;
  set_mode(kModeOptions, mine_.outer != nullptr);
}

}  // namespace penstock
