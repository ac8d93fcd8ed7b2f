// Conversions between the C handles and MLX's C++ values.
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/mlx.h"
#include "mlxc/crop.h"
#include "mlxc/hadamard.h"
#include "mlxc/mlxc.h"

namespace mlxc {

using namespace mlx::core;

// fail hands an error to the installed handler and returns the code 1.
int fail(const char* what);

inline array& get(mlx_array a) {
  if (!a.ctx) {
    throw std::invalid_argument("an array is absent (nil)");
  }
  return *static_cast<array*>(a.ctx);
}
inline std::optional<array> opt(mlx_array a) {
  return a.ctx ? std::optional<array>(*static_cast<array*>(a.ctx)) : std::nullopt;
}
inline std::vector<array>& get(mlx_vector_array v) {
  return *static_cast<std::vector<array>*>(v.ctx);
}
inline const Stream& get(mlx_stream s) {
  return *static_cast<Stream*>(s.ctx);
}

// The C enum follows the order of MLX's own dtypes.
inline Dtype get(mlx_dtype d) {
  static const Dtype table[] = {
      bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
      float16, float32, float64, bfloat16, complex64};
  return table[d];
}
inline fft::FFTNorm get(mlx_fft_norm n) {
  return static_cast<fft::FFTNorm>(n);
}
inline std::optional<int> opt(mlx_optional_int o) {
  return o.has_value ? std::optional<int>(o.value) : std::nullopt;
}
inline std::optional<float> opt(mlx_optional_float o) {
  return o.has_value ? std::optional<float>(o.value) : std::nullopt;
}
inline std::optional<Dtype> opt(mlx_optional_dtype o) {
  return o.has_value ? std::optional<Dtype>(get(o.value)) : std::nullopt;
}
inline std::vector<int> to_ints(const int* p, size_t n) {
  return std::vector<int>(p, p + n);
}
inline Shape to_shape(const int* p, size_t n) {
  return Shape(p, p + n);
}
inline Strides to_strides(const int64_t* p, size_t n) {
  return Strides(p, p + n);
}

inline void set(mlx_array* r, array a) {
  if (r->ctx) {
    *static_cast<array*>(r->ctx) = std::move(a);
  } else {
    r->ctx = new array(std::move(a));
  }
}
inline void set(mlx_vector_array* r, std::vector<array> v) {
  if (r->ctx) {
    *static_cast<std::vector<array>*>(r->ctx) = std::move(v);
  } else {
    r->ctx = new std::vector<array>(std::move(v));
  }
}

// guard runs f and turns an exception into a message and a code.
template <class F>
int guard(F&& f) {
  try {
    f();
    return 0;
  } catch (const std::exception& e) {
    return fail(e.what());
  } catch (...) {
    return fail("an unknown exception");
  }
}

} // namespace mlxc
