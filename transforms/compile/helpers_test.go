package compile_test

import (
	"math"
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

// sameBits says that two arrays are equal in dtype, shape and every bit; NaNs of
// any payload are equal.
func sameBits(t *testing.T, want, got arr) {
	t.Helper()
	require.Equal(t, want.Spec(), got.Spec())
	if want.DType() == core.Float32 {
		w, g := floats(want), floats(got)
		for i := range w {
			if w[i] != w[i] && g[i] != g[i] {
				continue
			}
			require.Equal(t, math.Float32bits(w[i]), math.Float32bits(g[i]), "element %d: %v and %v", i, w[i], g[i])
		}
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
