package compile_test

import (
	"bytes"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// A step of training is traced once and then repeated.
func Example() {
	type line struct{ W, B *core.Array }
	loss := func(p line, x, y *core.Array) *core.Array { return x.Mul(p.W).Add(p.B).Sub(y).Square().Mean() }
	step := compile.Of(func(p line, x, y *core.Array) line {
		g := grad.Of(func(p line) *core.Array { return loss(p, x, y) })(p)
		rate := core.Scalar[float32](0.1)
		return line{p.W.Sub(g.W.Mul(rate)), p.B.Sub(g.B.Mul(rate))}
	})
	p := line{core.Scalar[float32](0), core.Scalar[float32](0)}
	x, y := core.From([]float32{0, 1, 2, 3}), core.From([]float32{1, 3, 5, 7})
	for range 300 {
		p = step.Call(p, x, y)
		core.Eval(p)
	}
	fmt.Printf("%.2f %.2f after %d trace\n", p.W.Item(), p.B.Item(), step.Stats().Traces)
	// Output: 2.00 1.00 after 1 trace
}

// Captured state is read before, and written after, each call.
func ExampleState() {
	var rng struct{ Key *core.Array }
	rng.Key = random.Key(1)
	coin := compile.Of(func() *core.Array {
		next, key := random.Split(rng.Key)
		rng.Key = next
		return random.Bernoulli(key, 0.5, 4)
	}, compile.State(&rng))
	a, b := coin.Call(), coin.Call()
	fmt.Println(a.Shape(), core.Data[bool](a) != nil, coin.Stats().Traces, b.DType())
	// Output: [4] true 1 bool
}

func ExampleShapeless() {
	sum := compile.Of(func(x *core.Array) *core.Array { return x.Square().Sum() }, compile.Shapeless())
	for _, n := range []int{2, 3, 4, 5} {
		fmt.Print(sum.Call(core.Ones(core.Float32, n)).Item(), " ")
	}
	fmt.Println(sum.Stats().Entries)
	// Output: 2 3 4 5 1
}

// A smaller last batch is named as the cause of a second trace.
func ExampleFunc_explain() {
	type batch struct{ X, Y *core.Array }
	loss := compile.Of(func(b batch) *core.Array { return b.X.Sub(b.Y).Square().Mean() })
	for _, n := range []int{128, 128, 96} {
		loss.Call(batch{core.Ones(core.Float32, n, 10), core.Zeros(core.Float32, n, 10)})
	}
	for _, t := range loss.Explain().Traces {
		fmt.Println("trace", t.Number, "was used", t.Hits, "times more", t.Changes)
	}
	// Output:
	// trace 1 was used 1 times more []
	// trace 2 was used 0 times more [argument 0 at X: shape (128,10) -> (96,10) argument 0 at Y: shape (128,10) -> (96,10)]
}

// Lower records a function ahead of time, here to learn what a call will cost.
func ExampleFunc_lower() {
	square := compile.Of(func(x *core.Array) *core.Array { return x.MatMul(x) })
	l := square.Lower(core.Zeros(core.Float32, 1000, 1000))
	fmt.Println(l.Cost())
	l.Compile()
	square.Call(core.Ones(core.Float32, 1000, 1000))
	fmt.Println(square.Stats().Hits, "hit")
	// Output:
	// 2 GFLOP, 8 MB moved, 8 MB at the peak
	// 1 hit
}

func ExampleImport() {
	area := compile.Of(func(width, height *core.Array) *core.Array { return width.Mul(height) }, compile.Keywords("width", "height"))
	var file bytes.Buffer
	three, four := core.Scalar[float32](3), core.Scalar[float32](4)
	if err := compile.ExportTo(&file, area.Lower(three, four)); err != nil {
		panic(err)
	}
	f, err := compile.Import[func(height, width *core.Array) *core.Array](&file, compile.Keywords("height", "width"))
	if err != nil {
		panic(err)
	}
	fmt.Println(f.Call(four, three))
	// Output: 12.0
}
