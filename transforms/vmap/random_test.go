package vmap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// An example's key draws what it draws alone, also through a split, in a gradient,
// a compiled function and a vmap around it.
func TestBehaviour30_RandomKeysSplitPerExample(t *testing.T) {
	draws := map[string]func(k arr) arr{
		"normal":  func(k arr) arr { return random.Normal(k, core.Float32, 3) },
		"uniform": func(k arr) arr { return random.Uniform(k, 0, 1, core.Float32, 3) },
		"split": func(k arr) arr {
			a, b := random.Split(k)
			return random.Normal(a, core.Float32, 2).Mul(random.Uniform(b, 0, 1, core.Float32, 2))
		},
		"odd number of halves": func(k arr) arr { return random.Normal(k, core.Float16, 5).AsType(core.Float32) },
		"permutation": func(k arr) arr {
			return random.Permutation(k, core.From([]float32{1, 2, 3, 4, 5}), 0)
		},
	}
	for name, draw := range draws {
		t.Run(name, func(t *testing.T) {
			keys := random.SplitN(random.Key(3), 4)
			want := loop(func(xs []arr) arr { return draw(xs[0]) }, []arr{keys}, []any{0}, 0)
			sameDraws := func(got arr) {
				t.Helper()
				require.Equal(t, want.Shape(), got.Shape())
				require.Equal(t, floats(want), floats(got))
			}
			sameDraws(vmap.Of(draw)(keys))
			sameDraws(vmap.Of(draw, vmap.In(1))(keys.T()))
			sameDraws(vmap.Of(draw, vmap.Sequential())(keys))
			f := compile.Of(vmap.Of(draw))
			for range 2 {
				sameDraws(f.Call(keys))
			}
			sameDraws(vmap.Of(compile.Of(draw).Call)(keys))
			pairs := vmap.Of(vmap.Of(draw))(keys.Reshape(2, 2, 2))
			require.Equal(t, floats(want), floats(pairs.Reshape(want.Shape()...)))
			// The gradient of Σ (w·draw)², for one w and many keys, is 2·w·Σ draw².
			w := core.Full(core.Float32, 0.5, want.Dim(1))
			loss := func(w, k arr) arr { return w.Mul(draw(k)).Square().Sum() }
			per := vmap.Of(grad.Of2(loss), vmap.In(nil, 0))(w, keys)
			require.InDeltaSlice(t, floats(want.Square()), floats(per), 1e-4)
			g := grad.Of(func(w arr) arr { return vmap.Of(loss, vmap.In(nil, 0))(w, keys).Sum() })(w)
			require.InDeltaSlice(t, floats(want.Square().Sum(0)), floats(g), 1e-4)
		})
	}
	// One key for all examples draws the same for all.
	key := random.Key(5)
	got := vmap.Of(func(x arr) arr { return x.Add(random.Normal(key, core.Float32)) })(core.Zeros(core.Float32, 3))
	one := random.Normal(key, core.Float32).Item()
	require.Equal(t, []float32{float32(one), float32(one), float32(one)}, floats(got))
}
