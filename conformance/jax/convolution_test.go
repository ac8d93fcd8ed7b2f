package jax

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

var convolutions = []twin{
	of("conv1d_strided", conv1dStrided), of("conv2d_same", conv2dSame), of("conv2d_grouped_dilated", conv2dGroupedDilated),
	of("conv3d", conv3d), of("conv2d_transposed", conv2dTransposed), of("deblurring", deblurring),
	of("small_cnn", smallCNN), of("conv1d_forward", conv1dForward), of("image_warp", imageWarp),
}

type filtered struct{ W, X *core.Array }

func conv1dStrided(p filtered, d struct{ CT *core.Array }) results {
	y, pull := grad.VJP(func(p filtered) *core.Array { return p.X.Conv1d(p.W, 2, 1, 1, 1) }, p)
	return results{"value": y, "pulled": pull(d.CT)}
}

func conv2dSame(p nn.Conv2d, d struct{ X, Y *core.Array }) results {
	p.Padding = [2]int{1, 1}
	f := func(p nn.Conv2d) *core.Array { return loss.MSE(nn.GELU(p.Forward(nil, d.X)), d.Y, loss.Mean) }
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func conv2dGroupedDilated(p filtered, d struct{ C *core.Array }) results {
	two := [2]int{2, 2}
	f := func(p filtered) *core.Array {
		y := p.X.Conv2d(p.W, two, [2]int{}, two, 2)
		return d.C.Mul(y.MulScalar(0.2).Tanh()).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func conv3d(p filtered, d struct{ C *core.Array }) results {
	f := func(p filtered) *core.Array {
		y := p.X.Conv3d(p.W, [3]int{1, 2, 2}, [3]int{0, 1, 1}, [3]int{1, 1, 2}, 1)
		return d.C.Mul(y.MulScalar(0.5).Sin()).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func conv2dTransposed(p filtered, d struct{ C *core.Array }) results {
	f := func(p filtered) *core.Array {
		y := p.X.ConvTranspose2d(p.W, [2]int{2, 2}, [2]int{1, 1}, [2]int{1, 1}, [2]int{}, 1)
		return d.C.Mul(y.MulScalar(0.3).Sin()).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func deblurring(k *core.Array, d struct{ X, Y, V *core.Array }) results {
	one := [2]int{1, 1}
	f := func(k *core.Array) *core.Array {
		y := d.X.Conv2d(k, one, one, one, 1)
		return y.Sub(d.Y.Mul(y.Log())).Sum()
	}
	return results{"grad": grad.Of(f)(k), "hvp": grad.HVP(f)(k, d.V), "hessian": grad.Hessian(f)(k)}
}

type cnn struct {
	Conv nn.Conv2d
	Out  nn.Linear
}

type labelled struct{ X, Y *core.Array }

func smallCNN(p cnn, d labelled) results {
	f := func(p cnn, e labelled) *core.Array {
		h := nn.ReLU(p.Conv.Forward(nil, e.X.ExpandDims(0)))
		h = nn.NewMaxPool2d(2).Forward(nil, h)
		return loss.CrossEntropy(p.Out.Forward(nil, h.Flatten()), e.Y, loss.Mean)
	}
	mean := func(p cnn) *core.Array { return vmap.Of(f, vmap.In(nil, 0))(p, d).Mean() }
	value, g := grad.ValueAndGrad(mean)(p)
	each := vmap.Of(grad.Of2(f), vmap.In(nil, 0))(p, d)
	return results{"value": value, "grad": g, "each": each}
}

func conv1dForward(p filtered, d struct{ VW, VX *core.Array }) results {
	f := func(p filtered) *core.Array { return p.X.Conv1d(p.W, 1, 2, 2, 1).Tanh() }
	value, pushed := grad.JVP(f, p, filtered{d.VW, d.VX})
	return results{"value": value, "pushed": pushed}
}

// imageWarp samples an image between its pixels.
func imageWarp(theta *core.Array, d struct{ X *core.Array }) results {
	const n = 9
	line := core.Arange(core.Float32, -3, 4, 1)
	grid := core.Meshgrid("ij", line, line)
	i, j := grid[0], grid[1]
	warp := func(theta *core.Array) *core.Array {
		a := theta.MulScalar(0.05).Unstack(0)
		u := i.Add(a[0]).Add(a[1].Mul(i)).Add(a[2].Mul(j)).AddScalar(4)
		v := j.Add(a[3]).Add(a[4].Mul(i)).Add(a[5].Mul(j)).AddScalar(4)
		u0, v0 := grad.Stop(u.ClipScalar(0, n-2).Floor()), grad.Stop(v.ClipScalar(0, n-2).Floor())
		s, t := u.Sub(u0), v.Sub(v0)
		r, c := u0.AsType(core.Int32), v0.AsType(core.Int32)
		row := func(r *core.Array) *core.Array {
			return t.RSubScalar(1).Mul(d.X.At(r, c)).Add(t.Mul(d.X.At(r, c.AddScalar(1))))
		}
		return s.RSubScalar(1).Mul(row(r)).Add(s.Mul(row(r.AddScalar(1))))
	}
	inner := d.X.At(core.Range(1, -1), core.Range(1, -1))
	f := func(theta *core.Array) *core.Array { return warp(theta).Sub(inner).Square().Sum() }
	return results{"warped": warp(theta), "grad": grad.Of(f)(theta), "jacobian": grad.JacFwd(warp)(theta)}
}
