// The table of rules, from primitive to rule.
#include "ext/rules.h"

namespace adj {

using namespace mlx::core;

static RuleTable made() {
  RuleTable t;
  add_convolution(t);
  add_linalg(t);
  add_points(t);
  add_products(t);
  add_scans(t);
  add_scatters(t);
  add_shapes(t);
  return t;
}

const Rules* rules(mlx::core::Primitive& p) {
  static const RuleTable table = made();
  auto it = table.find(p.name());
  // Primitives of ours may have any name.
  return it == table.end() || dynamic_cast<Own*>(&p) ? nullptr : &it->second;
}

std::vector<std::string> our_rules(Primitive& p) {
  auto* r = rules(p);
  bool own = dynamic_cast<Own*>(&p);
  std::vector<std::string> out;
  if (own || (r && (r->vjp || r->pull))) {
    out.push_back("vjp");
  }
  if (own || (r && r->jvp)) {
    out.push_back("jvp");
  }
  if (own || (r && r->vmap) || maps_itself(p.name())) {
    out.push_back("vmap");
  }
  return out;
}

// begin puts arrays that are nowhere else in the place of the primals argnums.
static Arrays begin(Primitive& p, Arrays& primals, const std::vector<int>& argnums) {
  Arrays at;
  for (int i : argnums) {
    primals[i] = copy(primals[i], p.stream());
    at.push_back(primals[i]);
  }
  return at;
}

Arrays composed_vjp(
    Composition f, Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums) {
  auto in = primals;
  auto at = begin(p, in, argnums);
  auto out = f(p, in);
  return filled(Tape(out, at, false).pull(out, cotangents), at);
}

Arrays composed_jvp(
    Composition f, Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) {
  auto in = primals;
  auto at = begin(p, in, argnums);
  auto out = f(p, in);
  return filled(Tape(out, at, true).push(out, tangents), out);
}

} // namespace adj
