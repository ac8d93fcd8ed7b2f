package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const earth = 6371.0088

// exact is the distance by way of the chord between unit vectors, which is another
// formula than the plugin's.
func exact(a, b []float64) float64 {
	unit := func(p []float64) [3]float64 {
		lat, lon := p[0]*math.Pi/180, p[1]*math.Pi/180
		return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	u, v := unit(a), unit(b)
	var cross, dot float64
	for i := range u {
		j, k := (i+1)%3, (i+2)%3
		c := u[j]*v[k] - u[k]*v[j]
		cross, dot = cross+c*c, dot+u[i]*v[i]
	}
	return earth * math.Atan2(math.Sqrt(cross), dot)
}

// somewhere returns n points, far from each other's opposites with certainty.
func somewhere(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, 2*n)
	for i := range n {
		out[2*i], out[2*i+1] = 160*r.Float64()-80, 170*r.Float64()-85
	}
	return out
}

func open(t *testing.T) (*plugins.Registry, string) {
	t.Helper()
	reg, err := plugins.Open(plugins.Options{StartTimeout: startTimeout, CrashLimit: 10})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, reg.Close()) })
	return reg, filepath.Join(t.TempDir(), "program")
}

func load(t *testing.T) *plugins.Plugin {
	t.Helper()
	reg, path := open(t)
	require.NoError(t, build(t.Context(), path))
	p, err := reg.LoadFile(t.Context(), path)
	require.NoError(t, err)
	return p
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run("", &out))
	for i, a := range cities {
		for _, b := range cities[i+1:] {
			km := exact([]float64{float64(a.lat), float64(a.lon)}, []float64{float64(b.lat), float64(b.lon)})
			assert.Contains(t, out.String(), fmt.Sprintf("%10.1f", km))
		}
	}
	assert.Regexp(t, `the least mean squared distance is from \d+\.\d+° N \d+\.\d+° E \(slope [0-9]e-0[5-9]\)`, out.String())
}

func TestDistances(t *testing.T) {
	p := load(t)
	for _, n := range []int{1, 7, 20000} { // the last goes through shared memory
		a, b := somewhere(1, n), somewhere(2, n)
		out, err := p.Run(t.Context(), "haversine", spec.Of([]int{n, 2}, a...), spec.Of([]int{n, 2}, b...))
		require.NoError(t, err)
		km, err := spec.Values[float64](out[0])
		require.NoError(t, err)
		require.Len(t, km, n)
		for i := range km {
			require.InEpsilon(t, exact(a[2*i:2*i+2], b[2*i:2*i+2]), km[i], 1e-11)
		}
	}
	special := map[string][4]float64{"equal": {10, 20, 10, 20}, "opposite": {10, 20, -10, -160}, "poles": {90, 0, -90, 77}}
	for name, s := range special {
		a, b := spec.Of([]int{2}, s[:2]...), spec.Of([]int{2}, s[2:]...)
		out, err := p.Run(t.Context(), "haversine", a, b)
		require.NoError(t, err)
		km, err := spec.Values[float64](out[0])
		require.NoError(t, err)
		assert.InDelta(t, exact(s[:2], s[2:]), km[0], 1e-3, name)
		out, err = p.Run(t.Context(), "haversine_vjp", a, b, spec.Of([]int{}, 1.0))
		require.NoError(t, err)
		slope, err := spec.Values[float64](out[0])
		require.NoError(t, err)
		assert.False(t, math.IsNaN(slope[0]) || math.IsNaN(slope[1]), name)
	}
	empty := spec.Of[float32]([]int{0, 2})
	out, err := p.Run(t.Context(), "haversine", empty, empty)
	require.NoError(t, err)
	assert.Equal(t, "float32[0]", out[0].Type.String())

	_, err = p.Infer(t.Context(), "haversine", spec.Type{DType: spec.Float32, Shape: []int{3}}, spec.Type{DType: spec.Float32, Shape: []int{2}})
	var failed *plugins.KernelError
	require.ErrorAs(t, err, &failed)
	assert.Regexp(t, `ValueError: the points are float32\[3\] and float32\[2\]; .*\(haversine\.py:\d+\)$`, err.Error())
}

// Gradient, tangent, batches and compiled programs of the kernel agree with
// differences and loops over the closed form.
func TestTransforms(t *testing.T) {
	k, err := load(t).Kernel("haversine")
	require.NoError(t, err)
	const n = 5
	a, b := somewhere(3, n), somewhere(4, n)
	km := func(x, y *core.Array) *core.Array { return k.Call(x, y)[0] }
	x, y := core.From(a, n, 2), core.From(b, n, 2)
	core.Using(core.CPU, func() {
		sum := func(x *core.Array) *core.Array { return km(x, y).Sum() }
		slope := core.Data[float64](grad.Of(sum)(x))
		assert.Equal(t, slope, core.Data[float64](compile.Of(grad.Of(sum)).Call(x)))
		each := func(x, y *core.Array) *core.Array {
			return grad.Of(func(x *core.Array) *core.Array { return km(x, y) })(x)
		}
		assert.Equal(t, slope, core.Data[float64](vmap.Of(each)(x, y)))
		for i := range slope {
			const step = 1e-5
			p := i / 2 * 2
			near := func(by float64) float64 {
				at := append([]float64{}, a[p:p+2]...)
				at[i-p] += by
				return exact(at, b[p:p+2])
			}
			assert.InDelta(t, (near(step)-near(-step))/(2*step), slope[i], 1e-5)
		}
		direction := core.From(somewhere(5, n), n, 2)
		_, tangent := grad.JVP(sum, x, direction)
		assert.InEpsilon(t, core.From(slope, n, 2).Mul(direction).Sum().Item(), tangent.Item(), 1e-12)

		table := core.Data[float64](vmap.Of(vmap.Of(km, vmap.In(nil, 0)), vmap.In(0, nil))(x, y))
		for i := range n {
			for j := range n {
				assert.InEpsilon(t, exact(a[2*i:2*i+2], b[2*j:2*j+2]), table[i*n+j], 1e-11)
			}
		}
	})
	moon, err := k.With(plugins.With{Attrs: map[string]any{"radius_km": 1737.4}})
	require.NoError(t, err)
	core.Using(core.CPU, func() {
		ratio := moon.Call(x, y)[0].Sum().Div(km(x, y).Sum()).Item()
		assert.InEpsilon(t, 1737.4/earth, ratio, 1e-12)
	})
}

// A package of the program is found, verified, copied and run like any other.
func TestPackage(t *testing.T) {
	loaded := load(t)
	text, err := exec.CommandContext(t.Context(), loaded.Path(), "manifest").Output()
	require.NoError(t, err)
	alone, err := manifest.Decode(text)
	require.NoError(t, err)
	digest, err := alone.Describe().Digest()
	require.NoError(t, err)
	assert.Equal(t, loaded.Digest(), digest, "what it prints and what it answers are one description")

	dir := t.TempDir()
	home := filepath.Join(dir, "acme", "geo", "1.0.0", runtime.GOOS+"_"+runtime.GOARCH)
	program := filepath.Join(home, runtime.GOOS+"_"+runtime.GOARCH, "geo")
	require.NoError(t, os.MkdirAll(filepath.Dir(program), 0o700))
	require.NoError(t, build(t.Context(), program))
	require.NoError(t, os.WriteFile(filepath.Join(home, "NOTICE"), []byte("free"), 0o600))
	require.NoError(t, exec.CommandContext(t.Context(), program, "manifest", home).Run())
	reg, err := plugins.Open(plugins.Options{Dirs: []string{dir}, StartTimeout: startTimeout})
	require.NoError(t, err)
	defer func() { assert.NoError(t, reg.Close()) }()
	p, err := reg.Load(t.Context(), "acme/geo@1.0.0")
	require.NoError(t, err)
	assert.NotEqual(t, program, p.Path(), "a private copy runs")
	_, err = p.Run(t.Context(), "haversine", spec.Of([]int{2}, 1.0, 2), spec.Of([]int{2}, 3.0, 4))
	require.NoError(t, err)
}

func TestRunByHand(t *testing.T) {
	p := load(t)
	for _, args := range [][]string{nil, {"serve"}, {"help"}} {
		text, err := exec.CommandContext(t.Context(), p.Path(), args...).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 1, exit.ExitCode())
		assert.Contains(t, string(text), "program is a kernel plugin (acme/geo 1.0.0): a host program starts it, it is not run by hand.")
	}
}
