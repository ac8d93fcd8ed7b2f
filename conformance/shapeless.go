package conformance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// checkShapeless records the op without sizes and replays it on larger arrays.
// An op that holds a size among its other arguments may refuse that.
func checkShapeless(s *subject, _ string) (outcome, error) {
	var o outcome
	p := core.NewProgram()
	defer p.Close()
	// What takes no other sizes is replayed on its own, too.
	for round, by := range []int{0, 1, 2, 0} {
		sized, ok := s.grown(by)
		if !ok {
			continue
		}
		in := sized.inputs(round)
		var want []value
		if caught(func() error { want = sized.run(in); return nil }) != nil {
			continue
		}
		if by > 0 {
			o.gap = s.NoShapeless
		}
		as := arrays(in)
		var got []value
		err := caught(func() error {
			out, _, ok := p.Run("compile", []byte("f"), as, true)
			if !ok {
				r := p.Trace("compile", s.fn, []byte("f"), as, true, 0, 4, nil)
				if r.Captured || r.Sized {
					return errors.New("compile could not record the op")
				}
				out = r.Out
			}
			got = read(out)
			return nil
		})
		if errors.Is(err, core.ErrShapeless) {
			o.refused = true
			return o, nil
		}
		if err != nil {
			return o, err
		}
		if err := s.agree(got, want); err != nil {
			return o, fmt.Errorf("on sizes grown by %d: %w", by, err)
		}
		if err := s.unmodified(as, in); err != nil {
			return o, err
		}
	}
	return o, nil
}

// grown is the subject with every axis longer by as much, where it is of 2 or
// more, so that equal sizes stay equal; ok is false where a domain fixes sizes.
func (s *subject) grown(by int) (out *subject, ok bool) {
	c := *s
	c.leaves = nil
	for _, l := range s.leaves {
		switch strings.TrimRight(l.sample.Domain, "0123456789") {
		case "perm", "seg":
			if by > 0 {
				return nil, false
			}
		case "key":
			c.leaves = append(c.leaves, l)
			continue
		}
		shape := make([]int, len(l.sample.Shape))
		for i, d := range l.sample.Shape {
			shape[i] = d
			if d > 1 {
				shape[i] += by
			}
		}
		l.sample.Shape = shape
		c.leaves = append(c.leaves, l)
	}
	return &c, true
}
