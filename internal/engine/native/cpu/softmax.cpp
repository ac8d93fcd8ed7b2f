// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Softmax and the logarithm of a sum of exponentials, over the last axis. Half
// precision is computed in float32.
#include <algorithm>
#include <cmath>
#include <memory>

#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/engine.h"
#include "ext/tiles.h"
#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
extern "C" __attribute__((simd("notinbranch"))) float expf(float) noexcept;
#endif
#endif

namespace adj::cpu {

using namespace mlx::core;

namespace {

constexpr size_t lanes = 64;

template <class T> ADJ_CLONES float highest(const T* x, size_t n) {
  size_t i = 1;
  float high = float(x[0]);
  if (n >= 2 * lanes) {
    float acc[lanes];
    for (size_t l = 0; l < lanes; l++) {
      acc[l] = float(x[l]);
    }
    for (i = lanes; i + lanes <= n; i += lanes) {
      ADJ_LOOP
      for (size_t l = 0; l < lanes; l++) {
        float v = float(x[i + l]);
        acc[l] = acc[l] != acc[l] ? acc[l] : (v != v ? v : (acc[l] > v ? acc[l] : v));
      }
    }
    high = acc[0];
    for (float v : acc) {
      high = high != high ? high : (v != v ? v : std::max(high, v));
    }
  }
  for (; i < n; i++) {
    float v = float(x[i]);
    high = high != high ? high : (v != v ? v : std::max(high, v));
  }
  return high;
}

// exponentials leaves exp(x - high) in e and returns their sum.
template <class T> ADJ_CLONES float exponentials(float* e, const T* x, float high, size_t n) {
  size_t i = 0;
  float total = 0;
  float acc[lanes] = {};
  for (; i + lanes <= n; i += lanes) {
    ADJ_LOOP
    for (size_t l = 0; l < lanes; l++) {
      e[i + l] = ::expf(float(x[i + l]) - high);
    }
    ADJ_LOOP
    for (size_t l = 0; l < lanes; l++) {
      acc[l] += e[i + l];
    }
  }
  ADJ_LOOP
  for (size_t k = i; k < n; k++) {
    e[k] = ::expf(float(x[k]) - high);
  }
  for (; i < n; i++) {
    total += e[i];
  }
  for (size_t half = lanes / 2; half > 0; half /= 2) {
    for (size_t l = 0; l < half; l++) {
      acc[l] += acc[l + half];
    }
  }
  return total + acc[0];
}

template <class T> ADJ_CLONES void scaled(T* out, const float* e, float by, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = T(e[i] * by);
  }
}

float* row_memory(size_t n) {
  static thread_local std::unique_ptr<float[]> memory;
  static thread_local size_t size = 0;
  if (n > size) {
    memory.reset(new float[n]);
    size = n;
  }
  return memory.get();
}

using Rows = void (*)(void* out, const void* x, size_t rows, size_t n);

template <class T> void softmax_rows(void* to, const void* from, size_t rows, size_t n) {
  auto* x = static_cast<const T*>(from);
  auto* out = static_cast<T*>(to);
  for (size_t r = 0; r < rows; r++, x += n, out += n) {
    float* e;
    if constexpr (std::is_same_v<T, float>) {
      e = out;
    } else {
      e = row_memory(n);
    }
    float total = exponentials(e, x, highest(x, n), n);
    scaled(out, e, 1 / total, n);
  }
}

template <class T> void logsumexp_rows(void* to, const void* from, size_t rows, size_t n) {
  auto* x = static_cast<const T*>(from);
  auto* out = static_cast<T*>(to);
  // A piece of the row at a time: its exponentials are not kept.
  constexpr size_t piece = 1024;
  float e[piece];
  for (size_t r = 0; r < rows; r++, x += n) {
    float high = highest(x, n), total = 0;
    for (size_t i = 0; i < n; i += piece) {
      total += exponentials(e, x + i, high, std::min(piece, n - i));
    }
    out[r] = T(std::isinf(high) ? high : std::log(total) + high);
  }
}

Rows softmax_of(Dtype d) {
  return d == float32 ? softmax_rows<float> : d == float16 ? softmax_rows<float16_t>
      : d == bfloat16 ? softmax_rows<bfloat16_t> : nullptr;
}
Rows logsumexp_of(Dtype d) {
  return d == float32 ? logsumexp_rows<float> : d == float16 ? logsumexp_rows<float16_t>
      : d == bfloat16 ? logsumexp_rows<bfloat16_t> : nullptr;
}

Eval stock_softmax, stock_logsumexp;

// by_rows runs rows over in, which is contiguous; out has width values for each.
void by_rows(Rows rows, const Stream& s, const array& in, array& out, size_t width) {
  size_t n = in.shape(-1), count = in.size() / n;
  auto task = [=, x = in.data<char>(), y = out.data<char>(), xs = n * in.itemsize(), ys = width * out.itemsize()] {
    split(count, std::max<size_t>(1, (1 << 13) / n), [&](size_t begin, size_t end) {
      rows(y + begin * ys, x + begin * xs, end - begin, n);
    });
  };
  if (tasks_run_here()) {
    task();
  } else {
    mlx::core::cpu::get_command_encoder(s).dispatch(std::move(task));
  }
}

void softmax(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto rows = softmax_of(in.dtype());
  if (!rows || in.size() == 0 || !in.flags().row_contiguous) {
    stock_softmax(p, inputs, outputs);
    return;
  }
  if (in.is_donatable()) {
    outputs[0].copy_shared_buffer(in);
  } else {
    outputs[0].set_data(allocator::malloc(outputs[0].nbytes()));
  }
  by_rows(rows, p->stream(), in, outputs[0], in.shape(-1));
}

void logsumexp(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto rows = logsumexp_of(in.dtype());
  if (!rows || in.size() == 0 || !in.flags().row_contiguous) {
    stock_logsumexp(p, inputs, outputs);
    return;
  }
  outputs[0].set_data(allocator::malloc(outputs[0].nbytes()));
  by_rows(rows, p->stream(), in, outputs[0], 1);
}

} // namespace

void take_softmax() {
  auto x = array({1.0f, 2.0f});
  stock_softmax = take(mlx::core::softmax(x, -1), "Softmax", softmax);
  stock_logsumexp = take(mlx::core::logsumexp(x, -1, true), "LogSumExp", logsumexp);
}

} // namespace adj::cpu
