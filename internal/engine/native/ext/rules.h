// The derivatives and batch rules that are ours. A primitive that the table in
// rules.cpp names has the rules that stand there in place of MLX's.
#pragma once
#include "ext/derive.h"

namespace adj {

using Arrays = std::vector<array>;

// Returns the gradients for the inputs argnums.
using VJP = Arrays (*)(
    mlx::core::Primitive& p, const Arrays& primals, const Arrays& cotangents,
    const std::vector<int>& argnums, const Arrays& outputs);

// Returns one tangent per output; tangents belong to the inputs argnums.
using JVP = Arrays (*)(
    mlx::core::Primitive& p, const Arrays& primals, const Arrays& tangents,
    const std::vector<int>& argnums, const Arrays& outputs);

// Returns the outputs and the axis along which each is mapped; -1 is unmapped.
using VMap = std::pair<Arrays, std::vector<int>> (*)(
    mlx::core::Primitive& p, const Arrays& inputs, const std::vector<int>& axes);

// A rule that is null is MLX's.
struct Rules {
  VJP vjp = nullptr;
  JVP jvp = nullptr;
  VMap vmap = nullptr;
};

// rules returns the rules for a primitive, or null when all are MLX's.
const Rules* rules(mlx::core::Primitive& p);

// transposed is the forward rule of a primitive made from its reverse rule: that
// is linear in the cotangents, so its own reverse rule maps tangents to tangents.
Arrays transposed(
    mlx::core::Primitive& p, const Arrays& primals, const Arrays& tangents,
    const std::vector<int>& argnums, const Arrays& outputs);

} // namespace adj
