package accuracy

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/adjoint-go/adjoint/internal/ops"
)

// apart are elementwise rows of the op table that have no bound of their own.
var apart = map[string]string{
	"bitwise_and": "integers only", "bitwise_or": "integers only", "bitwise_xor": "integers only", "bitwise_invert": "integers only",
	"left_shift": "integers only", "right_shift": "integers only",
	"where":      "takes one of its arguments as it is",
	"clip":       "is maximum and minimum",
	"nan_to_num": "takes its argument or a constant as it is",
	"isclose":    "is made of subtract, multiply, add and comparisons",
	"astype":     "is in TestCasts",
	"divmod":     "is floor_divide and remainder",
}

// TestEveryElementwiseOpHasABound takes the list from the op table: what gives one number
// for each of its arguments' is measured, or it is said why not.
func TestEveryElementwiseOpHasABound(t *testing.T) {
	var elementwise []string
	for _, o := range ops.Table() {
		shaped := slices.Contains([]string{"that of a", "a and b broadcast", "a and b broadcast, twice", "a and the bounds broadcast", "condition, x and y broadcast"}, o.Shape)
		along := slices.ContainsFunc(o.Args(), func(a ops.Arg) bool {
			return slices.Contains([]string{"axis", "axes", "shift", "indices", "mask", "vals"}, a.Name) || a.Kind == ops.Bounds
		})
		if o.Pkg == "" && shaped && !along && o.Name != "contiguous" {
			elementwise = append(elementwise, o.Name)
		}
	}
	var known []string
	for _, o := range Ops() {
		assert.NotNil(t, o.row, "%s is not in the op table", o.Name)
		known = append(known, o.Name)
	}
	for name := range apart {
		known = append(known, name)
	}
	assert.ElementsMatch(t, elementwise, known)
	assert.Greater(t, len(known), 60)
}
