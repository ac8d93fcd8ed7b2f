package main

import "strings"

// The bodies of the GPU kernels. They compute in float, whatever the dtype, and
// convert to the type of like.
const (
	swigluSource = `
float A = a[i], B = b[i];
float s = 1 / (1 + EXP(-A));
y[i] = static_cast<decltype(like)>(A * s * B);
`
	vjpSource = `
float A = a[i], B = b[i], D = dy[i];
float s = 1 / (1 + EXP(-A));
da[i] = static_cast<decltype(like)>(D * B * (s * (1 + A * (1 - s))));
db[i] = static_cast<decltype(like)>(D * (A * s));
`
	jvpSource = `
float A = a[i], B = b[i];
float s = 1 / (1 + EXP(-A));
ty[i] = static_cast<decltype(like)>(float(ta[i]) * B * (s * (1 + A * (1 - s))) + float(tb[i]) * (A * s));
`
	curveSource = `
float A = a[i], B = b[i], D = dy[i], U = u[i], V = v[i];
float s = 1 / (1 + EXP(-A));
float slope = s * (1 + A * (1 - s)), curve = s * (1 - s) * (2 + A * (1 - 2 * s));
ea[i] = static_cast<decltype(like)>(D * (U * B * curve + V * slope));
eb[i] = static_cast<decltype(like)>(U * D * slope);
edy[i] = static_cast<decltype(like)>(U * B * slope + V * (A * s));
`
)

// gpu makes the Metal and the CUDA source of a body. CUDA's grid is rounded up to
// whole blocks.
func gpu(body string) (sources [2]string) {
	const metal = `
uint i = thread_position_in_grid.x;
auto like = a[i];`
	const cuda = `
size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x, n = 1;
for (int axis = 0; axis < a_ndim; axis++) {
  n *= a_shape[axis];
}
if (i >= n) {
  return;
}
auto like = a[i];`
	return [2]string{metal + strings.ReplaceAll(body, "EXP", "metal::exp"), cuda + strings.ReplaceAll(body, "EXP", "expf")}
}
