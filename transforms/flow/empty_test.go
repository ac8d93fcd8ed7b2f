package flow_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// In a body, too, what reduces nothing gives what it begins with.
func TestReductionsOfNothingInBodies(t *testing.T) {
	reductions := map[string]func(x arr, axes ...int) arr{
		"sum":  arr.SumKeep,
		"prod": arr.ProdKeep,
		"any":  func(x arr, axes ...int) arr { return x.AnyKeep(axes...).AsType(core.Float32) },
		"all":  func(x arr, axes ...int) arr { return x.AllKeep(axes...).AsType(core.Float32) },
	}
	start := map[string]float32{"sum": 0, "prod": 1, "any": 0, "all": 1}
	for name, reduce := range reductions {
		for _, shape := range [][]int{{0, 3}, {3, 0}, {2, 0, 3}, {2, 4, 0, 3}, {0, 5, 2, 3}, {5, 2, 3, 0}} {
			for set := 1; set < 1<<len(shape); set++ {
				var axes []int
				n := 1 // elements of the result
				for i, d := range shape {
					if set>>i&1 == 1 {
						axes = append(axes, i)
					} else {
						n *= d
					}
				}
				f := func(x arr) arr { return reduce(x.Transpose().Contiguous().Transpose(), axes...).Sum().AddScalar(1) }
				x := core.Zeros(core.Float32, shape...)
				want := []float32{1 + float32(n)*start[name]}
				what := fmt.Sprint(name, shape, axes)
				require.Equal(t, want, floats(f(x)), what)
				require.Equal(t, want, floats(flow.Cond(core.Scalar(true), f, func(x arr) arr { return x.Sum() }, x)), what)
				require.Equal(t, want, floats(flow.For(2, func(_, y arr) arr { return f(x).Add(y.MulScalar(0)) }, num(0))), what)
			}
		}
	}
}

// A diagonal outside of the matrix has no elements, and its sum ends, in a body too.
func TestTracesOfNothingInBodies(t *testing.T) {
	f := func(x arr) arr { return x.TraceAs(core.Float32, 1, 0, 2).AddScalar(1) }
	for _, x := range []arr{core.Ones(core.Int32, 2, 3, 1), core.Ones(core.Float32, 4, 5, 1)} {
		want := floats(core.Ones(core.Float32, x.Dim(1)))
		for range 20 {
			require.Equal(t, want, floats(f(x)))
			require.Equal(t, want, floats(flow.Cond(core.Scalar(true), f, f, x)))
			require.Equal(t, want, floats(vmap.Of(func(x arr) arr { return flow.Cond(core.Scalar(true), f, f, x) })(x.ExpandDims(0))))
		}
	}
}
