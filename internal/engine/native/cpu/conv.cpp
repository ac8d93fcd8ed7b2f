// adjoint:flags -O3
// Convolutions: what computes them, by how arrays lie and how they meet.
#include <algorithm>
#include <vector>

#include "cpu/blas.h"
#include "cpu/copy.h"
#include "cpu/direct.h"
#include "cpu/doubles.h"
#include "cpu/eager.h"
#include "cpu/patches.h"
#include "cpu/pool.h"
#include "ext/tiles.h"
#include "mlx/ops.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

Eval stock;

array scratch(const Shape& shape, const Stream& s) {
  array a(shape, float32, nullptr, {});
  a.set_data(allocator::malloc(a.nbytes()));
  mlx::core::cpu::get_command_encoder(s).add_temporary(a);
  return a;
}

void converted(void* to, const void* from, size_t n, Kernel convert, size_t to_size, size_t from_size) {
  split(n, 1 << 14, [=](size_t begin, size_t end) {
    convert(static_cast<char*>(to) + begin * to_size, static_cast<const char*>(from) + begin * from_size, nullptr, nullptr, end - begin);
  });
}

// wide returns a in float32, lying as a does where its memory has no gaps.
array wide(array a, const Stream& s) {
  if (a.dtype() == float32) {
    return a;
  }
  if (!a.flags().contiguous) {
    a = contiguous(a, s);
  }
  array b(a.shape(), float32, nullptr, {});
  b.set_data(allocator::malloc(a.data_size() * sizeof(float)), a.data_size(), a.strides(), a.flags());
  mlx::core::cpu::get_command_encoder(s).add_temporary(b);
  perform(s, [x = a.data<char>(), y = b.data<char>(), n = a.data_size(), convert = load_kernel(a.dtype())] {
    converted(y, x, n, convert, 4, 2);
  });
  return b;
}

array dense(const array& a, const Stream& s) {
  return a.flags().row_contiguous ? a : contiguous(a, s);
}

// flipped returns weights with their spatial axes reversed.
array flipped(const array& a, const Stream& s) {
  auto b = scratch(a.shape(), s);
  size_t c = a.shape(-1), taps = a.size() / a.shape(0) / c;
  perform(s, [x = a.data<float>(), y = b.data<float>(), n = a.size() / c, taps, c] {
    for (size_t i = 0; i < n; i++) {
      std::copy_n(x + i * c, c, y + (i / taps * taps + taps - 1 - i % taps) * c);
    }
  });
  return b;
}

// A Task is one evaluation: arrays in float32, and how they meet.
struct Task {
  array in, weights;
  std::array<Side, 3> sides;
  int rank, groups;
  bool flip;

  // distances are the strides of an array by its axes, where a spatial one that it does
  // not have is of one element.
  std::array<int64_t, 5> distances(const array& a) const {
    std::array<int64_t, 5> by{a.strides(0), 0, 0, 0, a.strides(-1)};
    for (int i = 0; i < rank; i++) {
      by[4 - rank + i] = a.strides(i + 1);
    }
    return by;
  }

  // gradient says whether this is the gradient of weights that rules_conv.cpp makes a
  // convolution of: channels are in the place of images, images in that of channels, and
  // the gradients of results, as large as images, in that of the weights.
  bool gradient() const {
    bool turned = in.shape(0) == 1 ? in.shape(-1) > 1 && in.strides(-1) > 1 : in.strides(0) == 1 && (in.strides(-1) > 1 || in.shape(-1) == 1);
    return turned && !flip && sides[2].kernel >= 4 && seen_so().fits() && std::all_of(sides.begin(), sides.end(), [](auto& s) {
      return s.apart == 1 && s.kernel >= s.out;
    });
  }
  // seen_so is the convolution of which this is the gradient, and ct the gradient of its
  // results.
  Direct seen_so() const {
    Direct d{sides, in.shape(-1) / groups, in.shape(0), weights.shape(0) / groups, groups, {}, {}, {}};
    for (auto& s : d.sides) {
      std::swap(s.out, s.kernel);
      std::swap(s.step, s.spread);
    }
    auto by = distances(in);
    std::swap(by[0], by[4]);
    d.in = {in.data<float>(), by, d.batch * by[0]};
    return d;
  }
  Images<const float> ct() const {
    auto by = distances(weights);
    std::swap(by[0], by[4]);
    return {weights.data<float>(), by, weights.shape(0) / groups * by[4]};
  }
  Direct direct(array& sums) const {
    int some = in.shape(-1) / groups, each = weights.shape(0) / groups;
    auto by = distances(weights);
    auto* w = weights.data<float>();
    for (int i = 0; i < 3 && flip; i++) {
      w += (sides[i].kernel - 1) * by[i + 1];
      by[i + 1] = -by[i + 1];
    }
    return {sides, in.shape(0), some, each, groups, {in.data<float>(), distances(in), some}, {w, by, each * by[0]},
            {sums.data<float>(), distances(sums), each}};
  }
};

void convolve(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& out = outputs[0];
  auto dtype = out.dtype();
  auto& c = static_cast<Convolution&>(*p);
  // MLX rounds the products of these to float32, or has none.
  bool doubles = dtype == float64;
  bool known = (has_blas() && (dtype == float32 || dtype == float16 || dtype == bfloat16)) || doubles;
  auto rank = (int)out.ndim() - 2;
  if (!known || rank < 1 || rank > 3 || out.size() == 0 || inputs[0].size() == 0 || inputs[1].size() == 0 ||
      inputs[0].dtype() != dtype || inputs[1].dtype() != dtype) {
    stock(p, inputs, outputs);
    return;
  }
  auto s = p->stream();
  auto [steps, low, high, spread, apart, groups, flip] = c.state();
  std::array<Side, 3> sides;
  for (int i = 0; i < rank; i++) {
    sides[3 - rank + i] = {
        inputs[0].shape(i + 1), out.shape(i + 1), inputs[1].shape(i + 1), steps[i], low[i], spread[i], apart[i]};
  }
  if (doubles) {
    auto in = dense(inputs[0], s), weights = dense(inputs[1], s);
    out.set_data(allocator::malloc(out.nbytes()));
    return perform(s, Doubles{sides, in.shape(0), in.shape(-1), out.shape(-1), groups, flip, in.data<double>(),
                              weights.data<double>(), out.data<double>()});
  }
  Task t{wide(inputs[0], s), wide(inputs[1], s), sides, rank, groups, flip};
  bool gradient = t.gradient();
  if (gradient) {
    // It lies as the weights do: results, kernel, channels.
    auto strides = out.strides();
    strides[0] = 1;
    int64_t by = out.shape(0);
    for (int i = rank; i > 0; by *= out.shape(i), i--) {
      strides[i] = by;
    }
    strides[rank + 1] = by;
    out.set_data(allocator::malloc(out.nbytes()), out.size(), strides, {true, false, false});
  } else {
    out.set_data(allocator::malloc(out.nbytes()));
  }
  auto sums = dtype == float32 ? out : scratch(out.shape(), s);
  auto finish = [&](auto&& job) {
    perform(s, [job, from = sums.data<float>(), to = out.data<char>(), n = out.size(), dtype] {
      job();
      if (dtype != float32) {
        converted(to, from, n, store_kernel(dtype), 2, 4);
      }
    });
  };
  if (gradient) {
    return finish([d = t.seen_so(), ct = t.ct(), to = sums.data<float>()] { d.gradient(ct, to); });
  }
  if (t.in.strides(-1) != 1 && t.in.shape(-1) > 1) {
    t.in = dense(t.in, s);
  }
  if (auto parts = phases(t.direct(sums)); !parts.empty()) {
    size_t places = 0;
    for (auto& d : parts) {
      places += (size_t)d.sides[0].out * d.sides[1].out * d.sides[2].out;
    }
    bool all = places * sums.shape(0) * sums.shape(-1) == sums.size();
    return finish([parts, all, to = sums.data<float>(), n = sums.size()] {
      if (!all) {
        std::fill_n(to, n, 0.0f);
      }
      for (auto& d : parts) {
        d.convolve();
      }
    });
  }
  auto in = dense(t.in, s), weights = dense(t.weights, s);
  if (flip) {
    weights = flipped(weights, s);
  }
  finish(Patches{t.sides, in.shape(0), in.shape(-1), weights.shape(0), groups, in.data<float>(), weights.data<float>(), sums.data<float>()});
}

} // namespace

void take_convolutions() {
  stock = take(conv1d(zeros({1, 2, 1}), zeros({1, 1, 1})), "Convolution", convolve);
}

} // namespace adj::cpu
