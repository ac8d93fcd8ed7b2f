package compile_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type function func(arr) arr

// layers are transforms that keep the type of f, with the rule by which numbers
// follow: of a function sum(g(x)) of any array, elementwise in g.
var layers = map[string]func(function) function{
	"compile":   func(f function) function { return compile.Of(f).Call },
	"shapeless": func(f function) function { return compile.Of(f, compile.Shapeless()).Call },
	"grad": func(f function) function {
		return grad.Of(func(x arr) arr { return f(x).Sum() })
	},
	"value and grad": func(f function) function {
		vg := grad.ValueAndGrad(func(x arr) arr { return f(x).Sum() })
		return func(x arr) arr { v, g := vg(x); return g.Add(v) }
	},
	"vjp": func(f function) function {
		return func(x arr) arr { y, pull := grad.VJP(f, x); return pull(y.Cos()) }
	},
	"jvp": func(f function) function {
		return func(x arr) arr { y, dy := grad.JVP(f, x, x.Sin()); return y.Add(dy) }
	},
	"vmap": func(f function) function {
		return func(x arr) arr { return vmap.Of(f, vmap.In(-1))(core.Stack(x.NDim(), x, x.Neg())).Sum(0) }
	},
	"jacobian": func(f function) function {
		return func(x arr) arr { return grad.JacRev(f)(x).Add(grad.JacFwd(f)(x)).Sum(0, 1) }
	},
	"hessian": func(f function) function {
		h := grad.Hessian(func(x arr) arr { return f(x).Sum() })
		return func(x arr) arr { return h(x).Sum(0, 1) }
	},
	"tidy": func(f function) function {
		return func(x arr) arr { return core.Tidy(func() arr { return f(x) }) }
	},
	"captured": func(f function) function {
		// The function sees the argument through a closure alone.
		return func(x arr) arr { return f(compile.Of(func() arr { return x.Mul(x) }).Call()) }
	},
}

// Whatever transforms are put around each other, those that compile
// change no result.
func TestBehaviour09_CompileAnywhereEqualsEager(t *testing.T) {
	base := func(x arr) arr { return x.Sin().Mul(x).Add(x.Mean().Exp()) }
	x := core.From([]float32{0.1, -0.2, 0.3, 0.4, 0.7, 1.1}, 2, 3)
	plain := func(name string) bool { return name == "compile" || name == "shapeless" || name == "tidy" }
	var names []string
	for n := range layers {
		names = append(names, n)
	}
	slices.Sort(names)
	build := func(chain []string, eager bool) function {
		f := function(base)
		for _, n := range chain {
			if eager && plain(n) {
				continue
			}
			if eager && n == "captured" {
				inner := f
				f = func(x arr) arr { return inner(x.Mul(x)) }
				continue
			}
			f = layers[n](f)
		}
		return f
	}
	for _, a := range names {
		for _, b := range names {
			for _, c := range names {
				chain := []string{a, b, c}
				name := fmt.Sprint(chain)
				want, wantErr := core.Try(func() arr { return build(chain, true)(x) })
				require.NoError(t, wantErr, name)
				f := build(chain, false)
				for range 2 {
					got, err := core.Try(func() arr { return f(x) })
					require.NoError(t, err, name)
					require.Equal(t, want.Shape(), got.Shape(), name)
					require.InDeltaSlice(t, floats(want), floats(got), 2e-4*max(1, float64(want.Abs().Max().Item())), name)
				}
			}
		}
	}
}

// A compiled function inside a derivative may use the derivative's tracers
// through its closure, at any distance.
func TestCapturedOuterTracers(t *testing.T) {
	x := num(3)
	cube := func(x arr) arr { return x.Mul(x).Mul(x) }
	ways := map[string]func(x arr) arr{
		"directly": func(x arr) arr {
			return compile.Of(func() arr { return cube(x) }).Call()
		},
		"an intermediate": func(x arr) arr {
			y := x.Mul(x)
			return compile.Of(func(a arr) arr { return y.Mul(a) }).Call(x)
		},
		"two compiles deep": func(x arr) arr {
			return compile.Of(func(a arr) arr {
				return compile.Of(func(b arr) arr { return x.Mul(b).Mul(a) }).Call(a)
			}).Call(x)
		},
		"behind a grad in a compile": func(x arr) arr {
			// d/da (a²·x/2) at a = x² is x³.
			return compile.Of(func(a arr) arr {
				return grad.Of(func(b arr) arr { return b.Mul(b).Mul(x).Mul(num(0.5)) })(a)
			}).Call(x.Mul(x))
		},
		"with a nearer tracer": func(x arr) arr {
			return compile.Of(func(a arr) arr {
				return grad.Of(func(b arr) arr { return b.Mul(a.Mul(x)) })(num(2)).Mul(x)
			}).Call(x)
		},
		"in a Tidy": func(x arr) arr {
			return compile.Of(func(a arr) arr {
				return core.Tidy(func() arr { return core.Tidy(func() arr { return a.Mul(x) }).Mul(x) })
			}).Call(x)
		},
		"as the result": func(x arr) arr {
			y := cube(x)
			return compile.Of(func() arr { return y }).Call()
		},
		"in a vmap": func(x arr) arr {
			f := compile.Of(func(a arr) arr { return vmap.Of(func(b arr) arr { return b.Mul(x) })(a) })
			return f.Call(core.Stack(0, x.Mul(x), x.Mul(x))).Mean()
		},
		"in a jvp": func(x arr) arr {
			_, d := grad.JVP(compile.Of(func(a arr) arr { return a.Mul(x) }).Call, num(1), x.Mul(x))
			return d
		},
		"by its value": func(x arr) arr {
			v := x.Mul(x).Sum()
			return compile.Of(func(a arr) arr { return a.Mul(num(float32(v.Item()))) }).Call(x).Mul(num(3)).Sub(x.Mul(num(18)))
		},
	}
	for name, f := range ways {
		want := 27.0
		if name == "by its value" {
			require.Equal(t, 9.0, grad.Of(f)(x).Item(), name)
			continue
		}
		for range 2 {
			v, g := grad.ValueAndGrad(f)(x)
			require.InDelta(t, 27, v.Item(), 1e-4, name)
			require.InDelta(t, want, g.Item(), 1e-4, name)
			g = compile.Of(grad.Of(f)).Call(x)
			require.InDelta(t, want, g.Item(), 1e-4, name)
			_, d := grad.JVP(f, x, num(1))
			require.InDelta(t, want, d.Item(), 1e-4, name)
			require.InDelta(t, 18, grad.Of(grad.Of(f))(x).Item(), 1e-4, name)
		}
	}
}

// A Func that lives longer than a trace never keeps what it captured from one.
func TestCapturesAreNotRemembered(t *testing.T) {
	var outer arr
	f := compile.Of(func(a arr) arr { return a.Mul(outer) })
	outer = num(2)
	for _, v := range []float32{2, 5} {
		got := grad.Of(func(x arr) arr { outer = x; return f.Call(x) })(num(v))
		require.Equal(t, float64(2*v), got.Item())
	}
	require.Equal(t, 0, f.Stats().Entries)
	outer = num(7)
	require.Equal(t, 21.0, f.Call(num(3)).Item())
}

func TestBehaviour10_AwkwardValuesEqualEager(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	awkward := vec(0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan, 1e-45, 3.4e38, 0.1)
	big := core.Arange(core.Float32, 0, 1024, 1).Reshape(2, 2, 2, 2, 2, 2, 2, 2, 2, 2)
	inputs := map[string]arr{
		"awkward":    awkward,
		"transposed": core.Arange(core.Float32, 0, 12, 1).Reshape(3, 4).T(),
		"broadcast":  awkward.Reshape(10, 1).BroadcastTo(10, 3),
		"flipped":    awkward.Flip(0),
		"empty":      core.Zeros(core.Float32, 0, 3),
		"scalar":     num(0.3),
		"ten axes":   big,
		"bool":       core.From([]bool{true, false, true}),
		"int8":       core.From([]int8{-128, 127, 0, 5}),
		"uint64":     core.From([]uint64{math.MaxUint64, 0, 7}),
		"float16":    awkward.AsType(core.Float16),
		"bfloat16":   awkward.AsType(core.BFloat16),
		"complex64":  core.From([]complex64{complex(1, -2), complex(0, 1)}),
	}
	chain := func(x arr) (arr, arr, arr) {
		y := x.Add(x).Mul(x)
		z := y.Sub(x).Abs()
		dup := x.Add(x).Mul(x)
		return y.Add(dup), z, core.Where(x.Equal(x), z, dup.Abs())
	}
	for name, x := range inputs {
		for _, f := range []*compile.Func[func(arr) (arr, arr, arr)]{compile.Of(chain), compile.Of(chain, compile.Shapeless())} {
			for range 2 {
				a, b, c := chain(x)
				d, e, g := f.Call(x)
				for i, w := range []arr{a, b, c} {
					t.Run(fmt.Sprint(name, i), func(t *testing.T) { sameBits(t, w, []arr{d, e, g}[i]) })
				}
			}
		}
	}
}

func TestBehaviour10_ManyInputsAndOutputs(t *testing.T) {
	xs := make([]arr, 20)
	for i := range xs {
		xs[i] = vec(float32(i), float32(-i))
	}
	f := func(xs []arr) (sum arr, out []arr) {
		sum = xs[0]
		for _, x := range xs[1:] {
			sum = sum.Add(x)
		}
		for i := range 64 {
			out = append(out, sum.Mul(num(float32(i))))
		}
		return sum, out
	}
	c := compile.Of(f)
	for range 2 {
		s, out := f(xs)
		sc, outc := c.Call(xs)
		sameBits(t, s, sc)
		require.Len(t, outc, 64)
		for i := range out {
			sameBits(t, out[i], outc[i])
		}
	}
}

func TestMultipleOutputPrimitives(t *testing.T) {
	x := core.From([]float32{4, 1, 1, 3}, 2, 2)
	f := func(x arr) (arr, arr, arr) {
		q, r := linalg.QR(x)
		parts := x.Split(2, 0)
		return q.MatMul(r), parts[1], parts[0]
	}
	c := compile.Of(f)
	for range 3 {
		a, b, d := f(x)
		ac, bc, dc := c.Call(x)
		sameBits(t, a, ac)
		sameBits(t, b, bc)
		sameBits(t, d, dc)
	}
	// One output of several that was captured before it was computed.
	lazy := x.Add(x).Split(2, 0)
	captured := compile.Of(func(y arr) arr { return y.Add(lazy[1]) })
	require.Equal(t, []float32{3, 7}, floats(captured.Call(vec(1, 1))))
	require.Equal(t, []float32{8, 2}, floats(lazy[0]))
	require.Equal(t, []float32{4, 8}, floats(captured.Call(vec(2, 2))))
}
