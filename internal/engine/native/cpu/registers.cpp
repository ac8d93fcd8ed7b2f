// adjoint:flags -O3
#include "cpu/registers.h"

#include "ext/tiles.h"

namespace adj::cpu {

#if defined(ADJ_LEVELS)
#define ADJ_LANES 16
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace v4 {
#include "cpu/register_tiles.h"
}
#pragma GCC pop_options
#undef ADJ_LANES
#define ADJ_LANES 8
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace v3 {
#include "cpu/register_tiles.h"
}
#pragma GCC pop_options
#undef ADJ_LANES
#endif
#define ADJ_LANES 4
namespace base {
#include "cpu/register_tiles.h"
}
#undef ADJ_LANES

const Tiles& tiles() {
  // What chooses between kernels elsewhere asks the same, see vectors.cpp.
#if defined(ADJ_LEVELS)
  static const Tiles& best = __builtin_cpu_supports("x86-64-v4") ? v4::tiles : __builtin_cpu_supports("x86-64-v3") ? v3::tiles : base::tiles;
  return best;
#else
  return base::tiles;
#endif
}

} // namespace adj::cpu
