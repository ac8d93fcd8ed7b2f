package core_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// A view is how a test reads an array of bytes by itself: where the first element lies, and the size and stride of
// every axis, in elements.
type view struct {
	data  []byte
	size  int
	start int
	shape []int
	steps []int
}

func viewOf(data []byte, size int, shape ...int) view {
	v := view{data: data, size: size, shape: shape, steps: make([]int, len(shape))}
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		v.steps[i] = step
		step *= shape[i]
	}
	return v
}

// bytes are the elements in order.
func (v view) bytes() []byte {
	out := []byte{}
	var walk func(axis, at int)
	walk = func(axis, at int) {
		if axis == len(v.shape) {
			out = append(out, v.data[at*v.size:(at+1)*v.size]...)
			return
		}
		for i := range v.shape[axis] {
			walk(axis+1, at+i*v.steps[axis])
		}
	}
	walk(0, v.start)
	return out
}

func (v view) transposed(axes ...int) view {
	out := view{data: v.data, size: v.size, start: v.start}
	for _, a := range axes {
		out.shape = append(out.shape, v.shape[a])
		out.steps = append(out.steps, v.steps[a])
	}
	return out
}

// every takes every step-th element of an axis, from the end when step is negative.
func (v view) every(axis, step int) view {
	out := v.transposed(axesOf(len(v.shape))...)
	if step < 0 {
		out.start += (v.shape[axis] - 1) * v.steps[axis]
	}
	out.shape[axis] = (v.shape[axis] + abs(step) - 1) / abs(step)
	out.steps[axis] *= step
	return out
}

func abs(n int) int { return max(n, -n) }

func axesOf(n int) []int {
	axes := make([]int, n)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// orders are the orders of n axes.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, o := range orders(n - 1) {
		for at := range n {
			next := append([]int{}, o[:at]...)
			all = append(all, append(append(next, n-1), o[at:]...))
		}
	}
	return all
}

func noise(n int) []byte {
	out := make([]byte, n)
	state := uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = byte(state >> 24)
	}
	return out
}

// along selects from one axis.
func along(axis int, s core.Selector) []core.Selector {
	sels := make([]core.Selector, axis+1)
	for i := range sels {
		sels[i] = core.All
	}
	sels[axis] = s
	return sels
}

// TestCopiesOfEveryLayout copies arrays with elements of every size from every order of their axes, in steps, and
// backwards, whole and into parts of other arrays.
func TestCopiesOfEveryLayout(t *testing.T) {
	for _, shape := range [][]int{
		{1}, {5}, {2, 0}, {1, 7}, {3, 100}, {100, 3}, {64, 64}, {65, 130}, {257, 31}, {4, 5, 6}, {2, 70, 20}, {3, 16, 4}, {33, 8, 65},
		{2, 3, 4, 5}, {3, 20, 2, 17}, {2, 1, 40, 3}, {200, 1, 330},
	} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		for _, dtype := range []core.DType{core.Uint8, core.Int16, core.Uint32, core.Int64, core.Complex64} {
			size := dtype.Size()
			data := noise(n * size)
			a, v := core.FromBytes(dtype, data, shape...), viewOf(data, size, shape...)
			for _, order := range orders(len(shape)) {
				at := fmt.Sprint(dtype, shape, order)
				x, y := a.Transpose(order...), v.transposed(order...)
				want := y.bytes()
				require.Equal(t, want, x.Contiguous().Bytes(), at)
				require.Equal(t, want, x.Reshape(-1).Bytes(), at)
				if len(want) == 0 {
					continue
				}
				sum := core.Concatenate(0, x, a.Transpose(order...), x)
				require.Equal(t, slices.Concat(want, want, want), sum.Bytes(), at)
				for axis := range shape {
					for _, step := range []int{2, -1, -3} {
						at := fmt.Sprint(at, " every ", step, " of axis ", axis)
						part, want := x.At(along(axis, core.Every(step))...), y.every(axis, step)
						require.Equal(t, want.bytes(), part.Contiguous().Bytes(), at)
						// The same elements, set in a copy of their array that holds others.
						set := x.Contiguous().AtSet(core.Zeros(dtype), along(axis, core.Every(step))...)
						require.Equal(t, want.bytes(), set.AtSet(part, along(axis, core.Every(step))...).At(along(axis, core.Every(step))...).Bytes(), at)
					}
				}
			}
			if n > 0 && len(shape) > 1 {
				wide := append([]int{3}, shape...)
				require.Equal(t, slices.Concat(data, data, data), a.BroadcastTo(wide...).Contiguous().Bytes())
				column, rest := a.Slice(-1, 0, 1), shape[len(shape)-1]
				var want []byte
				for i := 0; i < len(data); i += rest * size {
					want = append(want, bytes.Repeat(data[i:i+size], 40)...)
				}
				wide = append(slices.Clone(shape[:len(shape)-1]), 40)
				require.Equal(t, want, column.BroadcastTo(wide...).Contiguous().Bytes())
			}
		}
	}
}

// TestPadsOfEverySize puts a transposed matrix into a larger one.
func TestPadsOfEverySize(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {3, 40}, {100, 30}, {257, 300}} {
		rows, columns := shape[1]+4, shape[0]+5
		x := as32(wave(shape[0] * shape[1]))
		want := make([]float32, rows*columns)
		for i := range want {
			want[i] = 7
		}
		for i := range shape[0] {
			for j := range shape[1] {
				want[(j+1)*columns+i+2] = x[i*shape[1]+j]
			}
		}
		got := core.From(x, shape[:]...).T().PadWith(core.Padding{Widths: [][2]int{{1, 3}, {2, 3}}, Value: 7})
		require.Equal(t, want, core.Data[float32](got), shape)
	}
}

// TestProductsOfViews multiplies matrices whose rows do not follow each other.
func TestProductsOfViews(t *testing.T) {
	a, b := core.From(as32(wave(4*6*10)), 4, 6, 10), core.From(as32(wave(4*7*10)), 4, 7, 10)
	x, y := a.SwapAxes(0, 1), b.Transpose(1, 2, 0).At(along(0, core.Range(0, 6))...)
	require.Equal(t, x.Contiguous().MatMul(y.Contiguous()).Bytes(), x.MatMul(y).Bytes())
	c := core.From(as32(wave(16)), 4, 4)
	require.Equal(t, core.AddMM(c, x.Contiguous(), y.Contiguous()).Bytes(), core.AddMM(c, x, y).Bytes())
}

// TestSlicesFromAnArray takes slices that begin where an array says, and sets them.
func TestSlicesFromAnArray(t *testing.T) {
	x, values := as32(wave(40*70*5)), as32(wave(30*50*5))
	a, v := core.From(x, 40, 70, 5), core.From(values, 50, 30, 5).SwapAxes(0, 1)
	for _, first := range [][2]int{{0, 0}, {10, 20}, {3, 7}} {
		taken, set := make([]float32, 30*50*5), slices.Clone(x)
		for i := range 30 {
			for j := range 50 {
				for k := range 5 {
					at := ((first[0]+i)*70+first[1]+j)*5 + k
					taken[(i*50+j)*5+k] = x[at]
					set[at] = values[(j*30+i)*5+k]
				}
			}
		}
		for _, dtype := range []core.DType{core.Uint8, core.Int16, core.Int32, core.Uint32, core.Int64} {
			start := core.From([]int32{int32(first[1]), int32(first[0])}).AsType(dtype)
			require.Equal(t, taken, core.Data[float32](a.DynamicSlice(start, []int{1, 0}, []int{30, 50, 5})), dtype)
			require.Equal(t, set, core.Data[float32](a.DynamicUpdateSlice(v, start, []int{1, 0})), dtype)
			turned := a.Transpose(2, 1, 0).Contiguous().Transpose(2, 1, 0)
			require.Equal(t, set, core.Data[float32](turned.DynamicUpdateSlice(v, start, []int{1, 0})), dtype)
		}
	}
}
