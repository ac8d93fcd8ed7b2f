// Custom GPU kernels: source text that MLX compiles for Metal or CUDA. Their
// calls hold lists of texts, which no row of the op table has.
#include "ext/engine.h"
#include "mlx/export.h"
#include "mlx/fast.h"
#include "mlxc/convert.h"

using namespace mlx::core;

namespace {

// Request is one call, in the order in which core/fast writes it.
struct Request {
  std::string name, source, header;
  std::vector<std::string> inputs, outputs;
  std::vector<array> arrays;
  std::vector<Shape> shapes;
  std::vector<Dtype> dtypes;
  std::tuple<int, int, int> grid, group;
  std::vector<std::pair<std::string, fast::TemplateArg>> args;
  std::optional<float> init;
  bool contiguous, flag; // flag: atomic outputs (Metal); verbose is off
  int shared; // bytes of shared memory (CUDA)

  static std::vector<std::string> texts(Words& in) {
    std::vector<std::string> out(in.word());
    for (auto& s : out) {
      s = in.text();
    }
    return out;
  }

  explicit Request(uint64_t* w) {
    Words in{w};
    name = in.text();
    source = in.text();
    header = in.text();
    inputs = texts(in);
    outputs = texts(in);
    for (size_t n = in.word(); n > 0; n--) {
      arrays.push_back(*static_cast<array*>(in.array().ctx));
    }
    for (size_t n = in.word(); n > 0; n--) {
      dtypes.push_back(mlxc::get(in.dtype()));
      Ints s = in.ints();
      shapes.emplace_back(s.p(), s.p() + s.n());
    }
    int g[6];
    for (int& x : g) {
      x = in.integer();
    }
    grid = {g[0], g[1], g[2]};
    group = {g[3], g[4], g[5]};
    for (size_t n = in.word(); n > 0; n--) {
      auto key = in.text();
      switch (in.word()) {
        case 0: args.emplace_back(key, in.integer()); break;
        case 1: args.emplace_back(key, in.word() != 0); break;
        default: args.emplace_back(key, mlxc::get(in.dtype()));
      }
    }
    auto o = in.opt_float();
    if (o.has_value) {
      init = o.value;
    }
    contiguous = in.word();
    flag = in.word();
    shared = in.integer();
  }

  // run returns what fn makes of the request, as a list.
  int run(uint64_t* w, const fast::CustomKernelFunction& fn) {
    auto s = *static_cast<Stream*>(adj_stream().ctx);
    auto r = fn(arrays, shapes, dtypes, grid, group, args, init, false, s);
    uint64_t *out, n;
    adj::give(std::move(r), &out, &n);
    w[0] = n;
    w[1] = (uint64_t)out;
    return 0;
  }
};

} // namespace

int call_metal_kernel(uint64_t* w) {
  Request r(w);
  return r.run(w, fast::metal_kernel(r.name, r.inputs, r.outputs, r.source, r.header, r.contiguous, r.flag));
}

int call_cuda_kernel(uint64_t* w) {
  Request r(w);
  return r.run(w, fast::cuda_kernel(r.name, r.inputs, r.outputs, r.source, r.header, r.contiguous, r.shared));
}

// A file with one operation, for those that no function of MLX's makes. Its
// stream is that of MLX's importer, which knows those of this process only.
int call_recorded(uint64_t* w) {
  Words in{w};
  auto path = in.text();
  std::vector<array> inputs;
  for (size_t n = in.word(); n > 0; n--) {
    inputs.push_back(*static_cast<array*>(in.array().ctx));
  }
  auto r = import_function(path)(inputs);
  for (auto& a : r) {
    const_cast<Stream&>(a.primitive().stream()) = *static_cast<Stream*>(adj_stream().ctx);
  }
  uint64_t *out, n;
  adj::give(std::move(r), &out, &n);
  w[0] = n;
  w[1] = (uint64_t)out;
  return 0;
}
