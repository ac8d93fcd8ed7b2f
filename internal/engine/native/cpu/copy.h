// Copies between layouts.
#pragma once
#include "cpu/task.h"
#include "mlx/backend/common/utils.h"

namespace adj::cpu {

// copy writes elements of itemsize bytes from one place to another, both laid out by
// strides counted in elements. The places must not overlap.
void copy(
    void* to, const mlx::core::Strides& to_strides, const void* from, const mlx::core::Strides& from_strides,
    const mlx::core::Shape& shape, size_t itemsize);

// A copy into out, or what begins offset elements behind it, as a task of stream s.
void copy(const array& in, array& out, const mlx::core::Strides& strides, int64_t offset, const Stream& s);

// start gives out the elements of in: in's memory, if whole says that it may be as it
// lies and nobody else needs it, or a copy.
void start(const array& in, array& out, bool whole, const Stream& s);

// contiguous returns a row-contiguous copy of in, which is kept until the tasks of s
// that are given out by then are done.
array contiguous(const array& in, const Stream& s);

} // namespace adj::cpu
