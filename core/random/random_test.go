package random_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
)

// TestDrawsEqualMLX compares with what testdata/random.py stored.
func TestDrawsEqualMLX(t *testing.T) {
	raw, err := os.ReadFile("testdata/random.json")
	require.NoError(t, err)
	var cases map[string]struct {
		Shape []int
		Data  []float64
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	logits := core.From([]float32{0, 1, 2, 3, 0, -1}, 2, 3)
	seen := 0
	for _, seed := range []uint64{0, 1, 42, 1<<40 + 7} {
		k := random.Key(seed)
		for name, y := range map[string]*core.Array{
			"key":               k,
			"split":             random.SplitN(k, 3),
			"uniform":           random.Uniform(k, -1, 2, core.Float32, 3, 4),
			"uniform half":      random.Uniform(k, 0, 1, core.Float16, 7),
			"uniform bfloat":    random.Uniform(k, 0, 1, core.BFloat16, 7),
			"normal":            random.NormalWith(k, 0.5, 2, core.Float32, 3, 4),
			"normal half":       random.Normal(k, core.Float16, 5),
			"randint":           random.RandInt(k, -5, 20, core.Int32, 10),
			"randint byte":      random.RandInt(k, 3, 9, core.Uint8, 10),
			"bernoulli":         random.Bernoulli(k, 0.3, 10),
			"truncated":         random.TruncatedNormal(k, -1, 0.5, core.Float32, 10),
			"gumbel":            random.Gumbel(k, core.Float32, 10),
			"laplace":           random.LaplaceWith(k, 1, 0.5, core.Float32, 10),
			"categorical":       random.Categorical(k, logits, -1),
			"categorical many":  random.CategoricalN(k, logits, -1, 6),
			"categorical shape": random.CategoricalShape(k, logits, -1, 5, 2),
			"permutation":       random.Permutation(k, core.Iota(core.Int32, 9), 0),
			"permutation range": random.PermutationRange(k, 11),
			"multivariate":      random.MultivariateNormal(k, core.From([]float32{1, -1}), core.From([]float32{2, 0.5, 0.5, 1}, 2, 2), core.Float32, 4),
		} {
			want, ok := cases[fmt.Sprintf("%s %d", name, seed)]
			require.True(t, ok, name)
			seen++
			assert.Equal(t, want.Shape, y.Shape(), name)
			got := core.Data[float64](y.AsType(core.Float64))
			// The script stores float32 numbers as the float64 that they are.
			assert.InDeltaSlice(t, want.Data, got, 1e-5, "%s %d", name, seed)
		}
	}
	assert.Len(t, cases, seen)
}

const draws = 20000

// kolmogorov is the largest distance of the sample's distribution from cdf.
func kolmogorov(sample []float32, cdf func(float64) float64) float64 {
	s := append([]float32{}, sample...)
	sort.Slice(s, func(i, j int) bool { return s[i] < s[j] })
	d := 0.0
	for i, x := range s {
		p := cdf(float64(x))
		d = max(d, p-float64(i)/float64(len(s)), float64(i+1)/float64(len(s))-p)
	}
	return d
}

func phi(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// TestDistributions tests each against its distribution function (Kolmogorov and
// Smirnov; 1.95/√n is exceeded once in a thousand) and its first two moments.
func TestDistributions(t *testing.T) {
	key := random.Key(2024)
	lo, hi := phi(-1), phi(2)
	for name, c := range map[string]struct {
		y              *core.Array
		cdf            func(float64) float64
		mean, variance float64
	}{
		"uniform": {random.Uniform(key, -1, 3, core.Float32, draws), func(x float64) float64 { return (x + 1) / 4 }, 1, 16.0 / 12},
		"normal":  {random.NormalWith(key, 2, 3, core.Float32, draws), func(x float64) float64 { return phi((x - 2) / 3) }, 2, 9},
		"normal of arrays": {random.NormalBroadcast(key, core.Scalar(float32(-1)), core.Scalar(float32(0.5)), core.Float32, draws),
			func(x float64) float64 { return phi((x + 1) / 0.5) }, -1, 0.25},
		"truncated": {random.TruncatedNormal(key, -1, 2, core.Float32, draws), func(x float64) float64 { return (phi(x) - lo) / (hi - lo) }, 0.2296, 0.5202},
		"gumbel":    {random.Gumbel(key, core.Float32, draws), func(x float64) float64 { return math.Exp(-math.Exp(-x)) }, 0.5772157, math.Pi * math.Pi / 6},
		"laplace": {random.LaplaceWith(key, 1, 2, core.Float32, draws), func(x float64) float64 {
			if x < 1 {
				return 0.5 * math.Exp((x-1)/2)
			}
			return 1 - 0.5*math.Exp(-(x-1)/2)
		}, 1, 8},
	} {
		x := core.Data[float32](c.y)
		assert.Less(t, kolmogorov(x, c.cdf), 1.95/math.Sqrt(draws), name)
		sd := math.Sqrt(c.variance)
		assert.InDelta(t, c.mean, c.y.Mean().Item(), 4*sd/math.Sqrt(draws), name)
		assert.InEpsilon(t, c.variance, c.y.Var().Item(), 0.08, name)
	}
}

func TestDiscreteDistributions(t *testing.T) {
	key := random.Key(7)
	count := func(y *core.Array, values int) []float64 {
		out := make([]float64, values)
		for _, v := range core.Data[int32](y.AsType(core.Int32)) {
			out[v] += 1.0 / draws
		}
		return out
	}
	const near = 4 * 0.5 / 141 // four standard deviations of a share of 20000
	assert.InDeltaSlice(t, []float64{.2, .2, .2, .2, .2}, count(random.RandInt(key, 0, 5, core.Int32, draws), 5), near)
	assert.InDeltaSlice(t, []float64{.7, .3}, count(random.Bernoulli(key, 0.3, draws), 2), near)
	logits := core.From([]float32{1, 2, 5}).Log()
	assert.InDeltaSlice(t, []float64{.125, .25, .625}, count(random.CategoricalN(key, logits, 0, draws), 3), near)
	seen := map[float64]bool{}
	for _, v := range core.Data[uint32](random.PermutationRange(key, 100)) {
		seen[float64(v)] = true
	}
	assert.Len(t, seen, 100)
}

func TestStateHandsOutEachKeyOnce(t *testing.T) {
	s := random.NewState(3)
	seen := map[string]bool{}
	for range 50 {
		seen[fmt.Sprint(core.Data[uint32](s.Next()))] = true
	}
	keys := s.NextN(50)
	require.Equal(t, []int{50, 2}, keys.Shape())
	for i := range 50 {
		seen[fmt.Sprint(core.Data[uint32](keys.Index(i)))] = true
	}
	assert.Len(t, seen, 100)
	again := random.NewState(3)
	assert.Equal(t, core.Data[uint32](random.NewState(3).Next()), core.Data[uint32](again.Next()))
	for name, f := range map[string]func() *core.Array{
		"zero": func() *core.Array { return (&random.State{}).Next() },
		"nil":  func() *core.Array { return (*random.State)(nil).Next() },
	} {
		_, err := core.Try(f)
		assert.ErrorIs(t, err, core.ErrNil, name)
	}
	_, err := core.Try(func() *core.Array { return again.NextN(-1) })
	assert.ErrorContains(t, err, "-1 keys are asked for")
}

func TestBadArguments(t *testing.T) {
	key := random.Key(0)
	for name, f := range map[string]func() *core.Array{
		"nil key":           func() *core.Array { return random.Normal(nil, core.Float32, 2) },
		"key of floats":     func() *core.Array { return random.Normal(core.Zeros(core.Float32, 2), core.Float32, 2) },
		"key of three":      func() *core.Array { return random.Uniform(core.Zeros(core.Uint32, 3), 0, 1, core.Float32, 2) },
		"integer normal":    func() *core.Array { return random.Normal(key, core.Int32, 2) },
		"integer uniform":   func() *core.Array { return random.Uniform(key, 0, 1, core.Int32, 2) },
		"no dtype":          func() *core.Array { return random.Normal(key, core.NoDType, 2) },
		"negative size":     func() *core.Array { return random.Normal(key, core.Float32, -2) },
		"huge":              func() *core.Array { return random.Normal(key, core.Float32, 1<<30, 1<<30, 1<<30) },
		"width 3":           func() *core.Array { return random.Bits(key, 3, 2) },
		"empty range":       func() *core.Array { return random.RandInt(key, 5, 5, core.Int32, 2) },
		"floating integers": func() *core.Array { return random.RandInt(key, 0, 5, core.Float32, 2) },
		"axis":              func() *core.Array { return random.Categorical(key, core.Zeros(core.Float32, 3), 1) },
		"covariance": func() *core.Array {
			return random.MultivariateNormal(key, core.Zeros(core.Float32, 2), core.Zeros(core.Float32, 3, 3), core.Float32, 2)
		},
		"negative permutation": func() *core.Array { return random.PermutationRange(key, -1) },
		"negative keys":        func() *core.Array { return random.SplitN(key, -1) },
		"negative samples":     func() *core.Array { return random.CategoricalN(key, core.Zeros(core.Float32, 3), 0, -2) },
		"bounds": func() *core.Array {
			return random.UniformBroadcast(key, core.Zeros(core.Float32, 3), core.Ones(core.Float32, 3), core.Float32, 2)
		},
	} {
		_, err := core.Try(f)
		var e *core.Error
		if assert.ErrorAs(t, err, &e, name) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

// TestKeysAreBatched draws with a key per element of a batch, which equals the
// draws one by one.
func TestKeysAreBatched(t *testing.T) {
	keys := random.SplitN(random.Key(5), 4)
	y := core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		return []*core.Array{random.Normal(in[0], core.Float32, 3)}, []int{0}
	}, []*core.Array{keys}, []int{0})[0]
	require.Equal(t, []int{4, 3}, y.Shape())
	for i := range 4 {
		assert.Equal(t, core.Data[float32](random.Normal(keys.Index(i), core.Float32, 3)), core.Data[float32](y.Index(i)))
	}
}

// TestDrawsCanBeDifferentiated uses the reparameterisation of location and scale.
func TestDrawsCanBeDifferentiated(t *testing.T) {
	key := random.Key(9)
	loc, scale := core.Scalar(float32(1)), core.Scalar(float32(2))
	noise := random.Normal(key, core.Float32, 100)
	_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		return []*core.Array{random.NormalBroadcast(key, in[0], in[1], core.Float32, 100).Sum()}
	}, []*core.Array{loc, scale}, []int{0, 1})
	assert.InDelta(t, 100, g[0].Item(), 1e-3)
	assert.InDelta(t, noise.Sum().Item(), g[1].Item(), 1e-3)
}
