package compile_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// shared is the gradient of an extreme over axes 2 and 4 of six, by loops: a window's
// weight in equal parts for the elements that are its best.
func shared(x, weights []float32, s []int, best func(a, b float32) bool) []float32 {
	out := make([]float32, len(x))
	at := func(i, j, k, l, m, c int) int { return ((((i*s[1]+j)*s[2]+k)*s[3]+l)*s[4]+m)*s[5] + c }
	each(s[0], func(i int) {
		each(s[1], func(j int) {
			each(s[3], func(l int) {
				each(s[5], func(c int) {
					top := x[at(i, j, 0, l, 0, c)]
					none := top != top
					each(s[2], func(k int) {
						each(s[4], func(m int) {
							v := x[at(i, j, k, l, m, c)]
							none = none || v != v
							if best(v, top) {
								top = v
							}
						})
					})
					var hits []int
					each(s[2], func(k int) {
						each(s[4], func(m int) {
							if p := at(i, j, k, l, m, c); x[p] == top && !none {
								hits = append(hits, p)
							}
						})
					})
					for _, p := range hits {
						out[p] = weights[((i*s[1]+j)*s[3]+l)*s[5]+c] / float32(len(hits))
					}
				})
			})
		})
	})
	return out
}

func each(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// TestBehaviour10_GradientsOfPooling: in a program the gradient of an extreme over windows
// is one node, which gives the bits of the ops that it stands for.
func TestBehaviour10_GradientsOfPooling(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, s := range [][]int{{2, 3, 2, 5, 2, 16}, {1, 2, 3, 3, 3, 5}, {3, 40, 2, 30, 2, 70}, {2, 2, 1, 3, 4, 200}, {2, 2, 5, 2, 7, 17}} {
		n := 1
		for _, d := range s {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i*7919%5) - 2 // with many ties
		}
		v[0], v[n/2], v[n-1] = nan, inf, -inf
		x := core.From(v, s...)
		w := random.Normal(random.Key(3), core.Float32, s[0], s[1], s[3], s[5])
		for name, pool := range map[string]func(arr) arr{
			"Max": func(x arr) arr { return x.Max(2, 4) },
			"Min": func(x arr) arr { return x.Min(2, 4) },
		} {
			g := grad.Of2(func(x, w arr) arr { return pool(x).Mul(w).Sum() })
			f := compile.Of(g)
			got := f.Call(x, w)
			if !stock {
				require.Equal(t, 1, strings.Count(f.Program().String(), "WindowsGradient"), f.Program())
			}
			sameBits(t, g(x, w), got)
			better := func(a, b float32) bool { return a > b }
			if name == "Min" {
				better = func(a, b float32) bool { return a < b }
			}
			require.Equal(t, shared(v, floats(w), s, better), floats(got), "%s of %v", name, s)
			// What lies in another order, and what other transforms make of it.
			sameBits(t, got, f.Call(x.SwapAxes(0, 5).Contiguous().SwapAxes(0, 5), w))
			sameBits(t, got.ExpandDims(0), vmap.Of(f.Call)(x.ExpandDims(0), w.ExpandDims(0)))
			second := func(g func(x, w arr) arr) func(x, w arr) arr {
				return grad.Of2(func(w, x arr) arr { return g(x, w).Square().Sum() })
			}
			sameBits(t, second(g)(w, x), second(f.Call)(w, x))
		}
	}
}

// TestBehaviour10_WhatIsNoPooling: other gradients of extremes stay the ops that they are.
func TestBehaviour10_WhatIsNoPooling(t *testing.T) {
	x := core.Linspace(core.Float32, 0, 1, 240).Reshape(2, 3, 4, 10)
	for name, f := range map[string]func(arr) arr{
		"the last axis": func(x arr) arr { return x.Max(1, 3).Square().Sum() },
		"one axis":      func(x arr) arr { return x.Max(1).Square().Sum() },
		"float64":       func(x arr) arr { return x.AsType(core.Float64).Max(0, 2).Square().Sum() },
		"half":          func(x arr) arr { return x.AsType(core.Float16).Max(0, 2).Square().Sum() },
		"another mask":  func(x arr) arr { return core.Where(x.Equal(x.MaxKeep(0, 2)), x, x.MulScalar(2)).Sum() },
	} {
		g := grad.Of(f)
		c := compile.Of(g)
		sameBits(t, g(x), c.Call(x))
		require.NotContains(t, c.Program().String(), "WindowsGradient", name)
	}
}

// TestBehaviour10_PoolingWithoutSizes: a shapeless program pools images of other sizes.
func TestBehaviour10_PoolingWithoutSizes(t *testing.T) {
	g := grad.Of(func(x arr) arr { return x.Max(2, 4).Square().Sum() })
	f := compile.Of(g, compile.Shapeless())
	for _, s := range [][]int{{2, 3, 2, 5, 2, 16}, {1, 4, 2, 3, 3, 8}, {2, 2, 3, 3, 2, 1}, {1, 1, 2, 1, 2, 1}, {2, 0, 2, 3, 2, 4}} {
		x := random.Normal(random.Key(5), core.Float32, s...)
		sameBits(t, g(x), f.Call(x))
	}
}
