// Square-plugin is a kernel plugin: a program of its own that brings the
// function x*x to a host, with its first and second derivatives. It needs no C
// compiler and no engine:
//
//	CGO_ENABLED=0 go build
package main

import "github.com/adjoint-go/adjoint/plugins/sdk"

const metal = `uint i = thread_position_in_grid.x; y[i] = x[i] * x[i];`

func main() {
	p := sdk.New("acme/sq", "1.0.0")

	p.Kernel("square").
		Doc("y = x * x, element by element.").
		In("x", sdk.Float32).
		Out("y", "shape(x)", "dtype(x)").
		Metal(metal, sdk.Grid("size(x)")).
		CPU(square).
		VJP("square_vjp").
		JVP("square_jvp").
		VMap(sdk.BatchLeading).
		Deterministic()

	p.Kernel("square_vjp").
		Doc("The gradient of square: dx = 2 * x * dy.").
		In("x", sdk.Float32).In("dy", sdk.Float32).
		Out("dx", "shape(x)", "dtype(x)").
		CPU(slope).
		VJP("square_vjp_vjp").
		VMap(sdk.BatchLeading).
		Deterministic()

	p.Kernel("square_jvp").
		Doc("The tangent of square: ty = 2 * x * tx.").
		In("x", sdk.Float32).In("tx", sdk.Float32).
		Out("ty", "shape(x)", "dtype(x)").
		CPU(slope).
		VJP("square_vjp_vjp").
		VMap(sdk.BatchLeading).
		Deterministic()

	p.Kernel("square_vjp_vjp").
		Doc("The gradient of square_vjp: 2 * dy * d for x and 2 * x * d for dy.").
		In("x", sdk.Float32).In("dy", sdk.Float32).In("d", sdk.Float32).
		Out("dx", "shape(x)", "dtype(x)").
		Out("ddy", "shape(x)", "dtype(x)").
		CPU(curve).
		VMap(sdk.BatchLeading).
		Deterministic()

	p.Main()
}

func square(c *sdk.Call) error {
	x, y := c.F32In(0), c.F32Out(0)
	for i := range y {
		y[i] = x[i] * x[i]
	}
	return c.Err()
}

func slope(c *sdk.Call) error {
	x, d, out := c.F32In(0), c.F32In(1), c.F32Out(0)
	for i := range out {
		out[i] = 2 * x[i] * d[i]
	}
	return c.Err()
}

func curve(c *sdk.Call) error {
	x, dy, d := c.F32In(0), c.F32In(1), c.F32In(2)
	dx, ddy := c.F32Out(0), c.F32Out(1)
	for i := range dx {
		dx[i], ddy[i] = 2*dy[i]*d[i], 2*x[i]*d[i]
	}
	return c.Err()
}
