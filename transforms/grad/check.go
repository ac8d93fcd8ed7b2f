package grad

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Checking says how [Check] compares. Its zero value is right for most
// functions.
type Checking struct {
	// Rel and Abs are the tolerances, added up; 0 stands for what the dtypes
	// allow: 1e-3 for float64, 1e-2 for float32, more for the halves.
	Rel, Abs float64
	// Step is the distance of the differences, in the units of the argument; 0
	// stands for the cube root of the precision times max(1, |x|).
	Step float64
	// Elements is the most elements of a leaf that are looked at, drawn at random
	// from Seed; 0 stands for 64.
	Elements int
	Seed     uint64
	// ReverseOnly leaves forward mode out, for operations without a forward rule.
	ReverseOnly bool
	// ComplexStep takes Im f(x+ih)/h in place of differences. It is exact to the
	// precision of complex64, but right only for a function that is analytic and
	// made of operations on complex arrays.
	ComplexStep bool
}

// Check compares the derivatives of f at a, in reverse and in forward mode, with
// derivatives from values of f alone. It returns nil when they agree, a
// [*Mismatch] that holds the report when they do not, and a *core.Error when f
// cannot be differentiated.
//
//	require.NoError(t, grad.Check(f, a, grad.Checking{}))
//
// f may return any tree: unless it is a scalar, a sum of its elements with weights
// drawn from Seed is what is compared. f is called twice for its derivatives and
// four times per element that is looked at. It must be smooth at a: at a kink no
// difference is a derivative.
func Check[A, R any](f func(A) R, a A, c Checking, opts ...Option) (err error) {
	defer core.Catch(&err)
	if r := compare("grad.Check", f, a, c, opts); !r.OK() {
		return &Mismatch{r}
	}
	return nil
}

// Compare is [Check] that returns the report in any case. Errors, as panics: f
// cannot be differentiated.
func Compare[A, R any](f func(A) R, a A, c Checking, opts ...Option) Report {
	return compare("grad.Compare", f, a, c, opts)
}

func compare[A, R any](op string, f func(A) R, a A, c Checking, opts []Option) Report {
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	for name, v := range map[string]float64{"Rel": c.Rel, "Abs": c.Abs, "Step": c.Step, "Elements": float64(c.Elements)} {
		if !(v >= 0) {
			core.Failf(op, "%s is %v: want 0 or more", name, v)
		}
	}
	if c.Elements == 0 {
		c.Elements = 64
	}
	k := checker[A, R]{Checking: c, op: op, f: f, a: a, rand: rand.New(rand.NewPCG(c.Seed, 1))}
	core.TidyDo(func() { k.run(opts) })
	return k.report
}

// checker compares the derivatives of the weighted sum of f's results.
type checker[A, R any] struct {
	Checking
	op   string
	f    func(A) R
	a    A
	rand *rand.Rand

	slots   argtree.Slots
	weights [][]complex128 // per result leaf, nil where it has no derivative
	result  core.DType     // the least precise one
	report  Report
}

func (k *checker[A, R]) run(opts []Option) {
	k.slots = argtree.Of(k.op, &k.a)
	wrt := configOf(k.op, opts).choose(k.op, k.slots)
	y, pull, _ := vjp(k.op, false, withNone(k.f), k.a, opts)
	sy := argtree.Of(k.op, &y)
	g := pull(argtree.With(k.op, sy.Plan, y, k.draw(sy)))
	sg := argtree.Of(k.op, &g)

	var push func(A) R
	var noForward error
	if !k.ReverseOnly {
		func() {
			defer core.Catch(&noForward)
			_, push = linearize(k.op, k.f, k.a, opts)
		}()
	}
	k.report.Method = "central differences"
	if k.ComplexStep {
		k.report.Method = "complex step"
	}
	for _, w := range wrt {
		spec := k.slots.Arrays[w].Spec()
		leaf := Leaf{Path: k.slots.Plan.Path(k.slots.At, w), Spec: spec, Reverse: &Deviation{}}
		reverse := numbers(sg.Arrays[w])
		if !k.ReverseOnly {
			leaf.Forward = &Deviation{Err: noForward}
		}
		at := k.elements(len(reverse))
		leaf.Checked = len(at)
		for _, i := range at {
			for _, unit := range units(spec.DType) {
				core.TidyDo(func() {
					want, slack := k.numeric(w, i, unit)
					leaf.Reverse.note(inner(reverse[i], unit), want, slack, index(i, spec.Shape))
					if push == nil {
						return
					}
					leaf.Forward.note(k.forward(push, w, i, unit), want, slack, index(i, spec.Shape))
				})
			}
		}
		k.report.Leaves = append(k.report.Leaves, leaf)
	}
}

// draw chooses the weights of the results and returns them as cotangents.
func (k *checker[A, R]) draw(sy argtree.Slots) []*core.Array {
	cts := make([]*core.Array, len(sy.Arrays))
	scalar := len(cts) == 1 && sy.Arrays[0] != nil && sy.NDim(k.op, "the result", 0) == 0
	k.weights = make([][]complex128, len(sy.Arrays))
	for i, r := range sy.Arrays {
		if r == nil || !r.DType().IsInexact() {
			continue
		}
		s := r.Spec()
		if precision(s.DType) > precision(k.result) {
			k.result = s.DType
		}
		w := make([]complex128, product(s.Shape))
		for j := range w {
			w[j] = 1
			if !scalar {
				w[j] = complex(0.5+k.rand.Float64(), 0)
			}
			if s.DType == core.Complex64 {
				w[j] *= cmplx.Rect(1, 6*k.rand.Float64())
			}
		}
		cts[i] = arrayOf(w, s)
		k.weights[i] = numbers(cts[i])
	}
	if k.result == core.NoDType {
		core.Failf(k.op, "the function returns no floating-point array")
	}
	return cts
}

// elements draws the elements of a leaf that are looked at.
func (k *checker[A, R]) elements(n int) []int {
	if n <= k.Elements {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	some := k.rand.Perm(n)[:k.Elements]
	slices.Sort(some)
	return some
}

// numeric is the derivative from values of f, and how far it may be off.
func (k *checker[A, R]) numeric(slot, i int, unit complex128) (d, slack float64) {
	spec := k.slots.Arrays[slot].Spec()
	x := numbers(k.slots.Arrays[slot])
	eps := max(precision(spec.DType), precision(k.result))
	rel := k.Rel
	if rel == 0 {
		rel = tolerance(eps)
	}
	if k.ComplexStep {
		const h = 1e-10
		x[i] += complex(0, h)
		v, _ := k.sum(slot, x, core.Spec{DType: core.Complex64, Shape: spec.Shape})
		d = imag(v) / h
		return d, k.Abs + rel*math.Abs(d)/10
	}
	h := k.Step
	if h == 0 {
		h = math.Cbrt(eps) * max(1, cmplx.Abs(x[i]))
	}
	noise := 0.0
	difference := func(h float64) float64 {
		up, down := slices.Clone(x), slices.Clone(x)
		up[i] += complex(h, 0) * unit
		down[i] -= complex(h, 0) * unit
		// The step that is taken is the one that the dtype can hold.
		a, b := numbers(arrayOf(up, spec)), numbers(arrayOf(down, spec))
		high, size := k.sum(slot, a, spec)
		low, _ := k.sum(slot, b, spec)
		step := inner(a[i]-b[i], unit)
		noise = max(noise, 4*eps*size/step)
		return real(high-low) / step
	}
	coarse, fine := difference(h), difference(h/2)
	d = (4*fine - coarse) / 3
	return d, k.Abs + rel*math.Abs(d) + noise + math.Abs(fine-coarse)/2
}

// sum is the weighted sum of f's results with x in one slot, and that of their
// magnitudes.
func (k *checker[A, R]) sum(slot int, x []complex128, spec core.Spec) (v complex128, size float64) {
	arrays := slices.Clone(k.slots.Arrays)
	arrays[slot] = arrayOf(x, spec)
	r := k.f(argtree.With(k.op, k.slots.Plan, k.a, arrays))
	return k.weigh(&r)
}

func (k *checker[A, R]) weigh(r *R) (v complex128, size float64) {
	sr := argtree.Of(k.op, r)
	if len(sr.Arrays) != len(k.weights) {
		core.Failf(k.op, "the function returned %d arrays and later %d", len(k.weights), len(sr.Arrays))
	}
	for i, w := range k.weights {
		a := sr.Arrays[i]
		if w == nil || a == nil {
			continue
		}
		y := numbers(a)
		if len(y) != len(w) {
			core.Failf(k.op, "%s had %d elements and later %d", sr.Name("the result", i), len(w), len(y))
		}
		if k.ComplexStep && a.DType() != core.Complex64 {
			core.Failf(k.op, "%s is %v for a complex argument: the complex step needs a function of complex arrays", sr.Name("the result", i), a.Spec())
		}
		for j := range w {
			v += cmplx.Conj(w[j]) * y[j]
			size += cmplx.Abs(w[j]) * cmplx.Abs(y[j])
		}
	}
	return v, size
}

// forward is the derivative by forward mode.
func (k *checker[A, R]) forward(push func(A) R, slot, i int, unit complex128) float64 {
	spec := k.slots.Arrays[slot].Spec()
	t := make([]complex128, product(spec.Shape))
	t[i] = unit
	tangents := make([]*core.Array, len(k.slots.Arrays))
	tangents[slot] = arrayOf(t, spec)
	d := push(argtree.With(k.op, k.slots.Plan, k.a, tangents))
	sd := argtree.Of(k.op, &d)
	sum := 0.0
	for i, w := range k.weights {
		if w == nil {
			continue
		}
		for j, y := range numbers(sd.Arrays[i]) {
			sum += inner(w[j], y)
		}
	}
	return sum
}
