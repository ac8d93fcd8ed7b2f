package linalg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
)

// The factors lie by columns in memory. They once announced more elements than they
// hold, which an elementwise op then read.
func TestFactorsOfLUAreReadWhereTheyAre(t *testing.T) {
	a := core.From([]float32{4, 1, 2, 1, 5, 3, 2, 1, 6, 1, 2, 1}, 4, 3)
	lu, _ := linalg.LUFactor(a)
	for _, f := range []func(*core.Array) *core.Array{(*core.Array).Tanh, (*core.Array).Neg, (*core.Array).Exp} {
		want := f(core.From(core.Data[float32](lu), 4, 3))
		for range 50 {
			lu, _ := linalg.LUFactor(a)
			require.InDeltaSlice(t, core.Data[float32](want), core.Data[float32](f(lu)), 1e-4)
			wide := f(lu.BroadcastTo(2, 4, 3))
			require.InDeltaSlice(t, core.Data[float32](want), core.Data[float32](wide)[12:], 1e-4)
		}
	}
}
