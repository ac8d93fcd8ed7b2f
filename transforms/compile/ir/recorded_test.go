package ir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

func TestRecorded(t *testing.T) {
	for name, want := range map[string][]string{
		"mlp":       {"program mlp: 45 operations", "Matmul", "Sum", "argument 5"},
		"keywords":  {"argument bias", "Multiply", "Subtract"},
		"algebra":   {"QRF", "Cholesky", "FFT"},
		"quantized": {"QuantizedMatmul a q r s 32 4 0 true"},
	} {
		f, err := mlxio.LoadFunction("../testdata/mlxfn/" + name + ".mlxfn")
		require.NoError(t, err)
		p := ir.Recorded(name, &f.Traces[0])
		require.Positive(t, p.Cost.FLOP)
		for _, w := range want {
			require.Contains(t, p.String(), w)
		}
		require.Contains(t, p.DOT(), "digraph program")
	}
}

func TestRecordedNamesAreOneLine(t *testing.T) {
	tr := &mlxio.FunctionTrace{Nodes: []mlxio.FunctionNode{{Op: "Eigh", State: []any{"a\nb", true}}, {Op: "Sqrt", State: []any{true}}, {Op: "Reduce", State: []any{9}}}}
	p := ir.Recorded("x", tr)
	require.Equal(t, "a b true", p.Nodes[0].Attributes)
	require.Equal(t, "Rsqrt", p.Nodes[1].Op)
	require.Equal(t, "Reduce", p.Nodes[2].Op)
}
