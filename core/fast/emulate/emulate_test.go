package emulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

func TestTry(t *testing.T) {
	k := Kernel{Name: "sq", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: "uint i = thread_position_in_grid.x;\n y[i] = x[i] * x[i];"}
	n := 1 << 20
	x, _ := spec.Zeros(spec.Type{DType: spec.Float32, Shape: []int{n}})
	v, _ := spec.Values[float32](x)
	for i := range v {
		v[i] = float32(i)
	}
	l := Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{256, 1, 1}, Outputs: []spec.Type{x.Type}}
	for range 2 {
		start := time.Now()
		out, err := k.Run(t.Context(), l, x)
		require.NoError(t, err)
		got, _ := spec.Values[float32](out[0])
		require.Equal(t, float32(9), got[3])
		t.Log(time.Since(start))
	}
	l.Grid[0] = n + 1
	_, err := k.Run(t.Context(), l, x)
	t.Log(err)
	l.Grid[0] = n - 5
	_, err = k.Run(t.Context(), l, x)
	t.Log(err)
	k = Kernel{Name: "sum", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: `
threadgroup float part[256];
uint i = thread_index_in_threadgroup;
part[i] = x[thread_position_in_grid.x];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 128; s > 0; s /= 2) {
	if (i < s) part[i] += part[i + s];
	threadgroup_barrier(mem_flags::mem_threadgroup);
}
if (i == 0) y[threadgroup_position_in_grid.x] = part[0];
`}
	l = Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{256, 1, 1}, Outputs: []spec.Type{{DType: spec.Float32, Shape: []int{n / 256}}}}
	for range 2 {
		start := time.Now()
		_, err := k.Run(t.Context(), l, x)
		require.NoError(t, err)
		t.Log(time.Since(start))
	}
	k.Source = `
threadgroup float part[256];
uint i = thread_index_in_threadgroup;
part[i] = x[thread_position_in_grid.x];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 128; s > 0; s /= 2) {
	if (i < s) part[i] += part[i + s];
}
if (i == 0) y[threadgroup_position_in_grid.x] = part[0];
`
	_, err = k.Run(t.Context(), l, x)
	t.Log(err)
	k.Source = `
uint i = thread_index_in_threadgroup;
float3 q = x[i];
float z = q * 3;
`
	_, err = k.Run(t.Context(), l, x)
	t.Log(err)
}
