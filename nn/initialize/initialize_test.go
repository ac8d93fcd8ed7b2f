package initialize_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn/initialize"
)

var key = random.Key

func moments(t *testing.T, a *core.Array, mean, std float64) {
	t.Helper()
	require.InDelta(t, mean, a.Mean().Item(), 0.02*max(std, 1e-3))
	require.InDelta(t, std, a.Std().Item(), 0.02*std)
}

func TestMoments(t *testing.T) {
	f32 := core.Float32
	k := key(4)
	shape := []int{200, 3, 2, 100} // 600 in, 1200 out
	moments(t, initialize.Normal(k, 0, 0.3, f32, shape...), 0, 0.3)
	moments(t, initialize.Uniform(k, -1, 1, f32, shape...), 0, 1/math.Sqrt(3))
	moments(t, initialize.GlorotNormal(k, 2, f32, shape...), 0, 2*math.Sqrt(2./1800))
	u := initialize.GlorotUniform(k, 2, f32, shape...)
	moments(t, u, 0, 2*math.Sqrt(2./1800))
	require.InDelta(t, 2*math.Sqrt(6./1800), u.Max().Item(), 1e-4)
	moments(t, initialize.HeNormal(k, initialize.FanIn, initialize.ReLUGain, f32, shape...), 0, math.Sqrt(2./600))
	moments(t, initialize.HeUniform(k, initialize.FanOut, 1, f32, shape...), 0, math.Sqrt(1./1200))
}

func TestOrthogonal(t *testing.T) {
	for _, shape := range [][]int{{5, 3}, {3, 5}, {4, 4}, {3, 2, 2, 2}} {
		w := initialize.Orthogonal(key(1), 2, core.Float32, shape...)
		require.Equal(t, shape, w.Shape())
		w = w.Reshape(shape[0], -1)
		if w.Dim(0) > w.Dim(1) {
			w = w.T()
		}
		want := core.Identity(core.Float32, w.Dim(0)).MulScalar(4)
		require.Less(t, w.MatMul(w.T()).Sub(want).Abs().Max().Item(), 1e-5)
	}
}

func TestConstantIdentitySparse(t *testing.T) {
	require.Equal(t, []int32{7, 7}, core.Data[int32](initialize.Constant(7, core.Int32, 2)))
	require.Equal(t, []float32{2, 0, 0, 2}, core.Data[float32](initialize.Identity(2, core.Float32, 2, 2)))
	s := initialize.Sparse(key(2), 0.3, 0.5, core.Float32, 1000, 40)
	zeros := core.Data[int32](s.EqualScalar(0).AsType(core.Int32).Sum(0))
	for _, n := range zeros {
		require.EqualValues(t, 300, n)
	}
	require.InDelta(t, 0.5*math.Sqrt(0.7), s.Std().Item(), 0.01)
	require.Equal(t, core.Float64, initialize.Normal(key(0), 0, 1, core.Float64, 2).DType())
}

func TestErrors(t *testing.T) {
	k, f32 := key(0), core.Float32
	for want, f := range map[string]func(){
		"key: the array is nil":     func() { initialize.Normal(nil, 0, 1, f32, 2) },
		"standard deviation -1":     func() { initialize.Normal(k, 0, -1, f32, 2) },
		"range -1":                  func() { initialize.Uniform(k, 1, 0, f32, 2) },
		"at least two axes":         func() { initialize.GlorotNormal(k, 1, f32, 2) },
		"at least 1 along":          func() { initialize.HeNormal(k, initialize.FanIn, 1, f32, 2, 0) },
		"fan 5":                     func() { initialize.HeUniform(k, 5, 1, f32, 2, 2) },
		"gain NaN":                  func() { initialize.Orthogonal(k, math.NaN(), f32, 2, 2) },
		"want a square matrix":      func() { initialize.Identity(1, f32, 2, 3) },
		"share 2":                   func() { initialize.Sparse(k, 2, 1, f32, 2, 2) },
		"want a matrix":             func() { initialize.Sparse(k, 0.5, 1, f32, 2) },
		"float16 cannot hold 1e+06": func() { initialize.Constant(1e6, core.Float16, 2) },
	} {
		_, err := core.Try(func() *core.Array { f(); return nil })
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
}
