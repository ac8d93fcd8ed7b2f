#include "ext/flow.h"

#include <numeric>

#include "ext/rules.h"
#include "ext/whole.h"
#include "mlx/transforms_impl.h"

namespace adj {

using namespace mlx::core;

Recorded record(uint64_t fn, uint64_t trace, const Arrays& like) {
  Sizeless off(false); // a body is repeated as it is
  Recorded r{placeholders(like), {}};
  for (auto& p : r.in) {
    p.set_tracer(true);
  }
  detail::vmap_trace(
      [&](const Arrays& in) { return r.out = call_go(fn, trace, in); }, r.in,
      std::vector<int>(like.size(), unmapped));
  return r;
}

Body body(const Arrays& in, const Arrays& out, Arrays& captures) {
  auto g = std::make_shared<Graph>(in, out, [](const array&) {});
  auto more = g->lift();
  captures.insert(captures.end(), more.begin(), more.end());
  return g;
}

array placeholder(const array& like) {
  return array(like.shape(), like.dtype(), nullptr, {});
}

Arrays placeholders(const Arrays& like) {
  Arrays r;
  for (auto& a : like) {
    r.push_back(placeholder(a));
  }
  return r;
}

bool inexact(const array& a) {
  return issubdtype(a.dtype(), mlx::core::inexact);
}

static Arrays inexact_of(const Arrays& all) {
  Arrays r;
  for (auto& a : all) {
    if (inexact(a)) {
      r.push_back(a);
    }
  }
  return r;
}

static Arrays at(const Arrays& all, const std::vector<int>& places) {
  Arrays r;
  for (int i : places) {
    r.push_back(all.at(i));
  }
  return r;
}

Body pulled(const Body& b, const Arrays& in, const std::vector<int>& wrt, Arrays& captures) {
  auto p = placeholders(in);
  auto out = inexact_of(b->run(p, false));
  auto u = placeholders(out);
  auto x = at(p, wrt);
  return body(p + u, filled(Tape(out, x, false).pull(out, u), x), captures);
}

Body pushed(const Body& b, const Arrays& in, const std::vector<int>& wrt, bool primal, Arrays& captures) {
  auto p = placeholders(in);
  auto out = b->run(p, false);
  auto x = at(p, wrt);
  auto dx = placeholders(x);
  auto d = filled(Tape(out, x, true).push(out, dx), out);
  return body(p + dx, primal ? out + d : d, captures);
}

Examples mapped(
    const Body& b, const Arrays& in, const std::vector<int>& axes, int size,
    const std::vector<bool>& force, Arrays& captures) {
  Arrays one, batch, stand;
  std::vector<Batched> values;
  for (size_t i = 0; i < in.size(); i++) {
    auto shape = in[i].shape();
    if (axes[i] == unmapped) {
      one.push_back(placeholder(in[i]));
      batch.push_back(one.back());
      continue;
    }
    batch.push_back(placeholder(in[i]));
    shape.erase(shape.begin() + axes[i]);
    one.push_back(array(shape, in[i].dtype(), nullptr, {}));
    stand.push_back(one.back());
    values.push_back({batch.back(), axes[i]});
  }
  Examples r;
  Arrays out;
  // Rules stay with the functions that they are of.
  Tracing now;
  for (auto& o : vectorize(values, stand, b->run(one, false))) {
    r.out.push_back(force.at(r.out.size()) || o.axis != unmapped ? 0 : unmapped);
    out.push_back(r.out.back() == unmapped ? o.value : moved(o, 0, size));
  }
  r.body = body(batch, out, captures);
  return r;
}

int mapped_size(const Arrays& in, const std::vector<int>& axes) {
  for (size_t i = 0; i < in.size(); i++) {
    if (axes[i] != unmapped) {
      return in[i].shape(axes[i]);
    }
  }
  return 0;
}

const Stream& current() {
  return *static_cast<Stream*>(adj_stream().ctx);
}

bool here(std::initializer_list<Body> bodies) {
  if (current().device != Device::cpu) {
    return false;
  }
  for (auto& b : bodies) {
    if (!b->only(current())) {
      return false;
    }
  }
  return true;
}

Arrays operator+(Arrays a, const Arrays& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Arrays part(const Arrays& v, size_t from, size_t to) {
  return Arrays(v.begin() + from, v.begin() + to);
}

std::vector<int> range(int from, int to) {
  std::vector<int> r(to - from);
  std::iota(r.begin(), r.end(), from);
  return r;
}

std::vector<Shape> shapes_of(const Arrays& v) {
  std::vector<Shape> r;
  for (auto& a : v) {
    r.push_back(a.shape());
  }
  return r;
}

Arrays make(const Arrays& like, std::shared_ptr<Primitive> p, const Arrays& in) {
  std::vector<Dtype> dtypes;
  for (auto& a : like) {
    dtypes.push_back(a.dtype());
  }
  return array::make_arrays(shapes_of(like), dtypes, std::move(p), in);
}

void fill_flow(adj_api* api) {
  api->scan = scan_of;
  api->branch = branch_of;
  api->loop = loop_of;
}

} // namespace adj
