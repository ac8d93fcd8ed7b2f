// Foreign ops: primitives whose evaluation and rules are Go functions.
#include <cstdlib>

#include "ext/derive.h"
#include "ext/goop.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"
#include "mlxc/convert.h"

namespace adj {

using namespace mlx::core;

namespace {

// Buffer is one raw tensor of a call.
struct Buffer {
  int dtype;
  Shape shape;
  void* data;
  size_t nbytes;
};
struct Call {
  std::vector<Buffer> in, out;
};

Buffer raw(array& a) {
  return {(int)a.dtype().val(), a.shape(), a.data<void>(), a.nbytes()};
}

class Foreign : public Own {
 public:
  Foreign(Stream s, GoOp op, std::string name, bool deterministic)
      : Own(s), op_(std::move(op)), name_(std::move(name)), deterministic_(deterministic) {}

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    auto call = std::make_shared<Call>();
    auto& enc = cpu::get_command_encoder(stream());
    std::vector<array> in;
    for (auto& a : inputs) {
      // The arguments are contiguous nodes made by foreign(), so this holds.
      if (!a.flags().row_contiguous) {
        throw std::runtime_error("an argument is not row-contiguous");
      }
      in.push_back(a);
      enc.set_input_array(a);
    }
    for (auto& a : in) {
      call->in.push_back(raw(a));
    }
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

  void eval_gpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::runtime_error("[" + name_ + "] has no GPU implementation");
  }

  std::vector<array> vjp(
      const std::vector<array>& primals, const std::vector<array>& cotangents,
      const std::vector<int>& argnums, const std::vector<array>& outputs) override {
    auto r = op_.vjp(primals, cotangents, outputs);
    std::vector<array> out;
    for (int i : argnums) {
      out.push_back(r.at(i));
    }
    return out;
  }

  std::vector<array> jvp(
      const std::vector<array>& primals, const std::vector<array>& tangents,
      const std::vector<int>& argnums) override {
    return op_.jvp(primals, tangents, argnums);
  }

  std::pair<std::vector<array>, std::vector<int>> vmap(
      const std::vector<array>& inputs, const std::vector<int>& axes) override {
    return op_.vmap(inputs, axes);
  }

  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const Foreign*>(&other);
    return o && deterministic_ && o->op_.number() == op_.number();
  }

  const char* name() const override {
    return name_.c_str();
  }

 private:
  GoOp op_;
  std::string name_;
  bool deterministic_;
};

} // namespace

// foreign builds one call of a foreign op. spec holds, per result, its dtype,
// its rank and its sizes. The engine owns the op from here on and lists it
// in foreign_dropped when it is done with it, also when this fails.
static int foreign(
    uint64_t op, const char* name, bool deterministic, const uint64_t* in, uint64_t n,
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
    give(
        array::make_arrays(
            shapes, dtypes, std::make_shared<Foreign>(s, owner, name, deterministic), args),
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
