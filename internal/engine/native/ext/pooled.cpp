// The pass that finds gradients of pooling.
//
// The rule of a maximum y of x over axes (rules_points.cpp) gives
//
//   where(x = y, ct / sum(x = y), 0),
//
// five ops that go over x or a mask of it. Where the axes leave rows, as the windows of
// pooling do, one primitive computes the same, bit for bit.
#include <optional>

#include "cpu/eager.h"
#include "cpu/window.h"
#include "ext/passes.h"

namespace adj {

using namespace mlx::core;

namespace {

class Search {
 public:
  explicit Search(const Graph& g) : g_(g) {
    first_ = g.inputs() + g.constants().size();
    for (size_t i = 0; i < g.nodes().size(); i++) {
      made_.insert(made_.end(), g.nodes()[i].shapes.size(), i);
    }
  }

  // A Match is what a node computes the gradient from.
  struct Match {
    uint32_t x, y, ct;
    std::vector<int> axes;
  };
  std::optional<Match> match(const Graph::Node& n) const {
    if (op_name(*n.primitive) != "Select" || n.dtypes[0] != float32) {
      return std::nullopt;
    }
    auto *hit = made(n.in[0], "Equal"), *part = made(behind(n.in[1]), "Divide");
    if (!hit || !part || !zero(behind(n.in[2]))) {
      return std::nullopt;
    }
    auto* cast = made(part->in[1], "AsType");
    auto* count = cast ? made(cast->in[0], "Sum") : nullptr;
    uint32_t x = hit->in[0], y = behind(hit->in[1]);
    auto* best = made(y, "Max");
    best = best ? best : made(y, "Min");
    if (!count || !best || count->in[0] != n.in[0] || best->in[0] != x) {
      return std::nullopt;
    }
    auto axes = static_cast<Reduce&>(*best->primitive).state().second;
    auto &shape = n.shapes[0], &few = best->shapes[0];
    bool fits = axes.size() > 1 && static_cast<Reduce&>(*count->primitive).state().second == axes && hit->shapes[0] == shape &&
        part->shapes[0] == few && count->shapes[0] == few && few.size() == shape.size() && !shape.empty() &&
        few.back() == shape.back() && shape.back() > 1;
    return fits ? std::optional<Match>({x, y, part->in[0], axes}) : std::nullopt;
  }

 private:
  // made returns the node that makes slot s, if it is an op of that name on the CPU.
  const Graph::Node* made(uint32_t s, std::string_view op) const {
    if (s < first_) {
      return nullptr;
    }
    auto& n = g_.nodes()[made_[s - first_]];
    return op_name(*n.primitive) == op && n.primitive->stream().device == Device::cpu ? &n : nullptr;
  }
  // behind is what a slot repeats.
  uint32_t behind(uint32_t s) const {
    auto* n = made(s, "Broadcast");
    return n ? n->in[0] : s;
  }
  bool zero(uint32_t s) const {
    if (s < g_.inputs() || s >= first_) {
      return false;
    }
    auto& c = g_.constants()[s - g_.inputs()];
    return c.dtype() == float32 && c.data_size() == 1 && c.is_available() && *c.data<float>() == 0;
  }

  const Graph& g_;
  uint32_t first_; // slot of a node
  std::vector<size_t> made_; // node of each slot from there on
};

} // namespace

Graph pooled(const Graph& g) {
  if (cpu::all_stock()) {
    return g;
  }
  Search search(g);
  auto nodes = g.nodes();
  bool any = false;
  for (auto& n : nodes) {
    if (auto m = search.match(n)) {
      n.primitive = std::make_shared<cpu::WindowsGradient>(n.primitive->stream(), m->axes);
      n.in = {m->x, m->y, m->ct};
      any = true;
    }
  }
  size_t dead = 0;
  return any ? sweep(Graph(g.input_specs(), g.constants(), std::move(nodes), g.outputs()), &dead) : g;
}

} // namespace adj
