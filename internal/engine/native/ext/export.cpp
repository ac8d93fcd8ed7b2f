// What a trace recorded, as MLX's own operations in the form of an .mlxfn file.
#include "ext/flow.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <tuple>
#include <typeinfo>
#include <variant>

#include "ext/passes.h"
#include "ext/through.h"
#include "mlx/fast_primitives.h"

namespace adj {

using namespace mlx::core;
using namespace mlx::core::fast;

namespace {

static_assert(std::endian::native == std::endian::little);

// A Tape is written as MLX's exporter writes it.
struct Tape {
  std::string bytes;

  template <class T>
  static constexpr bool is_list = requires(const T& t) { t.begin(), t.end(), t.size(); };
  template <class T>
  static constexpr bool is_tuple = requires { std::tuple_size<T>::value; };
  template <class T>
  static constexpr bool is_optional = requires(const T& t) { t.has_value(), *t; };

  template <class T>
  void put(const T& v) {
    if constexpr (std::is_arithmetic_v<T>) {
      bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
    } else if constexpr (std::is_enum_v<T>) {
      put((int)v);
    } else if constexpr (std::is_same_v<T, std::nullptr_t>) {
    } else if constexpr (std::is_same_v<T, Dtype>) {
      put(v.val());
      put(v.size());
    } else if constexpr (std::is_same_v<T, std::string>) {
      put((uint64_t)v.size());
      bytes += v;
    } else if constexpr (is_list<T>) {
      put((uint64_t)v.size());
      for (const auto& e : v) {
        put(e);
      }
    } else if constexpr (is_tuple<T>) {
      std::apply([&](const auto&... e) { (put(e), ...); }, v);
    } else if constexpr (is_optional<T>) {
      put(v.has_value());
      if (v) {
        put(*v);
      }
    } else {
      std::visit([&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        put(std::is_same_v<E, int> ? 0 : std::is_same_v<E, float> ? 1 : 2);
        put(e);
      }, v);
    }
  }

  void spec(const Shape& s, Dtype d) {
    put(s);
    put(d);
  }
};

template <class T>
void state(Tape& t, const Primitive& p) {
  if constexpr (requires(const T& q) { q.state(); }) {
    t.put(static_cast<const T&>(p).state());
  }
}

// What MLX's importer knows, by the names of its classes.
#define KNOWN(T) {#T, state<T>}
const std::unordered_map<std::string_view, void (*)(Tape&, const Primitive&)> known = {
    KNOWN(Abs), KNOWN(Add), KNOWN(AddMM), KNOWN(Arange), KNOWN(ArcCos), KNOWN(ArcCosh), KNOWN(ArcSin),
    KNOWN(ArcSinh), KNOWN(ArcTan), KNOWN(ArcTan2), KNOWN(ArcTanh), KNOWN(ArgPartition), KNOWN(ArgReduce),
    KNOWN(ArgSort), KNOWN(AsStrided), KNOWN(AsType), KNOWN(BitwiseBinary), KNOWN(BlockMaskedMM),
    KNOWN(Broadcast), KNOWN(BroadcastAxes), KNOWN(Ceil), KNOWN(Cholesky), KNOWN(Concatenate),
    KNOWN(Conjugate), KNOWN(Convolution), KNOWN(Copy), KNOWN(Cos), KNOWN(Cosh), KNOWN(CustomKernel),
    KNOWN(Depends), KNOWN(DivMod), KNOWN(Divide), KNOWN(DynamicSlice), KNOWN(DynamicSliceUpdate),
    KNOWN(Eig), KNOWN(Eigh), KNOWN(Equal), KNOWN(Erf), KNOWN(ErfInv), KNOWN(Exp), KNOWN(ExpandDims),
    KNOWN(Expm1), KNOWN(FFT), KNOWN(Flatten), KNOWN(Floor), KNOWN(FloorDivide), KNOWN(Full),
    KNOWN(Gather), KNOWN(GatherAxis), KNOWN(GatherMM), KNOWN(GatherQMM), KNOWN(Greater),
    KNOWN(GreaterEqual), KNOWN(Hadamard), KNOWN(Imag), KNOWN(Inverse), KNOWN(LayerNorm),
    KNOWN(LayerNormVJP), KNOWN(Less), KNOWN(LessEqual), KNOWN(Log), KNOWN(Log1p), KNOWN(LogAddExp),
    KNOWN(LogSumExp), KNOWN(LogicalAnd), KNOWN(LogicalNot), KNOWN(LogicalOr), KNOWN(MaskedScatter),
    KNOWN(Matmul), KNOWN(Maximum), KNOWN(Minimum), KNOWN(Multiply), KNOWN(Negative), KNOWN(NotEqual),
    KNOWN(NumberOfElements), KNOWN(Pad), KNOWN(Partition), KNOWN(Power), KNOWN(QRF), KNOWN(Quantize),
    KNOWN(QuantizedMatmul), KNOWN(RMSNorm), KNOWN(RMSNormVJP), KNOWN(RandomBits), KNOWN(Real),
    KNOWN(Reduce), KNOWN(Remainder), KNOWN(Reshape), KNOWN(RoPE), KNOWN(Round), KNOWN(SVD),
    KNOWN(ScaledDotProductAttention), KNOWN(Scan), KNOWN(Scatter), KNOWN(ScatterAxis),
    KNOWN(SearchSorted), KNOWN(Select), KNOWN(Sigmoid), KNOWN(Sign), KNOWN(Sin), KNOWN(Sinh),
    KNOWN(Slice), KNOWN(SliceUpdate), KNOWN(Softmax), KNOWN(Sort), KNOWN(Split), KNOWN(Sqrt),
    KNOWN(Square), KNOWN(Squeeze), KNOWN(StopGradient), KNOWN(Subtract), KNOWN(Tan), KNOWN(Tanh),
    KNOWN(Transpose), KNOWN(Unflatten), KNOWN(View)};
#undef KNOWN

// class_name is the name of a primitive's class when that is MLX's. The names
// that primitives give themselves are others: "Sum" is a Reduce.
std::string_view class_name(const Primitive& p) {
  std::string_view s = typeid(p).name();
  for (std::string_view space : {"N3mlx4core4fast", "N3mlx4core"}) {
    if (s.starts_with(space)) {
      s.remove_prefix(space.size());
      size_t n = 0;
      for (; !s.empty() && s[0] >= '0' && s[0] <= '9'; s.remove_prefix(1)) {
        n = 10 * n + (s[0] - '0');
      }
      return s.substr(0, n);
    }
  }
  return "";
}

// Lowering repeats a graph with MLX's operations alone.
struct Lowering {
  const bool shapeless;
  // Unrolled loops may have so many operations.
  size_t budget = 20000;
  int depth = 0;
  uint64_t line = 0; // of the operation that could not be lowered

  Arrays step(const Graph::Node& n, const Arrays& in) {
    auto& p = *n.primitive;
    auto name = op_name(p);
    if (name == "CustomTransforms") {
      return part(in, in.size() - n.shapes.size(), in.size());
    }
    if (name == "Contiguous") {
      return {in[0]};
    }
    auto* own = dynamic_cast<Own*>(&p);
    bool inverts = name == "BitwiseInvert";
    if (shapeless && ((own && !own->points() && !dynamic_cast<Through*>(own)) || (inverts && in[0].dtype() != bool_))) {
      throw std::invalid_argument("[export] " + std::string(p.name()) + " cannot be exported shapeless");
    }
    if (own) {
      return own->plain(in, [this](const Graph& g, const Arrays& in) {
        depth++;
        auto out = run(g, in);
        depth--;
        return out;
      });
    }
    if (inverts) {
      auto& s = p.stream();
      return {in[0].dtype() == bool_ ? logical_not(in[0], s) : bitwise_xor(in[0], astype(array(-1), in[0].dtype(), s), s)};
    }
    if (!known.count(class_name(p))) {
      throw std::invalid_argument("[export] an .mlxfn file has no place for " + std::string(p.name()) + ": leave it out of what is exported");
    }
    if (n.shapes.size() == 1) {
      return {array(n.shapes[0], n.dtypes[0], n.primitive, in)};
    }
    return array::make_arrays(n.shapes, n.dtypes, n.primitive, in);
  }

  Arrays run(const Graph& g, const Arrays& in) {
    Arrays slots = in + g.constants();
    for (auto& n : g.nodes()) {
      Arrays args;
      for (auto i : n.in) {
        args.push_back(slots[i]);
      }
      try {
        if (depth > 0 && budget-- == 0) {
          throw std::invalid_argument("[export] more than 20000 operations when its loops are unrolled");
        }
        slots = std::move(slots) + step(n, args);
      } catch (...) {
        line = line ? line : line_of(*n.primitive);
        throw;
      }
    }
    Arrays out;
    for (auto o : g.outputs()) {
      out.push_back(slots[o]);
    }
    return out;
  }
};

Graph lowered(const Graph& g, bool shapeless, uint64_t* line) {
  Arrays in;
  for (auto& s : g.input_specs()) {
    in.push_back(array(s.shape, s.dtype, nullptr, {}));
  }
  Lowering l{shapeless};
  try {
    auto out = l.run(g, in);
    Graph plain(in, out, [](const array&) {}, true);
    plain.eval_constants();
    return plain;
  } catch (...) {
    *line = l.line;
    throw;
  }
}

// write numbers the values as Graph does. The elements of constants are left out.
std::string write(const Graph& g) {
  Tape t;
  t.put((uint64_t)0); // keywords
  auto numbers = [&](uint64_t from, size_t n) {
    t.put((uint64_t)n);
    for (size_t i = 0; i < n; i++) {
      t.put(from + i);
    }
  };
  auto slots = [&](const std::vector<uint32_t>& v) { t.put(std::vector<uint64_t>(v.begin(), v.end())); };
  numbers(0, g.inputs());
  t.put((uint64_t)g.inputs());
  for (auto& s : g.input_specs()) {
    t.spec(s.shape, s.dtype);
  }
  slots(g.outputs());
  t.put((uint64_t)(g.constants().size() + g.nodes().size()));
  uint64_t next = g.inputs();
  for (size_t i = 0; i < g.constants().size(); i++) {
    t.put(next++);
    t.put(false);
    t.put(true);
  }
  for (auto& n : g.nodes()) {
    auto& p = *n.primitive;
    auto name = class_name(p);
    t.put(next);
    t.put(true);
    slots(n.in);
    t.put(p.stream().index);
    t.put(p.stream().device.type);
    t.put(p.stream().device.index);
    t.put(std::string(name));
    // Lowering may have made an operation of its own that is not known.
    auto it = known.find(name);
    if (it == known.end()) {
      throw std::invalid_argument("[export] an .mlxfn file has no place for " + std::string(p.name()) + ": leave it out of what is exported");
    }
    it->second(t, p);
    t.put((uint64_t)(n.shapes.size() - 1));
    if (n.shapes.size() == 1) {
      t.spec(n.shapes[0], n.dtypes[0]);
    } else {
      numbers(next, n.shapes.size());
      t.put(n.shapes);
      t.put(n.dtypes);
    }
    next += n.shapes.size();
  }
  return std::move(t.bytes);
}

} // namespace

Arrays Own::plain(const Arrays&, const Repeat&) {
  throw std::invalid_argument("[export] " + std::string(name()) + " is no operation of MLX's: leave it out of what is exported");
}

static int program_export(
    uint64_t p, uint64_t tag, bool shapeless, char** out, uint64_t* n, uint64_t** constants,
    uint64_t* nconstants, uint64_t* line) {
  ensure_thread();
  int code = ADJ_OK;
  int failed = guarded([&] {
    const Graph* recorded;
    const Optimised* fast;
    if (!program_entry(p, tag, &recorded, &fast)) {
      code = ADJ_MISS;
      return;
    }
    auto g = lowered(*recorded, shapeless, line);
    give_text(write(g), out, n);
    *nconstants = 2 * g.constants().size();
    *constants = static_cast<uint64_t*>(std::malloc(sizeof(uint64_t) * (*nconstants + 1)));
    for (size_t i = 0; i < g.constants().size(); i++) {
      (*constants)[2 * i] = g.constants()[i].id();
      (*constants)[2 * i + 1] = handle(g.constants()[i]);
    }
  });
  return failed ? failed : code;
}

void fill_export(adj_api* api) {
  api->program_export = program_export;
}

} // namespace adj
