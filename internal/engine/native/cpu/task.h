// What a kernel does once its results have memory.
#pragma once
#include <utility>

#include "ext/engine.h"
#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"

namespace adj::cpu {

// allocate gives a result memory, unless it has some: that of a place to write it to.
inline void allocate(mlx::core::array& out) {
  if (!out.data_shared_ptr()) {
    out.set_data(mlx::core::allocator::malloc(out.nbytes()));
  }
}

// perform does a task of stream s: at once, or when its turn comes.
template <class F> void perform(const mlx::core::Stream& s, F&& task) {
  if (tasks_run_here()) {
    task();
  } else {
    mlx::core::cpu::get_command_encoder(s).dispatch(std::forward<F>(task));
  }
}

} // namespace adj::cpu
