// Primitives that pass arrays through unchanged and only say what derivatives do.
#pragma once
#include "ext/flow.h"

namespace adj {

// The outputs of a Through are its last inputs; they share their buffers. Unless
// a class says otherwise a derivative passes between these.
class Through : public Own {
 public:
  Through(Stream s, size_t outputs) : Own(s), outputs_(outputs) {}

  void eval_cpu(const Arrays& inputs, Arrays& outputs) override;
  void eval_gpu(const Arrays& inputs, Arrays& outputs) override {
    eval_cpu(inputs, outputs);
  }
  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays& outputs) override;
  Arrays jvp(
      const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override;
  std::vector<mlx::core::Shape> output_shapes(const Arrays& inputs) override;
  Arrays plain(const Arrays& inputs, const Repeat&) override {
    return part(inputs, head(inputs), inputs.size());
  }
  // Whether its results may be replaced by its last inputs where no derivative is
  // taken.
  virtual bool idle() const {
    return true;
  }

 protected:
  // The inputs before the ones that are passed through.
  size_t head(const Arrays& inputs) const {
    return inputs.size() - outputs_;
  }
  size_t outputs_;
};

// argument returns a as what a function is given that has rules of its own:
// derivatives enter the function where they pass here.
array argument(const array& a, bool passes);

// without_arguments is a recorded function in which derivatives do not stop at what
// argument() made of its first n inputs.
Body without_arguments(const Graph& g, size_t n);

// late returns a, computed after the arrays first.
array late(const array& a, const Arrays& first);

// saved returns value, which stands for recomputed: derivatives flow to the
// latter. forget_recomputed, when all derivatives have been taken, cuts these off
// from what leads to outputs, so that they are not computed.
array saved(const array& recomputed, const array& value);
void forget_recomputed(const Arrays& outputs, const Arrays& from);

// label is what named() called an array, null for others.
const std::string* label(const array& a);

// Entries of the api.
int arguments_of(
    const uint64_t* in, uint64_t n, bool passes, uint64_t** out, uint64_t* nout);
int named_of(uint64_t a, const char* label, uint64_t* out);
int custom_of(
    uint64_t op, const uint64_t* in, uint64_t n, uint64_t results, bool vjp, bool jvp,
    uint64_t** out, uint64_t* nout);
int checkpoint_of(
    const uint64_t* in, uint64_t n, uint64_t results, bool matmuls, const char* names,
    uint64_t** out, uint64_t* nout);

} // namespace adj
