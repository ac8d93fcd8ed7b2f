package vmap_test

import (
	"testing"

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
