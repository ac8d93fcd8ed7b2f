// Ops that write their inputs in another layout.
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/copy.h"
#include "cpu/eager.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

Eval stock_contiguous, stock_reshape, stock_flatten, stock_unflatten, stock_concatenate, stock_full, stock_pad,
    stock_slice_update;

std::shared_ptr<Primitive> by_rows_only; // a Contiguous that does not allow columns

void copied(const array& in, array& out, const Stream& s) {
  out.set_data(allocator::malloc(out.nbytes()));
  copy(in, out, out.strides(), 0, s);
}

void contiguous_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  // What is contiguous by columns is so for an op that allows it.
  bool enough = in.flags().row_contiguous || (in.flags().col_contiguous && !by_rows_only->is_equivalent(*p));
  if (enough || in.size() == 0) {
    stock_contiguous(p, inputs, outputs);
    return;
  }
  copied(in, outputs[0], p->stream());
}

// viewed says whether strides can give in the shape of out. MLX then makes no copy.
bool viewed(const array& in, const array& out) {
  if (in.size() == 0 || in.ndim() == 0 || in.flags().row_contiguous) {
    return true;
  }
  Shape runs; // the axes of in that follow each other evenly, as one
  int64_t stride = 0;
  for (size_t i = 0; i < in.ndim(); i++) {
    if (in.shape(i) == 1) {
      continue;
    }
    if (!runs.empty() && stride == in.strides(i) * in.shape(i)) {
      runs.back() *= in.shape(i);
    } else {
      runs.push_back(in.shape(i));
    }
    stride = in.strides(i);
  }
  size_t run = 0;
  for (auto n : out.shape()) {
    if (n == 1) {
      continue;
    }
    if (run == runs.size() || runs[run] % n != 0) {
      return false;
    }
    runs[run] /= n;
    run += runs[run] == 1;
  }
  return true;
}

template <Eval& stock> void reshape_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& out = outputs[0];
  if (viewed(in, out)) {
    stock(p, inputs, outputs);
    return;
  }
  out.set_data(allocator::malloc(out.nbytes()));
  array whole(in.shape(), in.dtype(), nullptr, {});
  copy(in, out, whole.strides(), 0, p->stream());
}

void concatenate_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& out = outputs[0];
  int axis = static_cast<Concatenate*>(p)->state();
  allocate(out);
  int64_t at = 0;
  for (auto& in : inputs) {
    copy(in, out, out.strides(), at * out.strides(axis), p->stream());
    at += in.shape(axis);
  }
}

void full_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  if (in.size() == 0 || in.dtype() != outputs[0].dtype() || (in.flags().contiguous && in.data_size() > 1)) {
    stock_full(p, inputs, outputs);
    return;
  }
  copied(in, outputs[0], p->stream());
}

void pad_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& value = inputs[1];
  auto& out = outputs[0];
  auto [axes, low, high] = static_cast<Pad*>(p)->state();
  if (value.dtype() != out.dtype() || in.dtype() != out.dtype() || out.size() == 0) {
    stock_pad(p, inputs, outputs);
    return;
  }
  int64_t offset = 0;
  for (size_t i = 0; i < axes.size(); i++) {
    offset += out.strides(axes[i] < 0 ? axes[i] + (int)out.ndim() : axes[i]) * low[i];
  }
  out.set_data(allocator::malloc(out.nbytes()));
  perform(p->stream(), [shape = out.shape(), to = out.strides(), size = out.itemsize(), y = out.data<char>(), v = value.data<char>()] {
    copy(y, to, v, Strides(shape.size(), 0), shape, size);
  });
  copy(in, out, out.strides(), offset, p->stream());
}

void slice_update_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& update = inputs[1];
  auto& out = outputs[0];
  auto [reduce, from, to, steps] = static_cast<SliceUpdate*>(p)->state();
  if (reduce != SliceUpdate::None || out.size() == 0 || update.size() == 0) {
    stock_slice_update(p, inputs, outputs);
    return;
  }
  auto s = p->stream();
  start(in, out, in.flags().contiguous && in.size() == in.data_size(), s);
  int64_t offset = 0;
  auto strides = out.strides();
  for (size_t i = 0; i < strides.size(); i++) {
    offset += from[i] * strides[i];
    strides[i] *= steps[i];
  }
  copy(update, out, strides, offset, s);
}

// A Start is where a slice begins that an array of indices says, one for each of axes.
class Start {
 public:
  Start(const array& indices, std::vector<int> axes, const Strides& strides, const Stream& s)
      : size_(indices.itemsize()), axes_(std::move(axes)), strides_(strides) {
    data_ = (indices.flags().row_contiguous ? indices : contiguous(indices, s)).data<char>();
  }
  int64_t operator()() const {
    int64_t at = 0;
    for (size_t i = 0; i < axes_.size(); i++) {
      uint64_t index = 0; // not negative; the low bytes come first
      std::memcpy(&index, data_ + i * size_, size_);
      at += (int64_t)index * strides_[axes_[i]];
    }
    return at;
  }

 private:
  const char* data_;
  size_t size_;
  std::vector<int> axes_;
  Strides strides_;
};

void dynamic_slice_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& out = outputs[0];
  auto s = p->stream();
  out.set_data(allocator::malloc(out.nbytes()));
  Start first(inputs[1], static_cast<DynamicSlice*>(p)->state().first, in.strides(), s);
  perform(s, [first, shape = out.shape(), to = out.strides(), from = in.strides(), x = in.data<char>(),
              y = out.data<char>(), size = (int64_t)in.itemsize()] { copy(y, to, x + first() * size, from, shape, size); });
}

void dynamic_slice_update_op(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& update = inputs[1];
  auto& out = outputs[0];
  auto s = p->stream();
  start(in, out, in.flags().contiguous && in.size() == in.data_size(), s);
  Start first(inputs[2], static_cast<DynamicSliceUpdate*>(p)->state(), out.strides(), s);
  perform(s, [first, shape = update.shape(), to = out.strides(), from = update.strides(), x = update.data<char>(),
              y = out.data<char>(), size = (int64_t)out.itemsize()] { copy(y + first() * size, to, x, from, shape, size); });
}

} // namespace

void take_copies() {
  auto x = zeros({2, 2});
  by_rows_only = mlx::core::contiguous(x).primitive_ptr();
  stock_contiguous = take(mlx::core::contiguous(x), "Contiguous", contiguous_op);
  stock_reshape = take(reshape(x, {4}), "Reshape", reshape_op<stock_reshape>);
  stock_flatten = take(flatten(x), "Flatten", reshape_op<stock_flatten>);
  stock_unflatten = take(unflatten(x, 0, {1, 2}), "Unflatten", reshape_op<stock_unflatten>);
  stock_concatenate = take(concatenate({x, x}, 0), "Concatenate", concatenate_op);
  stock_full = take(full({2}, array(1.0f)), "Full", full_op);
  stock_pad = take(pad(x, 1), "Pad", pad_op);
  stock_slice_update = take(slice_update(x, zeros({1, 1}), Shape{0, 0}, Shape{1, 1}), "SliceUpdate", slice_update_op);
  auto first = zeros({2}, int32);
  take(slice(x, first, {0, 1}, {1, 1}), "DynamicSlice", dynamic_slice_op);
  take(slice_update(x, zeros({1, 1}), first, {0, 1}), "DynamicSliceUpdate", dynamic_slice_update_op);
}

} // namespace adj::cpu
