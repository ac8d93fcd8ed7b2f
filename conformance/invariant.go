package conformance

import (
	"math"
	"strings"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// smoothed is f where its derivatives mean something. Inputs that are symmetric
// are made so of any matrix, since an op that reads one triangle may give the
// gradient to it or to both; of vectors that are free up to a sign or a phase, and
// of those that span the rest of a space, only what does not depend on the choice
// is kept.
func smoothed(op string, leaves []sample.Leaf, f core.FlatFunc) core.FlatFunc {
	invariant := invariants[op]
	var symmetric []int
	for i, l := range leaves {
		if d := strings.TrimRight(l.Sample.Domain, "0123456789"); (d == "sym" || d == "spd") && l.Diff {
			symmetric = append(symmetric, i)
		}
	}
	if invariant == nil && symmetric == nil {
		return f
	}
	return func(in []*core.Array) []*core.Array {
		in = append([]*core.Array(nil), in...)
		for _, i := range symmetric {
			in[i] = in[i].Add(adjoint(in[i])).Mul(in[i].ScalarLike(0.5))
		}
		out := f(in)
		if invariant != nil {
			out = invariant(out)
		}
		return out
	}
}

func adjoint(a *core.Array) *core.Array { return a.Conjugate().SwapAxes(-1, -2) }

var invariants = map[string]func(out []*core.Array) []*core.Array{
	"linalg.svd": func(out []*core.Array) []*core.Array {
		u, sigma, vt := out[0], out[1], out[2]
		k := sigma.Dim(-1)
		u, vt = u.Slice(-1, 0, k), vt.Slice(-2, 0, k)
		return []*core.Array{sigma, between(u, adjoint(u)), between(adjoint(vt), vt), between(u, vt)}
	},
	"linalg.eigh": func(out []*core.Array) []*core.Array {
		return []*core.Array{out[0], between(out[1], adjoint(out[1]))}
	},
	"linalg.eig": func(out []*core.Array) []*core.Array {
		return []*core.Array{out[0], between(out[1], adjoint(out[1]))}
	},
}

// between is a·diag(w)·b for fixed w, all different.
func between(a, b *core.Array) *core.Array {
	n := a.Dim(-1)
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(1 + math.Sqrt(float64(i)))
	}
	d := a.DType()
	return a.Mul(core.From(w, n).AsType(d)).MatMul(b)
}
