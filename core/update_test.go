package core_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

var dtypes = append([]core.DType{core.Bool}, numeric...)

func TestUpdatesOfEveryDType(t *testing.T) {
	for _, d := range dtypes {
		x := core.From([]int32{0, 1, 1, 0}).AsType(d).Reshape(2, 2)
		one := x.ScalarLike(1)
		for sel, sels := range map[string][]core.Selector{
			"slice": {core.All, core.Every(-1).By(-1)}, "index": {core.I(-1)}, "list": {core.Pick(1, 1, 0)},
			"both": {core.Pick(0), core.Range(0, 1)}, "mask": {x.AsType(core.Bool)}, "nothing": {core.Pick()}, "none": {core.Range(1, 1)},
		} {
			y := x.At(sels...)
			assert.Equal(t, d, y.DType(), sel)
			for op, f := range map[string]func(*core.Array, ...core.Selector) *core.Array{
				"AtSet": x.AtSet, "AtAdd": x.AtAdd, "AtMul": x.AtMul, "AtMax": x.AtMax, "AtMin": x.AtMin,
			} {
				y, err := core.Try(func() *core.Array { return f(one, sels...) })
				if err != nil {
					// Some have no meaning; what counts is a typed error.
					var e *core.Error
					require.ErrorAs(t, err, &e)
					t.Log(err)
					continue
				}
				assert.Equal(t, d, y.DType(), "%s %s", op, sel)
				assert.Equal(t, []int{2, 2}, y.Shape(), "%s %s", op, sel)
				if sel == "nothing" || sel == "none" {
					assert.Equal(t, x.String(), y.String(), "%s %s", op, sel)
				}
			}
		}
	}
}

func TestUpdateOfAScalar(t *testing.T) {
	x := core.Scalar(float32(3))
	assert.Equal(t, 3.0, x.At().Item())
	assert.Equal(t, []int{1}, x.At(core.NewAxis).Shape())
	assert.Equal(t, 5.0, x.AtSet(core.Scalar(int32(5))).Item())
	assert.Equal(t, 4.0, x.AtAdd(core.From([]float32{1}), core.Ellipsis).Item())
	_, err := core.Try(func() *core.Array { return x.Index(0) })
	require.ErrorContains(t, err, "1 axes are selected, the array has 0")
	// The result is an array of its own.
	y := x.At()
	y.Free()
	assert.Equal(t, 3.0, x.Item())
}

// TestIndicesOfABatch selects and updates with indices that are mapped.
func TestIndicesOfABatch(t *testing.T) {
	x := core.Arange(core.Float32, 0, 12, 1).Reshape(3, 4)
	i := core.From([]int32{3, -1, 0})
	y := core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		return []*core.Array{in[0].At(in[1]), in[0].AtAdd(in[0].ScalarLike(100), in[1])}, []int{0, 0}
	}, []*core.Array{x, i}, []int{0, 0})
	assert.Equal(t, []float32{3, 7, 8}, flat(y[0]))
	assert.Equal(t, []float32{0, 1, 2, 103, 4, 5, 6, 107, 108, 9, 10, 11}, flat(y[1]))
	_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		return []*core.Array{in[0].At(core.Ellipsis, in[0].Sum(0).ArgMax(0)).Sum()}
	}, []*core.Array{x}, []int{0})
	assert.Equal(t, []float32{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, flat(g[0]))
}

func TestMaskedScatterWithTooFewValuesIsAnError(t *testing.T) {
	x := core.Zeros(core.Float32, 4)
	_, err := core.Try(func() *core.Array {
		return x.MaskedScatter(core.From([]bool{true, true, true, false}), core.From([]float32{1, 2}))
	})
	require.ErrorContains(t, err, "enough")
	require.NotContains(t, err.Error(), "\n")
	require.Equal(t, "[0. 0. 0. 0.]", fmt.Sprint(x), "the engine goes on")
}
