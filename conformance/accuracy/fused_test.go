package accuracy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// few returns n arrays of some of a domain's pairs, and others for a third argument.
func few(d core.DType, n int) []*core.Array {
	const size = 1<<16 + 5 // the last tile is no whole one
	var out []*core.Array
	for _, s := range []uint64{seed, seed + size} {
		for _, mem := range (Domain{Seed: s, Len: size}).fill(d, 2, 0, size) {
			out = append(out, core.FromBytes(d, mem, size))
		}
	}
	return out[:n]
}

// sameArray fails where two arrays do not have the same bits or are both NaN. Of two NaN,
// which one an operation gives is a matter of the order of the processor's operands.
func sameArray(got, want *core.Array) error {
	d := want.DType()
	g, w := got.Bytes(), want.Bytes()
	for i := range want.Size() {
		a, b := g[i*d.Size():][:d.Size()], w[i*d.Size():][:d.Size()]
		if !sameElement(d, a, b) {
			return fmt.Errorf("element %d is %x, not %x", i, a, b)
		}
	}
	return nil
}

// TestFusedResultsAreEagerOnes compares the results of each op in a group of fused ops
// with those of the op alone, bit by bit.
func TestFusedResultsAreEagerOnes(t *testing.T) {
	// What computes nothing, or has no kernel for tiles.
	apart := strings.Fields("positive copy stop_gradient conjugate real imag zeros_like ones_like floor_divide logaddexp")
	for _, d := range DTypes {
		for _, o := range Ops() {
			f := compile.Of(func(in []*core.Array) []*core.Array {
				y := o.call(in...)
				z := y.Equal(y)
				return []*core.Array{y, z}
			})
			in := few(d, o.Arity())
			got := f.Call(in)
			y := o.call(in...)
			core.Eval(y)
			assert.NoError(t, sameArray(got[0], y), "%s %v", o.Name, d)
			assert.NoError(t, sameArray(got[1], y.Equal(y)), "%s %v", o.Name, d)
			assert.True(t, slices.Contains(apart, o.Name) || len(f.Explain().Traces[0].Fused) == 1, "%s %v is not fused", o.Name, d)
		}
	}
}

// TestPairsOfOpsAreTheTwoOps compares two operations whose first result stays in a
// register with the same two apart.
func TestPairsOfOpsAreTheTwoOps(t *testing.T) {
	type fn = func(x, y *core.Array) *core.Array
	firsts := map[string]fn{
		"add": (*core.Array).Add, "subtract": (*core.Array).Sub, "multiply": (*core.Array).Mul, "divide": (*core.Array).Div,
		"square": func(x, _ *core.Array) *core.Array { return x.Square() },
	}
	seconds := map[string]fn{
		"maximum": (*core.Array).Maximum, "minimum": (*core.Array).Minimum,
		"negative": func(x, _ *core.Array) *core.Array { return x.Neg() },
		"sqrt":     func(x, _ *core.Array) *core.Array { return x.Sqrt() },
	}
	for name, f := range firsts {
		seconds[name] = f
	}
	in := few(core.Float32, 3)
	for a, first := range firsts {
		for b, second := range seconds {
			for _, turned := range []bool{false, true} {
				both := func(between func(*core.Array) *core.Array) func(x, y, z *core.Array) *core.Array {
					return func(x, y, z *core.Array) *core.Array {
						u, v := between(first(x, y)), z
						if turned {
							u, v = v, u
						}
						return second(u, v)
					}
				}
				f := compile.Of(both(func(x *core.Array) *core.Array { return x }))
				got := f.Call(in[0], in[1], in[2])
				want := both(func(x *core.Array) *core.Array { core.Eval(x); return x })(in[0], in[1], in[2])
				assert.NoError(t, sameArray(got, want), "%s, then %s, turned: %v", a, b, turned)
			}
		}
	}
}
