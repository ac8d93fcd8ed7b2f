package accuracy

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/adjoint-go/adjoint/core"
)

// TestCasts converts all numbers of one and two bytes, and some of the others, between
// all dtypes. Asked for with the ops of the lane, every float32 goes to half precision.
func TestCasts(t *testing.T) {
	_, others := peers(t)
	for _, from := range Casts {
		for _, to := range Casts {
			m := Domain{Seed: seed, Len: 1 << 14}
			if from.Size() <= 2 {
				m = Every(from)
			}
			if asked := os.Getenv(lane); (asked == "all" || asked == "astype") && from == core.Float32 && to.Size() == 2 && to.IsFloat() {
				m = Every(from)
			}
			assert.NoError(t, CheckCast(from, to, m, others))
		}
	}
}
