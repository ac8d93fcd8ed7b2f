package core_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// stock says that MLX's kernels compute, which promise less.
var stock = os.Getenv("ADJOINT_CPU") == "stock"

// wave are n values without order, between -4 and 4, the same on every machine.
func wave(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(4 * math.Sin(float64(i)*1.7+float64(i%13))))
	}
	return x
}

func as32(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// TestReductionsOfEverySize compares sums and extremes over each axis with ones in
// float64, on both sides of the sizes at which work is cut.
func TestReductionsOfEverySize(t *testing.T) {
	for _, shape := range [][3]int{
		{1, 1, 1}, {1, 1, 127}, {1, 1, 128}, {1, 1, 4096}, {1, 1, 4097}, {1, 1, 300_001}, {3, 5, 7}, {2, 257, 513}, {1, 1025, 3},
		{7, 3, 4099}, {300, 4, 1}, {1, 40_000, 2}, {64, 128, 10},
	} {
		n := shape[0] * shape[1] * shape[2]
		x := wave(n)
		a := core.From(as32(x), shape[:]...)
		for _, axes := range [][]int{{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 2}, {0, 1, 2}} {
			sum, most, least, size := reduce(x, shape, axes)
			at := fmt.Sprint(shape, axes)
			got := core.Data[float32](a.Sum(axes...))
			require.Len(t, got, len(sum), at)
			high, low := core.Data[float32](a.Max(axes...)), core.Data[float32](a.Min(axes...))
			for i := range sum {
				// A sum in lanes and runs is far better than one after the other.
				require.InDelta(t, sum[i], got[i], 4e-7*4*math.Sqrt(float64(size))*8, at)
				require.Equal(t, float32(most[i]), high[i], at)
				require.Equal(t, float32(least[i]), low[i], at)
			}
		}
	}
}

// TestReductionsOfRowsOfEveryLength compares reductions of small whole numbers, which are exact in every dtype, on both
// sides of each number of values that are combined together.
func TestReductionsOfRowsOfEveryLength(t *testing.T) {
	for _, dtype := range []core.DType{core.Float32, core.Float64, core.Float16, core.BFloat16, core.Int32} {
		for n := 1; n < 280; n++ {
			x := make([]float32, 3*n)
			var sum, most, least [3]float32
			for i := range x {
				r := i / n
				x[i] = float32((3*i+r)%5 - 2) // five in a row make 0
				sum[r] += x[i]
				if i%n == 0 {
					most[r], least[r] = x[i], x[i]
				}
				most[r], least[r] = max(most[r], x[i]), min(least[r], x[i])
			}
			a := core.From(x, 3, n).AsType(dtype)
			for name, c := range map[string]struct {
				got  *core.Array
				want [3]float32
			}{"sum": {a.Sum(1), sum}, "max": {a.Max(1), most}, "min": {a.Min(1), least}} {
				require.Equal(t, c.want[:], core.Data[float32](c.got.AsType(core.Float32)), "%s of %d in %v", name, n, dtype)
			}
		}
	}
}

// reduce returns the sums and extremes over axes, and how many values are in each.
func reduce(x []float64, shape [3]int, axes []int) (sum, most, least []float64, size int) {
	var reduced [3]bool
	for _, a := range axes {
		reduced[a] = true
	}
	kept := 1
	for i, d := range shape {
		if !reduced[i] {
			kept *= d
		}
	}
	sum, most, least = make([]float64, kept), make([]float64, kept), make([]float64, kept)
	for i := range kept {
		most[i], least[i] = math.Inf(-1), math.Inf(1)
	}
	for i, v := range x {
		at := [3]int{i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]}
		to := 0
		for k, d := range shape {
			if !reduced[k] {
				to = to*d + at[k]
			}
		}
		sum[to] += v
		most[to], least[to] = max(most[to], v), min(least[to], v)
	}
	return sum, most, least, len(x) / kept
}

// TestReductionsOfWindows reduces axes that do not lie together, as pooling does, of
// every dtype, and compares with loops.
func TestReductionsOfWindows(t *testing.T) {
	for _, c := range []struct {
		shape, axes []int
	}{
		{[]int{3, 4, 2, 5, 2, 16}, []int{2, 4}}, {[]int{2, 3, 3, 4, 3, 5}, []int{2, 4}}, {[]int{2, 5, 3, 70, 1, 130}, []int{0, 2}},
		{[]int{2, 3, 2, 3, 2, 3, 2, 7}, []int{2, 4, 6}}, {[]int{40, 2, 50, 2, 33}, []int{1, 3}}, {[]int{4, 3, 4, 1}, []int{0, 2}},
		{[]int{17, 3, 19, 6}, []int{0, 2}},
	} {
		n := 1
		for _, d := range c.shape {
			n *= d
		}
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i*7919%17 - 8)
		}
		ones := make([]float64, n) // 1 or 2, seldom
		for i := range ones {
			ones[i] = 1 + float64(i*31%101/100)
		}
		sum, most, least, hits, prod := map[int]float64{}, map[int]float64{}, map[int]float64{}, map[int]float64{}, map[int]float64{}
		for i, v := range x {
			to, rest := 0, i
			at := make([]int, len(c.shape))
			for k := len(c.shape) - 1; k >= 0; k-- {
				at[k] = rest % c.shape[k]
				rest /= c.shape[k]
			}
			for k, d := range c.shape {
				if !slices.Contains(c.axes, k) {
					to = to*d + at[k]
				}
			}
			if _, ok := sum[to]; !ok {
				most[to], least[to], prod[to] = v, v, 1
			}
			sum[to] += v
			prod[to] *= ones[i]
			most[to], least[to] = max(most[to], v), min(least[to], v)
			if v > 0 {
				hits[to]++
			}
		}
		equal := func(want map[int]float64, got *core.Array, what string) {
			t.Helper()
			values := core.Data[float64](got.AsType(core.Float64))
			require.Len(t, values, len(sum))
			for i, v := range values {
				require.Equal(t, want[i], v, "%s %v", what, c)
			}
		}
		wide := core.From(x, c.shape...)
		equal(hits, wide.GreaterScalar(0).Sum(c.axes...), "hits")
		for _, d := range []core.DType{core.Float32, core.Float64, core.Float16, core.BFloat16, core.Int32, core.Int64} {
			a := wide.AsType(d)
			what := d.String()
			equal(most, a.Max(c.axes...), what)
			equal(least, a.Min(c.axes...), what)
			equal(most, a.SwapAxes(0, 1).Contiguous().SwapAxes(0, 1).Max(c.axes...), what)
			if n/len(sum) <= 60 { // else half precision rounds
				equal(sum, a.Sum(c.axes...), what)
				equal(prod, core.From(ones, c.shape...).AsType(d).Prod(c.axes...), what)
			}
		}
	}
}

// TestSoftmaxOfEverySize compares softmax and logsumexp with ones in float64.
func TestSoftmaxOfEverySize(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {3, 64}, {2, 127}, {5, 129}, {1, 5000}, {300, 1000}, {4, 1}} {
		x := wave(shape[0] * shape[1])
		a := core.From(as32(x), shape[:]...)
		soft := core.Data[float32](a.Softmax(-1))
		log := core.Data[float32](a.LogSumExp(-1))
		turned := a.T().Contiguous().T()
		require.Equal(t, soft, core.Data[float32](turned.Softmax(-1)))
		require.Equal(t, log, core.Data[float32](turned.LogSumExp(-1)))
		for r := range shape[0] {
			row := x[r*shape[1] : (r+1)*shape[1]]
			total := 0.0
			for _, v := range row {
				total += math.Exp(v)
			}
			require.InDelta(t, math.Log(total), log[r], 1e-5, shape)
			for i, v := range row {
				require.InEpsilon(t, math.Exp(v)/total, soft[r*shape[1]+i], map[bool]float64{false: 2e-6, true: 5e-6}[stock], shape)
			}
		}
	}
}

// TestWhatIsNoNumber: NaN and infinities pass through reductions and softmax as they
// do in MLX.
func TestWhatIsNoNumber(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, n := range []int{4, 200, 9000} {
		for _, at := range []int{0, n / 2, n - 1} {
			x := as32(wave(n))
			x[at] = nan
			a := core.From(x)
			for name, y := range map[string]*core.Array{
				"sum": a.Sum(), "max": a.Max(), "min": a.Min(), "prod": a.Prod(), "logsumexp": a.LogSumExp(), "softmax": a.Softmax(-1).Sum(),
			} {
				assert.True(t, math.IsNaN(y.Item()), "%s of %d values, NaN at %d", name, n, at)
			}
			x[at] = inf
			a = core.From(x)
			assert.Equal(t, math.Inf(1), a.LogSumExp().Item())
			assert.Equal(t, math.Inf(1), a.Max().Item())
			x[at] = -inf
			soft := core.Data[float32](core.From(x).Softmax(-1))
			assert.Equal(t, float32(0), soft[at])
		}
	}
}

// digests are of the bits of results of every kernel that shares work among threads,
// but for products of float32 and float64: OpenBLAS adds in another order where panels have other sizes.
func digests() map[string]string {
	x := random.Normal(random.Key(1), core.Float32, 1025, 1031)
	q := x.Slice(1, 0, 32).Reshape(1, 1025, 4, 8).SwapAxes(1, 2)
	few, _ := places(3000, 50)
	i := []*core.Array{core.From(few)}
	updates := x.Slice(1, 0, 32).Reshape(-1).Slice(0, 0, 3000*8).Reshape(3000, 1, 8)
	y := x.T().Mul(x.T().Tanh())
	half := x.Slice(1, 0, 300).AsType(core.BFloat16)
	images, weights := x.Slice(1, 0, 1024).Slice(0, 0, 1020).Reshape(5, 51, 64, 64), x.Slice(0, 0, 27).Reshape(-1).Slice(0, 0, 48*9*64).Reshape(48, 3, 3, 64)
	one := [2]int{1, 1}
	conv := images.Conv2d(weights, one, one, one, 1)
	out := map[string]string{}
	for name, a := range map[string]*core.Array{
		"exp": x.Exp(), "transposed": y, "where": core.Where(x.Greater(y.T()), x, y.T()), "half": x.AsType(core.Float16).Sigmoid(),
		"sum": x.Sum(), "rows": x.Sum(1), "columns": x.Sum(0), "transposed sum": y.Sum(0), "half sum": x.AsType(core.BFloat16).Sum(),
		"copy": x.T().Contiguous(), "joined": core.Concatenate(1, x.T(), x.T()),
		"taken": x.Take(i[0], 0), "added": core.Zeros(core.Float32, 50, 8).ScatterAdd(i, updates, []int{0}),
		"attention":  fast.ScaledDotProductAttentionCausal(q, q, q, 0.3),
		"layer norm": fast.LayerNorm(x, x.Index(0), x.Index(1), 1e-5), "half norm": fast.RMSNorm(half, half.Index(2), 1e-5),
		"half product": half.T().MatMul(half), "batch of half products": half.Reshape(5, 205, 300).MatMul(half.Slice(0, 0, 70).T()),
		"float16 product": half.AsType(core.Float16).T().MatMul(half.AsType(core.Float16)),
		"max":             x.Max(0), "softmax": x.Softmax(-1), "logsumexp": x.LogSumExp(1),
		"convolution": conv, "gradient of weights": images.SwapAxes(0, 3).Conv2d(conv.SwapAxes(0, 3), one, one, one, 1),
		"windows": images.Slice(1, 0, 50).Reshape(5, 25, 2, 32, 2, 64).Max(2, 4),
	} {
		h := fnv.New64a()
		h.Write(a.Bytes())
		out[name] = fmt.Sprintf("%x", h.Sum64())
	}
	return out
}

// TestThreadsChangeNoBit runs this test in processes with other numbers of threads.
func TestThreadsChangeNoBit(t *testing.T) {
	if os.Getenv("ADJOINT_TEST_DIGESTS") != "" {
		line, err := json.Marshal(digests())
		require.NoError(t, err)
		fmt.Printf("digests %s\n", line)
		return
	}
	want := digests()
	for _, n := range []string{"1", "2", "3", "7"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestThreadsChangeNoBit$")
		cmd.Env = append(os.Environ(), "ADJOINT_TEST_DIGESTS=1", "ADJOINT_NUM_THREADS="+n)
		out, err := cmd.Output()
		require.NoError(t, err)
		var got map[string]string
		for scan := bufio.NewScanner(strings.NewReader(string(out))); scan.Scan(); {
			if line, ok := strings.CutPrefix(scan.Text(), "digests "); ok {
				require.NoError(t, json.Unmarshal([]byte(line), &got))
			}
		}
		require.Equal(t, want, got, "%s threads", n)
	}
}

// TestRoundsOfWork shares works of different numbers of parts, one at once after the
// other: a thread that is late for one must not take a part of the next.
func TestRoundsOfWork(t *testing.T) {
	var all []*core.Array
	for i := range 12 {
		all = append(all, core.From(as32(wave((i*5%12+1)<<14))).Eval())
	}
	for range 6000 {
		for _, x := range all {
			x.Square().Eval().Free()
		}
	}
	for _, x := range all {
		assert.Equal(t, x.Square().Sum().Item(), x.Mul(x).Sum().Item())
	}
}
