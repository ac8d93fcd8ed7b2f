// Sums over a mapped axis, from inside the mapped function.
#include "ext/axis.h"

#include "mlx/ops.h"

namespace adj {

using namespace mlx::core;

namespace {

// The inputs are what is summed and the trace's own mapped array, which is there
// so that the sum depends on the trace whatever it is a sum of.
class AxisSum : public Own {
 public:
  AxisSum(Stream s, uint64_t trace) : Own(s), trace_(trace) {}

  uint64_t trace() const {
    return trace_;
  }
  const char* name() const override {
    return "AxisSum";
  }
  bool flows(size_t input, bool) const override {
    return input == 0;
  }
  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const AxisSum*>(&other);
    return o && o->trace_ == trace_;
  }
  void eval_cpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::runtime_error("[AxisSum] the examples are not known yet");
  }
  void eval_gpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::runtime_error("[AxisSum] the examples are not known yet");
  }
  std::vector<array> vjp(
      const std::vector<array>& primals, const std::vector<array>& cotangents,
      const std::vector<int>&, const std::vector<array>&) override {
    return {bind(cotangents[0], primals[1])};
  }
  std::vector<array> jvp(
      const std::vector<array>& primals, const std::vector<array>& tangents, const std::vector<int>&) override {
    return {bind(tangents[0], primals[1])};
  }
  std::pair<std::vector<array>, std::vector<int>> vmap(
      const std::vector<array>& inputs, const std::vector<int>& axes) override {
    // Another trace's axis stays.
    return {{bind(inputs[0], inputs[1])}, {axes[0]}};
  }

 private:
  array bind(const array& x, const array& index) {
    return array(x.shape(), x.dtype(), std::make_shared<AxisSum>(stream(), trace_), {x, index});
  }

  uint64_t trace_;
};

} // namespace

std::optional<Batched> axis_sum(const array& a, uint64_t trace, const std::vector<Batched>& in) {
  auto* p = dynamic_cast<AxisSum*>(&a.primitive());
  if (!p || p->trace() != trace) {
    return std::nullopt;
  }
  auto s = p->stream();
  auto& x = in[0];
  if (x.axis != unmapped) {
    return Batched{sum(x.value, x.axis, false, s), unmapped};
  }
  return Batched{multiply(x.value, array(in[1].value.size(), x.value.dtype()), s), unmapped};
}

static int axis_sum_of(uint64_t x, uint64_t index, uint64_t trace, uint64_t* out) {
  ensure_thread();
  return guarded([&] {
    auto s = *static_cast<Stream*>(adj_stream().ctx);
    *out = handle(array(arr(x).shape(), arr(x).dtype(), std::make_shared<AxisSum>(s, trace), {arr(x), arr(index)}));
  });
}

void fill_axis(adj_api* api) {
  api->axis_sum = axis_sum_of;
}

} // namespace adj
