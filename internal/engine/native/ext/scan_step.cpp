// Steps of a scan, made ready to be differentiated in reverse.
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <unordered_set>

#include "cpu/copy.h"
#include "ext/fused.h"
#include "ext/scan.h"

namespace adj {

using namespace mlx::core;

array view(const array& a, Shape shape, Strides strides, int64_t first) {
  array r(std::move(shape), a.dtype(), nullptr, {});
  // The same order of elements without gaps, the last axis or the first one first.
  auto in_order = [&](bool rows) {
    int64_t next = 1;
    for (size_t i = 0, n = r.ndim(); i < n; i++) {
      size_t k = rows ? n - 1 - i : i;
      if (r.shape(k) != 1 && strides[k] != next) {
        return false;
      }
      next *= r.shape(k);
    }
    return true;
  };
  bool rows = in_order(true), columns = in_order(false);
  size_t span = r.size() > 0;
  for (size_t i = 0; i < r.ndim() && span > 0; i++) {
    span += (r.shape(i) - 1) * std::abs(strides[i]);
  }
  r.copy_shared_buffer(a, strides, {rows || columns || span == 1, rows, columns}, span, first);
  return r;
}

array ready(const array& a, const Stream& s) {
  constexpr int least = 16;
  bool runs = a.ndim() > 1 && a.shape(-1) >= least && a.strides(-1) == 1;
  bool forward = std::all_of(a.strides().begin(), a.strides().end(), [](int64_t n) { return n >= 0; });
  return a.flags().row_contiguous || (runs && forward) ? a : cpu::contiguous(a, s);
}

// Kind is what an array of a step depends on.
enum Kind { NOTHING = 0, CAPTURE = 1, SLICE = 2, CARRIED = 4, COTANGENT = 8 };

// kinds walks what leads to roots.
std::unordered_map<uintptr_t, int> kinds(const Step& s, const Layout& l, const Arrays& roots, Arrays* order) {
  std::unordered_map<uintptr_t, int> kind;
  for (size_t i = 0; i < s.in.size(); i++) {
    kind[s.in[i].id()] = i < l.carried ? CARRIED : i < l.carried + l.sliced ? SLICE : CAPTURE;
  }
  for (auto& u : s.cotangents) {
    kind[u.id()] = COTANGENT;
  }
  *order = topological(roots, [&](const array& a) { return a.has_primitive() && !kind.count(a.id()); });
  for (auto& a : *order) {
    int k = NOTHING;
    for (auto& in : a.inputs()) {
      auto it = kind.find(in.id());
      k |= it == kind.end() ? NOTHING : it->second;
    }
    kind[a.id()] = k;
    for (auto& sib : a.siblings()) {
      kind[sib.id()] = k;
    }
  }
  return kind;
}

// cheap says whether a is computed from its inputs in less time than it takes to keep it.
bool cheap(const array& a) {
  static const std::unordered_set<std::string_view> views{
      "Broadcast", "ExpandDims", "Flatten", "Reshape", "Slice", "Split", "Squeeze", "StopGradient", "Transpose", "Unflatten"};
  return a.has_primitive() &&
      (views.count(op_name(a.primitive())) || elementwise({false, a.primitive_ptr(), {}, {a.shape()}, {a.dtype()}}));
}

Frontier frontier(const Step& s, const Layout& l, const Arrays& grads) {
  Frontier f;
  std::unordered_set<uintptr_t> seen;
  Arrays order;
  auto kind = kinds(s, l, grads, &order);
  auto of = [&](const array& a) {
    auto it = kind.find(a.id());
    return it == kind.end() ? int(NOTHING) : it->second;
  };
  Arrays next;
  auto take = [&](const array& first) {
    for (next.push_back(first); !next.empty();) {
      auto a = next.back();
      next.pop_back();
      int k = of(a);
      if (k == NOTHING || (k & COTANGENT) || !seen.insert(a.id()).second) {
        continue;
      }
      if (k == CAPTURE) {
        f.invariant.push_back(a);
      } else if (k == SLICE && !a.has_primitive()) {
        f.sliced.push_back(a);
      } else if (s.again && cheap(a)) {
        next.insert(next.end(), a.inputs().begin(), a.inputs().end());
      } else {
        f.residual.push_back(a);
      }
    }
  };
  if (l.remat) {
    // Everything else is computed again.
    for (size_t i = 0; i < s.in.size(); i++) {
      take(s.in[i]);
    }
    return f;
  }
  for (auto& a : order) {
    if (of(a) & COTANGENT) {
      for (auto& in : a.inputs()) {
        take(in);
      }
    }
  }
  for (auto& g : grads) {
    take(g);
  }
  return f;
}

size_t bytes(const Arrays& v) {
  return std::accumulate(v.begin(), v.end(), size_t(0), [](size_t n, auto& a) { return n + a.nbytes(); });
}

Arrays present(const std::vector<std::optional<array>>& v) {
  Arrays r;
  for (auto& a : v) {
    if (a) {
      r.push_back(*a);
    }
  }
  return r;
}

size_t index(const Arrays& list, const array& a) {
  return std::find_if(list.begin(), list.end(), [&](auto& b) { return b.id() == a.id(); }) - list.begin();
}

bool contains(const Arrays& list, const array& a) {
  return index(list, a) < list.size();
}

// product returns what a is such a product of.
std::optional<Total::Product> product(const array& a) {
  auto is = [](const array& a, const char* op) {
    return a.has_primitive() && a.ndim() == 2 && op_name(a.primitive()) == op;
  };
  if (is(a, "Matmul") && is(a.inputs()[0], "Transpose")) {
    return Total::Product{a.inputs()[0].inputs()[0], a.inputs()[1]};
  }
  if (is(a, "Transpose")) {
    if (auto p = product(a.inputs()[0])) {
      return Total::Product{p->right, p->left};
    }
  }
  return std::nullopt;
}

Total total(const array& grad, const Arrays& there) {
  Total t;
  for (Arrays next{grad}; !next.empty();) {
    auto a = next.back();
    next.pop_back();
    auto p = product(a);
    auto& in = a.inputs();
    if (p && (contains(there, p->left) ? p->right.size() < a.size() : contains(there, p->right) && p->left.size() < a.size())) {
      t.products.push_back(*p);
    } else if (a.has_primitive() && op_name(a.primitive()) == "Add" && in[0].shape() == in[1].shape()) {
      next.insert(next.end(), in.begin(), in.end());
    } else {
      t.rest = t.rest ? add(a, *t.rest, stream_of(a)) : a;
    }
  }
  return t;
}

std::shared_ptr<Step> make_step(const Body& b, const Layout& l, const Arrays& like, const std::vector<int>& wrt) {
  auto s = std::make_shared<Step>();
  s->in = placeholders(like);
  s->out = b->run(s->in, false);
  s->wrt = wrt;
  Arrays at, out;
  for (int i : wrt) {
    at.push_back(s->in[i]);
  }
  for (auto& o : s->out) {
    if (inexact(o)) {
      out.push_back(o);
    }
  }
  s->cotangents = placeholders(out);
  s->grads = Tape(out, at, false).pull(out, s->cotangents);
  auto grads = present(s->grads);
  auto kept = frontier(*s, l, grads).residual;
  s->again = true;
  s->residuals = frontier(*s, l, grads).residual;
  if (bytes(s->residuals) >= bytes(kept)) {
    s->again = false;
    s->residuals = std::move(kept);
  }
  for (size_t i = 0; i < s->residuals.size(); i++) {
    s->place[s->residuals[i].id()] = i;
  }
  s->forward = body(s->in, s->out + s->residuals, s->captures);
  return s;
}

} // namespace adj
