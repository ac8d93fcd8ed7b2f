// y = a * sigmoid(a) * b
uint i = thread_position_in_grid.x;
T s = T(1) / (T(1) + T(metal::exp(-a[i])));
y[i] = a[i] * s * b[i];
