package programs

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// differences holds each derivative of the stack against central differences of
// what is below it, along one random direction and in float64. Where differences
// of several kinds disagree the function is not smooth there, and nothing is said.
func (t *trial) differences() error {
	if t.p.has(func(s *step) bool {
		if s.opaque() {
			return true
		}
		return slices.ContainsFunc(s.specs, func(o core.Spec) bool { return o.DType == core.Complex64 })
	}) {
		return nil
	}
	for i, d := range t.stack {
		if !d.derives() {
			continue
		}
		var err error
		core.Using(core.CPU, func() { err = caught(func() error { return t.slope(i, d) }) })
		if e := (*core.Error)(nil); errors.Is(err, errUnfit) || errors.As(err, &e) {
			t.rough++
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.kind, err)
		}
	}
	return nil
}

// slopeTolerance is the relative error allowed: some functions of float64 are
// computed with the precision of float32.
const slopeTolerance = 1e-3

func (t *trial) slope(i int, d transform) error {
	w := world{wide: true, wrap: t.wrap}
	below := t.function(i, w)
	in := w.values(t.inputs(i, 0))
	dirs := sample.Read(present(d.directions(sample.Arrays(in))))
	for _, v := range dirs {
		if v.DType != core.Float64 {
			return errUnfit
		}
	}
	moved := func(h float64) list {
		out := slices.Clone(in)
		for j, at := range d.wrt {
			v := in[at].Clone()
			for k := range v.Len() {
				v.Set(k, v.At(k)+complex(h, 0)*dirs[j].At(k))
			}
			out[at] = v
		}
		return sample.Arrays(out)
	}
	scalar := d.weighed
	if d.kind == byJacRev {
		scalar = func(as list) *core.Array { return d.weighed(list{firstReal(as)}) }
	}
	// What is measured: the weighed results, of hvp the gradient along weights.
	measure := func(in list) *core.Array { return scalar(below(in)) }
	if d.kind == byHVP {
		first := d
		first.kind = byGrad
		g := first.apply(below, w)
		measure = func(in list) *core.Array { return d.weighed(g(in)) }
	}
	got := d.apply(below, w)(moved(0))
	along, size, err := t.along(d, got, dirs, below(moved(0)))
	if err != nil {
		return err
	}
	hs := []float64{0, 1, -1, 2, -2, 0.5, -0.5, 0.25, -0.25, 0x1p-7, -0x1p-7}
	const step = 0x1p-6
	var all list
	for _, h := range hs {
		y := measure(moved(h * step))
		if y == nil {
			return errUnfit
		}
		all = append(all, y)
	}
	y := map[float64]float64{}
	for k, v := range sample.Read(all) {
		if v.DType != core.Float64 {
			return errUnfit
		}
		y[hs[k]] = real(v.At(0))
	}
	slope := func(h float64) float64 { return (8*(y[h]-y[-h]) - (y[2*h] - y[-2*h])) / (12 * h * step) }
	coarse, fine := slope(1), slope(0.5)
	const tiny = 0x1p-7
	right, left := (y[tiny]-y[0])/(tiny*step), (y[0]-y[-tiny])/(tiny*step)
	noise := math.Abs(y[0]) * 1e-6
	// A function of float64 that is computed as float32 may magnify its rounding, as a
	// norm of equal numbers does, by 1/√ε.
	limit := slopeTolerance*(math.Abs(fine)+size/10+noise) + 1e-4
	if !(math.Abs(coarse-fine) <= limit/4) || !(math.Abs(right-left) <= 30*limit) || !(math.Abs(right+left-2*fine) <= 30*limit) {
		t.rough++
		return nil
	}
	t.smooth++
	if !(math.Abs(along-fine) <= limit) {
		return fmt.Errorf("along a direction it gives %.9g, differences %.9g (with twice the step %.9g, from the right %.9g)", along, fine, coarse, right)
	}
	return nil
}

// along is what a derivative says of the slope along the directions, and the sum
// of the magnitudes of what it adds up. results are those of the
// function itself.
func (t *trial) along(d transform, got list, dirs []sample.Value, results list) (sum, size float64, err error) {
	add := func(a, b sample.Value) error {
		if a.Len() != b.Len() {
			return fmt.Errorf("a derivative is %v where %v is wanted", a.Spec, b.Spec)
		}
		for k := range a.Len() {
			x := real(a.At(k)) * real(b.At(k))
			sum += x
			size += math.Abs(x)
		}
		return nil
	}
	below := len(results)
	var floats []int // the places of the floating results
	for i, a := range results {
		if a.DType().IsInexact() {
			floats = append(floats, i)
		}
	}
	if d.kind == byHVP {
		floats = nil
		for i := range got {
			floats = append(floats, i)
		}
	}
	if d.kind == byJacRev {
		floats = []int{0}
	}
	vs := sample.Read(got)
	for _, v := range vs {
		if v.DType.IsInexact() && v.DType != core.Float64 {
			return 0, 0, errUnfit
		}
	}
	switch d.kind {
	case byGrad, byValueGrad, byVJP:
		if d.kind == byValueGrad {
			vs = vs[1:]
		}
		if d.kind == byVJP {
			vs = vs[below:]
		}
		if len(vs) != len(dirs) {
			return 0, 0, fmt.Errorf("%d gradients for %d arguments", len(vs), len(dirs))
		}
		for i, v := range vs {
			if err := add(v, dirs[i]); err != nil {
				return 0, 0, err
			}
		}
	case byJVP, byLinearize, byHVP:
		if d.kind != byHVP {
			vs = vs[below:]
		}
		if len(vs) != len(floats) {
			return 0, 0, fmt.Errorf("%d tangents for %d results", len(vs), len(floats))
		}
		for i, v := range vs {
			w := sample.Read(list{d.weights(floats[i], v.Spec)})[0]
			if err := add(v, w); err != nil {
				return 0, 0, err
			}
		}
	case byJacFwd, byJacRev:
		dir := dirs[0]
		for i, v := range vs {
			inner := dir.Len()
			spec := core.Spec{DType: v.DType, Shape: v.Shape[:len(v.Shape)-len(dir.Shape)]}
			product := make([]complex128, v.Len()/inner)
			for k := range v.Len() {
				product[k/inner] += v.At(k) * dir.At(k%inner)
			}
			w := sample.Read(list{d.weights(floats[i], spec)})[0]
			if err := add(sample.New(spec, product), w); err != nil {
				return 0, 0, err
			}
		}
	}
	if cmplx.IsNaN(complex(sum, 0)) {
		return sum, 0, nil
	}
	return sum, size, nil
}
