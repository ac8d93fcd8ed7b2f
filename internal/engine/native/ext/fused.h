// A group of elementwise ops as one primitive.
#pragma once
#include <memory>

#include "ext/engine.h"
#include "ext/tiles.h"

namespace adj {

using mlx::core::Shape;

// A Tiling is how a group is computed: a list of kernels over places. A place is
// a tile of an input, a constant, an output or a register.
//
// In a group with reductions tiles are whole rows along the last axis: a place has all
// elements of them or, where it is narrow, one for each.
class Tiling {
 public:
  struct Step {
    Kernel run; // else
    RowKernel along;
    uint32_t dst, src[3];
    bool narrow;
  };
  struct Place {
    uint8_t width; // bytes of an element
    bool narrow;
  };
  struct Source {
    uint32_t index, place; // the input's
  };
  struct Constant {
    uint64_t bits;
    uint32_t place;
  };
  explicit Tiling(const Graph& group);

  std::vector<Step> steps;
  std::vector<Place> places;
  std::vector<Source> sources;
  std::vector<Constant> constants;
  std::vector<uint32_t> outputs; // places
  size_t tile; // elements of a tile
  Shape full; // of what is not narrow, in a group with reductions

  // row is the number of elements that are computed together: those of a row, or one.
  size_t row() const {
    return full.empty() ? 1 : full.back();
  }
  // may_share says whether the memory of an input may be that of an output.
  bool may_share(size_t input, size_t output) const {
    return last_read_[input] <= written_[output];
  }

 private:
  friend class Lowering;
  std::vector<uint32_t> last_read_, written_; // steps
};

// narrowed is a shape with one element along the last axis.
Shape narrowed(Shape full);
// fits says whether rows of a shape can be computed whole, shared out by rows.
bool fits(const Shape& full);
// in_two_steps says whether a reduction over axes combines the values of each row first,
// and then the results: a group computes the first of these steps.
bool in_two_steps(const Shape& in, const std::vector<int>& axes, mlx::core::Dtype d);
// by_rows says whether a node needs whole rows of its input, which has that shape.
bool by_rows(const Graph::Node& n, const Shape& in);

// elementwise says whether a node computes each element of its results from one
// element of each argument.
bool elementwise(const Graph::Node& n);
// has_tiles returns why a node cannot be part of a Tiling, or nothing. in are the
// dtypes of its inputs.
std::string has_tiles(const Graph::Node& n, const std::vector<mlx::core::Dtype>& in);

// compute runs a tiling as a task of a stream. Inputs have any shape that broadcasts
// to that of what is computed from them. The outputs get their memory here.
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
  std::vector<Shape> output_shapes(const std::vector<array>& inputs) override;

  const Graph& group() const {
    return group_;
  }

 private:
  Graph group_;
  std::shared_ptr<const Tiling> tiling_;
};

} // namespace adj
