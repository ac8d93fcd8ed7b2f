package core_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

func TestAxesForms(t *testing.T) {
	x := core.Arange(core.Float32, 0, 6, 1).Reshape(1, 2, 3, 1)
	assert.Equal(t, []int{1, 3, 2, 1}, x.Transpose().Shape())
	assert.Equal(t, []int{3, 1, 1, 2}, x.Transpose(2, 0, -1, 1).Shape())
	assert.Equal(t, []int{2, 3}, x.Squeeze().Shape())
	assert.Equal(t, []int{1, 2, 3}, x.Squeeze(-1).Shape())
	m := x.Squeeze()
	assert.Equal(t, []float32{2, 0, 1, 5, 3, 4}, flat(m.Roll(1, 1)))
	assert.Equal(t, []float32{5, 0, 1, 2, 3, 4}, flat(m.Roll(1)))
	assert.Equal(t, []float32{1, 2, 3, 4, 5, 0}, flat(m.Roll(-1)))
	assert.Equal(t, []float32{4, 5, 3, 1, 2, 0}, flat(m.Roll(-1, 0, 1)))
	assert.Equal(t, flat(m.Roll(math.MaxInt%6)), flat(m.Roll(math.MaxInt)))
	assert.Equal(t, []int{0, 2}, core.Zeros(core.Int8, 0, 2).Roll(3, 0).Shape())
	assert.Equal(t, 4.0, m.Trace().Item())
	assert.Equal(t, m.AsType(core.Int8).Sum().DType(), m.AsType(core.Int8).Trace().DType())
	for want, f := range map[string]func() *core.Array{
		"Transpose": func() *core.Array { return m.Transpose(0, 0) },
		"Squeeze":   func() *core.Array { return m.Squeeze(0) },
		"axis 2 is": func() *core.Array { return m.Roll(1, 2) },
		"Trace":     func() *core.Array { return core.Zeros(core.Float32, 3).Trace() },
	} {
		_, err := core.Try(f)
		var e *core.Error
		require.ErrorAs(t, err, &e, want)
		t.Log(err)
	}
}

func TestPadding(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	assert.Equal(t, []float32{0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6}, flat(x.Pad([2]int{1, 0}, [2]int{1, 0})))
	assert.Equal(t, []int{4, 5}, x.Pad([2]int{1, 1}).Shape())
	// numpy.pad(x, [(0, 0), (2, 1)], mode)
	for mode, want := range map[core.PadMode][]float32{
		core.PadConstant:  {7, 7, 1, 2, 3, 7, 7, 7, 4, 5, 6, 7},
		core.PadEdge:      {1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6},
		core.PadReflect:   {3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5},
		core.PadSymmetric: {2, 1, 1, 2, 3, 3, 5, 4, 4, 5, 6, 6},
	} {
		assert.Equal(t, want, flat(x.PadWith(core.Padding{Widths: [][2]int{{2, 1}}, Axes: []int{-1}, Mode: mode, Value: 7})), mode)
	}
	assert.Equal(t, []float32{4, 4, 5, 6, 6, 4, 4, 5, 6, 6}, flat(x.Slice(0, 1, 2).PadWith(core.Padding{Widths: [][2]int{{1, 0}, {1, 1}}, Mode: core.PadEdge})))
	whole := core.From([]int8{1})
	for want, p := range map[string]core.Padding{
		"2 pairs of widths for 1 axes":                {Widths: [][2]int{{1, 1}, {1, 1}}},
		"0 pairs of widths for 1 axes":                {},
		"the widths [-1 0] of axis 0 are negative":    {Widths: [][2]int{{-1, 0}}},
		"are too large":                               {Widths: [][2]int{{math.MaxInt, 0}}},
		"axis 1 is out of range":                      {Widths: [][2]int{{1, 1}}, Axes: []int{1}},
		"axis -1 is given twice":                      {Widths: [][2]int{{1, 1}}, Axes: []int{0, -1}},
		"there is no pad mode \"wrap\"":               {Widths: [][2]int{{1, 1}}, Mode: "wrap"},
		"more than the 0 elements that mode reflect":  {Widths: [][2]int{{1, 1}}, Mode: core.PadReflect},
		"more than the 1 elements that mode symmetri": {Widths: [][2]int{{2, 1}}, Mode: core.PadSymmetric},
		"int8 cannot hold 300":                        {Widths: [][2]int{{1, 1}}, Value: 300},
	} {
		_, err := core.Try(func() *core.Array { return whole.PadWith(p) })
		require.ErrorContains(t, err, want)
	}
	_, err := core.Try(func() *core.Array {
		return core.Zeros(core.Int8, 0).PadWith(core.Padding{Widths: [][2]int{{1, 1}}, Mode: core.PadEdge})
	})
	require.ErrorContains(t, err, "more than the 0 elements")
}

func TestAsStrided(t *testing.T) {
	x := core.Arange(core.Float32, 0, 12, 1).Reshape(3, 4)
	assert.Equal(t, []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, flat(x.AsStrided([]int{4, 3}, []int{1, 4}, 0)))
	assert.Equal(t, []float32{11, 10, 9}, flat(x.AsStrided([]int{3}, []int{-1}, 11)))
	assert.Equal(t, []float32{0, 4, 8, 1, 5, 9}, flat(x.T().AsStrided([]int{6}, []int{1}, 0)), "strides count the elements in row-major order")
	assert.Equal(t, []float32{5, 5}, flat(x.AsStrided([]int{2}, []int{0}, 5)))
	assert.Equal(t, []int{0, 3}, x.AsStrided([]int{0, 3}, []int{99, 99}, 99).Shape())
	for want, f := range map[string]func() *core.Array{
		"1 sizes and 2 strides":                      func() *core.Array { return x.AsStrided([]int{2}, []int{1, 1}, 0) },
		"offset 12 lies outside of the 12 elements":  func() *core.Array { return x.AsStrided([]int{1}, []int{1}, 12) },
		"offset -1 lies outside":                     func() *core.Array { return x.AsStrided(nil, nil, -1) },
		"axis 0 of size 13 with stride 1":            func() *core.Array { return x.AsStrided([]int{13}, []int{1}, 0) },
		"axis 0 of size 2 with stride -922337203685": func() *core.Array { return x.AsStrided([]int{2}, []int{math.MinInt}, 0) },
		"leaves the 12 elements":                     func() *core.Array { return x.AsStrided([]int{4, 4}, []int{3, 1}, 1) },
		"offset 2 leaves the 12 elements":            func() *core.Array { return x.AsStrided([]int{4}, []int{-1}, 2) },
		"negative size":                              func() *core.Array { return x.AsStrided([]int{-1}, []int{1}, 0) },
		"offset 0 lies outside of the 0 elements":    func() *core.Array { return core.Zeros(core.Int8, 0).AsStrided([]int{1}, []int{1}, 0) },
	} {
		_, err := core.Try(f)
		require.ErrorContains(t, err, want)
	}
}

func TestCreation(t *testing.T) {
	assert.Equal(t, []float32{2.5, 2.5}, flat(core.Full(core.Float32, 2.5, 2)))
	assert.Equal(t, []int{2, 0}, core.Full(core.Int32, 1, 2, 0).Shape())
	x := core.Zeros(core.Int16, 3)
	assert.Equal(t, []int16{-7, -7, -7}, core.Data[int16](x.FullLike(-7)))
	assert.Equal(t, []float32{1, 2, 1, 2}, flat(core.FullOf(core.Float32, core.From([]int32{1, 2}), 2, 2)))
	_, err := core.Try(func() *core.Array { return core.FullOf(core.Float32, core.Zeros(core.Int8, 3), 2) })
	require.Error(t, err)
	_, err = core.Try(func() *core.Array { return x.FullLike(0.5) })
	require.ErrorContains(t, err, "FullLike(int16[3]): int16 cannot hold 0.5")
}

func TestUnique(t *testing.T) {
	x := core.From([]int32{3, 1, 3, 2, 1, 3}, 2, 3)
	u := x.Unique()
	assert.Equal(t, []int32{1, 2, 3}, core.Data[int32](u.Values))
	assert.Equal(t, []uint32{1, 3, 0}, core.Data[uint32](u.Index))
	assert.Equal(t, []uint32{2, 0, 2, 1, 0, 2}, core.Data[uint32](u.Inverse.Flatten()))
	assert.Equal(t, x.Shape(), u.Inverse.Shape())
	assert.Equal(t, []int32{2, 1, 3}, core.Data[int32](u.Counts))
	n := x.UniqueN(5, core.Scalar(int32(9)))
	assert.Equal(t, []int32{1, 2, 3, 9, 9}, core.Data[int32](n.Values))
	assert.Equal(t, []int32{2, 1, 3, 0, 0}, core.Data[int32](n.Counts))
	assert.Equal(t, []int32{1, 2}, core.Data[int32](x.UniqueN(2, nil).Values))
	assert.Equal(t, []int{0}, core.Zeros(core.Int8, 0, 2).Unique().Values.Shape())
	_, err := core.Try(func() core.Distinct { return x.UniqueN(-1, nil) })
	require.ErrorContains(t, err, "-1 elements are asked for")
	_, err = core.Try(func() core.Distinct { return core.Zeros(core.Int8, 0).UniqueN(2, nil) })
	require.Error(t, err)
	t.Log(err)
	_, err = core.Try(func() []*core.Array {
		return core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
			return []*core.Array{in[0].Unique().Values}, []int{0}
		}, []*core.Array{x}, []int{0})
	})
	require.Error(t, err)
	t.Log(err)
}

func TestNumberOfElementsRefusesAxesThatAreNotThere(t *testing.T) {
	m := core.Zeros(core.Float32, 2, 3)
	assert.Equal(t, 3.0, m.NumberOfElements(core.Float32, -1).Item())
	for _, f := range []func() *core.Array{
		func() *core.Array { return core.Scalar(float32(1)).NumberOfElements(core.Int32, 0) },
		func() *core.Array { return m.NumberOfElements(core.Int32, 2) },
		func() *core.Array { return m.NumberOfElements(core.Int32, -3) },
	} {
		_, err := core.Try(f)
		assert.ErrorContains(t, err, "axis")
	}
}
