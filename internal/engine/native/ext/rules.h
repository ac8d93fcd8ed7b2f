// The derivatives and batch rules that are ours. A primitive that the table in
// rules.cpp names has the rules that stand there in place of MLX's.
#pragma once
#include <string_view>

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

// A Pull is a VJP that cares which of the outputs have no cotangent.
using Pull = Arrays (*)(
    mlx::core::Primitive& p, const Arrays& primals, const std::vector<std::optional<array>>& cotangents,
    const std::vector<int>& argnums, const Arrays& outputs);

// A rule that is null is MLX's; pull goes before vjp.
struct Rules {
  VJP vjp = nullptr;
  JVP jvp = nullptr;
  VMap vmap = nullptr;
  Pull pull = nullptr;
};

using RuleTable = std::unordered_map<std::string_view, Rules>;

// The rules by family, one file each.
void add_convolution(RuleTable& t);
void add_linalg(RuleTable& t);
void add_points(RuleTable& t);
void add_products(RuleTable& t);
void add_scans(RuleTable& t);
void add_scatters(RuleTable& t);
void add_shapes(RuleTable& t);

// Batch is the view that a batch rule has of its inputs.
struct Batch {
  const Arrays& inputs;
  const std::vector<int>& axes;
  Stream s;
  int size = 0;

  Batch(const Arrays& inputs, const std::vector<int>& axes, Stream s) : inputs(inputs), axes(axes), s(s) {
    for (size_t i = 0; i < axes.size(); i++) {
      size = axes[i] >= 0 ? inputs[i].shape(axes[i]) : size;
    }
  }
  // front is input i mapped along axis 0, which has size 1 if it is not mapped.
  array front(size_t i) const {
    return axes[i] < 0 ? expand_dims(inputs[i], 0, s) : moveaxis(inputs[i], axes[i], 0, s);
  }
  // repeated is front of the whole size.
  array repeated(size_t i) const {
    auto a = front(i);
    auto shape = a.shape();
    shape[0] = size;
    return broadcast_to(a, shape, s);
  }
};

// rules returns the rules for a primitive, or null when all are MLX's.
const Rules* rules(mlx::core::Primitive& p);

// our_rules names the rules of a primitive that are ours: vjp, jvp, vmap.
std::vector<std::string> our_rules(mlx::core::Primitive& p);

// maps_itself says whether vmap has code for primitives of that name in place of a rule.
bool maps_itself(std::string_view name);

// output_shapes are the shapes of a primitive's results on inputs of other sizes
// than it was made for. It fails where they cannot be known.
std::vector<mlx::core::Shape> output_shapes(
    mlx::core::Primitive& p, const Arrays& in, const std::vector<mlx::core::Dtype>& dtypes);

// transposed is the forward rule of a primitive made from its reverse rule: that
// is linear in the cotangents, so its own reverse rule maps tangents to tangents.
Arrays transposed(
    mlx::core::Primitive& p, const Arrays& primals, const Arrays& tangents,
    const std::vector<int>& argnums, const Arrays& outputs);

// reversed is the reverse rule made from the forward rule in the same way. It leaves
// out outputs without a cotangent: zero times an infinite derivative is no number.
Arrays reversed(
    mlx::core::Primitive& p, const Arrays& primals, const std::vector<std::optional<array>>& cotangents,
    const std::vector<int>& argnums, const Arrays& outputs);

// Composition says what a primitive computes in terms of other ops.
using Composition = Arrays (*)(mlx::core::Primitive& p, const Arrays& inputs);

Arrays composed_vjp(
    Composition f, mlx::core::Primitive& p, const Arrays& primals, const Arrays& cotangents,
    const std::vector<int>& argnums);
Arrays composed_jvp(
    Composition f, mlx::core::Primitive& p, const Arrays& primals, const Arrays& tangents,
    const std::vector<int>& argnums);

// composed derives a primitive's derivatives from a composition.
template <Composition f>
Rules composed(VMap vmap) {
  return {
      [](mlx::core::Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
         const Arrays&) { return composed_vjp(f, p, primals, cotangents, argnums); },
      [](mlx::core::Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums,
         const Arrays&) { return composed_jvp(f, p, primals, tangents, argnums); },
      vmap};
}

} // namespace adj
