// Memory that cannot be had.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "ext/bindings.h"
#include "mlx/allocator.h"
#include "mlx/device.h"
#include "mlx/memory.h"

namespace adj {

using namespace mlx::core;

namespace {

// Checked is an allocator that fails where its base returns nothing.
class Checked : public allocator::Allocator {
 public:
  explicit Checked(allocator::Allocator& base) : base_(base) {}

  allocator::Buffer malloc(size_t size) override {
    auto b = base_.malloc(size);
    if (!b.ptr() && size > 0) {
      throw std::runtime_error("[malloc] cannot allocate " + std::to_string(size) + " bytes");
    }
    return b;
  }
  void free(allocator::Buffer buffer) override {
    base_.free(buffer);
  }
  size_t size(allocator::Buffer buffer) const override {
    return base_.size(buffer);
  }
  allocator::Buffer make_buffer(void* ptr, size_t size) override {
    return base_.make_buffer(ptr, size);
  }
  void release(allocator::Buffer buffer) override {
    base_.release(buffer);
  }

 private:
  allocator::Allocator& base_;
};

allocator::Allocator* checked = nullptr;

allocator::Allocator& checked_allocator() {
  return *checked;
}

} // namespace

void memory_init() {
  if (is_available(Device(Device::gpu))) {
    return; // its allocator says so itself
  }
  // MLX keeps 32 MiB of freed memory for re-use. Memory that it gives back comes again
  // page by page, each cleared by the system, which costs as much as computing on it.
  constexpr size_t least = 32 << 20, most = 512 << 20;
  set_cache_limit(std::clamp<size_t>(get_memory_limit() / 64, least, most));
  checked = new Checked(allocator::allocator());
  std::vector<Binding> bindings = {
      {"_ZN3mlx4core9allocator9allocatorEv", reinterpret_cast<void*>(&checked_allocator)}};
  bind(bindings);
}

} // namespace adj
