package grad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// A chain of n operations through every transform, on a goroutine
// whose thread has a stack of the system's default size.
func TestBehaviour27_ChainsOfAHundredThousandOperations(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	half := num(1e-5)
	chain := func(x arr) arr {
		for range n {
			x = x.Add(half)
		}
		return x
	}
	want := 1 + 1e-5*float64(n)
	x := num(1)
	runs := map[string]func(){
		"eval": func() { require.InDelta(t, want, core.Tidy(func() arr { return chain(x) }).Item(), 0.1) },
		"drop": func() { core.TidyDo(func() { chain(x) }) },
		"grad": func() {
			v, g := grad.ValueAndGrad(chain)(x)
			require.InDelta(t, want, v.Item(), 0.1)
			require.Equal(t, 1.0, g.Item())
		},
		"neg": func() {
			f := func(x arr) arr {
				for range n {
					x = x.Neg()
				}
				return x
			}
			require.Equal(t, 1.0, grad.Of(f)(x).Item())
		},
		"jvp": func() {
			v, d := grad.JVP(chain, x, num(2))
			require.InDelta(t, want, v.Item(), 0.1)
			require.Equal(t, 2.0, d.Item())
		},
		"vjp": func() {
			_, pull := grad.VJP(chain, x)
			require.Equal(t, 3.0, pull(num(3)).Item())
			require.Equal(t, 4.0, pull(num(4)).Item())
		},
		"linearize": func() {
			_, push := grad.Linearize(chain, x)
			require.Equal(t, 3.0, push(num(3)).Item())
			require.Equal(t, 4.0, push(num(4)).Item())
		},
		"checkpoint": func() {
			f := grad.Checkpoint(chain)
			require.Equal(t, 1.0, grad.Of(f)(x).Item())
			y := vmap.Of(grad.Of(f))(vec(0, 1))
			require.Equal(t, []float32{1, 1}, floats(y))
		},
		"custom": func() {
			f := grad.Custom(chain, grad.WithVJP(func(x, y, ct arr) arr { return ct.Add(ct) }))
			require.Equal(t, 2.0, grad.Of(f)(x).Item())
			_, d := grad.JVP(f, x, num(5))
			require.Equal(t, 5.0, d.Item())
		},
		"vmap": func() {
			y := vmap.Of(chain)(vec(0, 1))
			require.InDelta(t, want, float64(floats(y)[1]), 0.1)
		},
		"compile": func() {
			f := compile.Of(chain)
			for range 2 {
				require.InDelta(t, want, f.Call(x).Item(), 0.1)
			}
			require.Equal(t, 1.0, grad.Of(f.Call)(x).Item())
			f.Close()
		},
		"compile of grad": func() {
			f := compile.Of(grad.Of(chain))
			require.Equal(t, 1.0, f.Call(x).Item())
			require.Equal(t, 1.0, f.Call(x).Item())
		},
		"grad of grad": func() {
			require.Equal(t, 0.0, grad.Of(grad.Of(chain))(x).Item())
		},
		"captured": func() {
			y := chain(x)
			require.InDelta(t, want, grad.Of(func(x arr) arr { return x.Mul(y) })(x).Item(), 0.1)
			y = chain(x)
			require.InDelta(t, want, compile.Of(func(x arr) arr { return x.Mul(y) }).Call(x).Item(), 0.1)
		},
	}
	for name, run := range runs {
		t.Run(name, func(t *testing.T) { alone(run) })
	}
}
