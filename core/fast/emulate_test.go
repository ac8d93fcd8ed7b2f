package fast_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/core/random"
)

func metal(t *testing.T, name string, in, out []string) fast.MetalKernel {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "metal", name+".metal"))
	require.NoError(t, err)
	return fast.MetalKernel{Name: name, Inputs: in, Outputs: out, Source: string(source)}
}

func emulated(t *testing.T, k fast.MetalKernel, l fast.Launch, in ...*core.Array) []*core.Array {
	t.Helper()
	start := time.Now()
	out, err := k.Emulate(t.Context(), l, in...)
	require.NoError(t, err)
	t.Logf("%s, grid %v: %v", k.Name, l.Grid, time.Since(start).Round(time.Millisecond))
	return out
}

// near compares an emulated output with what ops compute, to within rounding.
func near(t *testing.T, want, got *core.Array, tolerance float64) {
	t.Helper()
	require.Equal(t, want.Spec().String(), got.Spec().String())
	w, g := want.AsType(core.Float32), got.AsType(core.Float32)
	difference := w.Sub(g).Abs().Max().Item()
	assert.LessOrEqual(t, difference, tolerance*(1+w.Abs().Max().Item()))
}

func sigmoid(a *core.Array) *core.Array { return a.Neg().Exp().AddScalar(1).Reciprocal() }

func TestEmulatedElementwise(t *testing.T) {
	const n = 1000
	a, b, dy := normal(1, n), normal(2, n), normal(3, n)
	each := fast.Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{256, 1, 1}, Outputs: []core.Spec{a.Spec()}}
	near(t, a.Square(), emulated(t, metal(t, "square", []string{"x"}, []string{"y"}), each, a)[0], 0)

	swiglu := metal(t, "swiglu", []string{"a", "b"}, []string{"y"})
	for _, d := range []core.DType{core.Float32, core.Float16, core.BFloat16} {
		x, y := a.AsType(d), b.AsType(d)
		l := each
		l.Outputs, l.Template = []core.Spec{x.Spec()}, map[string]any{"T": d}
		tolerance := map[core.DType]float64{core.Float32: 1e-6, core.Float16: 2e-3, core.BFloat16: 2e-2}[d]
		want := x.AsType(core.Float32).Mul(sigmoid(x.AsType(core.Float32))).Mul(y.AsType(core.Float32)).AsType(d)
		near(t, want, emulated(t, swiglu, l, x, y)[0], tolerance)
	}

	back := metal(t, "swiglu_vjp", []string{"a", "b", "dy"}, []string{"da", "db"})
	l := fast.Launch{Grid: [3]int{n / 4, 1, 1}, Group: [3]int{64, 1, 1}, Outputs: []core.Spec{a.Spec(), b.Spec()}, Template: map[string]any{"N": n}}
	got := emulated(t, back, l, a, b, dy)
	s := sigmoid(a)
	near(t, dy.Mul(b).Mul(s).Mul(a.Mul(s.Neg().AddScalar(1)).AddScalar(1)), got[0], 1e-6)
	near(t, dy.Mul(a).Mul(s), got[1], 1e-6)
}

func TestEmulatedReductions(t *testing.T) {
	for _, width := range []int{1, 31, 200, 1000} {
		x := normal(4, 5, width)
		l := fast.Launch{Grid: [3]int{128, 5, 1}, Group: [3]int{128, 1, 1}, Outputs: []core.Spec{{DType: core.Float32, Shape: []int{5}}}, Template: map[string]any{"W": 128}}
		near(t, x.Sum(1), emulated(t, metal(t, "sum", []string{"x"}, []string{"y"}), l, x)[0], 1e-5)
		near(t, x.Sum(1), emulated(t, metal(t, "sum_tree", []string{"x"}, []string{"y"}), l, x)[0], 1e-5)
	}
}

// Z = Aᵀ(AV) by two tiled kernels, with sizes that fit the tiles and that do not.
func TestEmulatedMatMul(t *testing.T) {
	up := func(n int) int { return (n + 15) / 16 * 16 }
	for _, s := range [][3]int{{32, 48, 16}, {37, 21, 50}, {1, 1, 1}} {
		m, k, n := s[0], s[1], s[2]
		a, v := normal(5, m, k), normal(6, k, n)
		first := fast.Launch{Grid: [3]int{up(n), up(m), 1}, Group: [3]int{16, 16, 1}, Outputs: []core.Spec{{DType: core.Float32, Shape: []int{m, n}}}}
		av := emulated(t, metal(t, "gemm_av", []string{"A", "V"}, []string{"C"}), first, a, v)[0]
		near(t, a.MatMul(v), av, 1e-5)
		second := fast.Launch{Grid: [3]int{up(n), up(k), 1}, Group: [3]int{16, 16, 1}, Outputs: []core.Spec{{DType: core.Float32, Shape: []int{k, n}}}}
		z := emulated(t, metal(t, "gemm_at_b", []string{"A", "B"}, []string{"Z"}), second, a, av)[0]
		near(t, a.Transpose().MatMul(a.MatMul(v)), z, 1e-5)
	}
}

func TestEmulatedSimdgroupMatrices(t *testing.T) {
	const m, k, n = 24, 40, 32
	for _, d := range []core.DType{core.Float32, core.Float16} {
		a, v := normal(9, m, k).AsType(d), normal(10, k, n).AsType(d)
		l := fast.Launch{Grid: [3]int{64, m / 8, 1}, Group: [3]int{64, 1, 1}, Outputs: []core.Spec{{DType: core.Float32, Shape: []int{m, n}}},
			Template: map[string]any{"T": d}}
		got := emulated(t, metal(t, "gemm_simd", []string{"A", "V"}, []string{"C"}), l, a, v)[0]
		near(t, a.AsType(core.Float32).MatMul(v.AsType(core.Float32)), got, 1e-5)
	}
}

func TestEmulatedHistogram(t *testing.T) {
	const n, bins = 5000, 50
	x := random.RandInt(random.Key(7), -3, bins+3, core.Int32, n)
	k := metal(t, "histogram", []string{"x"}, []string{"counts"})
	k.AtomicOutputs = true
	zero := 0.0
	l := fast.Launch{Grid: [3]int{(n + 255) / 256 * 256, 1, 1}, Group: [3]int{256, 1, 1}, Outputs: []core.Spec{{DType: core.Int32, Shape: []int{bins}}},
		Template: map[string]any{"BINS": bins}, InitValue: &zero}
	got := emulated(t, k, l, x)[0]
	want := x.Clip(core.Scalar(int32(0)), core.Scalar(int32(bins-1))).Reshape(n, 1).Equal(core.From(counting(bins))).AsType(core.Int32).Sum(0)
	assert.Equal(t, core.Data[int32](want), core.Data[int32](got))
}

func counting(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func TestEmulateErrors(t *testing.T) {
	x := normal(8, 10)
	k := metal(t, "square", []string{"x"}, []string{"y"})
	l := fast.Launch{Grid: [3]int{11, 1, 1}, Group: [3]int{11, 1, 1}, Outputs: []core.Spec{x.Spec()}}
	_, err := k.Emulate(t.Context(), l, x)
	var wrong *emulate.Error
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, 2, wrong.Line)
	_, err = k.Emulate(t.Context(), l, nil)
	var e *core.Error
	require.ErrorAs(t, err, &e)
}
