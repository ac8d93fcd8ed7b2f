// The table of rules, from primitive to rule.
#include "ext/rules.h"

namespace adj {

static RuleTable made() {
  RuleTable t = {
      {"BlockMaskedMM", {nullptr, transposed}},
      {"GatherMM", {nullptr, transposed}},
      {"GatherQMM", {nullptr, transposed}},
  };
  add_convolution(t);
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

} // namespace adj
