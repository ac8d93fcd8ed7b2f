package core_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

type selectorText struct {
	I       *int
	R       *[3]*int
	P, A    []int
	M       []bool
	Shape   []int
	present map[string]json.RawMessage
}

// selectors reads the selectors of testdata/index.json.
func selectors(t *testing.T, raw []json.RawMessage) []core.Selector {
	var out []core.Selector
	for _, r := range raw {
		var word string
		if json.Unmarshal(r, &word) == nil {
			out = append(out, map[string]core.Selector{"all": core.All, "new": core.NewAxis, "...": core.Ellipsis}[word])
			continue
		}
		var s selectorText
		require.NoError(t, json.Unmarshal(r, &s))
		require.NoError(t, json.Unmarshal(r, &s.present))
		switch {
		case s.I != nil:
			out = append(out, core.I(*s.I))
		case s.R != nil:
			b := [2]int{core.Open, core.Open}
			for i := range b {
				if s.R[i] != nil {
					b[i] = *s.R[i]
				}
			}
			out = append(out, core.Range(b[0], b[1]).By(*s.R[2]))
		case s.present["p"] != nil:
			out = append(out, core.Pick(s.P...))
		case s.present["a"] != nil:
			out = append(out, core.From(s.A).Reshape(s.Shape...))
		default:
			out = append(out, core.From(s.M, s.Shape...))
		}
	}
	return out
}

type indexCase struct {
	Shape, WantShape, VShape                   []int
	Sels                                       []json.RawMessage
	Want, V, AtSet, AtAdd, AtMul, AtMax, AtMin []float32
}

func indexCases(t *testing.T) []indexCase {
	raw, err := os.ReadFile("testdata/index.json")
	require.NoError(t, err)
	var cases []indexCase
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.Greater(t, len(cases), 600)
	return cases
}

func counting(shape []int) *core.Array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i % 11)
	}
	return core.From(data, shape...).Reshape(shape...)
}

func flat(a *core.Array) []float32 { return core.Data[float32](a) }

// TestIndexingEqualsNumPy compares selections and updates with what
// testdata/index.py stored.
func TestIndexingEqualsNumPy(t *testing.T) {
	for i, c := range indexCases(t) {
		name := fmt.Sprintf("%d %v %s", i, c.Shape, c.Sels)
		core.TidyDo(func() {
			x, v, sels := counting(c.Shape), core.From(c.V).Reshape(c.VShape...), selectors(t, c.Sels)
			y, err := core.Try(func() *core.Array { return x.At(sels...) })
			require.NoError(t, err, name)
			require.Equal(t, c.WantShape, append([]int{}, y.Shape()...), name)
			require.Equal(t, c.Want, flat(y), name)
			for op, u := range map[string]struct {
				f    func(*core.Array, ...core.Selector) *core.Array
				want []float32
			}{
				"AtSet": {x.AtSet, c.AtSet}, "AtAdd": {x.AtAdd, c.AtAdd}, "AtMul": {x.AtMul, c.AtMul}, "AtMax": {x.AtMax, c.AtMax}, "AtMin": {x.AtMin, c.AtMin},
			} {
				if u.want == nil {
					continue
				}
				y, err := core.Try(func() *core.Array { return u.f(v, sels...) })
				require.NoError(t, err, "%s %s", op, name)
				require.Equal(t, u.want, flat(y), "%s %s v %v", op, name, c.VShape)
			}
		})
	}
}

// TestIndexingGradients checks that a selection's gradient adds the weights of the
// result up at the places they came from, and likewise for updates.
func TestIndexingGradients(t *testing.T) {
	for i, c := range indexCases(t) {
		if i%5 != 0 || len(c.Want) == 0 {
			continue
		}
		name := fmt.Sprintf("%d %v %s", i, c.Shape, c.Sels)
		core.TidyDo(func() {
			x, v, sels := counting(c.Shape), core.From(c.V).Reshape(c.VShape...), selectors(t, c.Sels)
			n := x.Size()
			places := make([]float32, n)
			for i := range places {
				places[i] = float32(i)
			}
			at := flat(core.From(places).Reshape(c.Shape...).At(sels...))
			weight := make([]float32, len(at))
			want := make([]float32, n)
			for i, p := range at {
				weight[i] = float32(i%5) - 2
				want[int(p)] += weight[i]
			}
			w := core.From(weight).Reshape(c.WantShape...)
			_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
				return []*core.Array{in[0].At(sels...).Mul(w).Sum()}
			}, []*core.Array{x}, []int{0})
			require.Equal(t, want, flat(g[0]), name)

			// d/dx and d/dv of Σ wx·update(x, v): x's weights go to x where it
			// stays, and those of what is replaced to v.
			all := make([]float32, n)
			for i := range all {
				all[i] = float32(i%7) - 3
			}
			wx := core.From(all).Reshape(c.Shape...)
			grads := func(f func(x, v *core.Array) *core.Array) (gx, gv []float32) {
				_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
					return []*core.Array{f(in[0], in[1]).Mul(wx).Sum()}
				}, []*core.Array{x, v}, []int{0, 1})
				return flat(g[0]), flat(g[1])
			}
			picked := core.From(all).Reshape(c.Shape...).At(sels...)
			wantV := func(g *core.Array) []float32 {
				// Sum over the axes along which v was broadcast.
				_, back := core.PullBack("vjp", func(in []*core.Array) []*core.Array {
					return []*core.Array{in[0].BroadcastTo(c.WantShape...)}
				}, []*core.Array{v}, []int{0})
				return flat(back([]*core.Array{g})[0])
			}
			gx, gv := grads(func(x, v *core.Array) *core.Array { return x.AtAdd(v, sels...) })
			require.Equal(t, all, gx, name)
			require.Equal(t, wantV(picked), gv, name)
			if c.AtSet != nil {
				gx, gv = grads(func(x, v *core.Array) *core.Array { return x.AtSet(v, sels...) })
				kept := append([]float32{}, all...)
				for _, p := range at {
					kept[int(p)] = 0
				}
				require.Equal(t, kept, gx, name)
				require.Equal(t, wantV(picked), gv, name)
			}
		})
	}
}

func TestProductAndExtremesHaveGradients(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	v := core.From([]float32{10, -20})
	grads := func(f func(x, v *core.Array) *core.Array) ([]float32, []float32) {
		_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
			return []*core.Array{f(in[0], in[1]).Sum()}
		}, []*core.Array{x, v}, []int{0, 1})
		return flat(g[0]), flat(g[1])
	}
	for name, sels := range map[string][]core.Selector{
		"basic": {core.Range(0, 2)}, "listed": {core.Pick(1, 0)},
		"mask": {core.From([]bool{true, true, false})},
	} {
		gx, gv := grads(func(x, v *core.Array) *core.Array { return x.AtMul(v, sels...) })
		assert.Equal(t, []float32{10, -20, 10, -20, 1, 1}, gx, name)
		assert.Equal(t, []float32{4, 6}, gv, name)
		gx, gv = grads(func(x, v *core.Array) *core.Array { return x.AtMax(v, sels...) })
		assert.Equal(t, []float32{0, 1, 0, 1, 1, 1}, gx, name)
		assert.Equal(t, []float32{2, 0}, gv, name)
		gx, gv = grads(func(x, v *core.Array) *core.Array { return x.AtMin(v, sels...) })
		assert.Equal(t, []float32{1, 0, 1, 0, 1, 1}, gx, name)
		assert.Equal(t, []float32{0, 2}, gv, name)
	}
	// A row that is named twice: its two factors of the first row are v and w.
	_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		return []*core.Array{in[0].AtMul(in[1], core.Pick(0, 0)).Sum()}
	}, []*core.Array{x, core.From([]float32{3, 0, 5, 7}, 2, 2)}, []int{0, 1})
	assert.Equal(t, []float32{15, 0, 1, 1, 1, 1}, flat(g[0]))
	assert.Equal(t, []float32{5, 14, 3, 0}, flat(g[1]))
}

func TestMaskedUpdateNeedsNoValue(t *testing.T) {
	x := core.From([]float32{1, -2, 3, -4}, 2, 2)
	y := core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		return []*core.Array{in[0].AtSet(core.Scalar(float32(0)), in[0].LessScalar(0))}, []int{0}
	}, []*core.Array{x}, []int{0})
	require.Equal(t, []float32{1, 0, 3, 0}, flat(y[0]))
	_, err := core.Try(func() []*core.Array {
		return core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
			return []*core.Array{in[0].At(in[0].LessScalar(0))}, []int{0}
		}, []*core.Array{x}, []int{0})
	})
	require.ErrorIs(t, err, core.ErrTracer)
}

func TestIndexingErrors(t *testing.T) {
	x := core.Zeros(core.Float32, 3, 4)
	ints := core.Zeros(core.Int8, 3)
	scalar := core.Scalar(float32(1))
	var none *core.Array
	for want, f := range map[string]func() *core.Array{
		"At(float32[3 4]): index 3 is out of range for axis 0 of 3 elements":               func() *core.Array { return x.Index(3) },
		"index -4 is out of range for axis 0 of 3 elements":                                func() *core.Array { return x.At(core.I(-4)) },
		"index 4 is out of range for axis 1 of 4 elements":                                 func() *core.Array { return x.At(core.All, core.Pick(0, 4)) },
		"index -9223372036854775808 is out of range":                                       func() *core.Array { return x.At(core.I(math.MinInt)) },
		"index 7 is out of range for an axis of 3 elements":                                func() *core.Array { return x.At(core.From([]int32{0, 7})) },
		"index -4 is out of range for an axis of 3 elements":                               func() *core.Array { return x.At(core.From([]int8{-4})) },
		"index 9223372036854775807 is out of range":                                        func() *core.Array { return x.At(core.From([]uint64{1 << 63})) },
		"3 axes are selected, the array has 2":                                             func() *core.Array { return x.At(core.I(0), core.I(0), core.I(0)) },
		"Ellipsis may be given once":                                                       func() *core.Array { return x.At(core.Ellipsis, core.Ellipsis) },
		"axis 0: the step of a range is 0":                                                 func() *core.Array { return x.At(core.Every(0)) },
		"selector 0 has dtype float32: indices are integers or bool":                       func() *core.Array { return x.At(scalar) },
		"selector 0: a mask needs an axis":                                                 func() *core.Array { return x.At(core.Scalar(true)) },
		"a mask of shape [4] does not fit axis 0 of size 3":                                func() *core.Array { return x.At(core.Zeros(core.Bool, 4)) },
		"selector 1 is nil":                                                                func() *core.Array { return x.At(core.All, nil) },
		"selector 0: the array is nil":                                                     func() *core.Array { return x.At(none) },
		"At: the array is nil":                                                             func() *core.Array { return none.At() },
		"the shapes [[2] [3]] do not broadcast":                                            func() *core.Array { return x.At(core.Pick(0, 1), core.Pick(0, 1, 2)) },
		"index 0: axis 0 is empty":                                                         func() *core.Array { return core.Zeros(core.Float32, 0).Index(0) },
		"the axis is empty: it has nothing to index":                                       func() *core.Array { return core.Zeros(core.Float32, 0).At(core.From([]int32{0})) },
		"axis 2 is out of range: the array has axes -2 to 1":                               func() *core.Array { return x.Slice(2, 0, 1) },
		"AtSet(float32[3 4], float32[3]): values of shape [3] do not broadcast to the sel": func() *core.Array { return x.AtSet(core.Zeros(core.Float32, 3), core.I(0)) },
		"values of shape [2 4] do not broadcast to the selected [4]":                       func() *core.Array { return x.AtAdd(core.Zeros(core.Float32, 2, 4), core.I(0)) },
		"int8 cannot hold the values of float32: convert them with AsType":                 func() *core.Array { return ints.AtSet(scalar, core.I(0)) },
		"int8 cannot hold the values of int32":                                             func() *core.Array { return ints.AtSet(core.Scalar(int32(1)), core.I(0)) },
		"float32 cannot hold the values of complex64":                                      func() *core.Array { return x.AtMul(core.Scalar(complex64(1)), core.I(0)) },
		"AtMin: the array is nil":                                                          func() *core.Array { return x.AtMin(none, core.I(0)) },
	} {
		_, err := core.Try(f)
		var e *core.Error
		require.ErrorAs(t, err, &e, want)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), "\n")
	}
}

// TestUnknownIndicesAreMovedInside covers indices that have no value yet: they
// must not reach outside of memory.
func TestUnknownIndicesAreMovedInside(t *testing.T) {
	x := core.From([]float32{10, 20, 30})
	lazy := func(v ...int32) *core.Array { return core.From(v).AddScalar(0) }
	for _, d := range []core.DType{core.Int8, core.Int32, core.Int64} {
		i := lazy(-100, -4, -3, -1, 0, 2, 3, 100).AsType(d)
		require.Equal(t, []float32{10, 10, 10, 30, 10, 30, 30, 30}, flat(x.At(i)), d)
	}
	for _, d := range []core.DType{core.Uint8, core.Uint32, core.Uint64} {
		require.Equal(t, []float32{10, 30, 30}, flat(x.At(lazy(0, 2, 200).AsType(d))), d)
	}
	far := lazy(1<<30, -1<<30)
	long := core.Arange(core.Float32, 0, 1000, 1)
	require.Equal(t, []float32{127, 872}, flat(long.At(lazy(127, -128).AsType(core.Int8))), "an axis longer than the index dtype reaches")
	core.Eval(
		x.TakeAlongAxis(far, 0), x.PutAlongAxis(far, core.Scalar(float32(1)), 0), x.ScatterAddAxis(far, core.Scalar(float32(1)), 0),
		x.AtSet(core.Scalar(float32(1)), far), x.AtAdd(core.Scalar(float32(1)), far), x.AtMax(core.Scalar(float32(1)), far),
		x.DynamicSlice(lazy(1<<30), []int{0}, []int{2}), x.DynamicUpdateSlice(core.Zeros(core.Float32, 2), lazy(-5), []int{0}),
		x.Gather([]*core.Array{far}, []int{0}, []int{2}),
		core.GatherMM(core.Zeros(core.Float32, 2, 3, 4), core.Zeros(core.Float32, 2, 4, 3), far, far),
	)
	require.Equal(t, []float32{20, 30}, flat(x.DynamicSlice(lazy(7), []int{-1}, []int{2})))
	require.Equal(t, []float32{9, 20, 30}, flat(x.DynamicUpdateSlice(core.From([]float32{9}), lazy(-7), []int{0})))
	many := core.Full(core.Int32, 1<<30, 5000)
	core.Eval(x.At(many.Eval()))
}

func TestGeneralGatherAndScatter(t *testing.T) {
	x := core.Arange(core.Float32, 0, 12, 1).Reshape(3, 4)
	rows, cols := core.From([]int32{2, 0}), core.From([]int32{1, 3})
	require.Equal(t, []float32{9, 3}, flat(x.Gather([]*core.Array{rows, cols}, []int{0, -1}, []int{1, 1})))
	y := x.ScatterAdd([]*core.Array{rows}, core.Ones(core.Float32, 2, 1, 4), []int{-2})
	require.Equal(t, []float32{1, 2, 3, 4, 4, 5, 6, 7, 9, 10, 11, 12}, flat(y))
	for want, f := range map[string]func() *core.Array{
		"axis 2 is out of range":  func() *core.Array { return x.Gather([]*core.Array{rows}, []int{2}, []int{1, 1}) },
		"one index array per":     func() *core.Array { return x.Gather([]*core.Array{rows}, nil, []int{1, 1}) },
		"not integers":            func() *core.Array { return x.Gather([]*core.Array{x}, []int{0}, []int{1, 1}) },
		"updates have fewer axes": func() *core.Array { return x.Scatter([]*core.Array{rows}, rows, []int{0}) },
		"the indices are not":     func() *core.Array { return x.Scatter([]*core.Array{core.Zeros(core.Bool, 2)}, x, []int{0}) },
		"index 1 is out of range for an axis of 3 elements and a slice of 3": func() *core.Array {
			return x.Gather([]*core.Array{core.From([]int32{1})}, []int{0}, []int{3, 1})
		},
	} {
		_, err := core.Try(f)
		require.ErrorContains(t, err, want)
	}
}

func ExampleArray_At() {
	x := core.Arange(core.Int32, 0, 12, 1).Reshape(3, 4)
	fmt.Println(x.At(core.I(-1)))
	fmt.Println(x.At(core.All, core.Range(1, 3)))
	fmt.Println(x.At(core.Every(-1), core.I(0)))
	fmt.Println(x.At(core.Pick(0, 2), core.Pick(1, 3)))
	fmt.Println(x.At(x.GreaterScalar(8)))
	// Output:
	// [ 8  9 10 11]
	// [[ 1  2]
	//  [ 5  6]
	//  [ 9 10]]
	// [8 4 0]
	// [ 1 11]
	// [ 9 10 11]
}

func ExampleArray_AtSet() {
	x := core.Zeros(core.Float32, 2, 3)
	fmt.Println(x.AtSet(core.From([]float32{1, 2}), core.All, core.I(1)))
	fmt.Println(x.AtAdd(x.ScalarLike(1), core.Pick(0, 0)))
	// Output:
	// [[0. 1. 0.]
	//  [0. 2. 0.]]
	// [[2. 2. 2.]
	//  [0. 0. 0.]]
}

func TestScattersOfNothing(t *testing.T) {
	a := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	at := core.From([]int32{1})
	none := core.Zeros(core.Float32, 1, 0, 3) // no rows, at one place
	for name, f := range map[string]func([]*core.Array, *core.Array, []int) *core.Array{
		"set": a.Scatter, "add": a.ScatterAdd, "prod": a.ScatterProd, "max": a.ScatterMax, "min": a.ScatterMin,
	} {
		assert.Equal(t, flat(a), flat(f([]*core.Array{at}, none, []int{0})), name)
	}
	_, err := core.Try(func() *core.Array {
		return core.From([]float32{1, 2}).MaskedScatter(core.From([]bool{true, false}), core.Zeros(core.Float32, 0))
	})
	assert.ErrorContains(t, err, "the source is empty")
}

func TestAddMMRefusesASummandThatIsLarger(t *testing.T) {
	for _, d := range []core.DType{core.Float32, core.Complex64} {
		v := core.From([]float32{1, 2, 3}).AsType(d)
		assert.Equal(t, []int{}, core.AddMM(v.Sum(), v, v).Shape(), d)
		_, err := core.Try(func() *core.Array { return core.AddMM(v, v, v) })
		assert.ErrorContains(t, err, "broadcast", d)
	}
}
