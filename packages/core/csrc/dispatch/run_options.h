// What a caller may ask of a run: to end by a moment, or when somebody says so. Part of the C interface too.
#pragma once

#include <atomic>
#include <chrono>

#include "base/export.h"
#include "base/ref.h"
#include "base/thread_mode.h"

namespace penstock {

// Said once, from any thread; every run that holds the token stops soon.
class CancelToken final : public RefCounted {
 public:
  std::atomic<bool> cancelled{false};
};

struct PENSTOCK_API RunOptions {
  static constexpr auto kNever = std::chrono::steady_clock::time_point::max();
  const std::atomic<bool>* cancel = nullptr;
  std::chrono::steady_clock::time_point deadline = kNever;
  const RunOptions* outer = nullptr;  // those around it, which hold as well

  bool active() const { return cancel || deadline != kNever || outer; }
  // Why a run must stop now: nullptr while it need not.
  const char* stop_reason() const;
};

// What holds for everything that this thread runs now; nullptr when nothing was asked.
PENSTOCK_API const RunOptions* current_options();

// Lets options hold until the scope ends, besides those around it.
class PENSTOCK_API OptionsScope {
 public:
  explicit OptionsScope(const RunOptions& options);
  ~OptionsScope();
  OptionsScope(const OptionsScope&) = delete;
  OptionsScope& operator=(const OptionsScope&) = delete;

 private:
  RunOptions mine_;
};

}  // namespace penstock
