// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Layer and root mean square normalization, a row at a time.
//
// MLX makes them of a dozen ops on the CPU. Where nothing is traced one op takes their
// place, which rounds where they do.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/bindings.h"
#include "ext/tiles.h"
#include "mlx/fast.h"
#include "mlx/ops.h"
#include "mlx/utils.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

template <class T> ADJ_CLONES void widen(float* to, const T* x, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    to[i] = float(x[i]);
  }
}

ADJ_CLONES void shift(float* x, float by, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    x[i] -= by;
  }
}

ADJ_CLONES void squares(float* to, const float* x, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    to[i] = x[i] * x[i];
  }
}

template <class T> ADJ_CLONES void scaled(T* to, const float* x, float by, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    to[i] = T(x[i] * by);
  }
}

template <class T> ADJ_CLONES void times(T* to, const T* w, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    to[i] = T(float(to[i]) * float(w[i]));
  }
}

template <class T> ADJ_CLONES void plus(T* to, const T* b, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    to[i] = T(float(to[i]) + float(b[i]));
  }
}

float sum(const float* x, size_t n) {
  static const auto fold = fold_kernel("Sum", float32);
  float total;
  fold(&total, x, nullptr, 1, n);
  return total;
}

// A Job is what one evaluation computes; w and b may be null.
struct Job {
  const char *x, *w, *b;
  char* out;
  size_t rows, n;
  float eps;
  bool centred;
  Dtype dtype;

  void operator()() const {
    if (dtype == float32) {
      all<float>();
    } else if (dtype == float16) {
      all<float16_t>();
    } else {
      all<bfloat16_t>();
    }
  }

  template <class T> void all() const {
    constexpr size_t grain = 1 << 13;
    split(rows, std::max<size_t>(1, grain / n), [&](size_t begin, size_t end) {
      std::unique_ptr<float[]> memory(new float[2 * n]);
      auto *row = memory.get(), *square = row + n;
      float each = 1.0f / n;
      for (size_t r = begin; r < end; r++) {
        auto* y = reinterpret_cast<T*>(out) + r * n;
        widen(row, reinterpret_cast<const T*>(x) + r * n, n);
        if (centred) {
          shift(row, sum(row, n) * each, n);
        }
        squares(square, row, n);
        scaled(y, row, 1 / std::sqrt(sum(square, n) * each + eps), n);
        if (w) {
          times(y, reinterpret_cast<const T*>(w), n);
        }
        if (b) {
          plus(y, reinterpret_cast<const T*>(b), n);
        }
      }
    });
  }
};

class Norm : public Primitive {
 public:
  Norm(Stream s, float eps, bool centred, bool weighted) : Primitive(s), eps_(eps), centred_(centred), weighted_(weighted) {}

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    auto in = inputs;
    for (auto& a : in) {
      if (!a.flags().row_contiguous) {
        a = contiguous(a, stream());
      }
    }
    auto& x = in[0];
    auto& out = outputs[0];
    out.set_data(allocator::malloc(out.nbytes()));
    size_t n = x.shape(-1), biased = 1 + weighted_;
    perform(stream(), Job{
        x.data<char>(), weighted_ ? in[1].data<char>() : nullptr, in.size() > biased ? in[biased].data<char>() : nullptr,
        out.data<char>(), x.size() / n, n, eps_, centred_, x.dtype()});
  }
  void eval_gpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::logic_error("[Norm] it was made for the CPU");
  }
  const char* name() const override {
    return centred_ ? "LayerNorm" : "RMSNorm";
  }
  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const Norm*>(&other);
    return o && o->eps_ == eps_ && o->centred_ == centred_ && o->weighted_ == weighted_;
  }
  std::vector<Shape> output_shapes(const std::vector<array>& in) override {
    return {in[0].shape()};
  }

 private:
  float eps_;
  bool centred_, weighted_;
};

using Layer = array (*)(
    const array& x, const std::optional<array>& weight, const std::optional<array>& bias, float eps, StreamOrDevice s);
using Root = array (*)(const array& x, const std::optional<array>& weight, float eps, StreamOrDevice s);

Layer stock_layer;
Root stock_root;

// made returns a Norm, or nothing where it is for MLX to say what is to be done.
std::optional<array> made(
    const array& x, const std::optional<array>& weight, const std::optional<array>& bias, float eps, bool centred,
    StreamOrDevice s) {
  auto on = to_stream(s);
  bool known = x.dtype() == float32 || x.dtype() == float16 || x.dtype() == bfloat16;
  if (!known || on.device != Device::cpu || LiveTrace::any() || watched() || x.ndim() == 0 || x.size() == 0 || x.is_tracer()) {
    return std::nullopt;
  }
  std::vector<array> inputs{x};
  for (auto* a : {&weight, &bias}) {
    if (*a) {
      if ((*a)->dtype() != x.dtype() || (*a)->shape() != Shape{x.shape(-1)} || (*a)->is_tracer()) {
        return std::nullopt;
      }
      inputs.push_back(**a);
    }
  }
  return array(x.shape(), x.dtype(), std::make_shared<Norm>(on, eps, centred, weight.has_value()), std::move(inputs));
}

array layer(
    const array& x, const std::optional<array>& weight, const std::optional<array>& bias, float eps, StreamOrDevice s) {
  auto y = made(x, weight, bias, eps, true, s);
  return y ? *y : stock_layer(x, weight, bias, eps, s);
}

array root(const array& x, const std::optional<array>& weight, float eps, StreamOrDevice s) {
  auto y = made(x, weight, std::nullopt, eps, false, s);
  return y ? *y : stock_root(x, weight, eps, s);
}

} // namespace

void bind_norms() {
  stock_layer = &fast::layer_norm;
  stock_root = &fast::rms_norm;
  std::vector<Binding> bindings = {
      {"_ZN3mlx4core4fast10layer_normERKNS0_5arrayERKSt8optionalIS2_ES8_fSt7variantIJSt9monostateNS0_6StreamENS0_"
       "17ThreadLocalStreamENS0_6DeviceENSD_10DeviceTypeEEE",
       reinterpret_cast<void*>(static_cast<Layer>(layer))},
      {"_ZN3mlx4core4fast8rms_normERKNS0_5arrayERKSt8optionalIS2_EfSt7variantIJSt9monostateNS0_6StreamENS0_"
       "17ThreadLocalStreamENS0_6DeviceENSD_10DeviceTypeEEE",
       reinterpret_cast<void*>(static_cast<Root>(root))},
  };
  bind(bindings);
}

} // namespace adj::cpu
