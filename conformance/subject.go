package conformance

import (
	"bytes"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
)

// subject is an op on one sample with one dtype: a function of a list of arrays
// that the checks try from all sides.
type subject struct {
	*row
	fn     core.FlatFunc
	smooth core.FlatFunc // fn where its derivatives mean something
	leaves []leaf
	seed   uint64
	name   string // seeds the random numbers
}

func newSubject(c Case, seed uint64, wrap func(op string, f core.FlatFunc) core.FlatFunc) *subject {
	sample := c.row.samples[c.Index]
	s := &subject{
		row:    c.row,
		fn:     func(in []*core.Array) []*core.Array { return c.row.invoke(sample, in) },
		leaves: c.row.leaves(c.Index, c.DType),
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
func (s *subject) inputs(round int) []value {
	out := make([]value, len(s.leaves))
	for i, l := range s.leaves {
		out[i] = l.make(source(s.seed, fmt.Sprintf("%s/%d/%s", s.name, round, l.name)))
	}
	return out
}

// run evaluates the op eagerly.
func (s *subject) run(in []value) []value { return read(s.fn(arrays(in))) }

// wrt are the places of the leaves that have a gradient.
func (s *subject) wrt() []int {
	var out []int
	for i, l := range s.leaves {
		if l.diff {
			out = append(out, i)
		}
	}
	return out
}

func (s *subject) place(arg string) (int, error) {
	for i, l := range s.leaves {
		if l.name == arg {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no argument %q", arg)
}

// unmodified fails where the arrays no longer hold the values they were made of.
func (s *subject) unmodified(as []*core.Array, vs []value) error {
	for i, a := range as {
		if !bytes.Equal(a.Bytes(), vs[i].raw) {
			return fmt.Errorf("the input %s was modified", s.leaves[i].name)
		}
	}
	return nil
}
