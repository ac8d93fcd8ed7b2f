package plugins

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

// The network of TestSoak: a product with a matrix, x / (1 + |x|), another product
// that is added to one that skips this, and the mean of the squared differences.
const (
	soakRows, soakIn, soakWide, soakOut = 128, 32, 64, 8
	soakRate, soakMomentum              = 0.05, 0.5
)

// soakNames are its plugins: soak/product and so on, each with the kernels apply and
// slope.
var soakNames = []string{"product", "squash", "error"}

// soakPlugin is the plugin that the program's name says.
func soakPlugin() {
	name := filepath.Base(os.Args[0])
	p := sdk.New("soak/"+name, "1.0.0")
	switch name {
	case "product":
		p.Kernel("apply").In("x", sdk.Float32).In("w", sdk.Float32).Out("y", "[dim(x, 0), dim(w, 1)]", "dtype(x)").
			VJP("slope").Deterministic().
			CPU(func(c *sdk.Call) error {
				product(c.F32In(0), c.F32In(1), c.F32Out(0), c.In(0).Shape[0])
				return c.Err()
			})
		p.Kernel("slope").In("x", sdk.Float32).In("w", sdk.Float32).In("d", sdk.Float32).
			Out("dx", "shape(x)", "dtype(x)").Out("dw", "shape(w)", "dtype(x)").
			CPU(func(c *sdk.Call) error {
				productSlope(c.F32In(0), c.F32In(1), c.F32In(2), c.F32Out(0), c.F32Out(1), c.In(0).Shape[0])
				return c.Err()
			})
	case "squash":
		p.Kernel("apply").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").VJP("slope").Deterministic().
			CPU(func(c *sdk.Call) error { squash(c.F32In(0), c.F32Out(0)); return c.Err() })
		p.Kernel("slope").In("x", sdk.Float32).In("d", sdk.Float32).Out("dx", "shape(x)", "dtype(x)").
			CPU(func(c *sdk.Call) error { squashSlope(c.F32In(0), c.F32In(1), c.F32Out(0)); return c.Err() })
	case "error":
		p.Kernel("apply").In("x", sdk.Float32).In("y", sdk.Float32).Out("e", "[]", "dtype(x)").VJP("slope").Deterministic().
			CPU(func(c *sdk.Call) error { c.F32Out(0)[0] = meanError(c.F32In(0), c.F32In(1)); return c.Err() })
		p.Kernel("slope").In("x", sdk.Float32).In("y", sdk.Float32).In("d", sdk.Float32).
			Out("dx", "shape(x)", "dtype(x)").Out("dy", "shape(y)", "dtype(y)").
			CPU(func(c *sdk.Call) error {
				meanErrorSlope(c.F32In(0), c.F32In(1), c.F32In(2)[0], c.F32Out(0))
				for i, d := range c.F32Out(0) {
					c.F32Out(1)[i] = -d
				}
				return c.Err()
			})
	default:
		fmt.Fprintln(os.Stderr, "no such plugin:", name)
		os.Exit(99)
	}
	p.Main()
}

// product multiplies a matrix of so many rows by another.
func product(x, w, y []float32, rows int) {
	inner, columns := len(x)/rows, len(y)/rows
	for r := range rows {
		out := y[r*columns:][:columns]
		clear(out)
		for k, a := range x[r*inner:][:inner] {
			for c, b := range w[k*columns:][:columns] {
				out[c] += float32(a * b)
			}
		}
	}
}

func productSlope(x, w, d, dx, dw []float32, rows int) {
	inner, columns := len(x)/rows, len(d)/rows
	clear(dw)
	for r := range rows {
		slope := d[r*columns:][:columns]
		for k := range inner {
			sum, a := float32(0), x[r*inner+k]
			for c, v := range slope {
				sum += float32(v * w[k*columns+c])
				dw[k*columns+c] += float32(v * a)
			}
			dx[r*inner+k] = sum
		}
	}
}

func squash(x, y []float32) {
	for i, v := range x {
		y[i] = v / (1 + max(v, -v))
	}
}

func squashSlope(x, d, dx []float32) {
	for i, v := range x {
		u := 1 + max(v, -v)
		dx[i] = d[i] / float32(u*u)
	}
}

func meanError(x, y []float32) float32 {
	sum := float32(0)
	for i := range x {
		d := x[i] - y[i]
		sum += float32(d * d)
	}
	return sum / float32(len(x))
}

func meanErrorSlope(x, y []float32, d float32, dx []float32) {
	for i := range x {
		dx[i] = float32(2*(x[i]-y[i])) / float32(len(x)) * d
	}
}

func soakNumbers(seed uint64, n int, scale float32) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float32, n)
	for i := range out {
		out[i] = scale * float32(r.NormFloat64())
	}
	return out
}

func soakData() (x, y []float32) {
	return soakNumbers(1, soakRows*soakIn, 1), soakNumbers(2, soakRows*soakOut, 1)
}

// soakParams are the network's matrices before training.
func soakParams() [3][]float32 {
	return [3][]float32{
		soakNumbers(3, soakIn*soakWide, 0.2), soakNumbers(4, soakWide*soakOut, 0.2), soakNumbers(5, soakIn*soakOut, 0.2),
	}
}

// soakTraining is the loss of each step, and the matrices after the last.
type soakTraining struct {
	loss   []float32
	params [3][]float32
}

// soakCurve trains in this process: no plugin, no engine, no transform.
func soakCurve(steps int) soakTraining {
	x, y := soakData()
	out := soakTraining{params: soakParams()}
	w := out.params
	var v, g [3][]float32
	for i := range w {
		v[i], g[i] = make([]float32, len(w[i])), make([]float32, len(w[i]))
	}
	wide := func() []float32 { return make([]float32, soakRows*soakWide) }
	narrow := func() []float32 { return make([]float32, soakRows*soakOut) }
	pre, h, dh, dpre, dx := wide(), wide(), wide(), wide(), make([]float32, len(x))
	p, skip, dp := narrow(), narrow(), narrow()
	for range steps {
		product(x, w[0], pre, soakRows)
		squash(pre, h)
		product(h, w[1], p, soakRows)
		product(x, w[2], skip, soakRows)
		for i := range p {
			p[i] += skip[i]
		}
		out.loss = append(out.loss, meanError(p, y))
		meanErrorSlope(p, y, 1, dp)
		productSlope(x, w[2], dp, dx, g[2], soakRows)
		productSlope(h, w[1], dp, dh, g[1], soakRows)
		squashSlope(pre, dh, dpre)
		productSlope(x, w[0], dpre, dx, g[0], soakRows)
		for i := range w {
			for j := range w[i] {
				v[i][j] = float32(v[i][j]*soakMomentum) + g[i][j]
				w[i][j] -= float32(v[i][j] * soakRate)
			}
		}
	}
	return out
}
