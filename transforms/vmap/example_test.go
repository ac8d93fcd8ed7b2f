package vmap_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// Gradients of each example by itself: the weight is shared, the batch mapped.
func Example() {
	loss := func(w, x *core.Array) *core.Array { return w.Mul(x).Sum().Square() }
	perExample := vmap.Of(grad.Of2(loss), vmap.In(nil, 0))
	w := core.From([]float32{1, 2})
	batch := core.From([]float32{1, 0, 0, 1, 1, 1}, 3, 2)
	g := perExample(w, batch)
	fmt.Println(g.Shape(), core.Data[float32](g))
	// Output: [3 2] [2 0 0 4 6 6]
}

func ExampleIn() {
	type pair struct{ X, Y *core.Array }
	dot := func(p pair) *core.Array { return p.X.Mul(p.Y).Sum() }
	columns := vmap.Of(dot, vmap.In(vmap.Axes{"X": 1})) // Y is the same for each
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	y := core.From([]float32{10, 1})
	fmt.Println(core.Data[float32](columns(pair{x, y})))
	// Output: [13 24]
}
