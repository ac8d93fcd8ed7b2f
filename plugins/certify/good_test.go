package certify

import (
	"errors"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

// good is right in everything, and has kernels of several sorts: with derivatives,
// with inputs that broadcast, that fit each other, of several dtypes, without
// rules, with kinks, with an attribute, and one that is random.
func good() *sdk.Plugin {
	p := derived(2, 2, 2)
	p.Kernel("add").In("x", sdk.Float32).In("y", sdk.Float32).Out("z", "broadcast(x, y)", "dtype(x)").
		CPU(add).VMap(sdk.BatchLeading).Deterministic()

	matrices := func(k *sdk.Kernel) *sdk.Kernel { return k.In("a", sdk.Float32).In("b", sdk.Float32) }
	matrices(p.Kernel("matmul")).Out("c", "[dim(a, 0), dim(b, 1)]", "dtype(a)").
		Sample("a", "4x3", "b", "3x2").Sample("a", "16x8", "b", "8x32").Sample("a", "4x3", "b", "3x0").
		CPU(func(c *sdk.Call) error {
			if c.In(0).Shape[1] != c.In(1).Shape[0] {
				return errors.New("the inner axes differ")
			}
			product(c, 0, c.F32In(0), c.F32In(1), c.Out(0).Shape[0], c.In(0).Shape[1], c.Out(0).Shape[1], false, false)
			return c.Err()
		}).VJP("matmul_vjp").Deterministic()
	matrices(p.Kernel("matmul_vjp")).In("dc", sdk.Float32).Out("da", "shape(a)", "dtype(a)").Out("db", "shape(b)", "dtype(b)").
		CPU(func(c *sdk.Call) error {
			m, k, n := c.In(0).Shape[0], c.In(0).Shape[1], c.In(1).Shape[1]
			product(c, 0, c.F32In(2), c.F32In(1), m, n, k, false, true)
			product(c, 1, c.F32In(0), c.F32In(2), k, m, n, true, false)
			return c.Err()
		})

	p.Kernel("relu").In("x", sdk.Float32).Attr("slope", 0.25).Out("y", "shape(x)", "dtype(x)").CPU(relu).VJP("relu_vjp").
		Metal("uint i = thread_position_in_grid.x; y[i] = x[i] > 0 ? x[i] : slope * x[i];", sdk.Grid("size(x)")).
		Sample("x", "0").Sample("x", "3x3", "slope", 0.5).Deterministic()
	p.Kernel("relu_vjp").In("x", sdk.Float32).In("d", sdk.Float32).Attr("slope", 0.25).Out("dx", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error {
			x, d, y, slope := c.F32In(0), c.F32In(1), c.F32Out(0), float32(c.Float("slope"))
			for i := range x {
				if y[i] = d[i]; x[i] <= 0 {
					y[i] *= slope
				}
			}
			return c.Err()
		})

	p.Kernel("copy").In("x", sdk.Float32, sdk.Float64, sdk.Bool, sdk.BFloat16, sdk.Complex64, sdk.Int64, sdk.Uint8).
		Out("y", "shape(x)", "dtype(x)").VMap(sdk.BatchLeading).VJP("copy_vjp").
		CPU(func(c *sdk.Call) error { copy(c.Out(0).Data, c.In(0).Data); return c.Err() })
	p.Kernel("copy_vjp").In("x", sdk.Float32, sdk.Float64, sdk.Bool, sdk.BFloat16, sdk.Complex64, sdk.Int64, sdk.Uint8).
		In("d", sdk.Float32, sdk.Float64, sdk.Bool, sdk.BFloat16, sdk.Complex64, sdk.Int64, sdk.Uint8).Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error { copy(c.Out(0).Data, c.In(1).Data); return c.Err() })

	p.Kernel("root").In("x", sdk.Float32).Values("x", "0.5..4").In("a", sdk.Float32).Values("a", "spd").Out("y", "", "").
		Infer(func(in []sdk.Type) ([]sdk.Type, error) {
			if len(in[0].Shape) != 1 || len(in[1].Shape) != 2 || in[1].Shape[0] != in[1].Shape[1] {
				return nil, errors.New("root wants a vector and a square matrix")
			}
			return []sdk.Type{{DType: sdk.Float32, Shape: []int{1}}}, nil
		}).
		CPU(func(c *sdk.Call) error {
			n := c.In(1).Shape[0]
			for i, x := range c.F32In(0) {
				if x < 0.4 || c.F32In(1)[i%n*(n+1)] <= 0 {
					return errors.New("out of my domain")
				}
				c.F32Out(0)[0] += x
			}
			return c.Err()
		})
	p.Kernel("noise").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error {
			mu.Lock()
			defer mu.Unlock()
			drawn++
			scaled(c, drawn)
			return c.Err()
		})
	p.Kernel("constant").Out("y", "[3]", "float32").CPU(func(c *sdk.Call) error { c.F32Out(0)[1] = 1; return c.Err() }).Deterministic()
	return p
}

var drawn float32

func relu(c *sdk.Call) error {
	x, y, slope := c.F32In(0), c.F32Out(0), float32(c.Float("slope"))
	for i := range x {
		if y[i] = x[i]; x[i] <= 0 {
			y[i] *= slope
		}
	}
	return c.Err()
}

// product is a·b of m by k and k by n matrices, either of them stored transposed. It
// ends when the call is cancelled.
func product(c *sdk.Call, to int, a, b []float32, m, k, n int, ta, tb bool) {
	out := c.F32Out(to)
	at := func(x []float32, i, j, rows, columns int, turned bool) float32 {
		if turned {
			return x[j*rows+i]
		}
		return x[i*columns+j]
	}
	for i := 0; i < m && c.Context().Err() == nil; i++ {
		for j := range n {
			out[i*n+j] = 0
			for l := range k {
				out[i*n+j] += at(a, i, l, m, k, ta) * at(b, l, j, k, n, tb)
			}
		}
	}
}

// add adds two tensors as NumPy broadcasts them.
func add(c *sdk.Call) error {
	x, y, z := c.F32In(0), c.F32In(1), c.F32Out(0)
	xs, ys, zs := c.In(0).Shape, c.In(1).Shape, c.Out(0).Shape
	at := func(shape []int, i int) int {
		index, stride := 0, 1
		for a := len(zs) - 1; a >= 0; a-- {
			here := i % zs[a]
			i /= zs[a]
			if b := a - len(zs) + len(shape); b >= 0 {
				if shape[b] != 1 {
					index += here * stride
				}
				stride *= shape[b]
			}
		}
		return index
	}
	for i := range z {
		if i%4096 == 0 && c.Context().Err() != nil {
			break
		}
		z[i] = x[at(xs, i)] + y[at(ys, i)]
	}
	return c.Err()
}
