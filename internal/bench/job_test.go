package bench

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// Input gives the tests outside the package an array.
func Input(in *Inputs, name string) *core.Array { return in.get(name) }

// The inputs made here are those that data.py draws with numpy.
func TestSeededInputsAreNumpys(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "inputs.json"))
	require.NoError(t, err)
	var want map[string]struct {
		Shape      []int
		DType      string
		Head, Sums []float64
	}
	require.NoError(t, json.Unmarshal(b, &want))
	in := Seeded()
	for name, w := range want {
		a := in.get(name)
		require.Equal(t, w.Shape, a.Shape(), name)
		require.Equal(t, w.DType, a.DType().String(), name)
		require.InDeltaSlice(t, w.Head, core.Data[float32](a.AsType(core.Float32).Flatten())[:3], 1e-6, name)
		require.InDeltaSlice(t, w.Sums, sums(a.AsType(core.Float32)), 1e-3, name)
	}
	_, err = core.Try(func() *core.Array { return in.get("mlp_xl.x") })
	require.ErrorContains(t, err, `no input "mlp_xl.x"`)
}

func TestStepsAreCountedAndWaitedFor(t *testing.T) {
	var started, waits int
	j := steps{
		step:  func() { started++; time.Sleep(100 * time.Microsecond) },
		wait:  func() { waits++ },
		value: func() []float64 { return []float64{float64(started)} },
	}
	r := j.measure(Timing{Batch: 5 * time.Millisecond, Batches: 4, Total: time.Minute})
	require.Equal(t, []float64{1}, r.Check)
	require.Equal(t, []float64{3}, r.Check3)
	require.Equal(t, 4, r.Batches)
	require.Equal(t, 3+4*r.Steps, started)
	require.Equal(t, 3+4, waits)
	require.GreaterOrEqual(t, r.MS, 0.1)

	r = j.measure(Timing{Batch: time.Nanosecond, Batches: 7, Total: time.Nanosecond})
	require.Equal(t, 1, r.Steps)
	require.Equal(t, 2, r.Batches, "two batches are the least")
}

// Each step frees the state before it, so that a long training does not wait for
// Go's collector, which is off meanwhile.
func TestTrainingKeepsMemoryFlat(t *testing.T) {
	w, err := Select("mlp_s", "mlp_m", "gelu")
	require.NoError(t, err)
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, w := range w {
		j := w.prepare(Seeded()).(steps)
		j.timed(3)
		// What earlier tests left may go at any time, once; a step that leaks does so each time.
		grown := math.MaxInt
		for range 10 {
			before := settled()
			j.timed(20)
			if grown = settled() - before; -1<<16 < grown && grown < 1<<16 {
				break
			}
		}
		require.InDelta(t, 0, grown, 1<<16, w.Name)
	}
}

// settled is the memory in use once the engine's thread has let go of what it has
// computed, which may be a moment after its results are there.
func settled() int {
	for last := core.Memory().Active; ; {
		time.Sleep(20 * time.Millisecond)
		now := core.Memory().Active
		if now == last {
			return now
		}
		last = now
	}
}

func TestRound(t *testing.T) {
	for v, want := range map[float64]float64{
		123.456789: 123.457, 0.000123456789: 0.000123457, -98765432: -98765400, 0: 0, 1: 1,
	} {
		require.Equal(t, want, round(v, 6))
	}
	require.True(t, math.IsNaN(round(math.NaN(), 6)))
	require.True(t, math.IsInf(round(math.Inf(1), 6), 1))
	require.Equal(t, 5e-324, round(5e-324, 6))
}

// A folder of inputs comes from outside: whatever it holds, it is read or refused.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"x4.a": {"shape": [2], "dtype": "int32"}}`), []byte("12345678"))
	f.Add([]byte(`{"x4.a": {"shape": [-1, -2], "dtype": "float32"}}`), []byte("12345678"))
	f.Add([]byte(`{"x4.a": {"shape": [4294967296, 4294967296], "dtype": "float32"}}`), []byte(nil))
	f.Add([]byte(`{"x4.a": {"shape": null, "dtype": "float32"}}`), []byte("1234"))
	f.Fuzz(func(t *testing.T, index, file []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), index, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x4.a.bin"), file, 0o600))
		in, err := Load(dir)
		if err != nil {
			return
		}
		a, err := core.Try(func() *core.Array { return in.get("x4.a") })
		if err == nil {
			require.Equal(t, file, append([]byte(nil), a.Bytes()...))
		}
	})
}

// BenchmarkSteps runs each workload's step, for a profile:
//
//	go test ./internal/bench -run '^$' -bench Steps/mlp_s -cpuprofile cpu.prof
func BenchmarkSteps(b *testing.B) {
	for _, w := range slices.Concat(Workloads, Ops) {
		b.Run(w.Name, func(b *testing.B) {
			switch j := w.prepare(Seeded()).(type) {
			case steps:
				j.timed(1)
				b.ResetTimer()
				j.timed(b.N)
			case calls:
				for n := b.N; n > 0; n -= j.n {
					j.run(min(n, j.n))
				}
			}
		})
	}
}
