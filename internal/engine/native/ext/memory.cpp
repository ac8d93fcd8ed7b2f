// The memory of arrays on the CPU.
//
// It begins at a multiple of 64 bytes, as vectors and caches like it. What is freed is
// kept for re-use up to a limit, the oldest of it given back first: memory that comes
// anew from the system comes page by page, each cleared, which costs as much as
// computing on it. An allocation that fails is an error; MLX's allocator returns nothing
// then, and its kernels write there.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "ext/bindings.h"
#include "mlx/allocator.h"
#include "mlx/device.h"
#include "mlx/memory.h"

namespace adj {

using namespace mlx::core;

namespace {

// A block of memory begins with a head, whose last word is the size of the rest; MLX's
// Buffer points to that word. Small blocks have a short head, and are not kept: the C
// library is quick with them.
constexpr size_t small = 1024, short_head = 16, head = 64;

class Memory : public allocator::Allocator {
 public:
  Memory(size_t limit, size_t cache_limit) : limit_(limit), cache_limit_(cache_limit) {}

  allocator::Buffer malloc(size_t size) override {
    auto* p = size < small ? nullptr : reuse(size);
    if (!p) {
      p = fresh(size);
    }
    if (!p && cache() > 0) {
      clear();
      p = fresh(size);
    }
    if (!p) {
      throw std::runtime_error("[malloc] cannot allocate " + std::to_string(size) + " bytes");
    }
    size_t now = active_.fetch_add(*p, std::memory_order_relaxed) + *p, peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
    return allocator::Buffer(p);
  }

  void free(allocator::Buffer buffer) override {
    auto* p = static_cast<size_t*>(buffer.ptr());
    if (!p) {
      return;
    }
    active_.fetch_sub(*p, std::memory_order_relaxed);
    if (*p < small) {
      give_back(p);
      return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    if (*p > cache_limit_) {
      give_back(p);
      return;
    }
    kept_.push_back(p);
    by_size_.emplace(*p, std::prev(kept_.end()));
    cache_ += *p;
    shrink(cache_limit_);
  }

  size_t size(allocator::Buffer buffer) const override {
    auto* p = static_cast<const size_t*>(buffer.ptr());
    return p ? *p : 0;
  }

  size_t active() const {
    return active_;
  }
  size_t peak() const {
    return peak_;
  }
  void reset_peak() {
    peak_ = 0;
  }
  size_t limit() const {
    return limit_;
  }
  size_t set_limit(size_t bytes) {
    return limit_.exchange(bytes);
  }
  size_t cache() {
    std::lock_guard<std::mutex> lock(mutex_);
    return cache_;
  }
  size_t set_cache_limit(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::swap(cache_limit_, bytes);
    shrink(cache_limit_);
    return bytes;
  }
  void clear() {
    std::lock_guard<std::mutex> lock(mutex_);
    shrink(0);
  }

 private:
  using Kept = std::list<size_t*>; // the oldest first

  static size_t head_of(size_t size) {
    return size < small ? short_head : head;
  }

  static size_t* fresh(size_t size) {
    constexpr size_t most = ~size_t(0) / 2;
    if (size > most) {
      return nullptr;
    }
    size_t before = head_of(size);
    auto* block = static_cast<char*>(size < small ? std::malloc(before + size) : aligned(before + size));
    if (!block) {
      return nullptr;
    }
    auto* p = reinterpret_cast<size_t*>(block + before) - 1;
    *p = size;
    return p;
  }

  // aligned allocates what is large on large pages, if the system has them: a hundred
  // million numbers are a hundred thousand small ones.
  static void* aligned(size_t bytes) {
    constexpr size_t page = 2 << 20;
    bool large = bytes >= 8 * page;
    size_t unit = large ? page : head, whole = (bytes + unit - 1) / unit * unit;
    auto* block = std::aligned_alloc(unit, whole);
#if defined(__linux__)
    if (large && block) {
      madvise(block, whole, MADV_HUGEPAGE); // a wish
    }
#endif
    return block;
  }

  static void give_back(size_t* p) {
    std::free(reinterpret_cast<char*>(p + 1) - head_of(*p));
  }

  // reuse takes a kept block that is not much larger.
  size_t* reuse(size_t size) {
    constexpr size_t slack = 8192;
    std::lock_guard<std::mutex> lock(mutex_);
    auto it = by_size_.lower_bound(size);
    if (it == by_size_.end() || it->first >= std::min(2 * size, size + slack)) {
      return nullptr;
    }
    it = std::prev(by_size_.upper_bound(it->first)); // freed last, it is still in a cache
    auto* p = *it->second;
    kept_.erase(it->second);
    by_size_.erase(it);
    cache_ -= *p;
    return p;
  }

  void shrink(size_t bytes) {
    while (cache_ > bytes) {
      auto oldest = kept_.begin();
      auto* p = *oldest;
      auto [it, end] = by_size_.equal_range(*p);
      while (it != end && it->second != oldest) {
        it++;
      }
      by_size_.erase(it);
      kept_.erase(oldest);
      cache_ -= *p;
      give_back(p);
    }
  }

  std::atomic<size_t> active_{0}, peak_{0}, limit_;
  std::mutex mutex_; // guards the rest
  Kept kept_;
  std::multimap<size_t, Kept::iterator> by_size_;
  size_t cache_ = 0, cache_limit_;
};

Memory* memory = nullptr;

allocator::Allocator& ours() {
  return *memory;
}
size_t active() {
  return memory->active();
}
size_t peak() {
  return memory->peak();
}
void reset_peak() {
  memory->reset_peak();
}
size_t limit() {
  return memory->limit();
}
size_t set_limit(size_t bytes) {
  return memory->set_limit(bytes);
}
size_t cache() {
  return memory->cache();
}
size_t set_cache(size_t bytes) {
  return memory->set_cache_limit(bytes);
}
void clear() {
  memory->clear();
}

} // namespace

void memory_init() {
  if (is_available(Device(Device::gpu))) {
    return; // its allocator is another
  }
  if (get_active_memory() > 0) {
    throw std::logic_error("there are arrays before their allocator");
  }
  constexpr size_t least = 32 << 20, most = 512 << 20; // of the cache
  size_t all = get_memory_limit();
  memory = new Memory(all, std::clamp<size_t>(all / 64, least, most));
  std::vector<Binding> bindings = {
      {"_ZN3mlx4core9allocator9allocatorEv", reinterpret_cast<void*>(&ours)},
      {"_ZN3mlx4core17get_active_memoryEv", reinterpret_cast<void*>(&active)},
      {"_ZN3mlx4core15get_peak_memoryEv", reinterpret_cast<void*>(&peak)},
      {"_ZN3mlx4core17reset_peak_memoryEv", reinterpret_cast<void*>(&reset_peak)},
      {"_ZN3mlx4core16get_memory_limitEv", reinterpret_cast<void*>(&limit)},
      {"_ZN3mlx4core16set_memory_limitEm", reinterpret_cast<void*>(&set_limit)},
      {"_ZN3mlx4core16get_cache_memoryEv", reinterpret_cast<void*>(&cache)},
      {"_ZN3mlx4core15set_cache_limitEm", reinterpret_cast<void*>(&set_cache)},
      {"_ZN3mlx4core11clear_cacheEv", reinterpret_cast<void*>(&clear)},
  };
  bind(bindings);
}

} // namespace adj
