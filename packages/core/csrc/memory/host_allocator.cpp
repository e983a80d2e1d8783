// The caching host allocator: size classes, a small cache per thread in front of one shared cache. Touching fresh
// pages costs more than the arithmetic on them, so memory that was used once is kept (research/native.md, section A).
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "memory/storage.h"

namespace penstock {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int kNumClasses = 160;
constexpr int64_t kThreadCacheLimit = 32 << 10;  // larger blocks go straight to the shared cache
constexpr int kThreadCacheDepth = 32;
constexpr int64_t kSharedCacheLimit = int64_t{1} << 32;
constexpr int64_t kAlwaysKept = 64 << 20;
constexpr int64_t kHugePage = 2 << 20;

std::atomic<int64_t> g_live{0}, g_cached{0}, g_peak{0}, g_count{0};

int64_t initial_limit() {
  const char* text = std::getenv("PENSTOCK_MEMORY_LIMIT");
  return text ? std::atoll(text) : 0;
}
std::atomic<int64_t> g_limit{initial_limit()};

// Four classes per power of two, so at most a fifth is wasted.
int size_class(int64_t bytes) {
  if (bytes <= 4 * kAlignment) return static_cast<int>((bytes + kAlignment - 1) / kAlignment);
  int log = 63 - __builtin_clzll(static_cast<uint64_t>(bytes - 1));
  int quarter = static_cast<int>((bytes - 1) >> (log - 2)) & 3;
  return (log - 8) * 4 + quarter + 5;
}

int64_t class_bytes(int c) {
  if (c <= 4) return std::max(1, c) * kAlignment;
  int log = (c - 5) / 4 + 8, quarter = (c - 5) % 4;
  return (int64_t{1} << log) + (int64_t{quarter} + 1) * (int64_t{1} << (log - 2));
}

struct Block {
  Block* next;
};

class SharedCache {
 public:
  void* take(int c) {
    std::lock_guard lock(mutex_);
    Block* block = lists_[c];
    if (block) {
      lists_[c] = block->next;
      g_cached.fetch_sub(class_bytes(c), std::memory_order_relaxed);
    }
    return block;
  }
  void give(void* memory, int c) {
    if (would_hold_too_much(class_bytes(c))) clear();
    std::lock_guard lock(mutex_);
    lists_[c] = new (memory) Block{lists_[c]};
    g_cached.fetch_add(class_bytes(c), std::memory_order_relaxed);
  }
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void clear() {
    std::lock_guard lock(mutex_);
    for (int c = 0; c < kNumClasses; ++c) {
      while (Block* block = lists_[c]) {
        lists_[c] = block->next;
        g_cached.fetch_sub(class_bytes(c), std::memory_order_relaxed);
        std::free(block);
      }
    }
  }

 private:
  // What is in use and what is kept are together a quarter more than was ever in use at a time: then a part of it is
  // of sizes that nobody asks for any longer. All goes, and what is needed comes back with the next calls.
  static bool would_hold_too_much(int64_t bytes) {
    int64_t cached = g_cached.load(std::memory_order_relaxed) + bytes;
    int64_t peak = g_peak.load(std::memory_order_relaxed);
    int64_t all = g_live.load(std::memory_order_relaxed) + cached;
    return cached > kSharedCacheLimit || all > std::max(kAlwaysKept, peak + peak / 4);
  }

  std::mutex mutex_;
  Block* lists_[kNumClasses] = {};
};

SharedCache& shared_cache();

SharedCache* make_shared_cache() {
  // A child of fork must not find the cache locked by a thread that it does not have.
  pthread_atfork([] { shared_cache().lock(); }, [] { shared_cache().unlock(); },
                 [] { shared_cache().unlock(); });
  return new SharedCache;
}

SharedCache& shared_cache() {
  static SharedCache* cache = make_shared_cache();
  return *cache;
}

struct ThreadCache {
  Block* lists[kNumClasses] = {};
  uint8_t depth[kNumClasses] = {};
};

// One load to reach, hence a plain pointer. Null before the first use and again while the thread ends.
thread_local ThreadCache* t_cache __attribute__((tls_model("initial-exec"))) = nullptr;

// Thread-local memory of a library that is loaded late is scarce, so the cache itself is on the heap.
struct ThreadCacheOwner {
  ThreadCache* cache = new ThreadCache;
  ThreadCacheOwner() { t_cache = cache; }
  ~ThreadCacheOwner() {
    t_cache = nullptr;
    for (int c = 0; c < kNumClasses; ++c) {
      while (Block* block = cache->lists[c]) {
        cache->lists[c] = block->next;
        shared_cache().give(block, c);
      }
    }
    delete cache;
  }
};

void start_thread_cache() { static thread_local ThreadCacheOwner owner; }

// Blocks of several huge pages ask for them: they take less time to touch first, and to find later.
void* from_system(int64_t bytes) {
  bool huge = bytes >= 2 * kHugePage;
  void* memory = nullptr;
  // Not aligned_alloc, which wants a size that is a multiple of the alignment.
  if (posix_memalign(&memory, static_cast<size_t>(huge ? kHugePage : kAlignment),
                     static_cast<size_t>(bytes)))
    return nullptr;
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(memory, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
  return memory;
}

void count_live(int64_t bytes) {
  int64_t live = g_live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  g_count.fetch_add(1, std::memory_order_relaxed);
  int64_t peak = g_peak.load(std::memory_order_relaxed);
  while (live > peak && !g_peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

}  // namespace

void* host_allocate(int64_t bytes) {
  if (bytes < 0 || bytes > (int64_t{1} << 46)) return nullptr;
  int c = size_class(bytes);
  int64_t rounded = class_bytes(c);
  int64_t limit = g_limit.load(std::memory_order_relaxed);
  if (limit > 0 && g_live.load(std::memory_order_relaxed) + rounded > limit) return nullptr;
  void* memory = nullptr;
  ThreadCache* cache = t_cache;
  if (cache && rounded <= kThreadCacheLimit && cache->lists[c]) {
    Block* block = cache->lists[c];
    cache->lists[c] = block->next;
    --cache->depth[c];
    memory = block;
  }
  if (!memory) {
    if (!cache) start_thread_cache();  // does nothing while the thread ends
    memory = shared_cache().take(c);
  }
  if (!memory) memory = from_system(rounded);
  if (!memory) {
    release_cached_memory();
    memory = from_system(rounded);
  }
  if (memory) count_live(rounded);
  return memory;
}

void host_free(void* memory, int64_t bytes) {
  if (!memory) return;
  int c = size_class(bytes);
  g_live.fetch_sub(class_bytes(c), std::memory_order_relaxed);
  ThreadCache* cache = t_cache;
  if (cache && class_bytes(c) <= kThreadCacheLimit && cache->depth[c] < kThreadCacheDepth) {
    cache->lists[c] = new (memory) Block{cache->lists[c]};
    ++cache->depth[c];
    return;
  }
  shared_cache().give(memory, c);
}

int64_t host_block_bytes(int64_t bytes) { return class_bytes(size_class(bytes)); }

void reset_host_memory_peak() { g_peak = g_live.load(); }

MemoryStats host_memory_stats() { return {g_live, g_cached, g_peak, g_count, g_limit}; }
void release_cached_memory() { shared_cache().clear(); }
void set_host_memory_limit(int64_t bytes) { g_limit = bytes; }

}  // namespace penstock
