package conformance

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
)

// batch is the number of rounds that VMap cases map over.
const batch = 2

func checkVMap(s *subject, arg string) (outcome, error) {
	o := outcome{gap: s.NoVmap}
	if o.gap == "" {
		o.gap = s.VmapGap
	}
	mapped := make([]bool, len(s.leaves))
	for i, l := range s.leaves {
		mapped[i] = arg == mapAll || arg == mapAllLast || arg == l.name
	}
	rounds := make([][]value, batch)
	for b := range rounds {
		rounds[b] = s.inputs(b)
		for i := range s.leaves {
			if !mapped[i] {
				rounds[b][i] = rounds[0][i]
			}
		}
	}
	in := make([]value, len(s.leaves))
	axes := make([]int, len(s.leaves))
	for i := range s.leaves {
		in[i], axes[i] = rounds[0][i], -1
		if mapped[i] {
			axes[i] = 0
			if arg == mapAllLast {
				axes[i] = len(s.leaves[i].sample.Shape)
			}
			in[i] = stack([]value{rounds[0][i], rounds[1][i]}, axes[i])
		}
	}
	as := arrays(in)
	var got []value
	var outAxes []int
	err := caught(func() error {
		got = read(core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
			out := s.fn(in)
			outAxes = make([]int, len(out))
			if arg == mapAllLast {
				for i, y := range out {
					outAxes[i] = y.NDim()
				}
			}
			return out, outAxes
		}, as, axes))
		return nil
	})
	if o.gap != "" && errors.Is(err, core.ErrNoBatchRule) {
		o.refused = true
		return o, nil
	}
	if err != nil {
		return o, err
	}
	for b, round := range rounds {
		parts := make([]value, len(got))
		for i, y := range got {
			if len(y.Shape) <= outAxes[i] || y.Shape[outAxes[i]] != batch {
				return o, fmt.Errorf("result %d is %v, without an axis of size %d in place %d", i, y.Spec, batch, outAxes[i])
			}
			parts[i] = y.part(outAxes[i], b)
		}
		worst, err := near(parts, s.run(round), rounding)
		if err != nil {
			if o.gap != "" {
				err = fmt.Errorf("a wrong value in place of a typed error, which the row declares (%s): %w", o.gap, err)
			}
			return o, fmt.Errorf("step %d: %w", b, err)
		}
		o.worst = max(o.worst, worst)
	}
	return o, s.unmodified(as, in)
}
