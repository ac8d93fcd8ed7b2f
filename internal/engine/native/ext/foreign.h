// Primitives whose evaluation and rules are Go functions.
#pragma once
#include "ext/derive.h"
#include "ext/goop.h"
#include "mlx/allocator.h"

namespace adj {

// Buffer is one raw tensor of a call.
struct Buffer {
  int dtype;
  mlx::core::Shape shape;
  void* data;
  size_t nbytes;
};
struct Call {
  std::vector<Buffer> in, out;
};

struct ForeignAbout {
  std::string name;
  std::string key; // of two calls, if not empty, says that they compute the same
  bool deterministic; // equal inputs give equal outputs
  bool away; // it may take long: Go makes it without the engine lock where possible
};

class Foreign : public Own {
 public:
  Foreign(Stream s, GoOp op, ForeignAbout about);
  ~Foreign() override;

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override;
  void eval_gpu(const std::vector<array>&, std::vector<array>&) override;
  std::vector<array> vjp(
      const std::vector<array>& primals, const std::vector<array>& cotangents,
      const std::vector<int>& argnums, const std::vector<array>& outputs) override;
  std::vector<array> jvp(
      const std::vector<array>& primals, const std::vector<array>& tangents,
      const std::vector<int>& argnums) override;
  std::pair<std::vector<array>, std::vector<int>> vmap(
      const std::vector<array>& inputs, const std::vector<int>& axes) override;
  std::vector<mlx::core::Shape> output_shapes(const std::vector<array>& inputs) override;
  bool is_equivalent(const mlx::core::Primitive& other) const override;
  const char* name() const override {
    return about_.name.c_str();
  }

  // alike says whether another computes the same but for chance.
  bool alike(const Foreign& other) const;
  const GoOp& op() const {
    return op_;
  }
  bool away() const {
    return about_.away;
  }
  // How many are away in this process.
  static size_t aways();

 private:
  GoOp op_;
  ForeignAbout about_;
};

// inputs_of describes evaluated inputs, which must be row-contiguous.
std::vector<Buffer> inputs_of(std::vector<array> inputs);

// away_of returns the op that makes a, if that is one that is away.
const Foreign* away_of(const array& a);

} // namespace adj
