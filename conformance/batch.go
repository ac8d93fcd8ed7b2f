package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// mapping says what a case maps over, as "a,b@1>-1": the leaves a and b over
// their axis 1 (or their last new one, when they have fewer), with the results
// stacked along their last axis; "*3" after it maps over 3 elements, 2 otherwise.
// The axis "~" stands for another one of each leaf.
type mapping struct {
	leaves []bool
	axis   string
	out    int
	size   int
}

func (s *subject) mapping(arg string) (m mapping, err error) {
	m.size = 2
	if text, size, ok := strings.Cut(arg, "*"); ok {
		arg = text
		m.size, err = strconv.Atoi(size)
	}
	names, place, _ := strings.Cut(arg, "@")
	axis, out, _ := strings.Cut(place, ">")
	m.axis = axis
	if out != "" {
		m.out, err = strconv.Atoi(out)
	}
	if err != nil {
		return m, err
	}
	m.leaves = make([]bool, len(s.leaves))
	for _, n := range strings.Split(names, ",") {
		if n == everything {
			for i := range m.leaves {
				m.leaves[i] = true
			}
			continue
		}
		i, err := s.place(n)
		if err != nil {
			return m, err
		}
		m.leaves[i] = true
	}
	return m, nil
}

// everything stands for all leaves of an op with more than one.
const everything = "all"

// axisOf is the axis of leaf i, of n axes before it is mapped.
func (m mapping) axisOf(i, n int) int {
	switch m.axis {
	case "", "0":
		return 0
	case "~":
		return i % (n + 1)
	}
	k, _ := strconv.Atoi(m.axis)
	return min(k, n)
}

// mappings are those of a row's leaves. Only the first dtype tries every axis.
func mappings(leaves []sample.Leaf, first, quick bool) []string {
	var out []string
	rank := 0
	for _, l := range leaves {
		rank = max(rank, len(l.Sample.Shape))
	}
	for _, names := range combinations(leaves, first && !quick) {
		out = append(out, names+"@0")
		if !first || quick {
			continue
		}
		for k := 1; k <= rank; k++ {
			out = append(out, fmt.Sprintf("%s@%d>%d", names, k, k%3-1))
		}
		out = append(out, names+"@-1")
		if len(leaves) > 1 && rank > 0 {
			out = append(out, names+"@~")
		}
	}
	out = append(out, everything+"@9>-1", everything+"@0*1")
	return out
}

// combinations are the sets of leaves to map: every one of up to four leaves, of
// more leaves each, each pair, all but one, and all.
func combinations(leaves []sample.Leaf, complete bool) []string {
	n := len(leaves)
	if n == 1 {
		return []string{everything}
	}
	var out []string
	for set := 1; set < 1<<n; set++ {
		var names []string
		for i, l := range leaves {
			if set>>i&1 == 1 {
				names = append(names, l.Name)
			}
		}
		switch k := len(names); {
		case k == n:
			out = append(out, everything)
		case k == 1, complete && (n <= 4 || k == 2 || k == n-1):
			out = append(out, strings.Join(names, ","))
		}
	}
	return out
}

func (s *subject) batchGap() string {
	if s.NoVmap != "" {
		return s.NoVmap
	}
	return s.VmapGap
}

// rounds draws the inputs of each step of a loop, and those stacked.
func (s *subject) rounds(m mapping, first int) (rounds [][]sample.Value, stacked []sample.Value) {
	for b := range m.size {
		rounds = append(rounds, s.inputs(first+b))
	}
	stacked = make([]sample.Value, len(s.leaves))
	for i, l := range s.leaves {
		var parts []sample.Value
		for _, r := range rounds {
			if !m.leaves[i] {
				r[i] = rounds[0][i]
			}
			parts = append(parts, r[i])
		}
		stacked[i] = rounds[0][i]
		if m.leaves[i] {
			n := len(l.Sample.Shape)
			ax := m.axisOf(i, n)
			if ax < 0 {
				ax += n + 1
			}
			stacked[i] = sample.Stack(parts, ax)
		}
	}
	return rounds, stacked
}

// mapped is f mapped by the public transform.
func (s *subject) mapped(m mapping, f core.FlatFunc) core.FlatFunc {
	axes := vmap.Axes{}
	for i, l := range s.leaves {
		if m.leaves[i] {
			axes[strconv.Itoa(i)] = m.axisOf(i, len(l.Sample.Shape))
		}
	}
	return vmap.Of((func([]*core.Array) []*core.Array)(f), vmap.In(axes), vmap.Out(m.out))
}

// batches are the seeds' rounds that a program is recorded on.
const batches = 8

func checkVMap(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		m, err := s.mapping(arg)
		if err != nil {
			return outcome{}, err
		}
		return s.againstLoop(m, via, s.batchGap(), s.fn)
	}
}

// againstLoop compares f mapped with a loop over its steps.
func (s *subject) againstLoop(m mapping, via how, gap string, f core.FlatFunc) (outcome, error) {
	o := outcome{gap: gap}
	rounds, in := s.rounds(m, 0)
	want := make([][]sample.Value, len(rounds))
	for b, r := range rounds {
		want[b] = sample.Read(f(sample.Arrays(r)))
	}
	if m.out > 0 {
		for _, y := range want[0] {
			m.out = min(m.out, len(y.Shape))
		}
	}
	got, err := guarded(func() ([]sample.Value, error) {
		return via(s, s.mapped(m, f), in, func() []sample.Value { _, in := s.rounds(m, batches); return in })
	})
	if refusal(gap, err, core.ErrNoBatchRule, core.ErrNotDifferentiable) {
		o.refused = true
		return o, nil
	}
	if err != nil {
		return o, err
	}
	for b := range rounds {
		parts := make([]sample.Value, len(got))
		for i, y := range got {
			out := m.out
			if out < 0 {
				out += len(y.Shape)
			}
			if out < 0 || len(y.Shape) <= out || y.Shape[out] != m.size {
				return o, fmt.Errorf("result %d is %v, without an axis of size %d in place %d", i, y.Spec, m.size, m.out)
			}
			parts[i] = y.Part(out, b)
		}
		worst, err := sample.Near(parts, want[b], sample.Rounding)
		if err != nil {
			if o.gap != "" {
				err = fmt.Errorf("a wrong value in place of a typed error, which the row declares (%s): %w", o.gap, err)
			}
			return o, fmt.Errorf("step %d: %w", b, err)
		}
		o.worst = max(o.worst, worst)
	}
	return o, nil
}

// checkVMapGrad maps the gradient and the forward derivative with respect to arg,
// over all leaves and over arg alone.
func checkVMapGrad(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		o := outcome{gap: s.batchGap()}
		at, err := s.place(arg)
		if err != nil {
			return o, err
		}
		in, _, weights, err := s.prepared()
		if err != nil {
			return o, err
		}
		for _, names := range []string{everything, arg} {
			m, err := s.mapping(names)
			if err != nil {
				return o, err
			}
			for _, form := range []struct {
				name string
				gap  string
				f    core.FlatFunc
			}{
				{"gradient", s.batchGap(), gradient(s.smooth, weights, []int{at})},
				{"forward derivative", s.batchGap() + s.JVPGap, forward(s.smooth, s.tangents(in, []int{at}), []int{at})},
			} {
				one, err := s.tried(m, via, form.gap, form.f)
				if err != nil {
					return o, fmt.Errorf("the %s mapped over %s: %w", form.name, names, err)
				}
				o.worst = max(o.worst, one.worst)
				o.refused = o.refused || one.refused
			}
		}
		return o, nil
	}
}

// tried is againstLoop, where also a step of the loop may be refused.
func (s *subject) tried(m mapping, via how, gap string, f core.FlatFunc) (o outcome, err error) {
	err = caught(func() (err error) { o, err = s.againstLoop(m, via, gap, f); return err })
	if refusal(gap, err, core.ErrNoBatchRule, core.ErrNotDifferentiable) {
		return outcome{refused: true}, nil
	}
	return o, err
}

// checkGradVMap differentiates the mapped op with respect to arg, which is mapped
// with all others, or alone is not.
func checkGradVMap(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		o := outcome{gap: s.batchGap()}
		at, err := s.place(arg)
		if err != nil {
			return o, err
		}
		_, _, weights, err := s.prepared()
		if err != nil {
			return o, err
		}
		whole, err := s.mapping(everything)
		if err != nil {
			return o, err
		}
		rest := whole
		rest.leaves = slices.Clone(whole.leaves)
		rest.leaves[at] = false
		for _, m := range []mapping{whole, rest} {
			if !slices.Contains(m.leaves, true) {
				continue
			}
			rounds, in := s.rounds(m, 0)
			ws := stackedWeights(weights, m.size)
			got, err := guarded(func() ([]sample.Value, error) {
				return via(s, gradient(s.mapped(m, s.smooth), ws, []int{at}), in, func() []sample.Value { _, in := s.rounds(m, batches); return in })
			})
			if refusal(s.batchGap(), err, core.ErrNoBatchRule) {
				o.refused = true
				continue
			}
			if err != nil {
				return o, err
			}
			var want []sample.Value
			for _, r := range rounds {
				want = append(want, sample.Read(gradient(s.smooth, weights, []int{at})(sample.Arrays(r)))[0])
			}
			var all sample.Value
			if m.leaves[at] {
				all = sample.Stack(want, 0)
			} else {
				all = total(want)
			}
			worst, err := sample.Near(got, []sample.Value{all}, sample.Rounding)
			if err != nil {
				return o, err
			}
			o.worst = max(o.worst, worst)
		}
		return o, nil
	}
}

func stackedWeights(weights []sample.Value, n int) []sample.Value {
	out := make([]sample.Value, len(weights))
	for i, w := range weights {
		if w.Raw != nil {
			out[i] = sample.Stack(slices.Repeat([]sample.Value{w}, n), 0)
		}
	}
	return out
}

// total adds values of one spec.
func total(vs []sample.Value) sample.Value {
	out := vs[0].Clone()
	for k := range out.Len() {
		sum := complex128(0)
		for _, v := range vs {
			sum += v.At(k)
		}
		out.Set(k, sum)
	}
	return out
}
