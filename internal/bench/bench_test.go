package bench_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/bench"
)

// fixture reads a file that benchmarks/fixture.py wrote.
func fixture[T any](t *testing.T, name string) T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var v T
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

// countsOnly are the workloads that compute nothing that could be compared.
var countsOnly = map[string]bool{"dispatch": true, "dispatch_gc": true, "sync": true}

func TestWorkloadsComputeWhatThePeersDo(t *testing.T) {
	type checks struct{ Check, Check3 []float64 }
	peers := fixture[map[string]map[string]checks](t, "checks.json")
	in := bench.Seeded()
	for _, w := range slices.Concat(bench.Workloads, bench.Ops) {
		t.Run(w.Name, func(t *testing.T) {
			first, third, err := w.Check(in)
			require.NoError(t, err)
			if countsOnly[w.Name] {
				require.Empty(t, first)
				return
			}
			require.NotEmpty(t, peers[w.Name])
			for peer, want := range peers[w.Name] {
				near(t, peer, want.Check, first)
				near(t, peer, want.Check3, third)
			}
		})
	}
}

// near holds when two frameworks agree as benchmarks/table.py asks for.
func near(t *testing.T, peer string, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want), peer)
	for i := range want {
		require.InEpsilon(t, want[i], got[i], 2e-4, peer)
	}
}

func TestSelect(t *testing.T) {
	all, err := bench.Select()
	require.NoError(t, err)
	require.Len(t, all, len(bench.Workloads))
	some, err := bench.Select("sync", "mlp_s")
	require.NoError(t, err)
	require.Equal(t, "sync", some[0].Name)
	require.Equal(t, "mlp_s", some[1].Name)
	_, err = bench.Select("sync", "mlp_xl")
	require.EqualError(t, err, `there is no workload "mlp_xl"; there are: gelu, gelu_eager, gelu_vag, softmax_ln, mlp_s, mlp_m, mlp_l, cnn, lm, lstm, perex, hess, svd3, dispatch, dispatch_gc, sync; and ops: op_exp, op_tanh, op_erf, op_sum_0, op_sum_1, op_sum, op_max_1, op_softmax, op_layer_norm, op_where, op_transpose, op_sort, op_take, op_scatter_add, op_normal, op_matmul_bf16, op_conv, op_attention, op_attention_causal`)
	_, err = bench.Select("sync", "sync")
	require.EqualError(t, err, `the workload "sync" is named twice`)
	ops, err := bench.Select("sync", "ops", "mlp_s")
	require.NoError(t, err)
	require.Len(t, ops, len(bench.Ops)+2)
	require.Equal(t, "op_exp", ops[1].Name)
	_, err = bench.Select("ops", "op_sort")
	require.EqualError(t, err, `the workload "op_sort" is named twice`)
}

func TestOnlyOperationsHaveWork(t *testing.T) {
	for _, w := range bench.Workloads {
		require.Zero(t, w.Work, w.Name)
	}
	for _, w := range bench.Ops {
		require.Positive(t, w.Work.Bytes, w.Name)
	}
}

func TestPeak(t *testing.T) {
	p := bench.Peak{CopyGBs: 100, ProductGFLOPs: 500}
	for name, c := range map[string]struct {
		work bench.Work
		ms   float64
		want float64
	}{
		"bytes":           {bench.Work{Bytes: 1e8}, 2, 50},
		"products":        {bench.Work{FLOP: 1e9}, 8, 25},
		"bytes longer":    {bench.Work{Bytes: 1e9, FLOP: 1e9}, 20, 50},
		"products longer": {bench.Work{Bytes: 1e6, FLOP: 1e9}, 20, 10},
		"from the cache":  {bench.Work{Bytes: 1e8}, 0.8, 125},
	} {
		require.InEpsilon(t, c.want, p.Of(c.work, c.ms), 1e-3, name)
	}

	short := bench.Timing{Batch: time.Millisecond, Batches: 2}
	got, err := bench.MeasurePeak(bench.Seeded(), short)
	require.NoError(t, err)
	require.Positive(t, got.CopyGBs)
	require.Positive(t, got.ProductGFLOPs)
	_, err = bench.MeasurePeak(nil, short)
	require.ErrorContains(t, err, "bench.Seeded()")
}

func TestRunFillsTheResult(t *testing.T) {
	w, err := bench.Select("mlp_s")
	require.NoError(t, err)
	r, err := w[0].Run(bench.Seeded(), bench.Timing{Batch: 2 * time.Millisecond, Batches: 3})
	require.NoError(t, err)
	require.Equal(t, "adjoint", r.Peer)
	require.Equal(t, "mlp_s", r.Workload)
	require.Equal(t, 3, r.Batches)
	require.Positive(t, r.Steps)
	require.Positive(t, r.MS)
	require.GreaterOrEqual(t, r.MedianMS, r.MS)
	require.Greater(t, r.FirstS*1e3, r.MS, "the first call traces")
	require.Less(t, r.Check3[0], r.Check[0], "the loss falls")
	_, err = w[0].Run(nil, bench.Timing{})
	require.ErrorContains(t, err, "bench.Seeded()")
}

func TestLoadedInputsAreUsed(t *testing.T) {
	w, err := bench.Select("svd3")
	require.NoError(t, err)
	want, _, err := w[0].Check(bench.Seeded())
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(index string) { put(t, dir, "index.json", []byte(index)) }
	full := `{"svd3.A": {"shape": [512, 256], "dtype": "float32"}, "svd3.V": {"shape": [256, 32], "dtype": "float32"}}`
	write(full)
	in, err := bench.Load(dir)
	require.NoError(t, err)
	_, _, err = w[0].Check(in)
	require.ErrorContains(t, err, "svd3.A.bin")

	// Twice the matrix has twice the norm.
	a := bench.Input(bench.Seeded(), "svd3.A")
	put(t, dir, "svd3.A.bin", a.Add(a).Bytes())
	put(t, dir, "svd3.V.bin", bench.Input(bench.Seeded(), "svd3.V").Bytes())
	got, _, err := w[0].Check(in)
	require.NoError(t, err)
	require.InEpsilon(t, 2*want[0], got[0], 1e-5)

	for name, c := range map[string]struct{ index, says string }{
		"missing":  {`{}`, `have no "svd3.A"`},
		"dtype":    {`{"svd3.A": {"shape": [512, 256], "dtype": "float99"}}`, `"float99"`},
		"size":     {`{"svd3.A": {"shape": [512, 255], "dtype": "float32"}}`, "bytes"},
		"negative": {`{"svd3.A": {"shape": [-512, -256], "dtype": "float32"}}`, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			write(c.index)
			in, err := bench.Load(dir)
			require.NoError(t, err)
			_, _, err = w[0].Check(in)
			require.ErrorContains(t, err, c.says)
			var e *core.Error
			require.ErrorAs(t, err, &e)
		})
	}
	write(`[1, 2`)
	_, err = bench.Load(dir)
	require.ErrorContains(t, err, "index.json is malformed")
	_, err = bench.Load(filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "benchmarks/data.py")
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
}
