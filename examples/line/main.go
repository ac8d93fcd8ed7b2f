// Line fits a line to noisy points by gradient descent.
package main

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type Line struct{ W, B *core.Array }
type Data struct{ X, Y *core.Array }

func loss(p Line, d Data) *core.Array {
	return d.X.Mul(p.W).Add(p.B).Sub(d.Y).Square().Mean()
}

func main() {
	k1, k2 := random.Split(random.Key(0))
	x := random.Uniform(k1, -1, 1, core.Float32, 100)
	noise := random.NormalWith(k2, 0, 0.1, core.Float32, 100)
	d := Data{X: x, Y: x.MulScalar(3).SubScalar(1).Add(noise)} // y = 3x - 1

	p := Line{W: core.Scalar[float32](0), B: core.Scalar[float32](0)}
	step := compile.Of(grad.ValueAndGrad2(loss))
	for i := range 101 {
		l, g := step.Call(p, d)
		if i%20 == 0 {
			fmt.Printf("step %3d  loss %.4f  y = %+.3fx %+.3f\n", i, l.Item(), p.W.Item(), p.B.Item())
		}
		p = Line{W: p.W.Sub(g.W.MulScalar(0.3)), B: p.B.Sub(g.B.MulScalar(0.3))}
	}
}
