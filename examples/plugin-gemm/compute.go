package main

import (
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

// compute returns the function that computes outputs on the CPU: by gonum's blocked
// products, which run on all cores.
func compute(inputs []string, outputs []output) func(*sdk.Call) error {
	return func(c *sdk.Call) error {
		for o, out := range outputs {
			into := matrices(c.Out(o), c.F32Out(o))
			for n, term := range out.terms {
				left, right := slices.Index(inputs, term.left.input), slices.Index(inputs, term.right.input)
				l, r := matrices(c.In(left), c.F32In(left)), matrices(c.In(right), c.F32In(right))
				if l == nil || r == nil {
					continue // their product is zero, as the output is
				}
				for i := range into {
					if c.Err() != nil {
						return c.Err()
					}
					multiply(l[i], term.left.transposed, r[i], term.right.transposed, float32(min(n, 1)), into[i])
				}
			}
		}
		return c.Err()
	}
}

// matrices are the entries of a batch, nil if they have no elements.
func matrices(t sdk.Tensor, data []float32) []blas32.General {
	if len(data) == 0 {
		return nil
	}
	rows, columns := t.Shape[len(t.Shape)-2], t.Shape[len(t.Shape)-1]
	out := make([]blas32.General, len(data)/(rows*columns))
	for i := range out {
		out[i] = blas32.General{Rows: rows, Cols: columns, Stride: columns, Data: data[i*rows*columns : (i+1)*rows*columns]}
	}
	return out
}

// multiply computes c = l r + keep c. gonum's inner loops go along rows: of a and b, as
// dot products, where b is transposed; of b and c, otherwise. The longer rows are
// chosen, since here one matrix is often narrow.
func multiply(l blas32.General, lt bool, r blas32.General, rt bool, keep float32, c blas32.General) {
	if lt {
		if rt {
			r = transposed(r)
		}
		if c.Cols >= c.Rows {
			blas32.Gemm(blas.Trans, blas.NoTrans, 1, l, r, keep, c)
			return
		}
		t := blas32.General{Rows: c.Cols, Cols: c.Rows, Stride: c.Rows, Data: make([]float32, len(c.Data))}
		blas32.Gemm(blas.Trans, blas.NoTrans, 1, r, l, 0, t)
		for i := range c.Rows {
			for j := range c.Cols {
				at := &c.Data[i*c.Stride+j]
				*at = keep**at + t.Data[j*t.Stride+i]
			}
		}
		return
	}
	if dots := l.Cols > c.Cols; dots != rt {
		r, rt = transposed(r), dots
	}
	how := blas.NoTrans
	if rt {
		how = blas.Trans
	}
	blas32.Gemm(blas.NoTrans, how, 1, l, r, keep, c)
}

func transposed(m blas32.General) blas32.General {
	t := blas32.General{Rows: m.Cols, Cols: m.Rows, Stride: m.Rows, Data: make([]float32, len(m.Data))}
	for i := range m.Rows {
		for j := range m.Cols {
			t.Data[j*t.Stride+i] = m.Data[i*m.Stride+j]
		}
	}
	return t
}
