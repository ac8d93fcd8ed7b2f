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
#include "cpu/lanes.h"
#include "cpu/pool.h"
#include "ext/arithmetic.h"
#include "ext/bindings.h"
#include "ext/tiles.h"
#include "mlx/fast.h"
#include "mlx/ops.h"
#include "mlx/utils.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

using tiles::arithmetic::Add;

float total(const float* x, size_t n) {
  static const auto fold = fold_kernel("Sum", float32);
  float all;
  fold(&all, x, nullptr, 1, n);
  return all;
}

// sum adds up n values as a reduction does.
template <class T> ADJ_CLONES float sum_run(const T* x, size_t n) {
  return combined<Add, float>(n, [=](size_t i) { return float(x[i]); }, [=](size_t i) { fetch_ahead(x + i); });
}
template <class T> float sum(const T* x, size_t n) {
  return by_blocks<float>(n, [=](size_t begin, size_t some) { return sum_run(x + begin, some); }, total);
}

// squares adds up the squares of what n values differ by from their mean.
template <class T> ADJ_CLONES float squares_run(const T* x, float mean, size_t n) {
  auto at = [=](size_t i) {
    float d = float(x[i]) - mean;
    return d * d;
  };
  return combined<Add, float>(n, at, [](size_t) {});
}
template <class T> float squares(const T* x, float mean, size_t n) {
  return by_blocks<float>(n, [=](size_t begin, size_t some) { return squares_run(x + begin, mean, some); }, total);
}

// scaled writes a row, centred, scaled, and with weights and biases, where there are.
template <class T, bool weighted, bool biased>
ADJ_CLONES void scaled(T* to, const T* x, const T* w, const T* b, float mean, float by, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    T y = T((float(x[i]) - mean) * by);
    if constexpr (weighted) {
      y = T(float(y) * float(w[i]));
    }
    if constexpr (biased) {
      y = T(float(y) + float(b[i]));
    }
    to[i] = y;
  }
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
    auto *weights = reinterpret_cast<const T*>(w), *biases = reinterpret_cast<const T*>(b);
    auto write = w ? (b ? scaled<T, true, true> : scaled<T, true, false>)
                   : (b ? scaled<T, false, true> : scaled<T, false, false>);
    split(rows, std::max<size_t>(1, grain / n), [&](size_t begin, size_t end) {
      float each = 1.0f / n;
      for (size_t r = begin; r < end; r++) {
        auto* row = reinterpret_cast<const T*>(x) + r * n;
        float mean = centred ? sum(row, n) * each : 0;
        write(reinterpret_cast<T*>(out) + r * n, row, weights, biases, mean, 1 / std::sqrt(squares(row, mean, n) * each + eps), n);
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
