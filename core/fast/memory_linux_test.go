package fast_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// TestAttentionHoldsNoScores: 4096 queries and keys have 64 MiB of scores, which are never there at once.
func TestAttentionHoldsNoScores(t *testing.T) {
	q := random.Normal(random.Key(1), core.Float32, 1, 1, 4096, 16).Eval()
	core.ResetPeakMemory()
	before := core.Memory().Active
	fast.ScaledDotProductAttentionCausal(q, q, q, 0.25).Eval()
	peak := core.Memory().Peak - before
	require.Equal(t, stock, peak > 64<<20, peak)
	if !stock {
		require.Less(t, peak, 4<<20)
	}
}
