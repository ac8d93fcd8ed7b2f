package grad_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// differences is the gradient of f by central differences.
func differences(f func(arr) arr, x []float64) []float64 {
	// The engine's float64 functions are good to about 1e-7 only.
	const h = 1e-3
	g := make([]float64, len(x))
	for i := range x {
		at := func(d float64) float64 {
			y := append([]float64(nil), x...)
			y[i] += d
			return f(core.From(y)).Item()
		}
		g[i] = (at(h) - at(-h)) / (2 * h)
	}
	return g
}

func TestBehaviour21_FunctionsAgreeWithDifferencesInBothModes(t *testing.T) {
	functions := map[string]func(arr) arr{
		"products": func(x arr) arr { return x.Mul(x.Sin()).Sum() },
		"softmax":  func(x arr) arr { return x.Softmax(0).Square().Sum() },
		"chain":    func(x arr) arr { return x.Tanh().Exp().CumSum(0).Exp().Sum().Log() },
		"indexed": func(x arr) arr {
			return x.Take(core.From([]int32{2, 0, 2}), 0).Prod()
		},
		"branches": func(x arr) arr {
			if x.Sum().Item() > 0 {
				return x.Square().Sum()
			}
			return x.Exp().Sum()
		},
		"matrix": func(x arr) arr {
			m := core.Concatenate(0, x, x.Square()).Reshape(2, 3)
			return m.MatMul(m.T()).Square().Sum().Add(core.Scalar(1.0)).Sqrt()
		},
		"twice": func(x arr) arr { return grad.Of(func(y arr) arr { return y.Sin().Mul(y).Sum() })(x).Square().Sum() },
		"pull":  func(x arr) arr { y, p := grad.VJP(func(y arr) arr { return y.Exp() }, x); return p(y).Sum() },
		"tangent": func(x arr) arr {
			v, d := grad.JVP(func(y arr) arr { return y.Exp().Mul(x) }, x.Sin(), x)
			return v.Mul(d).Sum()
		},
	}
	core.Using(core.CPU, func() {
		rapid.Check(t, func(rt *rapid.T) {
			x := rapid.SliceOfN(rapid.Float64Range(-1.5, 1.5), 3, 3).Draw(rt, "x")
			for name, f := range functions {
				sum := f(core.From(x)).Item()
				if name == "branches" && math.Abs(x[0]+x[1]+x[2]) < 1e-3 {
					continue
				}
				v, g := grad.ValueAndGrad(f)(core.From(x))
				require.InDelta(rt, sum, v.Item(), 1e-9, name)
				for i, want := range differences(f, x) {
					require.InDelta(rt, want, core.Data[float64](g)[i], 5e-3*(1+math.Abs(want)), name)
				}
				_, d := grad.JVP(f, core.From(x), core.From([]float64{1, -2, 0.5}))
				gd := core.Data[float64](g)
				require.InDelta(rt, gd[0]-2*gd[1]+0.5*gd[2], d.Item(), 1e-6, name+": forward and reverse differ")
			}
		})
	})
}

func TestBehaviour18_CotangentsOfAnArrayReturnedTwice(t *testing.T) {
	x := vec(1, 2)
	v, pull := grad.VJP(func(x arr) []arr { y := x.Mul(x); return []arr{y, x, y, y} }, x)
	require.Equal(t, []float32{1, 4}, floats(v[3]))
	for range 2 {
		g := pull([]arr{vec(1, 0), vec(5, 5), vec(10, 0), vec(0, 100)})
		require.Equal(t, []float32{2*11 + 5, 4*100 + 5}, floats(g))
	}
	require.Equal(t, []float32{2 * 10, 0}, floats(pull([]arr{nil, nil, vec(10, 0), nil})))
	require.Equal(t, []float32{7, 8}, floats(pull([]arr{nil, vec(7, 8), nil, nil})))
	_, d := grad.JVP(func(x arr) []arr { y := x.Mul(x); return []arr{y, x, y} }, x, vec(1, 1))
	for i, want := range [][]float32{{2, 4}, {1, 1}, {2, 4}} {
		require.Equal(t, want, floats(d[i]))
	}
	parts, pull2 := grad.VJP(func(x arr) []arr { return x.Split(2, 0) }, x)
	require.Equal(t, []float32{2}, floats(parts[1]))
	require.Equal(t, []float32{0, 9}, floats(pull2([]arr{nil, vec(9)})))
}

func TestBehaviour19_AuxiliaryResults(t *testing.T) {
	type aux struct {
		Double arr
		Label  string
		Same   arr
		None   arr
	}
	x := vec(1, 2)
	f := grad.ValueAndGradAux(func(x arr) (arr, aux) {
		l := x.Square().Sum()
		return l, aux{x.Add(x), "label", l, nil}
	})
	v, g, a := f(x)
	require.Equal(t, 5.0, v.Item())
	require.Equal(t, []float32{2, 4}, floats(g))
	require.Equal(t, []float32{2, 4}, floats(a.Double))
	require.Equal(t, "label", a.Label)
	require.Equal(t, 5.0, a.Same.Item())
	require.Nil(t, a.None)
	_, g, b := grad.ValueAndGradAux2(func(x, y arr) (arr, []arr) { return x.Mul(y).Sum(), []arr{y, x, nil} })(x, vec(3, 4))
	require.Equal(t, []float32{3, 4}, floats(g))
	require.Equal(t, []float32{3, 4}, floats(b[0]))
	require.Equal(t, []float32{1, 2}, floats(b[1]))
	// An auxiliary result of an inner gradient is still a function of the outer
	// argument.
	outer := grad.Of(func(x arr) arr {
		_, _, a := f(x)
		return a.Double.Sum()
	})
	require.Equal(t, []float32{2, 2}, floats(outer(x)))
}

func TestBehaviour19_AuxiliaryResultsOfVJPAndJVP(t *testing.T) {
	// An auxiliary result may have no derivative rule.
	f := func(x arr) (arr, map[string]arr) {
		return x.Square(), map[string]arr{"bits": x.View(core.Int32).View(core.Float32), "twice": x.Add(x), "none": nil}
	}
	x := vec(1, 2)
	y, pull, aux := grad.VJPAux(f, x)
	require.Equal(t, []float32{1, 4}, floats(y))
	require.Equal(t, []float32{1, 2}, floats(aux["bits"]))
	require.Nil(t, aux["none"])
	for range 2 {
		require.Equal(t, []float32{20, 4}, floats(pull(vec(10, 1))))
	}
	y, d, aux := grad.JVPAux(f, x, vec(10, 1))
	require.Equal(t, []float32{1, 4}, floats(y))
	require.Equal(t, []float32{20, 4}, floats(d))
	require.Equal(t, []float32{2, 4}, floats(aux["twice"]))
	// It still is a function of the outer argument.
	require.Equal(t, []float32{2, 2}, floats(grad.Of(func(x arr) arr {
		_, _, aux := grad.VJPAux(f, x)
		return aux["twice"].Sum()
	})(x)))
	require.Equal(t, []float32{2, 2}, floats(grad.Of(func(x arr) arr {
		_, _, aux := grad.JVPAux(f, x, x)
		return aux["twice"].Sum()
	})(x)))
}

func TestBehaviour19_OneArrayInManySlots(t *testing.T) {
	type three struct {
		A, B arr
		L    []arr
	}
	x := num(2)
	g := grad.Of(func(p three) arr { return p.A.Mul(num(2)).Add(p.B.Mul(num(3))).Add(p.L[0].Mul(p.L[0])) })(three{x, x, []arr{x}})
	require.Equal(t, 2.0, g.A.Item())
	require.Equal(t, 3.0, g.B.Item())
	require.Equal(t, 4.0, g.L[0].Item())
}

func TestBehaviour20_StopGradient(t *testing.T) {
	x := vec(1, 2)
	require.Equal(t, []float32{0, 0}, floats(grad.Of(func(x arr) arr { return grad.Stop(x.Square().Sum()) })(x)))
	require.Equal(t, []float32{1, 2}, floats(grad.Of(func(x arr) arr { return grad.Stop(x).Mul(x).Sum() })(x)))
	v, pull := grad.VJP(func(x arr) []arr { return []arr{grad.Stop(x), x.Mul(x), grad.Stop(x.Exp())} }, x)
	require.Equal(t, []float32{1, 2}, floats(v[0]))
	require.Equal(t, []float32{2, 4}, floats(pull([]arr{vec(100, 100), vec(1, 1), vec(100, 100)})))
	_, d := grad.JVP(func(x arr) []arr { return []arr{grad.Stop(x), x.Mul(x)} }, x, x)
	require.Equal(t, []float32{0, 0}, floats(d[0]))
	require.Equal(t, []float32{2, 8}, floats(d[1]))
	type tree struct {
		A arr
		M map[string]arr
		K int
	}
	s := grad.Stop(tree{A: x, M: map[string]arr{"a": x, "b": nil}, K: 3})
	require.Equal(t, []float32{1, 2}, floats(s.M["a"]))
	require.Nil(t, s.M["b"])
	require.Equal(t, 3, s.K)
	// The argument returned as it is, and a result that does not depend on it.
	require.Equal(t, 1.0, grad.Of(func(x arr) arr { return x })(num(3)).Item())
	require.Equal(t, 0.0, grad.Of(func(x arr) arr { return num(4) })(num(3)).Item())
	kept := num(4)
	require.Equal(t, 0.0, grad.Of(func(x arr) arr { return kept })(num(3)).Item())
	require.Equal(t, 4.0, kept.Item())
	got := grad.Of(func(x arr) arr { return x.Take(grad.Stop(x.AsType(core.Int32)), 0).Sum() })(vec(0, 1, 1))
	require.Equal(t, []float32{1, 2, 0}, floats(got))
	e := failure(t, func() {
		grad.Of(func(x arr) arr { return x.Take(x.AsType(core.Int32), 0).Sum() })(vec(0, 1, 1))
	})
	require.Contains(t, e.Error(), "grad.Stop")
	require.ErrorIs(t, e, core.ErrNotDifferentiable)
}

func TestBehaviour22_DTypesOfGradients(t *testing.T) {
	for _, d := range []core.DType{core.Float16, core.BFloat16, core.Float32, core.Float64} {
		core.Using(core.CPU, func() {
			x := vec(1, 2).AsType(d)
			v, g := grad.ValueAndGrad(func(x arr) arr { return x.Mul(x).Sum() })(x)
			require.Equal(t, d, v.DType())
			require.Equal(t, d, g.DType())
			require.Equal(t, []float32{2, 4}, floats(g.AsType(core.Float32)))
			_, dv := grad.JVP(func(x arr) arr { return x.Mul(x) }, x, x)
			require.Equal(t, d, dv.DType())
			mixed := grad.Of(func(x arr) arr { return x.AsType(core.Float32).Square().Sum() })(x)
			require.Equal(t, d, mixed.DType())
		})
	}
	// ct·conj(f′): f(z) = z² has f′ = 2z.
	z := core.From([]complex64{complex(1, 2)})
	_, pull := grad.VJP(func(z arr) arr { return z.Mul(z) }, z)
	got := core.Data[complex64](pull(core.From([]complex64{complex(3, -1)})))[0]
	want := complex64(complex(3, -1) * complex(2, -4))
	require.InDelta(t, real(want), real(got), 1e-5)
	require.InDelta(t, imag(want), imag(got), 1e-5)
	_, d := grad.JVP(func(z arr) arr { return z.Mul(z) }, z, core.From([]complex64{complex(3, -1)}))
	require.Equal(t, complex64(complex(3, -1)*complex(2, 4)), core.Data[complex64](d)[0])
}

func TestBehaviour28_HigherOrders(t *testing.T) {
	sin := func(x arr) arr { return x.Sin() }
	x := 0.7
	want := []float64{math.Sin(x), math.Cos(x), -math.Sin(x), -math.Cos(x), math.Sin(x)}
	f := sin
	for order, w := range want {
		require.InDelta(t, w, f(num(float32(x))).Item(), 1e-5, "order %d", order)
		inner := f
		if order%2 == 0 {
			f = grad.Of(inner)
		} else {
			f = func(x arr) arr { _, d := grad.JVP(inner, x, num(1)); return d }
		}
	}
	// A Hessian-vector product, forward over reverse and reverse over forward.
	g := func(x arr) arr { s := x.Split(3, 0); return s[0].Mul(s[1]).Mul(s[2]).Sum() }
	p, v := vec(2, 3, 4), vec(1, -1, 2)
	wantHVP := []float32{-1*4 + 2*3, 1*4 + 2*2, 1*3 - 1*2}
	_, hv := grad.JVP(grad.Of(g), p, v)
	require.InDeltaSlice(t, wantHVP, floats(hv), 1e-4)
	vh := grad.Of(func(x arr) arr { _, d := grad.JVP(g, x, v); return d })(p)
	require.InDeltaSlice(t, wantHVP, floats(vh), 1e-4)
}

// A value read between transforms must not cut the graph that the outer ones
// need.
func TestBehaviour06_ReadingValuesKeepsOuterGradients(t *testing.T) {
	cube := func(x arr) arr { return x.Mul(x).Mul(x) }
	ways := map[string]func(x arr) arr{
		"the inner value": func(x arr) arr {
			v, g := grad.ValueAndGrad(func(y arr) arr { return y.Mul(y) })(x.Mul(num(1)))
			if v.Item() > 0 && g.Item() > 0 {
				return v.Mul(g).Mul(num(0.5))
			}
			return x
		},
		"a captured intermediate": func(x arr) arr {
			y := x.Mul(x)
			g := grad.Of(func(w arr) arr { return w.Mul(y) })(num(1))
			core.Eval(y, g)
			return g.Mul(x)
		},
		"the pullback's": func(x arr) arr {
			v, pull := grad.VJP(cube, x)
			v.Eval()
			g := pull(num(1)).Eval()
			return g.Mul(x).Mul(num(1. / 3))
		},
		"the tangent": func(x arr) arr {
			v, d := grad.JVP(cube, x, num(1))
			core.Eval(v, d)
			return d.Mul(x).Mul(num(1. / 3))
		},
		"a captured one by a jvp": func(x arr) arr {
			y := x.Mul(x)
			_, d := grad.JVP(func(w arr) arr { return w.Mul(y) }, num(1), num(1))
			core.Eval(y, d)
			return d.Mul(x)
		},
		"after a failure": func(x arr) arr {
			y := x.Mul(x)
			_, err := core.Try(func() arr {
				return grad.Of(func(w arr) arr { return y.Mul(w).Add(y.View(core.Int32).View(core.Float32).Mul(w)) })(num(1))
			})
			_ = err
			_, err = core.Try(func() arr {
				return grad.Of(func(w arr) arr { return w.View(core.Int32).View(core.Float32).Mul(y) })(num(1))
			})
			if err == nil {
				panic("no error")
			}
			y.Eval()
			return y.Mul(x)
		},
	}
	x := num(3)
	for name, f := range ways {
		require.InDelta(t, 27, f(x).Item(), 1e-3, name)
		require.InDelta(t, 27, grad.Of(f)(x).Item(), 1e-3, name)
		require.InDelta(t, 18, grad.Of(grad.Of(f))(x).Item(), 1e-3, name)
		_, d := grad.JVP(f, x, num(1))
		require.InDelta(t, 27, d.Item(), 1e-3, name)
		_, d = grad.JVP(grad.Of(f), x, num(1))
		require.InDelta(t, 18, d.Item(), 1e-3, name)
	}
}

func TestBehaviour28_PullBacksCanBeCalledManyTimes(t *testing.T) {
	x := vec(1, 2, 3)
	y, pull := grad.VJP(func(x arr) arr { return x.Mul(x) }, x)
	x.Free()
	y.Free()
	for i := range 20 {
		require.Equal(t, []float32{2 * float32(i), 4, 6}, floats(pull(vec(float32(i), 1, 1))))
	}
	// The pullback itself may be differentiated and may not leave its trace.
	g := grad.Of(func(ct arr) arr { return pull(ct.Mul(ct)).Sum() })(vec(1, 2, 3))
	require.Equal(t, []float32{4, 16, 36}, floats(g))
	var leaked func(arr) arr
	grad.Of(func(x arr) arr { y, p := grad.VJP(func(y arr) arr { return y.Mul(x) }, x); leaked = p; return y.Sum() })(vec(1, 2))
	require.ErrorIs(t, failure(t, func() { leaked(vec(1, 1)) }), core.ErrLeaked)
}
