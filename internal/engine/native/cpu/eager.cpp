#include "cpu/eager.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "cpu/task.h"
#include "mlx/ops.h"
#include "mlxc/hadamard.h"

namespace adj::cpu {

// place returns the entry of eval_cpu in the table of p's class.
static void** place(Primitive& p) {
  using Member = void (Primitive::*)(const std::vector<array>&, std::vector<array>&);
  // How a pointer to a virtual member is laid out (Itanium C++ ABI, 2.3).
  union {
    Member m;
    struct {
      intptr_t ptr, adj;
    } parts;
  } u{&Primitive::eval_cpu};
#if defined(__aarch64__)
  if (!(u.parts.adj & 1)) {
    return nullptr;
  }
  auto offset = u.parts.ptr;
#else
  if (!(u.parts.ptr & 1)) {
    return nullptr;
  }
  auto offset = u.parts.ptr - 1;
#endif
  auto* table = *reinterpret_cast<char**>(&p);
  return reinterpret_cast<void**>(table + offset);
}

Eval take(Primitive& p, Eval eval) {
  auto** entry = place(p);
  if (!entry) {
    return nullptr;
  }
  uintptr_t page = sysconf(_SC_PAGESIZE);
  auto start = reinterpret_cast<uintptr_t>(entry) & ~(page - 1);
  if (mprotect(reinterpret_cast<void*>(start), page, PROT_READ | PROT_WRITE) != 0) {
    return nullptr;
  }
  auto before = reinterpret_cast<Eval>(*entry);
  *entry = reinterpret_cast<void*>(eval);
  mprotect(reinterpret_cast<void*>(start), page, PROT_READ);
  return before;
}

Eval take(const array& a, const char* name, Eval eval) {
  auto& p = a.primitive();
  if (std::strcmp(p.name(), name) != 0) {
    throw std::logic_error(std::string("the kernel of ") + name + " cannot take the place of " + p.name());
  }
  return take(p, eval);
}

// MLX's, which writes past the end of rows of 72 = 12·6 elements.
static Eval stock_hadamard;

static void hadamard(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  if (auto n = outputs[0].shape(-1); !has_hadamard(n)) {
    throw std::invalid_argument("[hadamard_transform] there is no matrix of Hadamard of " + std::to_string(n) + " rows");
  }
  stock_hadamard(p, inputs, outputs);
}

// MLX's, which reads outside of its plan and may not end where nothing is reduced, unless
// all of it is.
static Eval stock_reduce;

static void reduce(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& out = outputs[0];
  if (in.size() > 0) {
    return stock_reduce(p, inputs, outputs);
  }
  array none({0}, in.dtype(), nullptr, {}), one(mlx::core::Shape{}, out.dtype(), nullptr, {});
  none.set_data(mlx::core::allocator::malloc(0));
  std::vector<array> ones{one};
  mlx::core::Reduce all(p->stream(), static_cast<mlx::core::Reduce*>(p)->state().first, {0});
  stock_reduce(&all, {none}, ones);
  out.set_data(mlx::core::allocator::malloc(out.nbytes()));
  perform(p->stream(), [none, one, y = out.data<char>(), n = out.size()] {
    for (size_t i = 0, bytes = one.itemsize(); i < n; i++) {
      std::memcpy(y + i * bytes, one.data<char>(), bytes);
    }
  });
}

bool all_stock() {
  static const bool is = [] {
    auto* mode = std::getenv("ADJOINT_CPU");
    return mode && std::strcmp(mode, "stock") == 0;
  }();
  return is;
}

void init() {
  stock_hadamard = take(mlx::core::hadamard_transform(array({1.0f, 2.0f})), "Hadamard", hadamard);
  stock_reduce = take(mlx::core::sum(array({1.0f, 2.0f}), true), "Sum", reduce);
  if (all_stock()) {
    return;
  }
  bind_blas();
  bind_attention();
  bind_norms();
  take_convolutions();
  take_copies();
  take_elementwise();
  take_half_products();
  take_indexing();
  take_products();
  take_random();
  take_reductions();
  take_sorting();
  take_windows(); // before reductions, which it leaves the others to
}

} // namespace adj::cpu
