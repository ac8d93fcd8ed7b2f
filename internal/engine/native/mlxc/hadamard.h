#pragma once

// has_hadamard returns whether MLX has the matrix of Hadamard of n rows: n is m·2ᵏ with
// m one of 1, 12, 20, 28.
inline bool has_hadamard(int n) {
  int odd = n;
  while (odd > 1 && odd % 2 == 0) {
    odd /= 2;
  }
  return odd <= 1 || (n % 4 == 0 && odd <= 7);
}
