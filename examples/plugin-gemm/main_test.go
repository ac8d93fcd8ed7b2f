package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/sdk"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func numbers(seed uint64, shape ...int) sdk.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	return spec.Of(shape, values...)
}

// plain multiplies by the definition, in double precision.
func plain(t *testing.T, left sdk.Tensor, lt bool, right sdk.Tensor, rt bool) []float64 {
	t.Helper()
	l, err := spec.Values[float32](left)
	require.NoError(t, err)
	r, err := spec.Values[float32](right)
	require.NoError(t, err)
	size := func(x sdk.Tensor, transposed bool) (rows, columns int) {
		s := x.Shape[len(x.Shape)-2:]
		if transposed {
			return s[1], s[0]
		}
		return s[0], s[1]
	}
	m, k := size(left, lt)
	_, n := size(right, rt)
	at := func(x []float32, transposed bool, entry, rows, columns, i, j int) float64 {
		if transposed {
			i, j, rows, columns = j, i, columns, rows
		}
		return float64(x[(entry*rows+i)*columns+j])
	}
	var out []float64
	for e := range len(l) / (m * k) {
		for i := range m {
			for j := range n {
				sum := 0.0
				for s := range k {
					sum += at(l, lt, e, m, k, i, s) * at(r, rt, e, k, n, s, j)
				}
				out = append(out, sum)
			}
		}
	}
	return out
}

func plus(a, b []float64) []float64 {
	out := slices.Clone(a)
	for i := range out {
		out[i] += b[i]
	}
	return out
}

func near(t *testing.T, want []float64, got sdk.Tensor, what string) {
	t.Helper()
	values, err := spec.Values[float32](got)
	require.NoError(t, err)
	require.Len(t, values, len(want), what)
	for i := range want {
		require.InDelta(t, want[i], values[i], 1e-4, "%s, element %d", what, i)
	}
}

// The CPU functions and the Metal sources compute what the definition says.
func TestKernels(t *testing.T) {
	p := declare()
	about, err := p.Manifest()
	require.NoError(t, err)
	for _, size := range [][]int{{1, 1, 1}, {5, 3, 2}, {3, 40, 5}, {40, 3, 50}, {17, 33, 16}, {2, 3, 20, 18, 7}} {
		lead, m, k, n := size[:len(size)-3], size[len(size)-3], size[len(size)-2], size[len(size)-1]
		shape := func(rows, columns int) []int { return append(slices.Clone(lead), rows, columns) }
		a, v, b := numbers(1, shape(m, k)...), numbers(2, shape(k, n)...), numbers(3, shape(m, n)...)
		ta, tv, tb, dz := numbers(4, shape(m, k)...), numbers(5, shape(k, n)...), numbers(6, shape(m, n)...), numbers(7, shape(k, n)...)
		for _, c := range []struct {
			kernel string
			in     []sdk.Tensor
			want   [][]float64
		}{
			{"gemm_av", []sdk.Tensor{a, v}, [][]float64{plain(t, a, false, v, false)}},
			{"gemm_av_vjp", []sdk.Tensor{a, v, b}, [][]float64{plain(t, b, false, v, true), plain(t, a, true, b, false)}},
			{"gemm_av_jvp", []sdk.Tensor{a, v, ta, tv}, [][]float64{plus(plain(t, ta, false, v, false), plain(t, a, false, tv, false))}},
			{"gemm_at_b", []sdk.Tensor{a, b}, [][]float64{plain(t, a, true, b, false)}},
			{"gemm_at_b_vjp", []sdk.Tensor{a, b, dz}, [][]float64{plain(t, b, false, dz, true), plain(t, a, false, dz, false)}},
			{"gemm_at_b_jvp", []sdk.Tensor{a, b, ta, tb}, [][]float64{plus(plain(t, ta, true, b, false), plain(t, a, true, tb, false))}},
		} {
			what := fmt.Sprint(c.kernel, size)
			got, err := p.Run(t.Context(), c.kernel, c.in...)
			require.NoError(t, err, what)
			types := make([]spec.Type, len(got))
			for i := range got {
				near(t, c.want[i], got[i], what)
				types[i] = got[i].Type
			}
			metal, err := emulate.RunPlugin(t.Context(), *about.Kernel(c.kernel), c.in, types)
			require.NoError(t, err, what)
			for i := range metal {
				near(t, c.want[i], metal[i], what+" in Metal")
			}
		}
	}
}

// A product over no elements is zero, in every entry of a batch.
func TestMatricesWithoutElements(t *testing.T) {
	p := declare()
	about, err := p.Manifest()
	require.NoError(t, err)
	for _, c := range []struct {
		kernel string
		in     []sdk.Tensor
		want   []string
	}{
		{"gemm_av_vjp", []sdk.Tensor{numbers(1, 2, 0, 3), numbers(2, 2, 3, 4), numbers(3, 2, 0, 4)}, []string{"float32[2, 0, 3]", "float32[2, 3, 4]"}},
		{"gemm_av_vjp", []sdk.Tensor{numbers(1, 2, 4, 3), numbers(2, 2, 3, 0), numbers(3, 2, 4, 0)}, []string{"float32[2, 4, 3]", "float32[2, 3, 0]"}},
		{"gemm_at_b_vjp", []sdk.Tensor{numbers(1, 2, 3, 0), numbers(2, 2, 3, 4), numbers(3, 2, 0, 4)}, []string{"float32[2, 3, 0]", "float32[2, 3, 4]"}},
		{"gemm_at_b_vjp", []sdk.Tensor{numbers(1, 0, 3, 5), numbers(2, 0, 3, 4), numbers(3, 0, 5, 4)}, []string{"float32[0, 3, 5]", "float32[0, 3, 4]"}},
	} {
		got, err := p.Run(t.Context(), c.kernel, c.in...)
		require.NoError(t, err, c.kernel)
		types := []spec.Type{got[0].Type, got[1].Type}
		metal, err := emulate.RunPlugin(t.Context(), *about.Kernel(c.kernel), c.in, types)
		require.NoError(t, err, c.kernel)
		for i, want := range c.want {
			assert.Equal(t, want, types[i].String())
			near(t, make([]float64, len(got[i].Data)/4), got[i], c.kernel)
			near(t, make([]float64, len(got[i].Data)/4), metal[i], c.kernel+" in Metal")
		}
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	p := declare()
	for want, in := range map[string][]sdk.Tensor{
		"axis -1 of the first and axis -2 of the second must have one size": {numbers(1, 2, 3), numbers(1, 2, 3)},
		"both need the same number of axes, two at least":                   {numbers(1, 3), numbers(1, 3)},
		"the axes before the last two must be equal":                        {numbers(1, 2, 3, 3), numbers(1, 1, 3, 3)},
		"must have one size, 1 at least":                                    {numbers(1, 3, 0), numbers(1, 0, 3)},
	} {
		_, err := p.Run(t.Context(), "gemm_av", in...)
		assert.ErrorContains(t, err, want)
	}
	_, err := p.Run(t.Context(), "gemm_at_b_vjp", numbers(1, 2, 3), numbers(1, 2, 4), numbers(1, 2, 4))
	assert.ErrorContains(t, err, "the cotangent is float32[2, 4], the output float32[3, 4]")
	_, err = p.Run(t.Context(), "gemm_at_b_jvp", numbers(1, 2, 3), numbers(1, 2, 4), numbers(1, 2, 3), numbers(1, 2, 3))
	assert.ErrorContains(t, err, "the tangent of input 1 is float32[2, 3], the input float32[2, 4]")
	out, err := p.Run(t.Context(), "gemm_av", numbers(1, 0, 3), numbers(1, 3, 2))
	require.NoError(t, err)
	assert.Equal(t, "float32[0, 2]", out[0].Type.String())
}
