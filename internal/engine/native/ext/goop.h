// Ops whose rules are Go functions.
#pragma once
#include <memory>

#include "ext/engine.h"

namespace adj {

// GoOp names such an op. Go forgets it when the last copy is gone.
class GoOp {
 public:
  explicit GoOp(uint64_t op);
  uint64_t number() const;

  // One gradient per primal.
  std::vector<array> vjp(
      const std::vector<array>& primals, const std::vector<array>& cotangents,
      const std::vector<array>& outputs) const;
  // One tangent per output; tangents belong to the primals argnums.
  std::vector<array> jvp(
      const std::vector<array>& primals, const std::vector<array>& tangents,
      const std::vector<int>& argnums) const;
  // The outputs and the axis of each.
  std::pair<std::vector<array>, std::vector<int>> vmap(
      const std::vector<array>& inputs, const std::vector<int>& axes) const;
  // The shapes of the outputs.
  std::vector<mlx::core::Shape> shapes(const std::vector<array>& inputs) const;

 private:
  struct Owner;
  std::shared_ptr<const Owner> owner_;
};

} // namespace adj
