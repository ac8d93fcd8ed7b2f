package core_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// places are n indices below size, of which many are equal and some count from the end.
func places(n, size int) (indices []int32, at []int) {
	for i, b := range noise(2 * n)[:n] {
		k := (int(b)*37 + i%7) % size
		at = append(at, k)
		if i%3 == 0 {
			k -= size
		}
		indices = append(indices, int32(k))
	}
	return indices, at
}

// around returns the product of the sizes before an axis and behind it.
func around(shape []int, axis int) (before, behind int) {
	before, behind = 1, 1
	for i, d := range shape {
		switch {
		case i < axis:
			before *= d
		case i > axis:
			behind *= d
		}
	}
	return before, behind
}

// TestSlicesByIndex takes slices of every kind, sets them and adds to them, and compares with loops.
func TestSlicesByIndex(t *testing.T) {
	for _, shape := range [][]int{{7}, {1000}, {5, 1}, {40, 3}, {9, 16}, {300, 64}, {20, 2000}, {3, 50, 4}, {2, 6, 700}} {
		for axis := range shape {
			for _, n := range []int{1, 5, 300, 4000} {
				at := fmt.Sprint(shape, " axis ", axis, ", ", n, " indices")
				before, behind := around(shape, axis)
				size := shape[axis]
				if before*n*behind > 1_000_000 {
					continue
				}
				indices, places := places(n, size)
				x, values := as32(wave(before*size*behind)), as32(wave(before*n*behind))
				a, i := core.From(x, shape...), core.From(indices)
				taken := make([]float32, before*n*behind)
				added, set := append([]float32{}, x...), append([]float32{}, x...)
				for p := range before {
					for j, place := range places {
						for k := range behind {
							from, to := (p*size+place)*behind+k, (p*n+j)*behind+k
							taken[to] = x[from]
							added[from] += values[to]
							set[from] = values[to]
						}
					}
				}
				require.Equal(t, taken, core.Data[float32](a.Take(i, axis)), at)
				order := []int{axis}
				for k := range shape {
					if k != axis {
						order = append(order, k)
					}
				}
				wide := append([]int{}, shape...)
				wide[axis] = n
				slices := append([]int{n}, shape...)
				slices[axis+1] = 1
				updates := core.From(values, wide...).Transpose(order...).Reshape(slices...)
				require.Equal(t, added, core.Data[float32](a.ScatterAdd([]*core.Array{i}, updates, []int{axis})), at)
				require.Equal(t, set, core.Data[float32](a.Scatter([]*core.Array{i}, updates, []int{axis})), at)
			}
		}
	}
}

// TestElementsByIndex takes and adds single elements along every axis, and compares with loops.
func TestElementsByIndex(t *testing.T) {
	for _, shape := range [][]int{{7}, {9, 16}, {300, 64}, {3, 50, 4}, {2, 6, 700}, {100, 1}, {4, 1000}} {
		for axis := range shape {
			for _, n := range []int{1, 3, 500} {
				at := fmt.Sprint(shape, " axis ", axis, ", ", n, " indices")
				before, behind := around(shape, axis)
				size := shape[axis]
				wide := append([]int{}, shape...)
				wide[axis] = n
				indices, places := places(before*n*behind, size)
				x, values := as32(wave(before*size*behind)), as32(wave(before*n*behind))
				taken, added := make([]float32, len(values)), append([]float32{}, x...)
				for p := range before {
					for j := range n {
						for k := range behind {
							i := (p*n+j)*behind + k
							from := (p*size+places[i])*behind + k
							taken[i] = x[from]
							added[from] += values[i]
						}
					}
				}
				a, i, v := core.From(x, shape...), core.From(indices, wide...), core.From(values, wide...)
				require.Equal(t, taken, core.Data[float32](a.TakeAlongAxis(i, axis)), at)
				require.Equal(t, taken, core.Data[float32](a.TakeAlongAxis(i.AsType(core.Int64), axis)), at)
				require.Equal(t, added, core.Data[float32](a.ScatterAddAxis(i, v, axis)), at)
				half, few := a.AsType(core.BFloat16), v.AsType(core.BFloat16)
				require.Equal(t, core.Data[float32](half.TakeAlongAxis(i, axis).AsType(core.Float32)),
					core.Data[float32](half.AsType(core.Float32).TakeAlongAxis(i, axis)), at)
				if len(values) > 2000 {
					continue
				}
				// Every sum is rounded, in the order of the indices.
				rounded := core.Data[float32](half.AsType(core.Float32))
				for j, value := range core.Data[float32](few.AsType(core.Float32)) {
					k := j % behind
					from := (j/(n*behind)*size+places[j])*behind + k
					sum := core.From([]float32{rounded[from] + value})
					rounded[from] = core.Data[float32](sum.AsType(core.BFloat16).AsType(core.Float32))[0]
					sum.Free()
				}
				require.Equal(t, rounded, core.Data[float32](half.ScatterAddAxis(i, few, axis).AsType(core.Float32)), at)
			}
		}
	}
}

// TestPairsOfIndices takes and adds elements that two arrays of indices name.
func TestPairsOfIndices(t *testing.T) {
	for _, n := range []int{1, 40, 3000} {
		rows, r := places(n, 30)
		columns, c := places(n, 17)
		x, values := as32(wave(30*17)), as32(wave(n))
		taken, added := make([]float32, n), append([]float32{}, x...)
		for i := range n {
			taken[i] = x[r[i]*17+c[i]]
			added[r[i]*17+c[i]] += values[i]
		}
		a, i, j := core.From(x, 30, 17), core.From(rows), core.From(columns)
		require.Equal(t, taken, core.Data[float32](a.At(i, j)))
		require.Equal(t, added, core.Data[float32](a.AtAdd(core.From(values), i, j)))
		// A source whose rows do not follow each other.
		require.Equal(t, taken, core.Data[float32](a.T().At(j, i)))
	}
}
