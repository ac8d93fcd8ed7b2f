package certify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// sample is what a kernel is called with, but for the numbers.
type sample struct {
	shapes [][]int
	attrs  map[string]any
	dtypes []spec.DType
	values []string    // of the inputs, as spec.Input.Values
	out    []spec.Type // of the outputs
	given  bool        // by the author
}

func (sm sample) size() int {
	n := 0
	for i, shape := range sm.shapes {
		n += numbersOf(spec.Type{DType: sm.dtypes[i], Shape: shape})
	}
	return n
}

// as is the sample with other dtypes.
func (sm sample) as(dtypes []spec.DType) sample {
	sm.dtypes, sm.out = dtypes, nil
	return sm
}

// of is the sample with other shapes.
func (sm sample) of(shapes [][]int) sample {
	sm.shapes, sm.out = shapes, nil
	return sm
}

// grown is the sample with every axis that is longer than 1 as many times as long.
func (sm sample) grown(by int) sample {
	shapes := make([][]int, len(sm.shapes))
	for i, shape := range sm.shapes {
		shapes[i] = slices.Clone(shape)
		for a, n := range shape {
			if n > 1 {
				shapes[i][a] = n * by
			}
		}
	}
	return sm.of(shapes)
}

// found is what is known of a kernel's samples.
type found struct {
	samples []sample
	err     error
}

// search finds samples of the kernel, once.
func (r *runner) search(k *spec.Kernel) ([]sample, error) {
	if f, ok := r.found[k.Name]; ok {
		return f.samples, f.err
	}
	r.found[k.Name] = &found{} // what refers to itself finds none there
	s := &subject{runner: r, k: *k}
	f := new(found)
	f.samples, f.err = s.find()
	slices.SortStableFunc(f.samples, func(a, b sample) int { return a.size() - b.size() })
	if r.o.Quick && len(f.samples) > 2 {
		f.samples = []sample{f.samples[0], f.samples[len(f.samples)-1]}
	}
	r.found[k.Name] = f
	return f.samples, f.err
}

func (s *subject) find() ([]sample, error) {
	if len(s.k.Samples) > 0 {
		return s.fromAuthor()
	}
	derived, err := s.fromParents()
	if len(derived) > 0 || err != nil {
		return derived, err
	}
	return s.fromFamily()
}

// blank is a sample without shapes in the dtypes that are tried first.
func (s *subject) blank() sample {
	sm := sample{dtypes: s.variants()[0]}
	for _, in := range s.k.Inputs {
		sm.values = append(sm.values, in.Values)
	}
	return sm
}

func (s *subject) fromAuthor() (out []sample, err error) {
	for _, given := range s.k.Samples {
		sm := s.blank()
		sm.shapes, sm.given = given.Shapes, true
		if sm.attrs, err = s.k.SampleAttrs(given); err != nil {
			return nil, err
		}
		sm, in, err := s.accepted(sm)
		if err != nil {
			return nil, s.blame(err, sm, in)
		}
		out = append(out, sm)
	}
	return out, nil
}

// fromParents makes the samples of a derivative from those of what it is the
// derivative of.
func (s *subject) fromParents() (out []sample, err error) {
	for _, name := range s.p.Kernels() {
		parent, err := s.p.Kernel(name)
		if err != nil {
			return nil, err
		}
		about := parent.Spec()
		for i, rule := range []string{about.VJP, about.JVP} {
			if rule != s.k.Name || name == s.k.Name {
				continue
			}
			samples, err := s.search(&about)
			if err != nil {
				return nil, skipf("there are no samples of %s, whose derivative it is", name)
			}
			for _, sm := range samples {
				sm, in, err := s.accepted(s.extended(sm, i == 0))
				if err != nil {
					return nil, s.blame(err, sm, in)
				}
				out = append(out, sm)
			}
		}
	}
	return distinct(out), nil
}

// extended adds cotangents, or tangents, to a sample.
func (s *subject) extended(sm sample, cotangents bool) sample {
	sm.shapes, sm.dtypes, sm.values = slices.Clone(sm.shapes), slices.Clone(sm.dtypes), slices.Clone(sm.values)
	types := sm.out
	sm.out = nil
	if !cotangents {
		types = types[:0:0]
		for i := range sm.shapes {
			types = append(types, spec.Type{DType: sm.dtypes[i], Shape: sm.shapes[i]})
		}
	}
	for _, t := range types {
		sm.shapes, sm.dtypes, sm.values = append(sm.shapes, t.Shape), append(sm.dtypes, t.DType), append(sm.values, "")
	}
	return sm
}

func distinct(in []sample) (out []sample) {
	seen := make(map[string]bool)
	for _, sm := range in {
		if key := fmt.Sprint(sm.shapes, sm.attrs, sm.dtypes); !seen[key] {
			seen[key] = true
			out = append(out, sm)
		}
	}
	return out
}

// alike are shapes that all inputs have together.
var alike = [][]int{{1}, {3}, {5}, {2, 3}, {3, 3}, {2, 3, 4}}

// parts are shapes of which each input has any.
var parts = [][]int{{}, {3}, {2}, {1, 3}, {2, 3}, {3, 2}, {3, 3}, {3, 4}}

// mostTried bounds the combinations of parts.
const mostTried = 600

// fromFamily tries shapes that the rule allows. A kernel may refuse those that it
// does not take, by an error; where all inputs are alike a panic is a fault.
func (s *subject) fromFamily() (out []sample, err error) {
	var first error
	consider := func(shapes [][]int, strict bool) error {
		sm, in, err := s.accepted(s.blank().of(shapes))
		if err == nil {
			out = append(out, sm)
			return nil
		}
		if s.guilty(err) && fatal(err, strict) {
			return s.blame(err, sm, in)
		}
		var refused *plugins.KernelError
		if first == nil || errors.As(err, &refused) {
			first = s.blame(err, sm, in)
		}
		return s.ctx.Err()
	}
	sig, err := spec.Compile(s.k)
	if err != nil {
		return nil, err
	}
	n := len(s.k.Inputs)
	if n == 0 {
		return out, consider(nil, true)
	}
	for _, shape := range alike {
		if err := consider(slices.Repeat([][]int{shape}, n), true); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 || n > 1 && sig.Broadcasts() {
		if err := combinations(n, func(shapes [][]int) error { return consider(shapes, false) }); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, &fault{reason: "no inputs were found that it takes; declare some with Sample. The first refusal: " + s.plain(first)}
	}
	return varied(out), nil
}

// fatal tells whether an error is no refusal.
func fatal(err error, strict bool) bool {
	var refused *plugins.KernelError
	var arg *spec.ArgumentError
	if errors.As(err, &refused) {
		return strict && refused.Panicked
	}
	return !errors.As(err, &arg)
}

func combinations(n int, f func([][]int) error) error {
	total := 1
	for range n {
		total = min(total*len(parts), mostTried)
	}
	for i := range total {
		shapes := make([][]int, n)
		for j := range shapes {
			shapes[j] = parts[i%len(parts)]
			i /= len(parts)
		}
		if err := f(shapes); err != nil {
			return err
		}
	}
	return nil
}

// varied keeps a few samples: those of one rank are alike.
func varied(in []sample) (out []sample) {
	count := make(map[string]int)
	for _, sm := range in {
		ranks := ""
		for _, shape := range sm.shapes {
			ranks += fmt.Sprint(len(shape), " ")
		}
		if count[ranks]++; count[ranks] <= 3 && len(out) < 12 {
			out = append(out, sm)
		}
	}
	return out
}

// accepted calls the kernel with a sample and returns it complete. Where the author
// does not say which numbers the kernel is for, some are sought with which the
// results are finite.
func (s *subject) accepted(sm sample) (sample, []spec.Tensor, error) {
	var kept []spec.Tensor
	domains := []string{"", "0.5..1.5", "0.1..0.9"}
	for i, domain := range domains {
		try := sm
		try.values = slices.Clone(sm.values)
		for j, v := range try.values {
			if v == "" && sm.dtypes[j].Inexact() {
				try.values[j] = domain
			}
		}
		in := s.inputs(try, 0)
		out, err := s.call(try, in)
		if err != nil && i == 0 {
			return sm, in, err
		}
		if err != nil {
			break
		}
		if i == 0 {
			kept = in
			for _, t := range out {
				sm.out = append(sm.out, t.Type)
			}
		}
		if allFinite(out) {
			try.out = sm.out
			return try, in, nil
		}
	}
	return sm, kept, nil
}

func allFinite(out []spec.Tensor) bool {
	for _, t := range out {
		if t.DType.Inexact() && slices.ContainsFunc(floats(t), func(x float64) bool { return !finite(x) }) {
			return false
		}
	}
	return true
}

// variants are the dtypes of the inputs together: float32 first, or what comes
// first in the declaration.
func (s *subject) variants() (out [][]spec.DType) {
	var all []spec.DType
	first := func(in spec.Input) spec.DType {
		if slices.Contains(in.DTypes, spec.Float32) {
			return spec.Float32
		}
		return in.DTypes[0]
	}
	for _, in := range s.k.Inputs {
		for _, d := range append([]spec.DType{first(in)}, in.DTypes...) {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	seen := make(map[string]bool)
	for _, d := range all {
		v := make([]spec.DType, len(s.k.Inputs))
		for i, in := range s.k.Inputs {
			if v[i] = first(in); slices.Contains(in.DTypes, d) {
				v[i] = d
			}
		}
		if key := fmt.Sprint(v); !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		out = [][]spec.DType{{}}
	}
	return out
}

// sampled runs f on every sample, the smallest first.
func (s *subject) sampled(f func(sm sample) error) error {
	for _, sm := range s.samples {
		if err := s.ctx.Err(); err != nil {
			return context.Cause(s.ctx)
		}
		if err := f(sm); err != nil {
			return err
		}
	}
	return nil
}
