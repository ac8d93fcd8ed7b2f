package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

func TestRun(t *testing.T) { require.NoError(t, run(64, 3)) }

func TestExplainShowsOneGroup(t *testing.T) {
	f := compile.Of(gelu)
	x := random.Normal(random.Key(0), core.Float32, 100).Eval()
	for range 3 {
		f.Call(x)
	}
	e := f.Explain()
	require.Len(t, e.Traces, 1)
	require.Equal(t, [][]string{{"Square", "Multiply", "Add", "Multiply", "Tanh", "Add", "Multiply", "Multiply"}}, e.Traces[0].Fused)
	require.Empty(t, e.Traces[0].Alone)
	require.Equal(t, 1, e.Traces[0].Nodes)
	require.Contains(t, e.String(), "gelu.gelu: 3 calls, 2 hits, 1 trace")
	require.Contains(t, e.String(), "fused  8 operations: Multiply×4 Add×2 Square Tanh")
}
