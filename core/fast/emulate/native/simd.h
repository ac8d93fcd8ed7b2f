// Barriers, simdgroup and quadgroup functions, and atomics of the Metal Shading Language.
#pragma once

#include "math.h"

namespace metal {

enum class mem_flags : uint { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4, mem_threadgroup_imageblock = 8 };
EMU constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(uint(a) | uint(b)); }
enum memory_order { memory_order_relaxed, memory_order_acquire, memory_order_release, memory_order_acq_rel, memory_order_seq_cst };
enum thread_scope { thread_scope_thread, thread_scope_simdgroup, thread_scope_threadgroup, thread_scope_device };

EMU void threadgroup_barrier(mem_flags f) { emu::group_barrier(uint(f) & 3); }
EMU void simdgroup_barrier(mem_flags f) { emu::simd_barrier(uint(f) & 3); }

} // namespace metal

namespace emu {

// A Meeting brings x to the other lanes that are here, and sees theirs.
template <typename T>
struct Meeting {
  Gathered all;
  EMU explicit Meeting(const T& x) : all(exchange(&x, sizeof(T))) { static_assert(sizeof(T) <= deposit_bytes, "too large for a simdgroup function"); }
  EMU bool here(uint32_t lane) const { return lane < 32 && (all.mask >> lane & 1); }
  EMU T of(uint32_t lane) const {
    T x;
    __builtin_memcpy(&x, all.slots[lane % 32], sizeof(T));
    return x;
  }
  EMU uint32_t start(uint32_t width) const { return all.self / width * width; }
  EMU uint32_t place(uint32_t width) const { return all.self % width; }
};

template <typename T>
struct Pair {
  T a, b;
};

// reduce folds over the lanes that are here, of all 32 or of the caller's four.
template <typename T, typename F>
EMU T reduce(const T& x, const F& f, uint32_t width = 32) {
  Meeting<T> m(x);
  T r = x;
  bool any = false;
  for (uint32_t i = m.start(width); i < m.start(width) + width; i++) {
    if (m.here(i)) {
      r = any ? T(f(r, m.of(i))) : m.of(i);
      any = true;
    }
  }
  return r;
}

template <typename T, typename F>
EMU T prefix(const T& x, T identity, bool inclusive, const F& f) {
  Meeting<T> m(x);
  T r = identity;
  for (uint32_t i = 0; i < m.all.self + (inclusive ? 1 : 0); i++) {
    if (m.here(i)) {
      r = f(r, m.of(i));
    }
  }
  return r;
}

} // namespace emu

namespace metal {

#define EMU_ADD [](const T& a, const T& b) { return T(a + b); }
#define EMU_MUL [](const T& a, const T& b) { return T(a * b); }
#define EMU_REDUCE(name, ...)                                                  \
  template <typename T>                                                        \
  EMU T simd_##name(T x) { return emu::reduce(x, __VA_ARGS__); }               \
  template <typename T>                                                        \
  EMU T quad_##name(T x) { return emu::reduce(x, __VA_ARGS__, 4); }
EMU_REDUCE(sum, EMU_ADD)
EMU_REDUCE(product, EMU_MUL)
EMU_REDUCE(min, [](const T& a, const T& b) { return T(min(a, b)); })
EMU_REDUCE(max, [](const T& a, const T& b) { return T(max(a, b)); })
EMU_REDUCE(and, [](const T& a, const T& b) { return T(a & b); })
EMU_REDUCE(or, [](const T& a, const T& b) { return T(a | b); })
EMU_REDUCE(xor, [](const T& a, const T& b) { return T(a ^ b); })
#undef EMU_REDUCE

#define EMU_PREFIX(kind, is_inclusive)                                                                            \
  template <typename T>                                                                                           \
  EMU T simd_prefix_##kind##_sum(T x) { return emu::prefix(x, T(0), is_inclusive, EMU_ADD); }                  \
  template <typename T>                                                                                           \
  EMU T simd_prefix_##kind##_product(T x) { return emu::prefix(x, T(1), is_inclusive, EMU_MUL); }
EMU_PREFIX(inclusive, true)
EMU_PREFIX(exclusive, false)
#undef EMU_PREFIX
#undef EMU_ADD
#undef EMU_MUL

// A shuffle stays in the simdgroup, or in four lanes of it; where it would leave them, a lane keeps its own value. Lanes
// that are not here have undefined values: ours are not a number.
#define EMU_SHUFFLES(prefix, width)                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle(T x, ushort lane) {                                                          \
    emu::Meeting<T> m(x);                                                                             \
    return m.of(m.start(width) + lane % width);                                                       \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_broadcast(T x, ushort lane) { return prefix##_shuffle(x, lane); }                    \
  template <typename T>                                                                               \
  EMU T prefix##_broadcast_first(T x) {                                                               \
    emu::Meeting<T> m(x);                                                                             \
    uint32_t i = m.start(width);                                                                      \
    while (!m.here(i)) {                                                                              \
      i++;                                                                                            \
    }                                                                                                 \
    return m.of(i);                                                                                   \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_xor(T x, ushort mask) {                                                      \
    emu::Meeting<T> m(x);                                                                             \
    return m.of(m.all.self ^ mask % width);                                                           \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_up(T x, ushort delta) {                                                      \
    emu::Meeting<T> m(x);                                                                             \
    return m.place(width) < delta ? x : m.of(m.all.self - delta);                                     \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_down(T x, ushort delta) {                                                    \
    emu::Meeting<T> m(x);                                                                             \
    return m.place(width) + delta >= width ? x : m.of(m.all.self + delta);                            \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_rotate_up(T x, ushort delta) {                                               \
    emu::Meeting<T> m(x);                                                                             \
    return m.of(m.start(width) + (m.all.self - delta) % width);                                       \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_rotate_down(T x, ushort delta) {                                             \
    emu::Meeting<T> m(x);                                                                             \
    return m.of(m.start(width) + (m.all.self + delta) % width);                                       \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_and_fill_up(T x, T fill, ushort delta) {                                     \
    emu::Meeting<emu::Pair<T>> m({x, fill});                                                          \
    uint32_t at = m.place(width);                                                                     \
    return at < delta ? m.of(m.start(width) + (at + width - delta)).b : m.of(m.all.self - delta).a;   \
  }                                                                                                   \
  template <typename T>                                                                               \
  EMU T prefix##_shuffle_and_fill_down(T x, T fill, ushort delta) {                                   \
    emu::Meeting<emu::Pair<T>> m({x, fill});                                                          \
    uint32_t at = m.place(width) + delta;                                                             \
    return at >= width ? m.of(m.start(width) + (at - width)).b : m.of(m.all.self + delta).a;          \
  }
EMU_SHUFFLES(simd, 32)
EMU_SHUFFLES(quad, 4)
#undef EMU_SHUFFLES

struct simd_vote {
  typedef ulong vote_t;
  vote_t bits;
  EMU explicit simd_vote(vote_t v = 0) : bits(v) {}
  EMU explicit operator vote_t() const { return bits; }
  EMU bool all() const { return bits == 0xffffffffu; }
  EMU bool any() const { return bits != 0; }
};
EMU simd_vote simd_active_threads_mask() { return simd_vote(emu::Meeting<bool>(true).all.mask); }
EMU simd_vote simd_ballot(bool x) {
  emu::Meeting<bool> m(x);
  ulong bits = 0;
  for (uint i = 0; i < 32; i++) {
    bits |= ulong(m.here(i) && m.of(i)) << i;
  }
  return simd_vote(bits);
}
EMU bool simd_all(bool x) { return emu::reduce(x, [](bool a, bool b) { return a && b; }); }
EMU bool simd_any(bool x) { return emu::reduce(x, [](bool a, bool b) { return a || b; }); }
EMU bool simd_is_first() {
  emu::Meeting<bool> m(true);
  return (m.all.mask & ((1u << m.all.self) - 1)) == 0;
}

template <typename T>
struct atomic {
  static_assert(std::is_same_v<T, int> || std::is_same_v<T, uint> || std::is_same_v<T, ulong> || std::is_same_v<T, float> || std::is_same_v<T, bool>,
                "Metal has atomics of int, uint, ulong, float and bool only");
  T value;
};
using atomic_int = atomic<int>;
using atomic_uint = atomic<uint>;
using atomic_ulong = atomic<ulong>;
using atomic_float = atomic<float>;
using atomic_bool = atomic<bool>;

} // namespace metal

namespace emu {

// What an atomic operation does to memory is not watched as a plain access.
#define EMU_UNWATCHED __attribute__((noinline, no_sanitize("thread")))
template <typename T>
EMU_UNWATCHED T peek(const volatile metal::atomic<T>* p) { return p->value; }
template <typename T>
EMU_UNWATCHED void poke(volatile metal::atomic<T>* p, T v) { p->value = v; }
template <typename T, typename F>
EMU T change(volatile metal::atomic<T>* p, const F& f) {
  atomic_access(const_cast<metal::atomic<T>*>(p), sizeof(T), true, true);
  T old = peek(p);
  poke(p, T(f(old)));
  return old;
}
template <typename T>
using same = std::enable_if_t<true, T>; // not deduced

} // namespace emu

namespace metal {

template <typename T>
EMU T atomic_load_explicit(const volatile atomic<T>* p, memory_order) {
  emu::atomic_access(const_cast<const atomic<T>*>(p), sizeof(T), true, false);
  return emu::peek(p);
}
template <typename T>
EMU void atomic_store_explicit(volatile atomic<T>* p, emu::same<T> v, memory_order) {
  emu::atomic_access(const_cast<atomic<T>*>(p), sizeof(T), false, true);
  emu::poke(p, v);
}
template <typename T>
EMU T atomic_exchange_explicit(volatile atomic<T>* p, emu::same<T> v, memory_order) {
  return emu::change(p, [&](T) { return v; });
}
template <typename T>
EMU bool atomic_compare_exchange_weak_explicit(volatile atomic<T>* p, T* expected, emu::same<T> v, memory_order, memory_order) {
  emu::atomic_access(const_cast<atomic<T>*>(p), sizeof(T), true, true);
  T old = emu::peek(p);
  if (__builtin_memcmp(&old, expected, sizeof(T)) != 0) {
    *expected = old;
    return false;
  }
  emu::poke(p, v);
  return true;
}
#define EMU_FETCH(name, allowed, what)                                                       \
  template <typename T>                                                                      \
  EMU T atomic_fetch_##name##_explicit(volatile atomic<T>* p, emu::same<T> v, memory_order) { \
    static_assert(allowed, "Metal has no such operation on this atomic type");               \
    return emu::change(p, [&](T x) { return what; });                                        \
  }
#define EMU_INTS (std::is_same_v<T, int> || std::is_same_v<T, uint>)
EMU_FETCH(add, EMU_INTS || (std::is_same_v<T, float>), x + v)
EMU_FETCH(sub, EMU_INTS || (std::is_same_v<T, float>), x - v)
EMU_FETCH(and, EMU_INTS, x & v)
EMU_FETCH(or, EMU_INTS, x | v)
EMU_FETCH(xor, EMU_INTS, x ^ v)
EMU_FETCH(min, EMU_INTS, v < x ? v : x)
EMU_FETCH(max, EMU_INTS, v > x ? v : x)
#undef EMU_INTS
#undef EMU_FETCH
EMU void atomic_max_explicit(volatile atomic<ulong>* p, ulong v, memory_order) {
  emu::change(p, [&](ulong x) { return v > x ? v : x; });
}
EMU void atomic_min_explicit(volatile atomic<ulong>* p, ulong v, memory_order) {
  emu::change(p, [&](ulong x) { return v < x ? v : x; });
}

} // namespace metal
