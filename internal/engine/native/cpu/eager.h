// Our kernels in the place of MLX's.
//
// The entry for eval_cpu in the table of virtual functions of a primitive's class
// leads to ours, which computes what it can and leaves the rest to MLX's. So every
// evaluation uses it, whoever asks, and the primitive stays what it is to all else.
#pragma once
#include <string>
#include <vector>

#include "mlx/array.h"
#include "mlx/primitives.h"

namespace adj::cpu {

using mlx::core::array;
using mlx::core::Primitive;

using Eval = void (*)(Primitive*, const std::vector<array>&, std::vector<array>&);

// take puts eval in the place of the eval_cpu of the class of p and returns what was
// there, or null where the table cannot be written.
Eval take(Primitive& p, Eval eval);

// take does so for the class of what made a, which must go by name: an op may end in
// another primitive than the one it is known for, and the table of that one must stay.
Eval take(const array& a, const char* name, Eval eval);

// all_stock says that everything is left to MLX's kernels: ADJOINT_CPU is so.
bool all_stock();

// choose_vectors makes ADJOINT_VECTORS, the bits of a vector, the most that kernels of
// ours use. It must come before anything keeps the address of one.
void choose_vectors();

// vector_bits is the bits of a vector that kernels of ours use, 0 where that is not known.
int vector_bits();

// init takes what there are kernels for, unless all_stock.
void init();

// evaluate_point evaluates an elementwise op of ours by its kernel.
void evaluate_point(Primitive& p, const std::vector<array>& inputs, std::vector<array>& outputs);

// bind_blas puts our products in the place of the functions that MLX calls.
void bind_blas();

// bind_attention and bind_norms put ours in the place of the functions that make
// attention and normalizations of their parts.
void bind_attention();
void bind_norms();

// The kernels by family, one file each.
void take_convolutions();
void take_copies();
void take_elementwise();
void take_half_products();
void take_indexing();
void take_products();
void take_random();
void take_reductions();
void take_sorting();
void take_windows();

} // namespace adj::cpu
