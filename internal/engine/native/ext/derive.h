// Derivatives of recorded computations.
#pragma once
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "ext/engine.h"

namespace adj {

// Own is a primitive of ours that chooses where derivatives flow.
class Own : public mlx::core::Primitive {
 public:
  using Primitive::Primitive;
  // flows says whether a derivative passes between an input and the outputs. An
  // input that it does not pass to is not among a rule's argnums.
  virtual bool flows(size_t input, bool forward) const {
    return true;
  }
  // points says that it computes each element of its result from one of each input, by
  // the kernel of its name.
  virtual bool points() const {
    return false;
  }
  // pull is vjp for a primitive that cares which of its outputs have no cotangent.
  virtual std::vector<array> pull(
      const std::vector<array>& primals, const std::vector<std::optional<array>>& cotangents,
      const std::vector<int>& argnums, const std::vector<array>& outputs);
  // prepare makes what evaluating needs besides memory. That is not the business of the
  // queue's thread, which does not hold the engine's lock.
  virtual void prepare() {}
  // plain is what it computes in operations of MLX's alone, for a file that MLX
  // reads. repeat repeats a recorded function so. It fails where there are none.
  using Repeat = std::function<std::vector<array>(const Graph&, const std::vector<array>&)>;
  virtual std::vector<array> plain(const std::vector<array>& inputs, const Repeat& repeat);
};

using Ids = std::unordered_set<uintptr_t>;

// Tape is what leads from the arrays at to outputs.
class Tape {
 public:
  // apart holds arrays that depend on nothing of at.
  Tape(
      const std::vector<array>& outputs, const std::vector<array>& at, bool forward, const Ids& apart = {});

  // pull returns the gradients of outputs, weighted with their cotangents, with
  // respect to each of at; none where there is no dependence. An output may be
  // named many times.
  std::vector<std::optional<array>> pull(
      const std::vector<array>& outputs, const std::vector<array>& cotangents) const;
  // push returns the tangents of outputs for tangents of at.
  std::vector<std::optional<array>> push(
      const std::vector<array>& outputs, const std::vector<array>& tangents) const;

  // unmark ends the trace that began at the arrays at: what depends on them is a
  // tracer only if it depends on one of an outer trace.
  void unmark();

 private:
  std::vector<int> arguments(const array& a) const;

  std::vector<array> at_;
  bool forward_;
  std::vector<array> traced_; // all that depends on at, also through a stop_gradient
  std::vector<array> nodes_; // what has a derivative
  Ids depends_, reaching_;
};

// filled puts zeros like like[i] where there is no value.
std::vector<array> filled(
    const std::vector<std::optional<array>>& values, const std::vector<array>& like);

// reversing says whether a function that will be differentiated in reverse is
// being traced on this thread.
bool reversing();
class Reversing {
 public:
  explicit Reversing(bool on);
  ~Reversing();
  Reversing(const Reversing&) = delete;

 private:
  bool on_;
};

// tracing says whether what is computed on this thread may be transformed later:
// a function is being traced, or a derivative is being put together.
bool tracing();

// While a Tracing lives it is so: what is put together may be differentiated.
class Tracing {
 public:
  Tracing();
  ~Tracing();
  Tracing(const Tracing&) = delete;
};

// in_grad_tracing calls f on tracers that stand for in; MLX then keeps the graph
// of what is evaluated.
void in_grad_tracing(
    const std::vector<array>& in, const std::function<void(const std::vector<array>&)>& f);

} // namespace adj
