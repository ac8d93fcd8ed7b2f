// Kernels that work on one tile of elements at a time. A tile is short enough
// for all that a kernel reads and writes to stay in the first-level cache.
#pragma once
#include <cstddef>
#include <string_view>

#include "mlx/dtype.h"

// A unit of kernels is compiled for several processors; the loader picks. See vectors.cpp.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define ADJ_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define ADJ_LEVELS // vectors.cpp can tell these from each other
#else
#define ADJ_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define ADJ_CLONES
#endif

// Source and destination are either the same tile or do not touch.
#if defined(__clang__)
#define ADJ_LOOP _Pragma("clang loop vectorize(assume_safety)")
#define ADJ_LONG_LOOP ADJ_LOOP
#else
#define ADJ_LOOP _Pragma("GCC ivdep")
// One vector at a time, counting takes half as long as the loads and stores.
#define ADJ_LONG_LOOP ADJ_LOOP _Pragma("GCC unroll 4")
#endif

namespace adj {

// A Kernel computes n elements from up to three sources.
using Kernel = void (*)(void* dst, const void* a, const void* b, const void* c, size_t n);

// A RowKernel computes from rows of n elements each.
using RowKernel = void (*)(void* dst, const void* a, const void* b, size_t rows, size_t n);

// In a tile, float16 and bfloat16 values are float32 values; see round_kernel.
inline mlx::core::Dtype tile_dtype(mlx::core::Dtype d) {
  return d == mlx::core::float16 || d == mlx::core::bfloat16 ? mlx::core::float32 : d;
}

// kernel returns what computes the op of that name on tiles of dtype d, the type
// of its last argument, or null.
Kernel kernel(std::string_view op, mlx::core::Dtype d);
Kernel float_kernel(std::string_view op, mlx::core::Dtype d);
Kernel whole_kernel(std::string_view op, mlx::core::Dtype d); // integers and bool
// pair_kernel returns what computes two operations on float32, of which the second takes
// the result of the first as its first argument or, turned around, as its second. The
// sources are those of the first and the other one of the second.
Kernel pair_kernel(std::string_view first, std::string_view second, bool turned);
Kernel select_kernel(mlx::core::Dtype d); // sources: condition, if true, if false

// fold_kernel reduces each row of a to one element: Sum, Prod, Max or Min. It is that of
// a reduction by itself, bit by bit.
RowKernel fold_kernel(std::string_view op, mlx::core::Dtype d);
// spread_kernel repeats each element of a along a row; of elements of that many bytes.
RowKernel spread_kernel(size_t width);
// along_kernel computes an op of the rows of a and, for each row, one element of b.
RowKernel along_kernel(std::string_view op, mlx::core::Dtype d);

// cast_kernel converts between the dtypes of tiles.
Kernel cast_kernel(mlx::core::Dtype from, mlx::core::Dtype to);
// round_kernel rounds float32 values to those of half precision type d.
Kernel round_kernel(mlx::core::Dtype d);
// load_kernel and store_kernel convert half precision memory to float32 and back.
Kernel load_kernel(mlx::core::Dtype d);
Kernel store_kernel(mlx::core::Dtype d);

} // namespace adj
