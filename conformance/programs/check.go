package programs

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// fault is what a check found.
type fault struct {
	check  string // which found it
	reason error
}

func (f *fault) Error() string { return f.check + ": " + f.reason.Error() }
func (f *fault) Unwrap() error { return f.reason }

// verdict sums up a subject without a fault.
type verdict struct {
	refused bool // by a typed error that a row or a construct declares
	smooth  int  // derivatives held against differences
	rough   int  // derivatives for which differences say nothing
}

// trial is one subject under check.
type trial struct {
	*subject
	wrap func(op string, f core.FlatFunc) core.FlatFunc
	n    int
	in   [2][]sample.Value // arguments of the whole stack
	want [2][]sample.Value // eager results
	slip []float64         // how far rounding moves each result
	verdict
}

// check tries a subject from all sides. wrap, where given, replaces an op's
// function, to plant faults.
func (s *subject) check(wrap func(op string, f core.FlatFunc) core.FlatFunc) (verdict, *fault) {
	t := &trial{subject: s, wrap: wrap, n: len(s.stack)}
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"eager", t.eager}, {"plain", t.plainly}, {"compile", t.compiled}, {"differences", t.differences},
		{"float64", t.against64}, {"shapeless", t.shapeless}, {"goroutines", t.goroutines},
	} {
		if s.note != nil {
			s.note(c.name)
		}
		err := caught(c.run)
		if t.excused(err) {
			t.refused = true
			return t.verdict, nil
		}
		if err != nil {
			return t.verdict, &fault{c.name, err}
		}
	}
	return t.verdict, nil
}

// excused says whether err is a typed error that something in the program declares.
func (t *trial) excused(err error) bool {
	derivative, batch := errors.Is(err, core.ErrNotDifferentiable), errors.Is(err, core.ErrNoBatchRule)
	if !derivative && !batch {
		return false
	}
	if derivative && strings.Contains(err.Error(), "with respect to indices") {
		return true // they were computed from what is differentiated
	}
	return t.p.has(func(s *step) bool {
		if s.form == inWhile {
			return derivative
		}
		return s.row != nil && (batch && s.row.NoVmap+s.row.VmapGap != "" || derivative && (s.row.JVPGap+s.row.SecondGap+s.row.VmapGap != "" || s.opaque()))
	})
}

// opaque says whether a floating result of the step depends on a floating
// argument that has no gradient.
func (s *step) opaque() bool {
	if s.row == nil {
		return false
	}
	if s.row.Name == "stop_gradient" || s.row.Name == "view" {
		return true
	}
	floating := false
	for _, r := range s.specs {
		floating = floating || r.DType.IsInexact()
	}
	if !floating {
		return false
	}
	given := s.given
	for _, a := range s.row.Arguments {
		n := len(s.args[a.Name].Arrays)
		for _, o := range given[:n] {
			if o.DType.IsInexact() && !slices.Contains(s.row.DiffArgs(), a.Name) {
				return true
			}
		}
		given = given[n:]
	}
	return false
}

func (t *trial) world() world { return world{wrap: t.wrap} }

func (t *trial) run(w world, in []sample.Value) []sample.Value {
	return sample.Read(t.function(t.n, w)(sample.Arrays(w.values(in))))
}

func (t *trial) eager() error {
	t.in = [2][]sample.Value{t.inputs(t.n, 0), t.inputs(t.n, 1)}
	f := t.function(t.n, t.world())
	out := f(sample.Arrays(t.in[0]))
	var specs []core.Spec
	for _, a := range out {
		specs = append(specs, a.Spec())
	}
	t.want[0] = sample.Read(out)
	for i, v := range t.want[0] {
		if v.Spec.String() != specs[i].String() {
			return fmt.Errorf("result %d was announced as %v and is %v", i, specs[i], v.Spec)
		}
	}
	if err := sample.SameBits(t.run(t.world(), t.in[0]), t.want[0]); err != nil {
		return fmt.Errorf("a second evaluation gives other values: %w", err)
	}
	err := caught(func() error { t.want[1] = t.run(t.world(), t.in[1]); return nil })
	if c := (*crash)(nil); errors.As(err, &c) {
		return err
	}
	if err != nil {
		t.in[1], t.want[1] = t.in[0], t.want[0]
	}
	return nil
}

// plainly compares with the program whose constructs are Go code, under the
// stack without what changes no value and with loops in place of vmap.
func (t *trial) plainly() error {
	w := t.world()
	w.plain = true
	want := t.run(w, t.in[0])
	t.slip = make([]float64, len(want))
	for j := uint64(1); j <= 2; j++ {
		w.jitter = j << 32
		moved := t.run(w, t.in[0])
		for i := range want {
			t.slip[i] = max(t.slip[i], distance(moved[i], want[i]))
		}
	}
	return t.agree(t.want[0], want)
}

// distance is the largest difference of elements.
func distance(a, b sample.Value) float64 {
	worst := 0.0
	for k := range a.Len() {
		x, y := a.At(k), b.At(k)
		if x == y || cmplx.IsNaN(x) && cmplx.IsNaN(y) {
			continue
		}
		d := cmplx.Abs(x - y)
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// agree fails where results differ by more than what rounding explains.
func (t *trial) agree(got, want []sample.Value) error { return t.within(got, want, 0) }

// within is agree that allows a relative error, too.
func (t *trial) within(got, want []sample.Value, loose float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d results in place of %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Spec.String() != want[i].Spec.String() {
			return fmt.Errorf("result %d is %v in place of %v", i, got[i].Spec, want[i].Spec)
		}
		d := got[i].DType
		scale := 0.0
		for k := range want[i].Len() {
			if m := cmplx.Abs(want[i].At(k)); !math.IsInf(m, 0) && !math.IsNaN(m) {
				scale = max(scale, m)
			}
		}
		// Where terms of about 1 cancel each other, more is left of their rounding.
		allowed := 64*roundoff(d)*max(scale, 0.05) + 16*t.slip[i] + loose*scale
		for k := range got[i].Len() {
			g, w := got[i].At(k), want[i].At(k)
			if g == w || cmplx.IsNaN(g) && cmplx.IsNaN(w) || cmplx.Abs(g-w) <= allowed {
				continue
			}
			if math.IsInf(t.slip[i], 0) {
				continue
			}
			return fmt.Errorf("result %d at %v is %v in place of %v: off by %.1e, rounding moves it by %.1e",
				i, sample.Index(got[i].Shape, k), sample.Text(d, g), sample.Text(d, w), cmplx.Abs(g-w), t.slip[i])
		}
	}
	return nil
}

// vectorised are the primitives that a fused group computes with the C library's
// vector functions, which round otherwise than the scalar ones of an op by itself.
var vectorised = regexp.MustCompile(`\b(Arc\w+|Cosh?|Erf|ErfInv|Exp|Expm1|Log|Log2|Log10|Log1p|LogAddExp|Power|Sigmoid|Sinh?|Tanh?)\b`)

// compiled records the whole and replays it, on other arguments, and after what
// was recorded left the cache.
func (t *trial) compiled() error {
	f := t.function(t.n, t.world())
	for _, mode := range []compile.Mode{compile.NoFuse, compile.Enabled} {
		c := compile.Of(func(_ int, in list) list { return f(in) }, compile.MaxEntries(1), compile.InMode(mode))
		same := sample.SameBits
		if t.compiles() {
			same = t.agree
		}
		in := [2]list{sample.Arrays(t.in[0]), sample.Arrays(t.in[1])}
		first := c.Call(0, in[1])
		if mode == compile.Enabled && vectorised.MatchString(c.Program(0, in[1]).String()) {
			same = t.agree
		}
		other := same
		if mode == compile.Enabled || t.compiles() {
			other = func(got, want []sample.Value) error { return nil }
		}
		if err := other(sample.Read(first), t.want[1]); err != nil {
			return fmt.Errorf("%v, as it is recorded: %w", mode, err)
		}
		held := c.Call(0, in[0])
		if err := same(sample.Read(c.Call(0, in[0])), t.want[0]); err != nil {
			return fmt.Errorf("%v, on arguments that it was not recorded with: %w", mode, err)
		}
		if s := c.Stats(); s.Traces != 1 || s.Hits != 2 {
			return fmt.Errorf("%v: 3 calls of one kind are %d traces and %d hits", mode, s.Traces, s.Hits)
		}
		if err := same(sample.Read(c.Call(1, in[0])), t.want[0]); err != nil {
			return fmt.Errorf("%v, recorded again: %w", mode, err)
		}
		if c.Stats().Evictions != 1 {
			return fmt.Errorf("%v: a cache of one did not evict", mode)
		}
		if err := same(sample.Read(held), t.want[0]); err != nil {
			return fmt.Errorf("%v, after it left the cache: %w", mode, err)
		}
		if err := other(sample.Read(c.Call(0, in[1])), t.want[1]); err != nil {
			return fmt.Errorf("%v, back in the cache: %w", mode, err)
		}
		c.Close()
	}
	return nil
}

// compiles says whether the subject itself has compiled parts, whose groups of
// operations round otherwise.
func (t *trial) compiles() bool {
	return slices.ContainsFunc(t.stack, func(t transform) bool { return t.kind == byCompile }) ||
		t.p.has(func(s *step) bool { return s.form == inCompile })
}

// shapeless records the whole without sizes. It may refuse.
func (t *trial) shapeless() error {
	if t.seed%4 != 0 {
		return nil
	}
	f := t.function(t.n, t.world())
	c := compile.Of(func(in list) list { return f(in) }, compile.Shapeless(), compile.InMode(compile.NoFuse))
	defer c.Close()
	for i := range 2 {
		var got []sample.Value
		err := caught(func() error { got = sample.Read(c.Call(sample.Arrays(t.in[i]))); return nil })
		if e := (*core.Error)(nil); errors.As(err, &e) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.compiles() {
			continue
		}
		if err := sample.SameBits(got, t.want[i]); err != nil {
			return err
		}
	}
	return nil
}

// goroutines runs the whole and its recording from several goroutines at once.
func (t *trial) goroutines() error {
	if t.seed%8 != 1 {
		return nil
	}
	f := t.function(t.n, t.world())
	c := compile.Of(func(in list) list { return f(in) }, compile.InMode(compile.NoFuse))
	defer c.Close()
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = caught(func() error {
				g := f
				if i%2 == 0 {
					g = func(in list) list { return c.Call(in) }
				}
				got := sample.Read(g(sample.Arrays(t.in[i/2])))
				if t.compiles() {
					return nil
				}
				return sample.SameBits(got, t.want[i/2])
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// narrow says whether something in the program is computed in less than float32,
// in complex numbers, or from random bits.
func (p *program) narrow() bool {
	bad := func(d core.DType) bool { return d == core.Float16 || d == core.BFloat16 || d == core.Complex64 }
	return p.has(func(s *step) bool {
		for _, o := range s.specs {
			if bad(o.DType) {
				return true
			}
		}
		return s.row != nil && (s.row.Random || s.row.Name == "view" || s.row.Pkg == "quant" || s.row.Pkg == "random")
	})
}

// against64 compares with what float64 gives.
func (t *trial) against64() error {
	if t.p.narrow() {
		return nil
	}
	var want []sample.Value
	w := world{wide: true, plain: true}
	err := caught(func() error { core.Using(core.CPU, func() { want = t.run(w, t.in[0]) }); return nil })
	if c := (*crash)(nil); errors.As(err, &c) {
		return err
	}
	if err != nil {
		return nil
	}
	for i, v := range want {
		if i < len(t.want[0]) && v.DType == core.Float64 && t.want[0][i].DType == core.Float32 {
			want[i] = v.As(core.Float32)
		}
		if i < len(t.want[0]) && !v.DType.IsInexact() {
			want[i] = t.want[0][i]
		}
	}
	// Rules of float32 may cancel: the slope of a sigmoid is y·(1 − y).
	loose := 0.0
	if slices.ContainsFunc(t.stack, transform.derives) {
		loose = slopeTolerance
	}
	return t.within(t.want[0], want, loose)
}
