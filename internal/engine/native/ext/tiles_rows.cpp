// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Kernels on rows and one value for each.
#include <algorithm>
#include <cstdint>

#include "ext/arithmetic.h"
#include "ext/tiles.h"

namespace adj::tiles::rows {

using namespace arithmetic;

template <class T> void spread(void* dst, const void* a, const void*, size_t rows, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* out = static_cast<T*>(dst);
  for (size_t r = 0; r < rows; r++, out += n) {
    std::fill_n(out, n, x[r]);
  }
}

template <class Op, class T> ADJ_CLONES void along(void* dst, const void* a, const void* b, size_t rows, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* each = static_cast<const T*>(b);
  auto* out = static_cast<T*>(dst);
  for (size_t r = 0; r < rows; r++, x += n, out += n) {
    T y = each[r];
    ADJ_LONG_LOOP
    for (size_t i = 0; i < n; i++) {
      out[i] = Op::f(x[i], y);
    }
  }
}

template <class T> RowKernel along_of(std::string_view op) {
  return op == "Add" ? along<Add, T> : op == "Subtract" ? along<Subtract, T> : op == "Multiply" ? along<Multiply, T>
      : op == "Divide" ? along<Divide, T> : RowKernel(nullptr);
}

} // namespace adj::tiles::rows

namespace adj {

using namespace mlx::core;

RowKernel spread_kernel(size_t width) {
  switch (width) {
    case 1: return tiles::rows::spread<uint8_t>;
    case 2: return tiles::rows::spread<uint16_t>;
    case 4: return tiles::rows::spread<uint32_t>;
    default: return tiles::rows::spread<uint64_t>;
  }
}

RowKernel along_kernel(std::string_view op, Dtype d) {
  return d == float32 ? tiles::rows::along_of<float>(op) : d == float64 ? tiles::rows::along_of<double>(op) : nullptr;
}

} // namespace adj
