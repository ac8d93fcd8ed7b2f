// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Kernels that convert.
#include <cstdint>
#include <type_traits>

#include "ext/tiles.h"
#include "mlx/types/half_types.h"

namespace adj::tiles {

using mlx::core::bfloat16_t;
using mlx::core::float16_t;

// What is out of an integer's range becomes what one conversion instruction of
// the processor makes of it, in a vector too.
template <class To, class From> inline To convert(From x) {
#if defined(__x86_64__)
  if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, uint32_t>) {
    return (uint32_t)(int64_t)x;
  }
#endif
  return static_cast<To>(x);
}

template <class From, class To>
void cast(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const From*>(a);
  auto* out = static_cast<To*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = convert<To>(x[i]);
  }
}

template <class Half>
ADJ_CLONES void load(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const Half*>(a);
  auto* out = static_cast<float*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = static_cast<float>(x[i]);
  }
}

template <class Half>
ADJ_CLONES void store(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const float*>(a);
  auto* out = static_cast<Half*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Half(x[i]);
  }
}

template <class Half>
ADJ_CLONES void round(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const float*>(a);
  auto* out = static_cast<float*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = static_cast<float>(Half(x[i]));
  }
}

template <class From> Kernel to(mlx::core::Dtype d) {
  using mlx::core::Dtype;
  switch (d.val()) {
    case Dtype::Val::bool_: return cast<From, bool>;
    case Dtype::Val::uint8: return cast<From, uint8_t>;
    case Dtype::Val::uint16: return cast<From, uint16_t>;
    case Dtype::Val::uint32: return cast<From, uint32_t>;
    case Dtype::Val::uint64: return cast<From, uint64_t>;
    case Dtype::Val::int8: return cast<From, int8_t>;
    case Dtype::Val::int16: return cast<From, int16_t>;
    case Dtype::Val::int32: return cast<From, int32_t>;
    case Dtype::Val::int64: return cast<From, int64_t>;
    case Dtype::Val::float32: return cast<From, float>;
    case Dtype::Val::float64: return cast<From, double>;
    default: return nullptr;
  }
}

} // namespace adj::tiles

namespace adj {

using namespace mlx::core;

Kernel cast_kernel(Dtype from, Dtype d) {
  switch (from.val()) {
    case Dtype::Val::bool_: return tiles::to<bool>(d);
    case Dtype::Val::uint8: return tiles::to<uint8_t>(d);
    case Dtype::Val::uint16: return tiles::to<uint16_t>(d);
    case Dtype::Val::uint32: return tiles::to<uint32_t>(d);
    case Dtype::Val::uint64: return tiles::to<uint64_t>(d);
    case Dtype::Val::int8: return tiles::to<int8_t>(d);
    case Dtype::Val::int16: return tiles::to<int16_t>(d);
    case Dtype::Val::int32: return tiles::to<int32_t>(d);
    case Dtype::Val::int64: return tiles::to<int64_t>(d);
    case Dtype::Val::float32: return tiles::to<float>(d);
    case Dtype::Val::float64: return tiles::to<double>(d);
    default: return nullptr;
  }
}

Kernel round_kernel(Dtype d) {
  return d == float16 ? tiles::round<float16_t> : tiles::round<bfloat16_t>;
}
Kernel load_kernel(Dtype d) {
  return d == float16 ? tiles::load<float16_t> : tiles::load<bfloat16_t>;
}
Kernel store_kernel(Dtype d) {
  return d == float16 ? tiles::store<float16_t> : tiles::store<bfloat16_t>;
}

} // namespace adj
