// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Reductions over axes that do not lie together, as pooling takes them: a row of the
// result is put together from rows of the input, in their order.
#include "cpu/window.h"

#include <algorithm>

#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "cpu/reductions.h"
#include "cpu/task.h"
#include "ext/tiles.h"
#include "mlx/ops.h"

namespace adj::cpu {

using namespace mlx::core;

Windows::Windows(const array& in, const std::vector<int>& axes) {
  auto list = spans(in, axes);
  if (!list.empty() && !list.back().reduced && list.back().stride == 1) {
    row = list.back().size;
    list.pop_back();
  }
  at = {0};
  Shape shape;
  Strides strides;
  for (auto& a : list) {
    if (!a.reduced) {
      shape.push_back(a.size);
      strides.push_back(a.stride);
      rows *= a.size, line = a.size, step = a.stride;
      continue;
    }
    runs++;
    std::vector<int64_t> all;
    for (auto from : at) {
      for (int64_t i = 0; i < a.size; i++) {
        all.push_back(from + i * a.stride);
      }
    }
    at = std::move(all);
  }
  places = {shape, strides};
}

namespace {

// Rows of a window, at most.
constexpr size_t most = 256;

// lines calls f(i, place, count, step) for runs of rows whose places lie a step apart.
template <class F> void lines(const Windows& w, F&& f) {
  split(w.rows, std::max<size_t>(1, reduced_grain / (w.row * w.at.size())), [&](size_t begin, size_t end) {
    for (size_t i = begin, n; i < end; i += n) {
      n = std::min(end - i, w.line - i % w.line);
      f(i, w.places.at(i), n, w.step);
    }
  });
}

// combine makes count rows of n elements, each from k rows at x + at, or from 4.
template <class Op, class T, class R, size_t known>
ADJ_CLONES void combine(R* out, const T* x, int64_t step, size_t count, size_t n, const int64_t* at, size_t k) {
  using W = Wide<T>;
  constexpr size_t block = 64;
  for (size_t r = 0; r < count; r++, x += step, out += n) {
    if constexpr (known == 4) {
      auto *a = x + at[0], *b = x + at[1], *c = x + at[2], *d = x + at[3];
      ADJ_LOOP
      for (size_t i = 0; i < n; i++) {
        out[i] = R(Op::f(Op::f(Op::f(W(a[i]), W(b[i])), W(c[i])), W(d[i])));
      }
    } else {
      for (size_t from = 0; from < n; from += block) {
        W acc[block];
        size_t m = std::min(block, n - from);
        for (size_t i = 0; i < m; i++) {
          acc[i] = W(x[at[0] + from + i]);
        }
        for (size_t j = 1; j < k; j++) {
          auto* y = x + at[j] + from;
          ADJ_LOOP
          for (size_t i = 0; i < m; i++) {
            acc[i] = Op::f(acc[i], W(y[i]));
          }
        }
        for (size_t i = 0; i < m; i++) {
          out[from + i] = R(acc[i]);
        }
      }
    }
  }
}

template <class Op, class T, class R = T> void reduce(const Windows& w, const void* x, void* out) {
  lines(w, [&](size_t i, int64_t place, size_t count, int64_t step) {
    auto* to = static_cast<R*>(out) + i * w.row;
    auto* from = static_cast<const T*>(x) + place;
    size_t k = w.at.size();
    (k == 4 ? combine<Op, T, R, 4> : combine<Op, T, R, 0>)(to, from, step, count, w.row, w.at.data(), k);
  });
}

using Reducing = void (*)(const Windows& w, const void* x, void* out);

Reducing kernel_of(Reduce::ReduceType type, Dtype in, Dtype out) {
  if (type == Reduce::Sum && in == bool_ && out == int32) {
    return reduce<SumOf, bool, int32_t>;
  }
  return in != out ? nullptr : reducing<Reducing>(type, in, [](auto op, auto value) -> Reducing { return reduce<decltype(op), decltype(value)>; });
}

Eval next;

void evaluate(Primitive* primitive, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& out = outputs[0];
  auto [type, axes] = static_cast<Reduce*>(primitive)->state();
  auto kernel = kernel_of(type, in.dtype(), out.dtype());
  // One run of axes is the business of others.
  if (!kernel || in.size() == 0 || in.size() / out.size() > most) {
    return next(primitive, inputs, outputs);
  }
  Windows w(in, axes);
  if (w.row == 1 || (w.runs < 2 && in.dtype() != bool_)) {
    return next(primitive, inputs, outputs);
  }
  out.set_data(allocator::malloc(out.nbytes()));
  perform(primitive->stream(), [kernel, w = std::move(w), x = in.data<char>(), y = out.data<char>()] { kernel(w, x, y); });
}

// part4 is part for windows of four.
ADJ_CLONES void part4(
    float* out, const float* x, const float* y, const float* ct, int64_t step, size_t count, size_t n, const int64_t* at) {
  auto *xa = x + at[0], *xb = x + at[1], *xc = x + at[2], *xd = x + at[3];
  auto *a = out + at[0], *b = out + at[1], *c = out + at[2], *d = out + at[3];
  for (size_t r = 0; r < count; r++, y += n, ct += n) {
    ptrdiff_t o = r * step;
    ADJ_LOOP
    for (size_t i = 0; i < n; i++) {
      float v = y[i], p = xa[o + i], q = xb[o + i], s = xc[o + i], t = xd[o + i];
      float hits = (p == v ? 1.0f : 0.0f) + (q == v ? 1.0f : 0.0f) + (s == v ? 1.0f : 0.0f) + (t == v ? 1.0f : 0.0f);
      float each = ct[i] / hits;
      a[o + i] = p == v ? each : 0.0f;
      b[o + i] = q == v ? each : 0.0f;
      c[o + i] = s == v ? each : 0.0f;
      d[o + i] = t == v ? each : 0.0f;
    }
  }
}

// part gives each element that is equal to its window's y an equal part of its ct.
ADJ_CLONES void part(
    float* out, const float* x, const float* y, const float* ct, int64_t step, size_t count, size_t n, const int64_t* at,
    size_t k) {
  constexpr size_t block = 64;
  for (size_t r = 0; r < count; r++, x += step, out += step, y += n, ct += n) {
    for (size_t from = 0; from < n; from += block) {
      float each[block] = {};
      size_t m = std::min(block, n - from);
      for (size_t j = 0; j < k; j++) {
        auto* a = x + at[j] + from;
        ADJ_LOOP
        for (size_t i = 0; i < m; i++) {
          each[i] += a[i] == y[from + i] ? 1.0f : 0.0f;
        }
      }
      ADJ_LOOP
      for (size_t i = 0; i < m; i++) {
        each[i] = ct[from + i] / each[i];
      }
      for (size_t j = 0; j < k; j++) {
        auto *a = x + at[j] + from, *b = y + from;
        auto* to = out + at[j] + from;
        ADJ_LOOP
        for (size_t i = 0; i < m; i++) {
          to[i] = a[i] == b[i] ? each[i] : 0.0f;
        }
      }
    }
  }
}

} // namespace

void WindowsGradient::eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto dense = [&](const array& a) { return a.flags().row_contiguous ? a : contiguous(a, stream()); };
  auto x = dense(inputs[0]), y = dense(inputs[1]), ct = dense(inputs[2]);
  auto& out = outputs[0];
  out.set_data(allocator::malloc(out.nbytes()));
  perform(stream(), [w = Windows(x, axes_), x = x.data<float>(), y = y.data<float>(), ct = ct.data<float>(), to = out.data<float>()] {
    lines(w, [&](size_t i, int64_t place, size_t count, int64_t step) {
      size_t n = w.row;
      if (w.at.size() == 4) {
        return part4(to + place, x + place, y + i * n, ct + i * n, step, count, n, w.at.data());
      }
      part(to + place, x + place, y + i * n, ct + i * n, step, count, n, w.at.data(), w.at.size());
    });
  });
}

void take_windows() {
  next = take(sum(array({1.0f, 2.0f}), true), "Sum", evaluate);
}

} // namespace adj::cpu
