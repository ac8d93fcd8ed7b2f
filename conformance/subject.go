package conformance

import (
	"bytes"
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// subject is an op on one sample with one dtype: a function of a list of arrays
// that the checks try from all sides.
type subject struct {
	*sample.Row
	fn     core.FlatFunc
	smooth core.FlatFunc // fn where its derivatives mean something
	leaves []sample.Leaf
	seed   uint64
	name   string // seeds the random numbers
}

func newSubject(c Case, seed uint64, wrap func(op string, f core.FlatFunc) core.FlatFunc) *subject {
	args := c.row.Samples[c.Index]
	s := &subject{
		Row:    c.row,
		fn:     func(in []*core.Array) []*core.Array { return c.row.Invoke(args, in) },
		leaves: c.row.Leaves(c.Index, c.DType),
		seed:   seed,
		name:   fmt.Sprintf("%s/%d", c.Op, c.Index),
	}
	if wrap != nil {
		s.fn = wrap(c.Op, s.fn)
	}
	s.smooth = smoothed(c.Op, s.leaves, s.fn)
	return s
}

// inputs draws one value per leaf; every round has other ones.
func (s *subject) inputs(round int) []sample.Value {
	out := make([]sample.Value, len(s.leaves))
	for i, l := range s.leaves {
		out[i] = l.Make(sample.Source(s.seed, fmt.Sprintf("%s/%d/%s", s.name, round, l.Name)))
	}
	return out
}

// run evaluates the op eagerly.
func (s *subject) run(in []sample.Value) []sample.Value { return sample.Read(s.fn(sample.Arrays(in))) }

// wrt are the places of the leaves that have a gradient.
func (s *subject) wrt() []int {
	var out []int
	for i, l := range s.leaves {
		if l.Diff {
			out = append(out, i)
		}
	}
	return out
}

func (s *subject) place(arg string) (int, error) {
	for i, l := range s.leaves {
		if l.Name == arg {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no argument %q", arg)
}

// unmodified fails where the arrays no longer hold the values they were made of.
func (s *subject) unmodified(as []*core.Array, vs []sample.Value) error {
	for i, a := range as {
		if !bytes.Equal(a.Bytes(), vs[i].Raw) {
			return fmt.Errorf("the input %s was modified", s.leaves[i].Name)
		}
	}
	return nil
}
