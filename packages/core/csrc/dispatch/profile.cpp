#include "dispatch/profile.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <mutex>

#include "memory/storage.h"

namespace penstock {

std::atomic<int> g_profiles{0};

namespace {

struct Recorded {
  std::mutex mutex;
  std::vector<ProfileEvent> events;  // of all profiles that are being taken
};

Recorded& recorded() {
  static auto* r = new Recorded;  // never destroyed: threads may end late
  return *r;
}

}  // namespace

int64_t profile_clock() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

size_t begin_profile() {
  std::lock_guard lock(recorded().mutex);
  g_profiles.fetch_add(1);
  return recorded().events.size();
}

std::vector<ProfileEvent> end_profile(size_t from) {
  Recorded& r = recorded();
  std::lock_guard lock(r.mutex);
  std::vector<ProfileEvent> events(r.events.begin() + static_cast<std::ptrdiff_t>(from),
                                   r.events.end());
  if (g_profiles.fetch_sub(1) == 1) std::vector<ProfileEvent>().swap(r.events);
  return events;
}

void add_profile_event(ProfileEvent event) {
  event.thread = static_cast<int64_t>(syscall(SYS_gettid));
  event.live_bytes = host_memory_stats().live_bytes;
  std::lock_guard lock(recorded().mutex);
  if (profiling()) recorded().events.push_back(std::move(event));
}

}  // namespace penstock
