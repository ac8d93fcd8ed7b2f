// What evaluates on the CPU without MLX's scheduler, see inline.cpp and later.cpp.
#pragma once
#include <functional>

#include "ext/engine.h"
#include "mlx/event.h"

namespace adj {

// compute_here evaluates one node while tasks run here, and says whether that worked.
bool compute_here(
    mlx::core::Primitive& p, const std::vector<mlx::core::array>& in, std::vector<mlx::core::array>& out);

// with_tasks_here runs f while the CPU stream's tasks run on this thread, and says
// whether all went well.
bool with_tasks_here(const std::function<void()>& f);

// A TasksHere has the CPU stream's tasks run on this thread while it lives. What fails
// in a kernel of MLX's is not told.
class TasksHere {
 public:
  TasksHere();
  ~TasksHere();
  TasksHere(const TasksHere&) = delete;

 private:
  bool outer_;
};

// Signal is an event and what signals it.
struct Signal {
  mlx::core::Event event;
  std::function<void(mlx::core::Event&)> task;
  void give() {
    task(event);
  }
};

// caught_signal runs f, an evaluation of nothing, and returns the signal at its end,
// which is not given. It has no event.
Signal caught_signal(const std::function<void()>& f);

// later_stream is the stream of the events of such tasks. It has no other use: making
// an event goes through its stream's encoder, and that of the CPU stream is the tasks'.
const mlx::core::Stream& later_stream();

// later evaluates the tape as one task of the CPU stream's queue. It returns false
// where a transform follows what happens to the arrays.
bool later(std::vector<mlx::core::array>& tape);

// settle_later waits for all such tasks, settle_failed only where one has failed. What
// failed is unevaluated afterwards, so that its reader meets the error.
void settle_later();
void settle_failed();

// later_init says whether all that must wait for the queue will.
bool later_init();

} // namespace adj
