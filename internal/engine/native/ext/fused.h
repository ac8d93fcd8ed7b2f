// A group of elementwise ops as one primitive.
#pragma once
#include <memory>

#include "ext/engine.h"
#include "ext/tiles.h"

namespace adj {

// A Tiling is how a group is computed: a list of kernels over places. A place is
// a tile of an input, a constant, an output or a register, in this order.
class Tiling {
 public:
  struct Step {
    Kernel run;
    uint32_t dst, src[3];
  };
  explicit Tiling(const Graph& group);

  std::vector<Step> steps;
  std::vector<uint8_t> widths; // bytes of an element at each place
  std::vector<uint64_t> constants; // the bytes of each value
  size_t inputs, outputs;
  size_t tile; // elements of a tile

  // may_share says whether the memory of an input may be that of an output.
  bool may_share(size_t input, size_t output) const {
    return last_read_[input] <= written_[output];
  }

 private:
  friend class Lowering;
  std::vector<uint32_t> last_read_, written_; // steps
};

// elementwise says whether a node computes each element of its results from one
// element of each argument.
bool elementwise(const Graph::Node& n);
// has_tiles returns why a node cannot be part of a Tiling, or nothing. in are the
// dtypes of its inputs.
std::string has_tiles(const Graph::Node& n, const std::vector<mlx::core::Dtype>& in);

// compute runs a tiling as a task of a stream. Inputs have any shape that broadcasts
// to that of the outputs, which get their memory here.
void compute(
    const std::shared_ptr<const Tiling>& tiling, const Stream& s, const std::vector<array>& inputs,
    std::vector<array>& outputs);

// Fused computes a group on the CPU. Its inputs are the group's, of any shape
// that broadcasts to that of the outputs.
class Fused : public mlx::core::Primitive {
 public:
  Fused(Stream s, Graph group);

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override;
  void eval_gpu(const std::vector<array>& inputs, std::vector<array>& outputs) override;
  // Transforms repeat the recorded graph, not this; these rules repeat the group.
  std::vector<array> vjp(
      const std::vector<array>& primals, const std::vector<array>& cotangents,
      const std::vector<int>& argnums, const std::vector<array>& outputs) override;
  std::vector<array> jvp(
      const std::vector<array>& primals, const std::vector<array>& tangents,
      const std::vector<int>& argnums) override;
  std::pair<std::vector<array>, std::vector<int>> vmap(
      const std::vector<array>& inputs, const std::vector<int>& axes) override;
  const char* name() const override {
    return "Fused";
  }
  bool is_equivalent(const Primitive& other) const override;
  std::vector<mlx::core::Shape> output_shapes(const std::vector<array>& inputs) override;

  const Graph& group() const {
    return group_;
  }

 private:
  Graph group_;
  std::shared_ptr<const Tiling> tiling_;
};

} // namespace adj
