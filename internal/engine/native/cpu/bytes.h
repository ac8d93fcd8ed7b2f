// Short runs of bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace adj::cpu {

// A Word is a number of unit bytes.
template <size_t unit> struct Word { using type = struct { uint64_t low, high; }; };
template <> struct Word<1> { using type = uint8_t; };
template <> struct Word<2> { using type = uint16_t; };
template <> struct Word<4> { using type = uint32_t; };
template <> struct Word<8> { using type = uint64_t; };

template <size_t n> inline void move(char* to, const char* from) {
  std::memcpy(to, from, n);
}

// ends moves what is at least n and at most 2n bytes, the middle twice.
template <size_t n> inline void ends(char* to, const char* from, size_t bytes) {
  char head[n], tail[n];
  move<n>(head, from);
  move<n>(tail, from + bytes - n);
  move<n>(to, head);
  move<n>(to + bytes - n, tail);
}

// A call of memcpy costs more than a short run.
inline void move(char* to, const char* from, size_t n) {
  if (n > 128) {
    std::memcpy(to, from, n);
  } else if (n >= 16) {
    for (size_t i = 0; i + 16 < n; i += 16) {
      move<16>(to + i, from + i);
    }
    move<16>(to + n - 16, from + n - 16);
  } else if (n >= 8) {
    ends<8>(to, from, n);
  } else if (n >= 4) {
    ends<4>(to, from, n);
  } else {
    for (size_t i = 0; i < n; i++) {
      to[i] = from[i];
    }
  }
}

// of_size calls f with the size of an element as a constant, and says whether it is one.
template <class F> bool of_size(size_t unit, F&& f) {
  switch (unit) {
    case 1: f(std::integral_constant<size_t, 1>()); return true;
    case 2: f(std::integral_constant<size_t, 2>()); return true;
    case 4: f(std::integral_constant<size_t, 4>()); return true;
    case 8: f(std::integral_constant<size_t, 8>()); return true;
    case 16: f(std::integral_constant<size_t, 16>()); return true;
  }
  return false;
}

} // namespace adj::cpu
