// What the parts of the engine share.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ext/adj.h"
#include "ext/words.h"
#include "mlx/mlx.h"
#include "mlx/primitives.h"

namespace adj {

using mlx::core::array;
using mlx::core::Stream;

extern adj_callbacks go;

void set_error(const std::string& what);
const std::string& last_error();

inline array& arr(uint64_t h) {
  return *reinterpret_cast<array*>(h);
}
inline uint64_t handle(array a) {
  return reinterpret_cast<uint64_t>(new array(std::move(a)));
}
std::vector<array> arrays(const uint64_t* h, uint64_t n);
// give leaves arrays in a malloc'ed block of handles, give_text a text in one of bytes.
void give(std::vector<array> v, uint64_t** out, uint64_t* nout);
void give_text(const std::string& text, char** out, uint64_t* n);

// GoError ends a C++ frame after a Go callback failed.
struct GoError {};

// guarded runs f and turns what it throws into a code.
int guarded(const std::function<void()>& f);

// call_go runs a traced Go function on arrays, as trace number trace. axes, when
// given, receives the axis that the function's reply names for each result.
std::vector<array> call_go(
    uint64_t fn, uint64_t trace, const std::vector<array>& in, std::vector<int>* axes = nullptr);

// A trace is live on this thread while the object lives.
class LiveTrace {
 public:
  LiveTrace(uint64_t id, const std::vector<array>& in);
  ~LiveTrace();
  LiveTrace(const LiveTrace&) = delete;

  static bool any();
  static bool has(uint64_t id);
  static uint64_t current(); // the innermost, 0 for none
  static void abandon(); // the innermost ended without its destructor

  // MLX's derivatives wipe the marks of outer traces off whatever they walk
  // over. An array without its mark loses its graph when it is evaluated, and
  // with it its gradient. mark puts the marks back on what outputs depend on,
  // down to the live traces' inputs. first are the derivative's own inputs.
  static void mark(const std::vector<array>& first, const std::vector<array>& outputs);

 private:
  struct Trace;
  static thread_local Trace* innermost_;
};

// topological returns the arrays that outputs depend on, inputs first, one per
// primitive, without recursion. enter says where to go on.
std::vector<array> topological(
    const std::vector<array>& outputs, const std::function<bool(const array&)>& enter);

// op_name returns the name of an op of MLX's, or of one of ours that has a kernel, or
// nothing: an op that is a Go function may have any name.
std::string_view op_name(const mlx::core::Primitive& p);

// A Graph is a recorded computation from placeholders to outputs that can be
// repeated on other inputs. It holds primitives and constants, not the arrays
// of the trace.
class Graph {
 public:
  // Records what outputs compute from placeholders. constant is called for every
  // array that is used and does not depend on a placeholder. With fills, a large
  // one that repeats a value is recorded, and only its value is a constant.
  Graph(const std::vector<array>& placeholders, const std::vector<array>& outputs,
      const std::function<void(const array&)>& constant, bool fills = false);
  struct Node {
    bool broadcast;
    std::shared_ptr<mlx::core::Primitive> primitive;
    std::vector<uint32_t> in; // slots
    std::vector<mlx::core::Shape> shapes;
    std::vector<mlx::core::Dtype> dtypes;
    bool reduces = false, whole = false; // a Reduce; recorded as a call, see whole.h
  };
  struct Spec {
    mlx::core::Shape shape;
    mlx::core::Dtype dtype;
  };
  Graph(std::vector<Spec> inputs, std::vector<array> constants, std::vector<Node> nodes,
      std::vector<uint32_t> outputs);
  // Repeats the computation. infer asks the primitives for the shapes.
  std::vector<array> run(const std::vector<array>& in, bool infer) const;
  // difference returns the name of the first op that differs, or nothing.
  std::string difference(const Graph& other) const;
  void eval_constants();
  size_t inputs() const {
    return inputs_.size();
  }
  const std::vector<Spec>& input_specs() const {
    return inputs_;
  }
  const std::vector<array>& constants() const {
    return constants_;
  }
  const std::vector<Node>& nodes() const {
    return nodes_;
  }
  const std::vector<uint32_t>& outputs() const {
    return outputs_;
  }
  // lift makes inputs of the constants, behind the other inputs, and returns them.
  std::vector<array> lift();
  // evaluate runs the computation now, in its fused form, on arrays that are evaluated
  // or scheduled on the stream of its primitives. It is meant for primitives that are
  // being evaluated themselves. After a failure it returns nothing.
  std::vector<array> evaluate(std::vector<array> in) const;
  // prepare makes the fused form, which evaluate does where it is not there.
  void prepare() const;
  const std::shared_ptr<const Graph>& prepared() const {
    prepare();
    return fused_;
  }
  // only says whether all primitives are on a stream.
  bool only(const Stream& s) const;

 private:
  std::string user(uint32_t slot) const;
  std::vector<array> evaluate_as_it_is(std::vector<array> in) const;

  mutable std::shared_ptr<const Graph> fused_; // made by prepare
  // Slots: the inputs, the constants, then the results of the nodes in order.
  std::vector<Spec> inputs_;
  size_t slots_ = 0;
  std::vector<array> constants_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> outputs_;
};

// Batched is an array of which one axis is mapped; unmapped is none.
constexpr int unmapped = -1;
struct Batched {
  array value;
  int axis;
};

// vectorize repeats on inputs what was recorded from placeholders to results.
std::vector<Batched> vectorize(
    const std::vector<Batched>& inputs, const std::vector<array>& placeholders,
    const std::vector<array>& results);
// moved returns r mapped along axis, repeated size times if it is not mapped.
array moved(const Batched& r, int axis, int size);

const Stream& stream_of(const array& a);

// Evaluation on the calling thread; see inline.cpp.
void inline_init();
// It returns false when the outputs must be evaluated by MLX. With wait false only what
// is small is computed here, and only when nothing is in the queue; the rest is put there.
bool eval_inline(std::vector<array> outputs, bool wait = true);
void queue_used();
// tasks_run_here says that a task of the CPU stream is to run at once on this thread.
bool tasks_run_here();
// evaluate_now evaluates outputs in whichever way is right for them.
void evaluate_now(const std::vector<array>& outputs, bool async);
// away_begin returns an evaluation by steps if there are foreign ops in what is to
// be evaluated that are called without the lock, else 0; see away.cpp.
uint64_t away_begin(const std::vector<array>& outputs, bool async, uint64_t trace);
// eval_node evaluates a node whose inputs are evaluated or scheduled on its
// stream, and says whether that worked. settle waits until results may be read.
bool eval_node(array& a);
bool settle(const Stream& s);

// The streams of this process by number, the one that this thread's operations run
// on, and this thread's set-up.
const Stream& stream(int64_t s);
int64_t stream_current();
class OnStream {
 public:
  explicit OnStream(int64_t s);
  ~OnStream();
  OnStream(const OnStream&) = delete;

 private:
  int64_t outer_;
};
void ensure_thread();

// watched says whether operations are to be seen one by one, see adj.h.
bool watched();

// line_of is the line that an operation comes from, 0 where none is known.
uint64_t line_of(mlx::core::Primitive& p);

// follow_line gives the operations of a derivative of from the line of from,
// where it has one.
void follow_line(const array& from, const std::vector<array>& made);

// Entries of the api that live in other files.
void fill_traces(adj_api* api);
void fill_transforms(adj_api* api);
void fill_vmap(adj_api* api);
void fill_program(adj_api* api);
void fill_describe(adj_api* api);
void fill_export(adj_api* api);
void fill_foreign(adj_api* api);
void fill_away(adj_api* api);
void fill_goops(adj_api* api);
void fill_through(adj_api* api);
void fill_flow(adj_api* api);
void fill_inspect(adj_api* api);
void fill_axis(adj_api* api);

} // namespace adj
