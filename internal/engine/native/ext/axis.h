// Sums over a mapped axis, from inside the mapped function.
#pragma once
#include <optional>

#include "ext/derive.h"

namespace adj {

// axis_sum returns what a is on batched inputs if it is a sum over the axis that
// trace maps.
std::optional<Batched> axis_sum(const array& a, uint64_t trace, const std::vector<Batched>& in);

} // namespace adj
