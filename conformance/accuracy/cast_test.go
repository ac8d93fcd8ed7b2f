package accuracy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// TestCasts converts all numbers of one and two bytes, and some of the others, between
// all dtypes, and in the lane every float32 to half precision.
func TestCasts(t *testing.T) {
	names, others := peers(t)
	for _, from := range Casts {
		for _, to := range Casts {
			m := Domain{Seed: seed, Len: 1 << 14}
			if from.Size() <= 2 {
				m = Every(from)
			}
			assert.NoError(t, CheckCast(from, to, m, others))
		}
	}
	c := choose(t)
	if !c.has("astype") {
		return
	}
	for _, to := range DTypes[1:] {
		r, err := Measure(cast(to), core.Float32, c.narrow(Every(core.Float32), core.Float32), others, nil)
		require.NoError(t, err)
		assert.Empty(t, r.Problems(names), "float32 to %v", to)
	}
}
