package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// An array that no machine has memory for is an error where it is computed, on the
// calling thread and on the stream's, and what comes next works.
func TestMemoryThatCannotBeHad(t *testing.T) {
	const n = 1 << 22
	one := core.Scalar[float32](1)
	ones := func() *core.Array { return core.Ones(core.Float32, n, n) }
	other := core.NewStream(core.CPU)
	for name, f := range map[string]func() *core.Array{
		"an operation": func() *core.Array { return ones().Add(one) },
		"a copy":       func() *core.Array { return ones().Contiguous() },
		"a function":   func() *core.Array { return ones().Exp() },
		"a product":    func() *core.Array { return core.Ones(core.Float32, n, 1).MatMul(core.Ones(core.Float32, 1, n)) },
		"a factor":     func() *core.Array { return linalg.Inv(core.Eye(core.Float32, n, n, 0)) },
		"a sort":       func() *core.Array { return ones().Sort(0) },
		"a sum":        func() *core.Array { return ones().Exp().Sum() },
		"a gradient": func() *core.Array {
			return grad.Of(func(x *core.Array) *core.Array { return x.Mul(ones()).Exp().Sum() })(one)
		},
		"compiled": func() *core.Array {
			return compile.Of(func(x *core.Array) *core.Array { return x.Mul(ones()).Exp().Neg() }).Call(one)
		},
		"mapped": func() *core.Array {
			return vmap.Of(func(x *core.Array) *core.Array { return x.Mul(core.Ones(core.Float32, n)) })(core.Ones(core.Float32, n))
		},
		"scanned": func() *core.Array {
			_, ys := flow.Scan(func(s, x *core.Array) (*core.Array, *core.Array) { return s, x.Mul(core.Ones(core.Float32, n)) }, one, core.Ones(core.Float32, n))
			return ys
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, on := range []core.Target{core.CPU, other} {
				err := thrown(func() { core.Using(on, func() { f().Eval() }) })
				require.ErrorIs(t, err, core.ErrNoMemory)
				require.NotContains(t, err.Error(), "\n")
				require.Contains(t, err.Error(), "bytes (core/memory_test.go:")
				core.Using(on, func() {
					require.Equal(t, []float32{2, 3}, core.Data[float32](core.From([]float32{1, 2}).Add(one)))
				})
			}
		})
	}
}
