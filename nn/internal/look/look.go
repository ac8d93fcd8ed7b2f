package look

import "github.com/adjoint-go/adjoint/core"

// Shape returns the size of each axis of a.
func Shape(a *core.Array) []int { return a.Shape() }
