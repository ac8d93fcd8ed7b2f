package main

import (
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

// arithmetic computes outputs from inputs, element by element, in float32. All
// slices have one length.
type arithmetic func(in, out [][]float32)

func swiglu(in, out [][]float32) {
	a, b, y := in[0], in[1], out[0]
	for i := range y {
		g, _, _ := gate(a[i])
		y[i] = g * b[i]
	}
}

func swigluVJP(in, out [][]float32) {
	a, b, dy := in[0], in[1], in[2]
	da, db := out[0], out[1]
	for i := range da {
		g, slope, _ := gate(a[i])
		da[i], db[i] = dy[i]*b[i]*slope, dy[i]*g
	}
}

func swigluJVP(in, out [][]float32) {
	a, b, ta, tb, ty := in[0], in[1], in[2], in[3], out[0]
	for i := range ty {
		g, slope, _ := gate(a[i])
		ty[i] = ta[i]*b[i]*slope + tb[i]*g
	}
}

func swigluCurve(in, out [][]float32) {
	a, b, dy, u, v := in[0], in[1], in[2], in[3], in[4]
	ea, eb, edy := out[0], out[1], out[2]
	for i := range ea {
		g, slope, curve := gate(a[i])
		ea[i] = dy[i] * (u[i]*b[i]*curve + v[i]*slope)
		eb[i] = u[i] * dy[i] * slope
		edy[i] = u[i]*b[i]*slope + v[i]*g
	}
}

// gate returns a * sigmoid(a) and its first and second derivatives.
func gate(a float32) (g, slope, curve float32) {
	s := float32(1 / (1 + math.Exp(-float64(a))))
	rest := 1 - s
	return a * s, s * (1 + a*rest), s * rest * (2 + a*(1-2*s))
}

// tile is how many elements are computed at once: inputs and outputs of one fit a
// core's first cache.
const tile = 1024

// on computes a call with that many inputs and outputs, on all cores.
func (f arithmetic) on(inputs, outputs int) func(c *sdk.Call) error {
	return func(c *sdk.Call) error {
		in, out := make([]column, inputs), make([]column, outputs)
		for i := range in {
			in[i] = columnOf(c.In(i))
		}
		for i := range out {
			out[i] = columnOf(c.Out(i))
		}
		n := out[0].len()
		workers := min(runtime.GOMAXPROCS(0), (n+tile-1)/tile)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() { f.share(c.Context(), in, out, w, workers) })
		}
		wg.Wait()
		return c.Err()
	}
}

// share computes each workers-th tile, unless nobody wants the result any more.
func (f arithmetic) share(ctx context.Context, in, out []column, w, workers int) {
	n := out[0].len()
	x, y := make([][]float32, len(in)), make([][]float32, len(out))
	spare := make([]float32, tile*(len(in)+len(out)))
	for first := w * tile; first < n && ctx.Err() == nil; first += workers * tile {
		last := min(first+tile, n)
		for i := range in {
			x[i] = in[i].read(first, last, spare[i*tile:])
		}
		for i := range out {
			y[i] = out[i].room(first, last, spare[(len(in)+i)*tile:])
		}
		f(x, y)
		for i := range out {
			out[i].write(first, y[i])
		}
	}
}
