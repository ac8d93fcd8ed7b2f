package core_test

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

var numeric = []core.DType{
	core.Uint8, core.Uint16, core.Uint32, core.Uint64, core.Int8, core.Int16, core.Int32, core.Int64,
	core.Float16, core.Float32, core.Float64, core.BFloat16, core.Complex64,
}

func TestScalarsFollowTheDType(t *testing.T) {
	for _, d := range numeric {
		x := core.From([]int32{6, 3}).AsType(d)
		same := map[string]*core.Array{
			"[8 5]": x.AddScalar(2), "[4 1]": x.SubScalar(2), "[1 4]": x.RSubScalar(7), "[12 6]": x.MulScalar(2), "[36 9]": x.PowScalar(2),
			"[64 8]": x.RPowScalar(2),
		}
		if d != core.Complex64 {
			same["[6 4]"] = x.MaximumScalar(4)
			same["[4 3]"] = x.MinimumScalar(4)
			same["[5 4]"] = x.ClipScalar(4, 5)
			same["[5 3]"] = x.ClipScalar(math.Inf(-1), 5)
			same["[6 3]"] = x.ClipScalar(math.Inf(-1), math.Inf(1))
			same["[1 0]"] = x.FloorDivScalar(4)
			same["[2 3]"] = x.RemainderScalar(4)
		}
		for want, y := range same {
			assert.Equal(t, d, y.DType(), want)
			assert.Equal(t, want, fmt.Sprint(core.Data[float32](y.AsType(core.Float32))), d)
		}
		float := d
		if d.IsInteger() {
			float = core.Float32
		}
		assert.Equal(t, float, x.DivScalar(0.5).DType())
		assert.Equal(t, []float32{12, 6}, core.Data[float32](x.DivScalar(0.5).AsType(core.Float32)), d)
		assert.Equal(t, []float32{2, 4}, core.Data[float32](x.RDivScalar(12).AsType(core.Float32)), d)
		for want, y := range map[string]*core.Array{
			"[true false]": x.EqualScalar(6), "[false true]": x.NotEqualScalar(6), "[false false]": x.LessScalar(3),
			"[false true] ": x.LessEqualScalar(3), "[true false] ": x.GreaterScalar(3), "[true true]": x.GreaterEqualScalar(3),
		} {
			if d == core.Complex64 {
				continue
			}
			assert.Contains(t, want, fmt.Sprint(core.Data[bool](y)), d)
		}
	}
}

func TestScalarsThatTheDTypeCannotHold(t *testing.T) {
	bad := map[core.DType][]float64{
		core.Bool: {2, -1, 0.5}, core.Uint8: {-1, 256}, core.Int8: {128, -129, 0.5}, core.Uint16: {65536}, core.Int16: {32768, -32769},
		core.Uint32: {1 << 32, -1}, core.Int32: {1 << 31, -1<<31 - 1, 1e300}, core.Uint64: {1 << 64, -1}, core.Int64: {1 << 63, -1.0000001 * (1 << 63)},
		core.Float16: {65520, -1e6}, core.BFloat16: {3.4e38}, core.Float32: {1e39}, core.Complex64: {-1e39},
	}
	for d, vs := range bad {
		x := core.Zeros(d, 2)
		if d.IsInteger() || d == core.Bool {
			vs = append(vs, math.NaN(), math.Inf(1), math.Inf(-1))
		}
		for _, v := range vs {
			_, err := core.Try(func() *core.Array { return x.AddScalar(v) })
			assert.ErrorContains(t, err, fmt.Sprintf("AddScalar(%v[2]): %v cannot hold %v", d, d, v))
			_, err = core.Try(func() *core.Array { return core.Full(d, v, 2) })
			assert.ErrorContains(t, err, "cannot hold")
			_, err = core.Try(func() *core.Array { return x.ScalarLike(v) })
			assert.ErrorContains(t, err, "cannot hold")
		}
	}
	good := map[core.DType][]float64{
		core.Bool: {0, 1}, core.Uint8: {0, 255}, core.Int8: {-128, 127}, core.Uint16: {65535}, core.Int16: {-32768, 32767}, core.Uint32: {1<<32 - 1},
		core.Int32: {-1 << 31, 1<<31 - 1}, core.Uint64: {1<<64 - 2048}, core.Int64: {-1 << 63, 1<<63 - 1024}, core.Float16: {65504, math.Inf(1)},
		core.BFloat16: {3.3e38, math.Inf(-1)}, core.Float32: {math.MaxFloat32, math.Inf(1)}, core.Float64: {1e300},
	}
	for d, vs := range good {
		for _, v := range vs {
			got := core.Full(d, v).Item()
			if d == core.BFloat16 && !math.IsInf(v, 0) {
				assert.InEpsilon(t, v, got, 0.01)
				continue
			}
			assert.Equal(t, v, got, d)
		}
	}
	assert.True(t, math.IsNaN(core.Zeros(core.Float32).AddScalar(math.NaN()).Item()))
	for want, f := range map[string]func() *core.Array{
		"[2, 1] is no range":              func() *core.Array { return core.Zeros(core.Float32, 1).ClipScalar(2, 1) },
		"[NaN, 1] is no range":            func() *core.Array { return core.Zeros(core.Float32, 1).ClipScalar(math.NaN(), 1) },
		"dtype(77) is not a dtype":        func() *core.Array { return core.Full(core.DType(77), 1) },
		"shape [-2] has a negative size":  func() *core.Array { return core.Full(core.Float32, 1, -2) },
		"AddScalar: the array is nil (ab": func() *core.Array { return (*core.Array)(nil).AddScalar(1) },
	} {
		_, err := core.Try(f)
		assert.ErrorContains(t, err, want)
	}
	x := core.Zeros(core.Float32)
	x.Free()
	_, err := core.Try(func() *core.Array { return x.MulScalar(2) })
	assert.ErrorIs(t, err, core.ErrFreed)
}

// TestKeptScalarsOutliveScopes uses one value inside and outside of Tidy, of
// traces and of collections.
func TestKeptScalarsOutliveScopes(t *testing.T) {
	x := core.From([]float32{1, 2})
	const v = 12345.5
	want := []float32{v + 1, v + 2}
	core.TidyDo(func() { require.Equal(t, want, flat(x.AddScalar(v))) })
	core.Differentiate("grad", func(in []*core.Array) []*core.Array { return []*core.Array{in[0].MulScalar(v + 1).Sum()} }, []*core.Array{x}, []int{0})
	core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		return []*core.Array{in[0].SubScalar(v + 2)}, []int{0}
	}, []*core.Array{x}, []int{0})
	for range 3 {
		runtime.GC()
		require.Equal(t, want, flat(x.AddScalar(v)))
		require.Equal(t, []float32{v + 1, 2 * (v + 1)}, flat(x.MulScalar(v+1)))
		require.Equal(t, []float32{1 - v - 2, -v}, flat(x.SubScalar(v+2)))
	}
}

func TestKeptScalarsOfManyGoroutines(t *testing.T) {
	x := core.From([]float32{1})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 400 {
				// More values than places, so that they displace each other.
				v := float64((i*7 + g) % 1500)
				if got := x.AddScalar(v).Item(); got != v+1 {
					t.Errorf("1 + %v = %v", v, got)
				}
			}
			runtime.GC()
		})
	}
	wg.Wait()
}

func TestIntegerDivisionByZeroIsDefined(t *testing.T) {
	for _, d := range numeric[:8] {
		lo, hi := int64(0), int64(7)
		unsigned := d <= core.Uint64
		if !unsigned {
			lo = -1 << (8*d.Size() - 1)
		}
		var as, bs []int64
		for _, a := range []int64{lo, lo + 1, 0, 5, hi, -7, -6} {
			for _, b := range []int64{0, -1, 1, 2, 3, -3, lo} {
				if unsigned && (a < 0 || b < 0) {
					continue
				}
				as, bs = append(as, a), append(bs, b)
			}
		}
		for _, lazy := range []bool{false, true} {
			a, b := core.From(as).AsType(d), core.From(bs).AsType(d)
			if !lazy {
				core.Eval(a, b)
			}
			q, r := a.DivMod(b)
			q2, r2 := a.FloorDiv(b), a.Remainder(b)
			gq, gr := core.Data[int64](q.AsType(core.Int64)), core.Data[int64](r.AsType(core.Int64))
			for i := range as {
				wq, wr := int64(0), as[i]
				if bs[i] != 0 {
					wq = as[i] / bs[i]
					if as[i]%bs[i] != 0 && (as[i] < 0) != (bs[i] < 0) {
						wq--
					}
					wr = as[i] - wq*bs[i]
				}
				if bs[i] == -1 && as[i] == lo && !unsigned {
					wq = lo // it wraps around
				}
				require.Equal(t, wq, gq[i], "%v: %d / %d", d, as[i], bs[i])
				require.Equal(t, wr, gr[i], "%v: %d %% %d", d, as[i], bs[i])
			}
			require.Equal(t, gq, core.Data[int64](q2.AsType(core.Int64)))
			require.Equal(t, gr, core.Data[int64](r2.AsType(core.Int64)))
		}
		core.Eval(core.From([]int32{5}).AsType(d).FloorDivScalar(0), core.From([]int32{5}).AsType(d).RemainderScalar(0))
	}
	f := core.From([]float32{7, -7, 5.5})
	q, r := f.DivMod(core.From([]float32{2, 2, -2}))
	require.Equal(t, []float32{3, -4, -3}, flat(q))
	require.Equal(t, []float32{1, 1, -0.5}, flat(r))
	for _, d := range []core.DType{core.Bool, core.Complex64} {
		x := core.Ones(d, 2)
		for _, f := range []func() *core.Array{func() *core.Array { return x.FloorDiv(x) }, func() *core.Array { return x.Remainder(x) }} {
			_, err := core.Try(f)
			require.Error(t, err, d)
		}
	}
	v := core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		return []*core.Array{in[0].FloorDiv(in[1])}, []int{0}
	}, []*core.Array{core.From([]int32{5, -5}), core.From([]int32{0, 2, -1})}, []int{0, -1})
	require.Equal(t, []int32{0, 2, -5, 0, -3, 5}, core.Data[int32](v[0]))
}

func BenchmarkAddScalar(b *testing.B) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	for b.Loop() {
		x.AddScalar(2).Free()
	}
}

func BenchmarkAddFreshScalar(b *testing.B) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	for b.Loop() {
		s := core.Scalar(float32(2))
		x.Add(s).Free()
		s.Free()
	}
}
