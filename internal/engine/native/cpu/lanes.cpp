// adjoint:flags -O3
#include "cpu/lanes.h"

namespace adj::cpu {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ADJ_LANES 16
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
namespace v4 {
#include "cpu/lane_tiles.h"
}
#pragma GCC pop_options
#undef ADJ_LANES
#define ADJ_LANES 8
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace v3 {
#include "cpu/lane_tiles.h"
}
#pragma GCC pop_options
#undef ADJ_LANES
#endif
#define ADJ_LANES 4
namespace base {
#include "cpu/lane_tiles.h"
}
#undef ADJ_LANES

const Tiles& tiles() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  static const Tiles& best = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma") ? v4::tiles
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? v3::tiles : base::tiles;
  return best;
#else
  return base::tiles;
#endif
}

} // namespace adj::cpu
