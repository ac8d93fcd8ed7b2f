// Foreign ops: primitives whose evaluation and rules are Go functions.
#include "ext/foreign.h"

#include <atomic>
#include <cstdlib>

#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"
#include "mlxc/convert.h"

namespace adj {

using namespace mlx::core;

static std::atomic<size_t> away_count{0};

size_t Foreign::aways() {
  return away_count;
}

Foreign::Foreign(Stream s, GoOp op, ForeignAbout about)
    : Own(s), op_(std::move(op)), about_(std::move(about)) {
  away_count += about_.away;
}

Foreign::~Foreign() {
  away_count -= about_.away;
}

static Buffer raw(array& a) {
  return {(int)a.dtype().val(), a.shape(), a.data<void>(), a.nbytes()};
}

std::vector<Buffer> inputs_of(std::vector<array> inputs) {
  std::vector<Buffer> r;
  for (auto& a : inputs) {
    // The arguments are contiguous nodes made by foreign(), so this holds.
    if (!a.flags().row_contiguous) {
      throw std::runtime_error("an argument is not row-contiguous");
    }
    r.push_back(raw(a));
  }
  return r;
}

void Foreign::eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto call = std::make_shared<Call>();
  auto& enc = cpu::get_command_encoder(stream());
  for (auto& a : inputs) {
    enc.set_input_array(a);
  }
  call->in = inputs_of(inputs);
  for (auto& o : outputs) {
    o.set_data(allocator::malloc(o.nbytes()));
    enc.set_output_array(o);
    call->out.push_back(raw(o));
  }
  enc.dispatch([call, op = op_]() {
    char* msg = go.eval(op.number(), reinterpret_cast<uint64_t>(call.get()));
    if (msg) {
      std::string what(msg);
      std::free(msg);
      throw std::runtime_error(what);
    }
  });
}

void Foreign::eval_gpu(const std::vector<array>&, std::vector<array>&) {
  throw std::runtime_error("[" + about_.name + "] has no GPU implementation");
}

std::vector<array> Foreign::vjp(
    const std::vector<array>& primals, const std::vector<array>& cotangents,
    const std::vector<int>& argnums, const std::vector<array>& outputs) {
  auto r = op_.vjp(primals, cotangents, outputs);
  std::vector<array> out;
  for (int i : argnums) {
    out.push_back(r.at(i));
  }
  return out;
}

std::vector<array> Foreign::jvp(
    const std::vector<array>& primals, const std::vector<array>& tangents,
    const std::vector<int>& argnums) {
  return op_.jvp(primals, tangents, argnums);
}

std::pair<std::vector<array>, std::vector<int>> Foreign::vmap(
    const std::vector<array>& inputs, const std::vector<int>& axes) {
  return op_.vmap(inputs, axes);
}

std::vector<Shape> Foreign::output_shapes(const std::vector<array>& inputs) {
  return op_.shapes(inputs);
}

bool Foreign::alike(const Foreign& o) const {
  return o.op_.number() == op_.number() || (!about_.key.empty() && o.about_.key == about_.key);
}

bool Foreign::is_equivalent(const Primitive& other) const {
  auto* o = dynamic_cast<const Foreign*>(&other);
  return o && about_.deterministic && o->about_.deterministic && alike(*o);
}

const Foreign* away_of(const array& a) {
  if (!a.has_primitive() || typeid(a.primitive()) != typeid(Foreign)) {
    return nullptr;
  }
  auto* f = static_cast<const Foreign*>(&a.primitive());
  return f->away() ? f : nullptr;
}

// foreign builds one call of a foreign op. spec holds, per result, its dtype,
// its rank and its sizes. The engine owns the op from here on and lists it
// in foreign_dropped when it is done with it, also when this fails.
static int foreign(
    uint64_t op, const char* name, const char* key, int traits, const uint64_t* in, uint64_t n,
    const int64_t* spec, uint64_t results, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    GoOp owner(op);
    const Stream& s = stream(0); // the CPU
    std::vector<array> args;
    for (auto& a : arrays(in, n)) {
      args.push_back(contiguous(a, false, s));
    }
    std::vector<Shape> shapes;
    std::vector<Dtype> dtypes;
    for (uint64_t i = 0; i < results; i++) {
      dtypes.push_back(mlxc::get((mlx_dtype)*spec++));
      int64_t rank = *spec++;
      shapes.emplace_back(spec, spec + rank);
      spec += rank;
    }
    ForeignAbout about{name, key, (traits & ADJ_DETERMINISTIC) != 0, (traits & ADJ_AWAY) != 0};
    give(
        array::make_arrays(
            shapes, dtypes, std::make_shared<Foreign>(s, owner, std::move(about)), args),
        out, nout);
  });
}

// foreign_buffers describes the tensors of a running call: the numbers of
// inputs and results, then for each data, bytes, dtype, rank, sizes. It returns
// the number of words that it needs.
static int foreign_buffers(uint64_t c, int64_t* out, uint64_t cap) {
  auto& call = *reinterpret_cast<Call*>(c);
  std::vector<int64_t> w{(int64_t)call.in.size(), (int64_t)call.out.size()};
  for (auto* list : {&call.in, &call.out}) {
    for (auto& b : *list) {
      w.push_back(reinterpret_cast<int64_t>(b.data));
      w.push_back(b.nbytes);
      w.push_back(b.dtype);
      w.push_back(b.shape.size());
      w.insert(w.end(), b.shape.begin(), b.shape.end());
    }
  }
  if (w.size() <= cap) {
    std::memcpy(out, w.data(), w.size() * sizeof(int64_t));
  }
  return w.size();
}

void fill_foreign(adj_api* api) {
  api->foreign = foreign;
  api->foreign_buffers = foreign_buffers;
}

} // namespace adj
