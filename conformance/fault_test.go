package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// planted runs the cases of exp with its function replaced, and returns the kinds
// that failed.
func planted(t *testing.T, fault func(core.FlatFunc) core.FlatFunc) map[Kind]string {
	t.Helper()
	r, err := Run(Options{Run: "^exp/0/float32/", wrap: func(_ string, f core.FlatFunc) core.FlatFunc { return fault(f) }})
	require.NoError(t, err)
	failed := map[Kind]string{}
	for _, f := range r.Failures {
		kind, _, _ := strings.Cut(strings.Split(f.Case, "/")[3], ":")
		failed[Kind(kind)] = f.Reason
	}
	assert.Len(t, r.Failures, r.Failed)
	return failed
}

// changed applies a change to the one result of a function.
func changed(change func(x, y *core.Array) *core.Array) func(core.FlatFunc) core.FlatFunc {
	return func(f core.FlatFunc) core.FlatFunc {
		return func(in []*core.Array) []*core.Array {
			return []*core.Array{change(in[0], f(in)[0])}
		}
	}
}

func TestPlantedFaultsAreFound(t *testing.T) {
	one := core.Scalar(float32(1))
	c, err := choose(Options{Run: "^exp/0/float32/compile$"})
	require.NoError(t, err)
	s := newSubject(c[0], 1, nil)
	first := core.Data[float32](s.run(s.inputs(0))[0].Array())
	for _, test := range []struct {
		name  string
		fault func(core.FlatFunc) core.FlatFunc
		want  map[Kind]string
	}{
		{"none", func(f core.FlatFunc) core.FlatFunc { return f }, nil},
		{"a gradient of zero", changed(func(_, y *core.Array) *core.Array { return y.StopGradient() }),
			map[Kind]string{Grad: "differences give"}},
		{"a gradient that is off by 2 %", changed(func(x, y *core.Array) *core.Array {
			extra := x.Mul(core.Scalar(float32(0.02)))
			return y.Add(extra).Sub(extra.StopGradient())
		}), map[Kind]string{Grad: "differences give"}},
		{"another value when traced", changed(func(_, y *core.Array) *core.Array {
			if core.Tracing() {
				return y.Add(one)
			}
			return y
		}), map[Kind]string{Compile: "result 0 differs at [0 0]", Duality: "the value of vjp:", VMap: "step 0: result 0 at"}},
		{"NaN", changed(func(_, y *core.Array) *core.Array { return y.Div(core.Scalar(float32(0))).Mul(core.Scalar(float32(0))) }),
			map[Kind]string{Eager: "not finite"}},
		{"a value frozen by the trace", func() func(core.FlatFunc) core.FlatFunc {
			return changed(func(x, y *core.Array) *core.Array {
				if !core.Tracing() {
					return y
				}
				return core.From(first, y.Shape()...).Add(x.Sub(x))
			})
		}(), map[Kind]string{Compile: "on other inputs"}},
		{"an order of elements that depends on the layout", changed(func(x, y *core.Array) *core.Array {
			if core.Tracing() {
				return y
			}
			return core.From(core.Data[float32](y), 4, 3).MoveAxis(0, 1)
		}), map[Kind]string{VMap: "in place of"}},
		{"a panic", func(core.FlatFunc) core.FlatFunc { return func([]*core.Array) []*core.Array { panic("boom") } },
			map[Kind]string{Eager: "panic: boom", Compile: "boom"}},
		{"an error", changed(func(_, y *core.Array) *core.Array { core.Failf("Exp", "out of order"); return y }),
			map[Kind]string{Eager: "Exp: out of order"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			failed := planted(t, test.fault)
			if test.want == nil {
				assert.Empty(t, failed)
			}
			for kind, reason := range test.want {
				assert.Contains(t, failed[kind], reason, kind)
			}
		})
	}
}

func TestAnInputThatIsWrittenToIsFound(t *testing.T) {
	c := Cases(true)[0]
	s := newSubject(c, 1, nil)
	in := s.inputs(0)
	as := sample.Arrays(in)
	require.NoError(t, s.unmodified(as, in))
	as[1] = s.inputs(1)[1].Array()
	assert.EqualError(t, s.unmodified(as, in), "the input b was modified")
}

func TestGapsAreRefusedClosedOrWrong(t *testing.T) {
	find := func(name string) Case {
		for _, c := range Cases(true) {
			if c.Name() == name {
				return c
			}
		}
		require.Fail(t, "no case", name)
		return Case{}
	}
	refuse := func(_ string, f core.FlatFunc) core.FlatFunc {
		return func(in []*core.Array) []*core.Array {
			if core.Tracing() {
				core.Fail("Exp", in, core.ErrNoBatchRule)
			}
			return f(in)
		}
	}
	for name, test := range map[string]struct {
		gap    string
		wrap   func(string, core.FlatFunc) core.FlatFunc
		closed int
		failed string
	}{
		"refused as declared": {gap: "none", wrap: refuse},
		"refused undeclared":  {wrap: refuse, failed: "no vmap rule"},
		"closed":              {gap: "none", closed: 1},
		"wrong": {gap: "none", failed: "in place of a typed error", wrap: func(_ string, f core.FlatFunc) core.FlatFunc {
			return func(in []*core.Array) []*core.Array {
				y := f(in)[0]
				if core.Tracing() {
					y = y.Neg()
				}
				return []*core.Array{y}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := find("exp/0/float32/vmap:all@0")
			row := *c.row
			op := *row.Op
			op.NoVmap = test.gap
			row.Op = &op
			c.row = &row
			o := Options{Seed: 1, wrap: test.wrap}
			r := newReport(o, "cpu:0")
			out, err := try(c, o)
			r.add(c, out, err)
			r.finish(0)
			assert.Len(t, r.Closed, test.closed)
			if test.failed != "" {
				require.Len(t, r.Failures, 1)
				assert.Contains(t, r.Failures[0].Reason, test.failed)
				return
			}
			assert.Empty(t, r.Failures)
			assert.Equal(t, test.gap != "" && test.closed == 0, r.Refused == 1)
		})
	}
}
