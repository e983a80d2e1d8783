// Records what runs and when. Off, it costs one load for each op call, step and run.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/export.h"

namespace penstock {

struct ProfileEvent {
  enum Kind : uint8_t { kOp, kNode, kRun, kRegion } kind = kOp;
  std::string name, op, kernel, inputs, outputs, source;
  int64_t begin = 0, end = 0;  // nanoseconds of the steady clock
  int64_t thread = 0;          // the system's number
  int64_t output_bytes = 0;    // of a run: its arena
  int64_t live_bytes = 0;      // of the host's memory, when it ended
};

extern PENSTOCK_API std::atomic<int> g_profiles;
inline bool profiling() { return g_profiles.load(std::memory_order_relaxed) > 0; }

PENSTOCK_API int64_t profile_clock();
// Begins to record and returns where; profiles may overlap.
PENSTOCK_API size_t begin_profile();
// What was recorded since `begin_profile` returned `from`.
PENSTOCK_API std::vector<ProfileEvent> end_profile(size_t from);
PENSTOCK_API void add_profile_event(ProfileEvent event);

// Times its scope, if a profile is being taken when it begins; `fill` writes what the event is.
template <typename Fill>
class ProfileSpan {
 public:
  explicit ProfileSpan(Fill fill) : begin_(profiling() ? profile_clock() : 0), fill_(fill) {}
  ~ProfileSpan() {
    if (__builtin_expect(begin_ != 0, 0)) record();
  }
  ProfileSpan(const ProfileSpan&) = delete;
  ProfileSpan& operator=(const ProfileSpan&) = delete;

 private:
  void record() {
    ProfileEvent event;
    event.begin = begin_;
    event.end = profile_clock();
    fill_(event);
    add_profile_event(std::move(event));
  }
  int64_t begin_;
  Fill fill_;
};

}  // namespace penstock
