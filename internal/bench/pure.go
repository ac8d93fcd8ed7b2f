package bench

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// pure is a job whose steps are calls of f without state. Each step drops the
// arrays of the one before.
func pure(f func() []*core.Array, value func(r []*core.Array) []float64) job {
	var last []*core.Array
	return steps{
		step: func() {
			r := f()
			core.AsyncEval(r)
			for _, a := range last {
				a.Free()
			}
			last = r
		},
		wait:  func() { core.Eval(last) },
		value: func() []float64 { return value(last) },
	}
}

// geluOf is the tanh form of GELU.
func geluOf(x *core.Array) *core.Array {
	inner := x.Add(x.MulScalar(0.044715).Mul(x).Mul(x)).MulScalar(0.79788456)
	return x.MulScalar(0.5).Mul(inner.Tanh().AddScalar(1))
}

func gelu(in *Inputs) job {
	x := in.get("x1024")
	f := compile.Of(geluOf)
	return pure(func() []*core.Array { return []*core.Array{f.Call(x)} },
		func(r []*core.Array) []float64 { return sums(r[0]) })
}

func geluEager(in *Inputs) job {
	x := in.get("x1024")
	return pure(func() []*core.Array { return []*core.Array{core.Tidy(func() *core.Array { return geluOf(x) })} },
		func(r []*core.Array) []float64 { return sums(r[0]) })
}

func geluGrad(in *Inputs) job {
	x := in.get("x1024")
	f := compile.Of(grad.ValueAndGrad(func(x *core.Array) *core.Array { return geluOf(x).Sum() }))
	return pure(func() []*core.Array {
		v, g := f.Call(x)
		return []*core.Array{v, g}
	}, func(r []*core.Array) []float64 { return append([]float64{r[0].Item()}, sums(r[1])...) })
}

func softmaxNorm(in *Inputs) job {
	x := in.get("x1024")
	f := compile.Of(func(x *core.Array) *core.Array { return fast.LayerNorm(x, nil, nil, normEps).Softmax(-1) })
	return pure(func() []*core.Array { return []*core.Array{f.Call(x)} },
		func(r []*core.Array) []float64 { return sums(r[0]) })
}

// perExample has the gradient of every example of a batch.
func perExample(in *Inputs) job {
	p, d := denseLayers(in, "mlp_m", 3), data(in, "mlp_m")
	one := func(p []dense, d batch) *core.Array {
		return mlpLoss(p, batch{d.X.ExpandDims(0), d.Y.ExpandDims(0)})
	}
	f := compile.Of(vmap.Of(grad.Of2(one), vmap.In(nil, 0)))
	return pure(func() (out []*core.Array) {
		for _, l := range f.Call(p, d) {
			out = append(out, l.W, l.B)
		}
		return out
	}, func(r []*core.Array) []float64 {
		var squares float64
		for _, a := range r {
			squares += sums(a)[1]
		}
		return []float64{squares}
	})
}

// hessian has the second derivatives of a small network's loss in all of its 161 parameters.
func hessian(in *Inputs) job {
	p, x, y := in.get("hess.p"), in.get("hess.x"), in.get("hess.y")
	f := compile.Of(func(p, x, y *core.Array) *core.Array {
		return grad.Hessian(func(p *core.Array) *core.Array {
			h := x.MatMul(p.Slice(0, 0, 128).Reshape(8, 16)).Add(p.Slice(0, 128, 144)).Tanh()
			return h.MatMul(p.Slice(0, 144, 160)).Add(p.Slice(0, 160, 161)).Sub(y).Square().Mean()
		})(p)
	})
	return pure(func() []*core.Array { return []*core.Array{f.Call(p, x, y)} }, func(r []*core.Array) []float64 {
		h, n := core.Data[float32](r[0]), r[0].Dim(0)
		var trace, uneven float64
		for i := range n {
			trace += float64(h[i*n+i])
			for j := range n {
				uneven = max(uneven, math.Abs(float64(h[i*n+j]-h[j*n+i])))
			}
		}
		return []float64{math.Sqrt(sums(r[0])[1]), trace, 1 + uneven}
	})
}

// sums are the sum and the sum of squares, in float64.
func sums(a *core.Array) []float64 {
	s := make([]float64, 2)
	for _, v := range core.Data[float32](a) {
		s[0] += float64(v)
		s[1] += float64(v) * float64(v)
	}
	return s
}

// subspace turns a random basis towards the largest right singular vectors of a
// matrix.
func subspace(in *Inputs) job {
	a, v := in.get("svd3.A"), in.get("svd3.V")
	f := compile.Of(func(a, v *core.Array) *core.Array {
		for range 3 {
			v, _ = linalg.QR(a.T().MatMul(a.MatMul(v)))
		}
		return v
	})
	return pure(func() []*core.Array { return []*core.Array{f.Call(a, v)} },
		func(r []*core.Array) []float64 { return basisChecks(a, r[0]) })
}

// basisChecks are the norm of a·v and one more than the largest entry of
// |vᵀv - I|.
func basisChecks(a, v *core.Array) []float64 {
	rows, inner, cols := a.Dim(0), a.Dim(1), v.Dim(1)
	ad, vd := core.Data[float32](a), core.Data[float32](v)
	var norm, worst float64
	for i := range rows {
		for j := range cols {
			var s float64
			for k := range inner {
				s += float64(ad[i*inner+k]) * float64(vd[k*cols+j])
			}
			norm += s * s
		}
	}
	for i := range cols {
		for j := range cols {
			var s float64
			for k := range inner {
				s += float64(vd[k*cols+i]) * float64(vd[k*cols+j])
			}
			if i == j {
				s--
			}
			worst = max(worst, math.Abs(s))
		}
	}
	return []float64{math.Sqrt(norm), 1 + worst}
}
