// adjoint:flags -O3 -fno-math-errno -fno-trapping-math
// Attention without the matrix of all scores.
//
// MLX makes attention of its parts on the CPU. Where nothing is traced, so that nobody
// will ask for the parts, one op takes their place: for some queries at a time it goes
// through the keys by blocks, and keeps the highest score, the sum of exponentials and
// the sum of values as they are so far (Milakov and Gimelshein 2018, Dao et al. 2022).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu/blas.h"
#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/matrices.h"
#include "cpu/pool.h"
#include "ext/bindings.h"
#include "ext/tiles.h"
#include "mlx/fast.h"
#include "mlx/ops.h"
#include "mlx/utils.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

constexpr int tall = 64, wide = 256; // the queries and keys of a block

// Heads are the matrices of an array of four axes, one for each head of a batch.
struct Heads {
  explicit Heads(const array& a)
      : data(a.data<char>()), dtype(a.dtype()), cols(a.shape(3)), by_batch(a.strides(0)), by_head(a.strides(1)),
        by_row(a.shape(2) == 1 ? a.shape(3) : a.strides(2)) {}

  // rows returns n rows as float32 and how far they lie apart, in place if they are.
  const float* rows(int64_t batch, int64_t head, int64_t first, int n, float* memory, int& apart) const {
    auto at = batch * by_batch + head * by_head + first * by_row;
    if (dtype == float32) {
      apart = by_row;
      return reinterpret_cast<const float*>(data) + at;
    }
    apart = cols;
    auto load = load_kernel(dtype);
    for (int i = 0; i < n; i++) {
      load(memory + (ptrdiff_t)i * cols, data + (at + i * by_row) * 2, nullptr, nullptr, cols);
    }
    return memory;
  }

  const char* data;
  Dtype dtype;
  int cols;
  int64_t by_batch, by_head, by_row;
};

// A Mask says what is added to a score, or whether it counts.
struct Mask {
  explicit Mask(const array& a)
      : data(a.data<char>()), dtype(a.dtype()), strides(a.strides()) {}

  void apply(float* scores, int64_t batch, int64_t head, int64_t query, int64_t key, int n) const {
    auto at = batch * strides[0] + head * strides[1] + query * strides[2] + key * strides[3];
    auto step = strides[3];
    if (dtype == bool_) {
      auto* counts = reinterpret_cast<const bool*>(data) + at;
      for (int i = 0; i < n; i++) {
        scores[i] = counts[i * step] ? scores[i] : std::numeric_limits<float>::lowest();
      }
    } else if (dtype == float32) {
      add(scores, reinterpret_cast<const float*>(data) + at, step, n);
    } else if (dtype == float16) {
      add(scores, reinterpret_cast<const float16_t*>(data) + at, step, n);
    } else {
      add(scores, reinterpret_cast<const bfloat16_t*>(data) + at, step, n);
    }
  }

  const char* data;
  Dtype dtype;
  Strides strides;

 private:
  template <class T> static void add(float* scores, const T* x, int64_t step, int n) {
    for (int i = 0; i < n; i++) {
      scores[i] += float(x[i * step]);
    }
  }
};

// scale_row multiplies n values by a factor.
void scale_row(float* x, float by, size_t n) {
  static const auto multiply = along_kernel("Multiply", float32);
  multiply(x, x, &by, 1, n);
}

float highest(const float* x, size_t n) {
  static const auto fold = fold_kernel("Max", float32);
  float high;
  fold(&high, x, nullptr, 1, n);
  return high;
}

// exponentials makes exp(x - high) of each of n values and returns their sum.
float exponentials(float* x, float high, size_t n) {
  static const auto subtract = along_kernel("Subtract", float32), fold = fold_kernel("Sum", float32);
  static const auto exp = float_kernel("Exp", float32);
  subtract(x, x, &high, 1, n);
  exp(x, x, nullptr, nullptr, n);
  float total;
  fold(&total, x, nullptr, 1, n);
  return total;
}

// A Job is what one evaluation computes.
struct Job {
  Heads q, k, v;
  std::optional<Mask> mask;
  char* out;
  int64_t batches, heads, shared, queries, keys; // shared heads of q use one of k and v
  float scale;
  bool causal;

  // Scratch is the memory of a thread.
  struct Scratch {
    explicit Scratch(const Job& j)
        : scores(tall * wide), sums(tall * j.v.cols), q(tall * j.q.cols), kv(wide * std::max(j.k.cols, j.v.cols)),
          high(tall), total(tall) {}
    std::vector<float> scores, sums, q, kv, high, total;
  };

  void operator()() const {
    int64_t blocks = (queries + tall - 1) / tall;
    Single single;
    split(batches * heads * blocks, 1, [&](size_t begin, size_t end) {
      Scratch m(*this);
      for (size_t u = begin; u < end; u++) {
        block(u / blocks / heads, u / blocks % heads, u % blocks * tall, m);
      }
    });
  }

  void block(int64_t batch, int64_t head, int64_t first, Scratch& m) const {
    int rows = std::min<int64_t>(tall, queries - first), apart;
    auto* x = q.rows(batch, head, first, rows, m.q.data(), apart);
    std::fill_n(m.high.begin(), rows, -std::numeric_limits<float>::infinity());
    std::fill_n(m.total.begin(), rows, 0);
    // The last query that counts sees the last key.
    int64_t ahead = keys - queries, seen = causal ? std::min(keys, ahead + first + rows) : keys;
    for (int64_t key = 0; key < seen; key += wide) {
      int n = std::min<int64_t>(wide, seen - key), ld;
      auto* y = k.rows(batch, head / shared, key, n, m.kv.data(), ld);
      multiply_here(Product<float>{false, true, rows, n, q.cols, scale, x, apart, y, ld, 0, m.scores.data(), wide});
      for (int r = 0; r < rows; r++) {
        int64_t counts = causal ? ahead + first + r + 1 - key : n;
        weights(m, r, batch, head, first + r, key, n, std::clamp<int64_t>(counts, 0, n));
      }
      auto* z = v.rows(batch, head / shared, key, n, m.kv.data(), ld);
      multiply_here(Product<float>{
          false, false, rows, v.cols, n, 1, m.scores.data(), wide, z, ld, key > 0 ? 1.0f : 0.0f, m.sums.data(), v.cols});
    }
    for (int r = 0; r < rows; r++) {
      auto* sums = &m.sums[r * v.cols];
      scale_row(sums, 1 / m.total[r], v.cols);
      auto at = ((batch * heads + head) * queries + first + r) * v.cols;
      if (q.dtype == float32) {
        std::copy_n(sums, v.cols, reinterpret_cast<float*>(out) + at);
      } else {
        store_kernel(q.dtype)(out + at * 2, sums, nullptr, nullptr, v.cols);
      }
    }
  }

  // weights makes the scores of row r, of which some count, exponentials, and what is
  // known of earlier keys fit for the highest score so far.
  void weights(Scratch& m, int r, int64_t batch, int64_t head, int64_t query, int64_t key, int n, int counts) const {
    auto* scores = &m.scores[r * wide];
    std::fill(scores + counts, scores + n, 0.0f);
    if (counts == 0) {
      return;
    }
    if (mask) {
      mask->apply(scores, batch, head, query, key, counts);
    }
    float before = m.high[r], here = highest(scores, counts);
    float high = here > before || here != here ? here : before;
    if (high == -std::numeric_limits<float>::infinity()) {
      std::fill(scores, scores + counts, 0.0f);
      return;
    }
    float total = exponentials(scores, high, counts), kept = std::exp(before - high);
    if (kept != 1 && key > 0) {
      scale_row(&m.sums[r * v.cols], kept, v.cols);
    }
    m.total[r] = m.total[r] * kept + total;
    m.high[r] = high;
  }
};

class Attention : public Primitive {
 public:
  Attention(Stream s, float scale, bool causal) : Primitive(s), scale_(scale), causal_(causal) {}

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    auto in = inputs;
    for (int i = 0; i < 3; i++) {
      if (auto m = matrix(in[i]); !m || m->transposed) {
        in[i] = contiguous(in[i], stream());
      }
    }
    auto& out = outputs[0];
    out.set_data(allocator::malloc(out.nbytes()));
    perform(stream(), Job{
        Heads(in[0]), Heads(in[1]), Heads(in[2]), in.size() > 3 ? std::optional<Mask>(in[3]) : std::nullopt,
        out.data<char>(), in[0].shape(0), in[0].shape(1), in[0].shape(1) / in[1].shape(1), in[0].shape(2), in[1].shape(2),
        scale_, causal_});
  }
  void eval_gpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::logic_error("[Attention] it was made for the CPU");
  }
  const char* name() const override {
    return "ScaledDotProductAttention";
  }
  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const Attention*>(&other);
    return o && o->scale_ == scale_ && o->causal_ == causal_;
  }
  std::vector<Shape> output_shapes(const std::vector<array>& in) override {
    return {{in[0].shape(0), in[0].shape(1), in[0].shape(2), in[2].shape(3)}};
  }

 private:
  float scale_;
  bool causal_;
};

using Attend = array (*)(
    const array& q, const array& k, const array& v, const float scale, const std::string& mode, std::optional<array> mask,
    const std::optional<array>& sinks, bool force_fused, StreamOrDevice s);

Attend stock;

// computed says whether Attention computes this. What is wrong in it is for MLX to say.
bool computed(
    const array& q, const array& k, const array& v, const std::string& mode, const std::optional<array>& mask) {
  bool causal = mode == "causal";
  if (!(causal || mode.empty() || mode == "array") || (causal && mask)) {
    return false;
  }
  for (auto* a : {&q, &k, &v}) {
    if (a->ndim() != 4 || a->size() == 0 || a->shape(0) != q.shape(0) || a->dtype() != q.dtype() || a->is_tracer()) {
      return false;
    }
  }
  bool known = q.dtype() == float32 || q.dtype() == float16 || q.dtype() == bfloat16;
  if (!known || q.shape(3) != k.shape(3) || k.shape(1) != v.shape(1) || k.shape(2) != v.shape(2) ||
      q.shape(1) % k.shape(1) != 0) {
    return false;
  }
  if (mask && (mask->ndim() > 4 || mask->is_tracer() || (mask->dtype() != bool_ && mask->dtype() != q.dtype()))) {
    return false;
  }
  // Queries without any key have an average of all values in MLX.
  if (causal && k.shape(2) < q.shape(2)) {
    return false;
  }
  // Few scores are as fast in their matrix.
  constexpr double least = 1 << 14;
  return (double)q.shape(0) * q.shape(1) * q.shape(2) * k.shape(2) >= least;
}

array attend(
    const array& q, const array& k, const array& v, const float scale, const std::string& mode, std::optional<array> mask,
    const std::optional<array>& sinks, bool force_fused, StreamOrDevice s) {
  auto on = to_stream(s);
  if (on.device != Device::cpu || LiveTrace::any() || watched() || sinks || force_fused || !has_blas() ||
      !computed(q, k, v, mode, mask)) {
    return stock(q, k, v, scale, mode, std::move(mask), sinks, force_fused, s);
  }
  Shape shape{q.shape(0), q.shape(1), q.shape(2), v.shape(3)};
  std::vector<array> inputs{q, k, v};
  if (mask) {
    inputs.push_back(broadcast_to(*mask, {q.shape(0), q.shape(1), q.shape(2), k.shape(2)}, s));
  }
  return array(std::move(shape), q.dtype(), std::make_shared<Attention>(on, scale, mode == "causal"), std::move(inputs));
}

} // namespace

void bind_attention() {
  stock = &fast::scaled_dot_product_attention;
  std::vector<Binding> bindings = {
      {"_ZN3mlx4core4fast28scaled_dot_product_attentionERKNS0_5arrayES4_S4_fRKNSt7__cxx1112basic_stringIcSt11char_"
       "traitsIcESaIcEEESt8optionalIS2_ERKSE_bSt7variantIJSt9monostateNS0_6StreamENS0_17ThreadLocalStreamENS0_6DeviceEN"
       "SL_10DeviceTypeEEE",
       reinterpret_cast<void*>(static_cast<Attend>(attend))},
  };
  bind(bindings);
}

} // namespace adj::cpu
