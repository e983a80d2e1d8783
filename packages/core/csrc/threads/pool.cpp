#include "threads/pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace penstock {
namespace {

constexpr int kSpins = 2000;  // of one that waits for chunks, before it yields
constexpr auto kAwake =
    std::chrono::microseconds(20);  // of a worker without work, before it sleeps
constexpr int kLooks = 16;          // between two looks at the clock: a pause takes up to 60 ns
constexpr int kMaxThreads = 256;

struct Job {
  ParallelBody body;
  void* context;
  int64_t n, grain, num_chunks;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> finished{0};
  std::atomic<bool> stopped{false};

  bool exhausted() const { return next.load(std::memory_order_relaxed) >= num_chunks; }
  // Claims and runs one chunk; false when none is left.
  bool work() {
    int64_t chunk = next.fetch_add(1, std::memory_order_acq_rel);
    if (chunk >= num_chunks) return false;
    if (!stopped.load(std::memory_order_relaxed))
      body(context, chunk * grain, std::min(n, (chunk + 1) * grain));
    finished.fetch_add(1, std::memory_order_release);
    return true;
  }
};

thread_local bool t_inside = false;
thread_local bool t_serial = false;

class Pool {
 public:
  explicit Pool(int num_workers) {
    for (int i = 0; i < num_workers; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  void offer(const std::shared_ptr<Job>& job) {
    {
      std::lock_guard lock(mutex_);
      job_ = job;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
  }
  void retract(const std::shared_ptr<Job>& job) {
    std::lock_guard lock(mutex_);
    if (job_ == job) job_.reset();
  }

 private:
  void run() {
    t_inside = true;
    uint64_t seen = 0;
    while (std::shared_ptr<Job> job = await(&seen)) {
      while (job->work()) {
      }
    }
  }
  std::shared_ptr<Job> await(uint64_t* seen) {
    const auto until = std::chrono::steady_clock::now() + kAwake;
    bool news = false;
    while (!news && std::chrono::steady_clock::now() < until)
      for (int i = 0; i < kLooks && !news; ++i) {
        news = generation_.load(std::memory_order_acquire) != *seen;
        if (!news) relax();
      }
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return quit_ || generation_.load() != *seen; });
      if (quit_) return nullptr;
      *seen = generation_.load();
      if (job_ && !job_->exhausted()) return job_;
    }
  }
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::shared_ptr<Job> job_;
  bool quit_ = false;
  std::vector<std::thread> threads_;
};

int cgroup_quota() {
  long long quota = 0, period = 0;
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    int fields = std::fscanf(f, "%lld %lld", &quota, &period);
    std::fclose(f);
    if (fields == 2 && quota > 0 && period > 0)
      return std::max<int>(1, static_cast<int>((quota + period - 1) / period));
  }
  return kMaxThreads;
}

int default_threads() {
  if (const char* text = std::getenv("PENSTOCK_NUM_THREADS")) {
    int n = std::atoi(text);
    if (n >= 1) return std::min(n, kMaxThreads);
  }
  cpu_set_t set;
  int available = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::clamp(std::min(available, cgroup_quota()), 1, kMaxThreads);
}

struct State {
  std::mutex mutex;
  std::atomic<int> threads{default_threads()};
  std::shared_ptr<Pool> pool;
};

State*& state_slot() {
  static State* s = nullptr;
  return s;
}

void forget_pool_in_child() {
  State* old = state_slot();
  if (!old) return;
  State* fresh = new State;  // the old mutex may be held by a thread that no longer exists
  fresh->threads = old->threads.load();
  // The old pool leaks on purpose: its mutex and condition variable are in an unknown state.
  new std::shared_ptr<Pool>(old->pool);
  state_slot() = fresh;
}

State& state() {
  static std::once_flag once;
  std::call_once(once, [] {
    state_slot() = new State;
    pthread_atfork(nullptr, nullptr, forget_pool_in_child);
  });
  return *state_slot();
}

std::shared_ptr<Pool> pool() {
  State& s = state();
  std::lock_guard lock(s.mutex);
  if (!s.pool) s.pool = std::make_shared<Pool>(s.threads.load() - 1);
  return s.pool;
}

bool run_serially(Job& job, StopCheck stop, void* stop_context) {
  while (!job.exhausted()) {
    if (stop && stop(stop_context)) return false;
    job.work();
  }
  return true;
}

}  // namespace

bool parallel_for(int64_t n, int64_t grain, ParallelBody body, void* context, StopCheck stop,
                  void* stop_context) {
  if (n <= 0) return true;
  grain = std::max<int64_t>(grain, 1);
  if (n <= grain) {
    body(context, 0, n);
    return true;
  }
  auto job = std::make_shared<Job>();
  job->body = body;
  job->context = context;
  job->n = n;
  job->grain = grain;
  job->num_chunks = (n + grain - 1) / grain;
  if (t_inside || t_serial || num_threads() == 1) return run_serially(*job, stop, stop_context);

  std::shared_ptr<Pool> workers = pool();
  t_inside = true;
  workers->offer(job);
  bool completed = true;
  while (!job->exhausted()) {
    if (completed && stop && stop(stop_context)) {
      completed = false;
      job->stopped = true;  // chunks are still claimed, but no longer run
    }
    job->work();
  }
  workers->retract(job);
  t_inside = false;
  // Wait only for chunks that some worker has begun.
  for (int spins = 0; job->finished.load(std::memory_order_acquire) < job->num_chunks; ++spins) {
    if (spins > kSpins) std::this_thread::yield();
  }
  return completed;
}

void set_thread_serial(bool serial) { t_serial = serial; }

int num_threads() { return state().threads.load(std::memory_order_relaxed); }

void set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads)
    fail(ErrorKind::kValue, "num_threads is ", n, "; it must be between 1 and ", kMaxThreads);
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.threads = n;
  s.pool.reset();
}

}  // namespace penstock
