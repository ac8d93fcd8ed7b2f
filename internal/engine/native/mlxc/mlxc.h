// The C API of MLX as Adjoint calls it: the names, handles, return codes and
// explicit streams of mlx-c, a subset. z_mlxc.h holds the generated operations.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MLXC __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_array_ {
  void* ctx; // mlx::core::array*
} mlx_array;
typedef struct mlx_vector_array_ {
  void* ctx; // std::vector<mlx::core::array>*
} mlx_vector_array;
typedef struct mlx_stream_ {
  void* ctx; // mlx::core::Stream*
} mlx_stream;

typedef enum mlx_dtype_ {
  MLX_BOOL,
  MLX_UINT8,
  MLX_UINT16,
  MLX_UINT32,
  MLX_UINT64,
  MLX_INT8,
  MLX_INT16,
  MLX_INT32,
  MLX_INT64,
  MLX_FLOAT16,
  MLX_FLOAT32,
  MLX_FLOAT64,
  MLX_BFLOAT16,
  MLX_COMPLEX64,
} mlx_dtype;

typedef enum mlx_fft_norm_ {
  MLX_FFT_NORM_BACKWARD,
  MLX_FFT_NORM_ORTHO,
  MLX_FFT_NORM_FORWARD,
} mlx_fft_norm;

typedef struct mlx_optional_int_ {
  int value;
  bool has_value;
} mlx_optional_int;
typedef struct mlx_optional_float_ {
  float value;
  bool has_value;
} mlx_optional_float;
typedef struct mlx_optional_dtype_ {
  mlx_dtype value;
  bool has_value;
} mlx_optional_dtype;

typedef void (*mlx_error_handler_func)(const char* msg, void* data);

MLXC void mlx_set_error_handler(
    mlx_error_handler_func handler, void* data, void (*dtor)(void*));

MLXC mlx_array mlx_array_new_data(
    const void* data, const int* shape, int dim, mlx_dtype dtype);
MLXC int mlx_array_free(mlx_array arr);

MLXC mlx_vector_array mlx_vector_array_new(void);
MLXC mlx_vector_array mlx_vector_array_new_data(const mlx_array* data, size_t size);
MLXC int mlx_vector_array_free(mlx_vector_array vec);
MLXC size_t mlx_vector_array_size(mlx_vector_array vec);
MLXC int mlx_vector_array_get(mlx_array* res, const mlx_vector_array vec, size_t idx);

MLXC int mlx_eval(const mlx_vector_array outputs);
MLXC int mlx_async_eval(const mlx_vector_array outputs);
MLXC int mlx_synchronize(mlx_stream stream);

MLXC int mlx_clear_cache(void);
MLXC int mlx_get_active_memory(size_t* res);
MLXC int mlx_get_cache_memory(size_t* res);
MLXC int mlx_get_memory_limit(size_t* res);
MLXC int mlx_get_peak_memory(size_t* res);
MLXC int mlx_reset_peak_memory(void);
MLXC int mlx_set_cache_limit(size_t* res, size_t limit);
MLXC int mlx_set_memory_limit(size_t* res, size_t limit);
MLXC int mlx_set_wired_limit(size_t* res, size_t limit);

#ifdef __cplusplus
}
#endif
