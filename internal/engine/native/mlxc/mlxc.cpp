// The hand-written part of the C API: handles, evaluation, memory, errors.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mlxc/convert.h"

namespace mlxc {

static mlx_error_handler_func handler = nullptr;
static void* handler_data = nullptr;

int fail(const char* what) {
  if (handler) {
    handler(what, handler_data);
  } else {
    std::fprintf(stderr, "mlx: %s\n", what);
    std::abort();
  }
  return 1;
}

} // namespace mlxc

using namespace mlxc;

extern "C" {

void mlx_set_error_handler(
    mlx_error_handler_func h, void* data, void (*dtor)(void*)) {
  (void)dtor; // the one handler lives as long as the process
  handler = h;
  handler_data = data;
}

mlx_array mlx_array_new_data(
    const void* data, const int* dims, int dim, mlx_dtype dtype) {
  mlx_array out{nullptr};
  guard([&] {
    Dtype t = get(dtype);
    Shape sh(dims, dims + dim);
    size_t n = t.size();
    for (int d : sh) {
      n *= d;
    }
    auto buf = allocator::malloc(n);
    if (n) {
      std::memcpy(buf.buffer().raw_ptr(), data, n);
    }
    out.ctx = new array(std::move(buf), std::move(sh), t);
  });
  return out;
}

int mlx_array_free(mlx_array a) {
  return guard([&] { delete static_cast<array*>(a.ctx); });
}

mlx_vector_array mlx_vector_array_new(void) {
  return {new std::vector<array>()};
}

mlx_vector_array mlx_vector_array_new_data(const mlx_array* data, size_t size) {
  mlx_vector_array out{nullptr};
  guard([&] {
    std::vector<array> v;
    v.reserve(size);
    for (size_t i = 0; i < size; i++) {
      v.push_back(get(data[i]));
    }
    out.ctx = new std::vector<array>(std::move(v));
  });
  return out;
}

int mlx_vector_array_free(mlx_vector_array v) {
  return guard([&] { delete static_cast<std::vector<array>*>(v.ctx); });
}

size_t mlx_vector_array_size(mlx_vector_array v) {
  return get(v).size();
}

int mlx_vector_array_get(mlx_array* res, const mlx_vector_array v, size_t i) {
  return guard([&] { set(res, get(v).at(i)); });
}

int mlx_eval(const mlx_vector_array v) {
  return guard([&] { eval(get(v)); });
}

int mlx_async_eval(const mlx_vector_array v) {
  return guard([&] { async_eval(get(v)); });
}

int mlx_synchronize(mlx_stream s) {
  return guard([&] { synchronize(get(s)); });
}

int mlx_clear_cache(void) {
  return guard([] { clear_cache(); });
}
int mlx_get_active_memory(size_t* r) {
  return guard([&] { *r = get_active_memory(); });
}
int mlx_get_cache_memory(size_t* r) {
  return guard([&] { *r = get_cache_memory(); });
}
int mlx_get_memory_limit(size_t* r) {
  return guard([&] { *r = get_memory_limit(); });
}
int mlx_get_peak_memory(size_t* r) {
  return guard([&] { *r = get_peak_memory(); });
}
int mlx_reset_peak_memory(void) {
  return guard([] { reset_peak_memory(); });
}
int mlx_set_cache_limit(size_t* r, size_t n) {
  return guard([&] { *r = set_cache_limit(n); });
}
int mlx_set_memory_limit(size_t* r, size_t n) {
  return guard([&] { *r = set_memory_limit(n); });
}
int mlx_set_wired_limit(size_t* r, size_t n) {
  return guard([&] { *r = set_wired_limit(n); });
}

} // extern "C"
