package guide_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

func Example_once() {
	calls := 0
	f := compile.Of(func(x *core.Array) *core.Array {
		calls++ // Go runs when a trace is recorded, not when it is repeated
		return x.Exp().AddScalar(1)
	})
	for range 10 {
		f.Call(core.From([]float32{1, 2, 3}))
	}
	f.Call(core.From([]float32{1, 2})) // another shape, another trace
	fmt.Println(calls, f.Stats().Hits)
	// Output: 2 9
}

type Settings struct {
	Rate float64 // a static leaf: part of the key
	X    *core.Array
}

func Example_static() {
	f := compile.Of(func(s Settings) *core.Array { return s.X.MulScalar(s.Rate) })
	x := core.Scalar[float32](2)
	fmt.Println(f.Call(Settings{0.5, x}).Item(), f.Call(Settings{3, x}).Item(), f.Stats().Traces)
	// Output: 1 6 2
}

func Example_constants() {
	scale := core.Scalar[float32](2)
	f := compile.Of(func(x *core.Array) *core.Array { return x.Mul(scale) })
	fmt.Println(f.Call(core.Scalar[float32](5)).Item())
	scale = core.Scalar[float32](100) // too late: the trace holds the array that it saw
	fmt.Println(f.Call(core.Scalar[float32](5)).Item())
	// Output:
	// 10
	// 10
}

func Example_inputs() {
	scale := core.Scalar[float32](2)
	f := compile.Of(func(x *core.Array) *core.Array { return x.Mul(scale) }, compile.Inputs(&scale))
	f.Call(core.Scalar[float32](5))
	scale = core.Scalar[float32](100) // read before every call
	fmt.Println(f.Call(core.Scalar[float32](5)).Item())
	// Output: 500
}

func Example_state() {
	count := core.Scalar[int32](0)
	f := compile.Of(func(x *core.Array) *core.Array {
		count = count.AddScalar(1)
		return x.Mul(count.AsType(core.Float32))
	}, compile.State(&count))
	x := core.Scalar[float32](10)
	f.Call(x)
	fmt.Println(f.Call(x).Item(), count.Item())
	// Output: 20 2
}

func Example_values() {
	f := compile.Of(func(x *core.Array) *core.Array {
		if x.Item() > 0 { // there is no value yet
			return x
		}
		return x.Neg()
	})
	_, err := core.Try(func() *core.Array { return f.Call(core.Scalar[float32](1)) })
	fmt.Println(err != nil)
	// Output: true
}

func Example_shapeless() {
	f := compile.Of(func(x *core.Array) *core.Array { return x.Exp().Sum() }, compile.Shapeless())
	for n := range 10 {
		f.Call(core.Zeros(core.Float32, n+2))
	}
	fmt.Println(f.Stats().Traces <= 2) // a second one, at another size, confirms the first
	// Output: true
}

func Example_lower() {
	f := compile.Of(func(a, b *core.Array) *core.Array { return a.MatMul(b) })
	a, b := core.Zeros(core.Float32, 64, 32), core.Zeros(core.Float32, 32, 16)
	lowered := f.Lower(a, b) // records, computes nothing
	fmt.Println(lowered.Cost().FLOP)
	// Output: 65536
}

func Example_export() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "f.mlxfn")

	f := compile.Of(func(x, w *core.Array) *core.Array { return x.MatMul(w).Tanh() })
	x, w := core.Ones(core.Float32, 2, 3), core.Ones(core.Float32, 3, 1)
	if err := f.Export(path, x, w); err != nil {
		log.Fatal(err)
	}
	g, err := compile.ImportFile[func(x, w *core.Array) *core.Array](path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(g.Call(x, w).Shape(), grad.Of2(func(w, x *core.Array) *core.Array { return g.Call(x, w).Sum() })(w, x).Shape())
	// Output: [2 1] [3 1]
}
