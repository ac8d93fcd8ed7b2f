// Rules for products of matrices that are picked, masked, cut or packed. They
// are linear in each factor, so a tangent takes the place of its factor.
#include "ext/rules.h"
#include "mlx/fast_primitives.h"

namespace adj {

using namespace mlx::core;

namespace {

using Mapped = std::pair<Arrays, std::vector<int>>;

// shifted returns indices over the matrices of input i, for every mapped element
// those of its own.
array shifted(const Batch& b, size_t i, const array& at) {
  if (b.axes[i] < 0) {
    return at;
  }
  auto each = b.front(i).shape();
  int matrices = 1;
  for (size_t d = 1; d + 2 < each.size(); d++) {
    matrices *= each[d];
  }
  Shape shape(at.ndim(), 1);
  shape[0] = b.size;
  auto first = reshape(multiply(arange(0, b.size, int32, b.s), array(matrices, int32), b.s), shape, b.s);
  // Of one matrix any index is that one's.
  return matrices == 1 ? broadcast_to(first, at.shape(), b.s) : add(astype(at, int32, b.s), first, b.s);
}

array stack_of(const Batch& b, size_t i) {
  return b.axes[i] < 0 ? b.inputs[i] : b.front(i);
}

Mapped gather_mm_vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  Batch b(inputs, axes, p.stream());
  auto lhs = shifted(b, 0, b.repeated(2)), rhs = shifted(b, 1, b.repeated(3));
  return {{gather_mm(stack_of(b, 0), stack_of(b, 1), astype(lhs, uint32, b.s), astype(rhs, uint32, b.s), false, b.s)}, {0}};
}

// linear adds what f gives with each tangent in the place of its input.
template <class F>
Arrays linear(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, Stream s, F f) {
  std::optional<array> sum;
  for (size_t i = 0; i < argnums.size(); i++) {
    auto in = primals;
    in[argnums[i]] = tangents[i];
    auto y = f(in);
    sum = sum ? add(*sum, y, s) : y;
  }
  return {*sum};
}

// The rule for sorted indices cuts matrices into segments, which a CPU stream
// cannot do in half precision.
Arrays gather_mm_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  auto s = p.stream();
  // MLX's rule counts matrices, so one alone is a stack of one.
  if (primals[0].ndim() == 2 || primals[1].ndim() == 2) {
    auto in = primals;
    for (int i : {0, 1}) {
      in[i] = primals[i].ndim() == 2 ? expand_dims(primals[i], 0, s) : primals[i];
    }
    auto grads = gather_mm_vjp(p, in, cotangents, argnums, outputs);
    for (size_t i = 0; i < grads.size(); i++) {
      grads[i] = reshape(grads[i], primals[argnums[i]].shape(), s);
    }
    return grads;
  }
  auto sorted = static_cast<GatherMM&>(p).state();
  if (s.device == Device::cpu && size_of(primals[0].dtype()) == 2 && (sorted.first || sorted.second)) {
    auto y = gather_mm(primals[0], primals[1], primals[2], primals[3], false, s);
    return y.primitive().vjp(primals, cotangents, argnums, outputs);
  }
  return p.vjp(primals, cotangents, argnums, outputs);
}

Arrays gather_mm_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  if (argnums.back() > 1) {
    throw std::invalid_argument(
        "[GatherMM] Cannot calculate JVP with respect to indices. Use stop_gradient on indices to stop gradients from being computed.");
  }
  return linear(primals, tangents, argnums, p.stream(), [&](const Arrays& in) {
    return gather_mm(in[0], in[1], in[2], in[3], false, p.stream());
  });
}

// An inner product over a segment is one over everything with zeros elsewhere.
Arrays segmented(Primitive& p, const Arrays& in) {
  auto s = p.stream();
  auto &a = in[0], &b = in[1];
  auto ends = split(in[2], 2, -1, s);
  auto k = arange(0, a.shape(1), uint32, s);
  auto inside = logical_and(less_equal(ends[0], k, s), less(k, ends[1], s), s);
  return {matmul(where(expand_dims(inside, -2, s), a, array(0.0f, a.dtype()), s), b, s)};
}

Mapped segmented_vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  Batch b(inputs, axes, p.stream());
  if (axes[0] < 0 && axes[1] < 0) {
    return {{segmented_mm(inputs[0], inputs[1], b.front(2), b.s)}, {0}};
  }
  // The inner axes one after the other.
  auto x = contiguous(flatten(moveaxis(b.repeated(0), 0, 1, b.s), 1, 2, b.s), false, b.s);
  auto y = contiguous(flatten(b.repeated(1), 0, 1, b.s), false, b.s);
  auto cut = b.repeated(2);
  Shape shape(cut.ndim(), 1);
  shape[0] = b.size;
  int k = b.size == 0 ? 0 : y.shape(0) / b.size;
  auto first = reshape(multiply(arange(0, b.size, uint32, b.s), array(k, uint32), b.s), shape, b.s);
  return {{segmented_mm(x, y, add(cut, first, b.s), b.s)}, {0}};
}

// The masks hold one number per block.
struct Masks {
  std::optional<array> out, lhs, rhs;

  explicit Masks(const Arrays& in) {
    size_t i = 2;
    if (in.size() == 3 || in.size() == 5) {
      out = in[i++];
    }
    if (i < in.size()) {
      lhs = in[i], rhs = in[i + 1];
    }
  }
};

array masked(const array& x, const std::optional<array>& mask, int block, const Stream& s) {
  if (!mask) {
    return x;
  }
  auto m = repeat(repeat(*mask, block, -1, s), block, -2, s);
  m = slice(m, Shape(x.ndim(), 0), x.shape(), s);
  return m.dtype() == bool_ ? where(m, x, array(0.0f, x.dtype()), s) : multiply(x, m, s);
}

Arrays block_masked(Primitive& p, const Arrays& in) {
  auto s = p.stream();
  int block = static_cast<BlockMaskedMM&>(p).state();
  Masks m(in);
  return {masked(matmul(masked(in[0], m.lhs, block, s), masked(in[1], m.rhs, block, s), s), m.out, block, s)};
}

Mapped block_masked_vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  Batch b(inputs, axes, p.stream());
  Arrays in;
  for (size_t i = 0; i < inputs.size(); i++) {
    // Masks are written into the matrices, which must not share memory.
    in.push_back(i < 2 ? contiguous(b.repeated(i), false, b.s) : b.front(i));
  }
  Masks m(in);
  int block = static_cast<BlockMaskedMM&>(p).state();
  return {{block_masked_mm(in[0], in[1], block, m.out, m.lhs, m.rhs, b.s)}, {0}};
}

const char* name_of(QuantizationMode m) {
  switch (m) {
    case QuantizationMode::Affine:
      return "affine";
    case QuantizationMode::Mxfp4:
      return "mxfp4";
    case QuantizationMode::Mxfp8:
      return "mxfp8";
    case QuantizationMode::Nvfp4:
      return "nvfp4";
  }
  return "";
}

struct Packed {
  int group, bits;
  QuantizationMode mode;
  bool transpose, gathers;
  Stream s;

  explicit Packed(Primitive& p) : gathers(std::string_view(p.name()) == "GatherQMM"), s(p.stream()) {
    if (gathers) {
      std::tie(group, bits, mode, transpose, std::ignore, std::ignore) = static_cast<GatherQMM&>(p).state();
    } else {
      std::tie(group, bits, mode, transpose) = static_cast<QuantizedMatmul&>(p).state();
    }
  }
  bool affine() const {
    return mode == QuantizationMode::Affine;
  }
  // check refuses a scale per matrix, which only a GPU knows.
  void check(const Arrays& in, const char* rule) const {
    if (gathers && in.size() != 3 + weights()) {
      throw std::invalid_argument(std::string("[GatherQMM::") + rule + "] GatherQMM with a global scale has no rule.");
    }
  }
  // weights is the number of inputs that the packed matrices are.
  size_t weights() const {
    return affine() ? 3 : 2;
  }
  array operator()(const Arrays& in) const {
    auto biases = affine() ? std::optional<array>(in[3]) : std::nullopt;
    if (!gathers) {
      return quantized_matmul(in[0], in[1], in[2], biases, transpose, group, bits, name_of(mode), s);
    }
    size_t at = 1 + weights();
    return gather_qmm(
        in[0], in[1], in[2], biases, in[at], in[at + 1], transpose, group, bits, name_of(mode), std::nullopt, false, s);
  }
};

// grouped are the sums over the groups of the last axis.
array grouped(const array& x, int group, const Stream& s) {
  return sum(unflatten(x, -1, {-1, group}, s), -1, false, s);
}

Arrays gather_qmm_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  Packed q(p);
  q.check(primals, "vjp");
  auto s = q.s;
  auto &ct = cotangents[0];
  auto &x = primals[0], &w = primals[1];
  auto lhs = flatten(primals[1 + q.weights()], s), rhs = flatten(primals[2 + q.weights()], s);
  auto each = reshape(ct, {(int)lhs.size(), ct.shape(-2), ct.shape(-1)}, s);
  auto matrices = [&](const array& a) { return reshape(a, {-1, a.shape(-2), a.shape(-1)}, s); };
  // collected adds matrices up at the places that were picked.
  auto collected = [&](const array& parts, const array& at, Shape shape) {
    auto sum = zeros({shape[0], parts.shape(-2), parts.shape(-1)}, parts.dtype(), s);
    return scatter_add(sum, at, expand_dims(parts, 1, s), 0, s);
  };
  Arrays r;
  for (int i : argnums) {
    if (i == 0) {
      auto in = primals;
      in[0] = each;
      in[1 + q.weights()] = arange(0, lhs.size(), uint32, s);
      in[2 + q.weights()] = rhs;
      auto back = q;
      back.transpose = !q.transpose;
      r.push_back(reshape(collected(back(in), lhs, matrices(x).shape()), x.shape(), s));
      continue;
    }
    if (i == 1 || !q.affine()) {
      throw std::invalid_argument("[GatherQMM::vjp] GatherQMM has a gradient for x and for affine scales and biases only.");
    }
    auto xs = take(matrices(x), lhs, 0, s);
    auto parts = q.transpose ? matmul(swapaxes(each, -1, -2, s), xs, s) : matmul(swapaxes(xs, -1, -2, s), each, s);
    auto dense = collected(parts, rhs, matrices(w).shape());
    if (i == 2) {
      auto bare = dequantize(
          w, ones_like(primals[2], s), zeros_like(primals[3], s), q.group, q.bits, "affine", std::nullopt,
          std::nullopt, s);
      dense = multiply(dense, matrices(bare), s);
    }
    r.push_back(reshape(grouped(dense, q.group, s), primals[i].shape(), s));
  }
  return r;
}

// The unpacked matrix is linear in scales and biases together.
Arrays packed_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  Packed q(p);
  q.check(primals, "jvp");
  auto bare = primals;
  std::vector<int> at;
  Arrays dx;
  bool weights = false;
  for (size_t i = 0; i < argnums.size(); i++) {
    if (argnums[i] == 0) {
      at = {0}, dx = {tangents[i]};
      continue;
    }
    if (argnums[i] == 1 || !q.affine()) {
      throw std::invalid_argument(
          std::string("[Packed::jvp] ") + p.name() + " has a tangent for x and for affine scales and biases only.");
    }
    if (!weights) {
      bare[2] = zeros_like(bare[2], q.s), bare[3] = zeros_like(bare[3], q.s);
    }
    bare[argnums[i]] = tangents[i];
    weights = true;
  }
  std::optional<array> y;
  if (!dx.empty()) {
    y = linear(primals, dx, at, q.s, q)[0];
  }
  if (weights) {
    auto z = q(bare);
    y = y ? add(*y, z, q.s) : z;
  }
  return {*y};
}

// aligned is input i, mapped along its first axis, with rank more axes.
array aligned(const Batch& b, size_t i, int rank) {
  auto a = b.repeated(i);
  auto shape = a.shape();
  shape.insert(shape.begin() + 1, rank + 1 - a.ndim(), 1);
  return reshape(a, shape, b.s);
}

Mapped packed_vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  Packed q(p);
  q.check(inputs, "vmap");
  Batch b(inputs, axes, q.s);
  bool weights = false;
  for (size_t i = 1; i <= q.weights(); i++) {
    weights = weights || axes[i] >= 0;
  }
  auto in = inputs;
  if (q.gathers) {
    size_t at = 1 + q.weights();
    std::vector<int> as = axes;
    for (size_t i = 1; weights && i <= q.weights(); i++) {
      in[i] = b.repeated(i), as[i] = 0;
    }
    Batch whole(in, as, q.s);
    in[at] = astype(shifted(whole, 0, b.repeated(at)), uint32, q.s);
    in[at + 1] = astype(shifted(whole, 1, b.repeated(at + 1)), uint32, q.s);
    in[0] = stack_of(b, 0);
    return {{q(in)}, {0}};
  }
  int own = inputs[0].ndim() - (axes[0] >= 0), other = inputs[1].ndim() - (axes[1] >= 0);
  if (!weights && other == 2) {
    in[0] = b.front(0);
    return {{q(in)}, {0}};
  }
  if (own == 1) {
    in[0] = expand_dims(b.repeated(0), 1, q.s);
  }
  int rank = std::max({own, other, 2});
  for (size_t i = own == 1; i < in.size(); i++) {
    in[i] = aligned(b, i, rank);
  }
  auto y = q(in);
  return {{own == 1 ? squeeze(y, -2, q.s) : y}, {0}};
}

// swapped says whether a is the transpose of matrices.
bool swapped(const array& a) {
  if (!a.has_primitive() || op_name(a.primitive()) != "Transpose" || a.ndim() < 3) {
    return false;
  }
  auto axes = static_cast<Transpose&>(a.primitive()).state();
  int last = a.ndim() - 1;
  return axes[last] == last - 1 && axes[last - 1] == last;
}

// MLX makes one product of all rows where the second factor is not mapped. That copies
// what is transposed, where the products could read it as it lies.
Mapped matmul_vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  Batch b(inputs, mapped, p.stream());
  if (mapped[0] < 0 || mapped[1] >= 0 || inputs[1].ndim() != 2) {
    return p.vmap(inputs, mapped);
  }
  auto x = b.front(0);
  if (!swapped(x)) {
    return p.vmap(inputs, mapped);
  }
  Shape shape(x.shape().begin(), x.shape().end() - 2);
  shape.insert(shape.end(), inputs[1].shape().begin(), inputs[1].shape().end());
  return {{matmul(x, broadcast_to(inputs[1], shape, b.s), b.s)}, {0}};
}

// MLX's rule takes a summand that is not mapped for one that is. Where the second factor
// is not mapped all examples are rows of one product.
Mapped addmm_vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  auto [alpha, beta] = static_cast<AddMM&>(p).state();
  Batch b(inputs, mapped, p.stream());
  auto c = b.front(2);
  if (mapped[0] < 0 && mapped[1] < 0) {
    auto scaled = [&](const array& x, float by) { return by == 1 ? x : multiply(x, array(by, x.dtype()), b.s); };
    return {{add(scaled(matmul(inputs[0], inputs[1], b.s), alpha), scaled(c, beta), b.s)}, {0}};
  }
  auto shape = c.shape();
  shape[0] = b.size;
  c = broadcast_to(c, shape, b.s);
  if (mapped[1] < 0 && inputs[1].ndim() == 2) {
    auto rows = [&](const array& x) { return flatten(x, 0, -2, b.s); };
    return {{reshape(addmm(rows(c), rows(b.front(0)), inputs[1], alpha, beta, b.s), shape, b.s)}, {0}};
  }
  auto factor = [&](size_t i) { return mapped[i] < 0 ? inputs[i] : b.front(i); };
  return {{addmm(c, factor(0), factor(1), alpha, beta, b.s)}, {0}};
}

// Both factors of these are rounded as they come.
Arrays rounded_vjp(Primitive& p, const Arrays&, const Arrays&, const std::vector<int>&, const Arrays&) {
  throw std::invalid_argument(
      "[" + std::string(p.name()) + "::vjp] the factors are rounded: multiply by weights that were packed beforehand, as quant.MatMul does, or give a rule with grad.Custom.");
}

Arrays rounded_jvp(Primitive& p, const Arrays&, const Arrays&, const std::vector<int>& argnums, const Arrays& outputs) {
  return rounded_vjp(p, {}, {}, argnums, outputs);
}

// The same primitive packs and unpacks. What MLX derives for packing is not the slope
// of scales that are chosen by rounding.
void refuse_packing(Primitive& p, const char* mode) {
  if (!std::get<4>(static_cast<fast::Quantize&>(p).state())) {
    throw std::invalid_argument(
        std::string("[Quantize::") + mode + "] what is packed is rounded: give a rule with grad.Custom, or stop the gradient with grad.Stop.");
  }
}

Arrays quantize_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  refuse_packing(p, "vjp");
  return p.vjp(primals, cotangents, argnums, outputs);
}

Arrays quantize_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  refuse_packing(p, "jvp");
  return p.jvp(primals, tangents, argnums);
}

} // namespace

void add_products(RuleTable& t) {
  t["Quantize"] = {quantize_vjp, quantize_jvp};
  t["QQMatmul"] = t["GatherQQMM"] = {rounded_vjp, rounded_jvp};
  t["Matmul"] = {nullptr, nullptr, matmul_vmap};
  t["AddMM"] = {nullptr, nullptr, addmm_vmap};
  t["GatherMM"] = {gather_mm_vjp, gather_mm_jvp, gather_mm_vmap};
  t["SegmentedMM"] = composed<segmented>(segmented_vmap);
  t["BlockMaskedMM"] = composed<block_masked>(block_masked_vmap);
  t["QuantizedMatmul"] = {nullptr, packed_jvp, packed_vmap};
  t["GatherQMM"] = {gather_qmm_vjp, packed_jvp, packed_vmap};
}

} // namespace adj
