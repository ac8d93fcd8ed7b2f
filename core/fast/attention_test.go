package fast_test

import (
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// stock says that MLX's kernels compute, which promise less.
var stock = os.Getenv("ADJOINT_CPU") == "stock"

// A head is attention as a test computes it: in float64, with all scores.
type head struct {
	queries, keys, size, wide int // sizes of q, k, and of rows of q and of v
	scale                     float64
	// score returns what a score becomes, and what a score of minus infinity is.
	score func(query, key int, s float64) float64
}

func (h head) attend(q, k, v []float32) []float64 {
	out := make([]float64, h.queries*h.wide)
	for i := range h.queries {
		scores, most := make([]float64, h.keys), math.Inf(-1)
		for j := range h.keys {
			for d := range h.size {
				scores[j] += float64(q[i*h.size+d]) * float64(k[j*h.size+d])
			}
			scores[j] = h.score(i, j, scores[j]*h.scale)
			most = max(most, scores[j])
		}
		total := 0.0
		for j := range scores {
			scores[j] = math.Exp(scores[j] - most)
			total += scores[j]
		}
		for j, s := range scores {
			for d := range h.wide {
				out[i*h.wide+d] += s / total * float64(v[j*h.wide+d])
			}
		}
	}
	return out
}

// TestAttentionOfEverySize compares attention with one in float64: with fewer and more queries and keys than a block
// has, with heads that share keys, in half precision, behind every kind of mask.
func TestAttentionOfEverySize(t *testing.T) {
	const scale = 0.7
	for _, s := range []struct{ batch, heads, shared, queries, keys, size, wide int }{
		{1, 2, 1, 3, 5, 4, 3}, {2, 4, 2, 65, 130, 16, 8}, {1, 3, 1, 200, 300, 8, 24}, {3, 2, 2, 64, 256, 32, 32}, {1, 16, 4, 1, 2000, 16, 16},
		{1, 1, 1, 130, 513, 5, 1}, {2, 2, 1, 257, 257, 12, 12},
	} {
		key := random.Key(3)
		// The heads lie behind each other, as a projection leaves them.
		q := random.Normal(key, core.Float32, s.batch, s.queries, s.heads, s.size).SwapAxes(1, 2)
		k := random.Normal(random.Key(4), core.Float32, s.batch, s.heads/s.shared, s.keys, s.size)
		v := random.Normal(random.Key(5), core.Float32, s.batch, s.keys, s.heads/s.shared, s.wide).SwapAxes(1, 2)
		bias := random.Normal(random.Key(6), core.Float32, s.heads, s.queries, s.keys)
		counts := bias.Slice(0, 0, 1).Greater(core.Scalar(float32(-0.5)))
		endless := core.Where(counts, core.Scalar(float32(0)), core.Scalar(float32(math.Inf(-1))))
		biases, some := core.Data[float32](bias), core.Data[bool](counts)
		for _, mask := range []string{"", "causal", "bias", "bool", "endless"} {
			for dtype, bound := range map[core.DType]float64{core.Float32: 2e-5, core.Float16: 3e-3, core.BFloat16: 3e-2} {
				if stock {
					bound *= 8
				}
				at := fmt.Sprint(s, " ", mask, " ", dtype)
				q, k, v := q.AsType(dtype), k.AsType(dtype), v.AsType(dtype)
				var got *core.Array
				switch mask {
				case "":
					got = fast.ScaledDotProductAttention(q, k, v, scale)
				case "causal":
					got = fast.ScaledDotProductAttentionCausal(q, k, v, scale)
				default:
					m := map[string]*core.Array{"bias": bias.AsType(dtype), "bool": counts, "endless": endless.AsType(dtype)}[mask]
					got = fast.ScaledDotProductAttentionWith(q, k, v, scale, "array", m, nil, false)
				}
				require.Equal(t, []int{s.batch, s.heads, s.queries, s.wide}, got.Shape(), at)
				require.Equal(t, dtype, got.DType(), at)
				x, y, z := core.Data[float32](q.AsType(core.Float32)), core.Data[float32](k.AsType(core.Float32)), core.Data[float32](v.AsType(core.Float32))
				out := core.Data[float32](got.AsType(core.Float32))
				for b := range s.batch {
					for n := range s.heads {
						h := head{queries: s.queries, keys: s.keys, size: s.size, wide: s.wide, scale: scale}
						h.score = func(query, key int, score float64) float64 {
							at := query*s.keys + key
							switch {
							case mask == "bias":
								return score + float64(biases[n*s.queries*s.keys+at])
							case mask == "causal" && key > query+s.keys-s.queries, mask == "bool" && !some[at], mask == "endless" && !some[at]:
								return math.Inf(-1)
							}
							return score
						}
						part := func(x []float32, n, rows, size int) []float32 { return x[n*rows*size : (n+1)*rows*size] }
						kv := b*s.heads/s.shared + n/s.shared
						want := h.attend(part(x, b*s.heads+n, s.queries, s.size), part(y, kv, s.keys, s.size), part(z, kv, s.keys, s.wide))
						for i, w := range want {
							g := float64(part(out, b*s.heads+n, s.queries, s.wide)[i])
							require.InDelta(t, w, g, bound*(1+math.Abs(w)), at)
						}
					}
				}
			}
		}
	}
}

// TestAttentionToNothing: a query that a mask leaves no key averages all values, as in MLX, and has none when all scores
// are minus infinity.
func TestAttentionToNothing(t *testing.T) {
	q, k := random.Normal(random.Key(1), core.Float32, 1, 1, 40, 8), random.Normal(random.Key(2), core.Float32, 1, 1, 600, 8)
	none := core.Zeros(core.Bool, 40, 600)
	got := core.Data[float32](fast.ScaledDotProductAttentionWith(q, k, k, 1, "array", none, nil, false))
	want := core.Data[float32](k.Mean(2))
	for i, g := range got {
		require.InDelta(t, want[i%8], g, 1e-6)
	}
	inf := core.Full(core.Float32, math.Inf(-1), 40, 600)
	for _, g := range core.Data[float32](fast.ScaledDotProductAttentionWith(q, k, k, 1, "array", inf, nil, false)) {
		require.True(t, math.IsNaN(float64(g)))
	}
	// NaN is passed on.
	for _, g := range core.Data[float32](fast.ScaledDotProductAttention(q.Add(core.Scalar(float32(math.NaN()))), k, k, 1)) {
		require.True(t, math.IsNaN(float64(g)))
	}
}
