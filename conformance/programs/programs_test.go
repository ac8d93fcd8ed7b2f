package programs

import (
	"go/parser"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

func TestProgramsPass(t *testing.T) {
	r, err := Run(Options{Programs: 300, Seed: 1})
	require.NoError(t, err)
	t.Logf("%d programs of seed %d in %.1f s", r.Programs, r.Seed, r.Seconds)
	for _, f := range r.Failures {
		t.Errorf("%s: %s: %s\n%s\n%s", Name(f.Program), f.Check, f.Reason, f.Minimal, f.Rerun)
	}
	assert.Greater(t, r.Ops, 200)
	assert.Greater(t, r.Steps, 3000)
	assert.Greater(t, r.Smooth, 10*r.Rough)
	assert.Less(t, r.Refused, 30)
}

// TestPlantedFaultsAreFoundAndShrunk plants a fault in one op and expects it
// found soon, by the right check, and shrunk to a few steps around the op.
func TestPlantedFaultsAreFoundAndShrunk(t *testing.T) {
	for _, test := range []struct {
		name, op, check string
		fault           func(in, out []*core.Array) []*core.Array
	}{
		{"a gradient that is off by a tenth", "multiply", "differences", func(in, out []*core.Array) []*core.Array {
			if !out[0].DType().IsFloat() {
				return out
			}
			extra := out[0].MulScalar(0.1)
			return []*core.Array{out[0].Add(extra).Sub(extra.StopGradient())}
		}},
		{"a batch rule that turns the sign", "add", "plain", func(in, out []*core.Array) []*core.Array {
			if !out[0].DType().IsFloat() {
				return out
			}
			return core.Custom("Fault", func(in []*core.Array) []*core.Array { return []*core.Array{in[0].Add(in[0].ZerosLike())} }, out, core.CustomRules{
				VMap: func(in []*core.Array, axes []int, size int) []*core.Array {
					a := in[0]
					if axes[0] < 0 {
						a = a.BroadcastTo(append([]int{size}, a.Shape()...)...)
					} else {
						a = a.MoveAxis(axes[0], 0)
					}
					return []*core.Array{a.Neg()}
				},
			})
		}},
		{"another value when recorded", "add", "compile", func(in, out []*core.Array) []*core.Array {
			if !out[0].DType().IsFloat() || !core.Tracing() {
				return out
			}
			return []*core.Array{out[0].MulScalar(1.5)}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wrap := func(op string, f core.FlatFunc) core.FlatFunc {
				if op != test.op {
					return f
				}
				return func(in []*core.Array) []*core.Array { return test.fault(in, f(in)) }
			}
			const few = 5
			least := 1000
			for first := 0; first < 60; first += 10 {
				r, err := Run(Options{Programs: 10, First: first, wrap: wrap})
				require.NoError(t, err)
				for _, f := range r.Failures {
					if f.Check == test.check {
						least = min(least, f.Steps)
					}
				}
				if least <= few {
					return
				}
			}
			assert.LessOrEqual(t, least, few, "steps in the smallest program")
		})
	}
}

func TestTheSameSeedGivesTheSamePrograms(t *testing.T) {
	g := newGrammar()
	for i := range 20 {
		assert.Equal(t, g.subject(1, i).String(), g.subject(1, i).String())
	}
	assert.NotEqual(t, g.subject(1, 0).String(), g.subject(2, 0).String())
}

func TestTextIsGo(t *testing.T) {
	g := newGrammar()
	for i := range 50 {
		s := g.subject(1, i)
		_, err := parser.ParseExpr("func() {\n" + s.String() + "}")
		require.NoError(t, err, s.String())
	}
}

func TestATrailNamesTheProgram(t *testing.T) {
	_, err := Run(Options{Trail: t.TempDir() + "/missing/trail"})
	require.Error(t, err)
	r, err := Run(Options{Seed: 5, First: 3, wrap: func(string, core.FlatFunc) core.FlatFunc {
		return func([]*core.Array) []*core.Array { panic("two\nlines") }
	}})
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, r.Write(&b))
	assert.Regexp(t, `^FAIL program/3, eager: panic.*: two lines\n     adjoint conformance --programs 1 --first 3 --seed 5\n`, b.String())
	assert.LessOrEqual(t, r.Failures[0].Steps, 2)
}
