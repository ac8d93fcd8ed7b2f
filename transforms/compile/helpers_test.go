package compile_test

import (
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

type arr = *core.Array

func num(v float32) arr { return core.Scalar(v) }

func vec(v ...float32) arr { return core.From(v) }

func floats(a arr) []float32 { return core.Data[float32](a) }

// failure calls f and returns the *core.Error that it panics with; it must.
func failure(t *testing.T, f func()) *core.Error {
	t.Helper()
	var err error
	func() {
		defer core.Catch(&err)
		f()
	}()
	var e *core.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), "_test.go:", "the error names no line of the test")
	return e
}

// stock says that what is alone is computed by MLX's kernels. Groups still are by ours, so
// that the last digits differ where these call functions.
var stock = os.Getenv("ADJOINT_CPU") == "stock"

// rounding is by how much results of dtype d may differ in stock mode, for each of 1.
var rounding = map[core.DType]float64{core.Float64: 1e-5, core.Float32: 1e-5, core.Float16: 2e-3, core.BFloat16: 2e-2}

// alike says that two numbers of dtype d are equal in every bit, but for rounding in stock
// mode; NaNs of any payload are equal.
func alike(d core.DType, w, g float64) bool {
	return w != w && g != g || math.Float64bits(w) == math.Float64bits(g) ||
		stock && math.Abs(w-g) <= rounding[d]*max(1, math.Abs(w))
}

func sameNumbers(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.True(t, alike(core.Float32, float64(w), float64(got[i])), "element %d: %v and %v", i, w, got[i])
	}
}

// sameBits says that two arrays are equal in dtype, shape and numbers.
func sameBits(t *testing.T, want, got arr) {
	t.Helper()
	require.Equal(t, want.Spec(), got.Spec())
	if want.DType() == core.Float32 {
		sameNumbers(t, floats(want), floats(got))
		return
	}
	require.Equal(t, want.Bytes(), got.Bytes())
}

// settled frees what is unreachable and returns the engine's active bytes. The
// collector runs cleanups some time after it has found what they are for.
func settled() int {
	last, same := -1, 0
	for range 100 {
		runtime.GC()
		core.Scalar[float32](0).Free() // entering the engine frees what was released
		active := core.Memory().Active
		if active != last {
			last, same = active, 0
		} else if same++; same == 4 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return last
}

// alone runs f on a goroutine of its own, which f may end, and waits.
func alone(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
