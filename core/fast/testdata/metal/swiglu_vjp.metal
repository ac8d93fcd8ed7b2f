// With s = sigmoid(a): da = dy * b * s * (1 + a * (1 - s)), db = dy * a * s. Four elements a thread.
uint first = thread_position_in_grid.x * 4;
for (uint i = first; i < min(first + 4, uint(N)); i++) {
  float s = 1 / (1 + metal::exp(-a[i]));
  da[i] = dy[i] * b[i] * s * (1 + a[i] * (1 - s));
  db[i] = dy[i] * a[i] * s;
}
