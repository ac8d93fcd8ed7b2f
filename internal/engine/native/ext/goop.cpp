#include "ext/goop.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

namespace adj {

// Ops whose last copy is gone. Go asks for them: an array may be freed where
// calling back is not allowed.
static std::mutex dropped_mutex;
static std::vector<uint64_t> dropped;

struct GoOp::Owner {
  const uint64_t op;
  explicit Owner(uint64_t op) : op(op) {}
  Owner(const Owner&) = delete;
  ~Owner() {
    std::lock_guard<std::mutex> hold(dropped_mutex);
    dropped.push_back(op);
  }
};

GoOp::GoOp(uint64_t op) : owner_(std::make_shared<Owner>(op)) {}

uint64_t GoOp::number() const {
  return owner_->op;
}

enum Rule { VJP, JVP, VMAP, SHAPES };

// call calls a rule with a head of numbers and the arrays behind it.
static std::vector<array> call(
    uint64_t op, Rule kind, const std::vector<array>& in, const std::vector<uint64_t>& head,
    std::vector<int>* axes = nullptr) {
  std::vector<uint64_t> w{head.size()};
  w.insert(w.end(), head.begin(), head.end());
  for (auto& a : in) {
    w.push_back(handle(a));
  }
  uint64_t *out = nullptr, n = 0;
  if (go.rule(op, kind, w.data(), w.size(), &out, &n)) {
    throw GoError{};
  }
  std::vector<array> r;
  for (uint64_t i = 0; i < n; i++) {
    r.push_back(arr(out[i]));
    delete reinterpret_cast<array*>(out[i]);
    if (axes) {
      axes->push_back((int)(int64_t)out[n + i]);
    }
  }
  std::free(out);
  return r;
}

std::vector<array> GoOp::vjp(
    const std::vector<array>& primals, const std::vector<array>& cotangents,
    const std::vector<array>& outputs) const {
  std::vector<array> all(primals);
  all.insert(all.end(), cotangents.begin(), cotangents.end());
  all.insert(all.end(), outputs.begin(), outputs.end());
  return call(owner_->op, VJP, all, {primals.size(), cotangents.size()});
}

std::vector<array> GoOp::jvp(
    const std::vector<array>& primals, const std::vector<array>& tangents,
    const std::vector<int>& argnums) const {
  std::vector<array> all(primals);
  std::vector<uint64_t> head{primals.size()};
  for (size_t i = 0; i < argnums.size(); i++) {
    all.push_back(tangents[i]);
    head.push_back(argnums[i]);
  }
  return call(owner_->op, JVP, all, head);
}

std::pair<std::vector<array>, std::vector<int>> GoOp::vmap(
    const std::vector<array>& inputs, const std::vector<int>& axes) const {
  std::vector<uint64_t> head;
  for (int a : axes) {
    head.push_back((uint64_t)(int64_t)a);
  }
  std::vector<int> out_axes;
  auto r = call(owner_->op, VMAP, inputs, head, &out_axes);
  return {r, out_axes};
}

std::vector<mlx::core::Shape> GoOp::shapes(const std::vector<array>& inputs) const {
  std::vector<uint64_t> w{0};
  for (auto& a : inputs) {
    w.push_back((uint64_t)a.dtype().val());
    w.push_back(a.ndim());
    w.insert(w.end(), a.shape().begin(), a.shape().end());
  }
  w[0] = w.size() - 1;
  uint64_t *out = nullptr, n = 0;
  if (go.rule(owner_->op, SHAPES, w.data(), w.size(), &out, &n)) {
    throw GoError{};
  }
  std::vector<mlx::core::Shape> r;
  for (uint64_t i = 0; i < n;) {
    uint64_t rank = out[i++];
    r.emplace_back(out + i, out + i + rank);
    i += rank;
  }
  std::free(out);
  return r;
}

// foreign_dropped takes up to cap ops that the engine is done with.
static uint64_t foreign_dropped(uint64_t* out, uint64_t cap) {
  std::lock_guard<std::mutex> hold(dropped_mutex);
  uint64_t n = std::min<uint64_t>(cap, dropped.size());
  std::copy(dropped.end() - n, dropped.end(), out);
  dropped.resize(dropped.size() - n);
  return n;
}

void fill_goops(adj_api* api) {
  api->foreign_dropped = foreign_dropped;
}

} // namespace adj
