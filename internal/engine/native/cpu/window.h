// Reductions of windows of rows, as pooling takes them.
#pragma once
#include <vector>

#include "cpu/matrices.h"
#include "ext/engine.h"
#include "mlx/primitives.h"

namespace adj::cpu {

// Windows are how the elements of an array meet in a reduction: each row of the result
// comes from rows of the input that begin at the row's place, moved by each of at.
struct Windows {
  Places places; // of the rows, of which those of a line lie a step apart
  size_t rows = 1, line = 1;
  int64_t step = 0;
  std::vector<int64_t> at;
  size_t row = 1; // elements, which are contiguous
  int runs = 0; // of reduced axes that lie together

  Windows(const mlx::core::array& in, const std::vector<int>& axes);
};

// WindowsGradient shares a cotangent of a maximum or minimum over axes among the elements
// that are equal to it. Inputs are what was reduced, the extremes and their cotangents,
// both with the reduced axes kept, of float32.
class WindowsGradient : public mlx::core::Primitive {
 public:
  WindowsGradient(mlx::core::Stream s, std::vector<int> axes) : Primitive(s), axes_(std::move(axes)) {}

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override;
  void eval_gpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    eval_cpu(inputs, outputs);
  }
  const char* name() const override {
    return "WindowsGradient";
  }
  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const WindowsGradient*>(&other);
    return o && o->axes_ == axes_;
  }
  std::vector<mlx::core::Shape> output_shapes(const std::vector<array>& in) override {
    return {in[0].shape()};
  }

 private:
  std::vector<int> axes_;
};

} // namespace adj::cpu
