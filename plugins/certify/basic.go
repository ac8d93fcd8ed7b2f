package certify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checkRun finds inputs and calls the kernel. That a reply has the types that the
// rule says is checked by the host with every call.
func checkRun(s *subject) (string, error) {
	samples, err := s.search(&s.k)
	if err != nil {
		return "", err
	}
	s.samples = samples
	from := "found"
	if len(samples) > 0 && samples[0].given {
		from = "declared"
	}
	return fmt.Sprintf("%s %s", plural(len(samples), "sample"), from), nil
}

// checkDTypes calls the kernel in every dtype. What half precision gives agrees
// with what the first dtype gives for the same numbers.
func checkDTypes(s *subject) (string, error) {
	if len(s.k.Inputs) == 0 {
		return "", skip("it has no inputs")
	}
	variants := s.variants()
	var names []string
	for _, v := range variants {
		names = append(names, join(v))
	}
	sm := s.samples[len(s.samples)-1]
	for _, v := range variants {
		narrow := sm.as(v)
		in := s.inputs(narrow, 0)
		out, err := s.run(narrow, in)
		if err != nil {
			return "", err
		}
		if !slices.ContainsFunc(v, isHalf) || s.erratic {
			continue
		}
		wide := make([]spec.Tensor, len(in))
		for i, t := range in {
			wide[i] = tensor(spec.Type{DType: sm.dtypes[i], Shape: t.Shape}, floats(t))
		}
		want, err := s.run(sm, wide)
		if err != nil {
			return "", err
		}
		for i := range out {
			if out[i].DType.Inexact() && want[i].DType.Inexact() {
				want[i] = tensor(out[i].Type, floats(want[i]))
			}
		}
		if _, wrong := compare(out, want, rounding); wrong != "" {
			return "", s.fail(narrow, in, "in %s %s, computed in %s", join(v), wrong, join(sm.dtypes))
		}
	}
	return list(names), nil
}

func isHalf(d spec.DType) bool { return d == spec.Float16 || d == spec.BFloat16 }

// join writes dtypes, one if all are the same.
func join(v []spec.DType) string {
	var names []string
	for _, d := range v {
		names = append(names, string(d))
	}
	if len(slices.Compact(slices.Clone(names))) == 1 {
		return names[0]
	}
	return list(names)
}

// runs is how often the same call is made.
const runs = 5

func checkDeterministic(s *subject) (string, error) {
	s.steady = true
	worst := 0.0
	err := s.sampled(func(sm sample) error {
		in := s.inputs(sm, 0)
		first, err := s.run(sm, in)
		if err != nil {
			return err
		}
		for i := range runs - 1 {
			again, err := s.run(sm, in)
			if err != nil {
				return err
			}
			if same(again, first) {
				continue
			}
			s.steady = false
			rel, wrong := compare(again, first, rounding)
			worst = max(worst, rel)
			s.erratic = s.erratic || wrong != ""
			if s.k.Deterministic {
				if wrong == "" {
					_, wrong = compare(again, first, 0)
				}
				return s.fail(sm, in, "it says that it is, but in run %d %s", i+2, wrong)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case s.k.Deterministic:
		return fmt.Sprintf("%d runs of %s", runs, plural(len(s.samples), "sample")), nil
	case s.steady:
		return "", skipf("it does not say that it is; %d runs gave the same bits", runs)
	}
	return "", skipf("it does not say that it is; results differ by up to %.1e", worst)
}

// inShared is more than what travels in messages, in bytes.
const inShared = 16 << 10

// large is a sample grown so that its largest input has more than low bytes, and as
// many as there can be up to high.
func (s *subject) large(low, high int) (best sample, in []spec.Tensor, ok bool) {
	for i := len(s.samples) - 1; i >= 0 && !ok; i-- {
		for by := 1; by <= 1<<14; by *= 2 {
			sm := s.samples[i].grown(by)
			largest := 0
			for j, shape := range sm.shapes {
				n, err := spec.Type{DType: sm.dtypes[j], Shape: shape}.Bytes()
				if err != nil {
					n = spec.MaxBytes
				}
				largest = max(largest, n)
			}
			if largest > high {
				break
			}
			if largest > low {
				best, ok = sm, true
			}
		}
	}
	if ok {
		in = s.inputs(best, 0)
	}
	return best, in, ok
}

// checkInputs looks at the inputs after calls. Large ones lie in memory that the
// plugin shares, and cannot be written there; the attempt is an error.
func checkInputs(s *subject) (string, error) {
	try := func(sm sample, in []spec.Tensor, small bool) error {
		before := make([][]byte, len(in))
		for i, t := range in {
			before[i] = bytes.Clone(t.Data)
		}
		_, err := s.call(sm, in)
		var refused *plugins.KernelError
		if !small && errors.As(err, &refused) && !refused.Panicked {
			return skip("larger inputs are refused: " + s.plain(err))
		}
		if err != nil {
			return s.blame(err, sm, in)
		}
		for i, t := range in {
			if !bytes.Equal(t.Data, before[i]) {
				return s.fail(sm, in, "input %s was changed", s.k.Inputs[i].Name)
			}
		}
		return nil
	}
	if err := s.sampled(func(sm sample) error { return try(sm, s.inputs(sm, 0), true) }); err != nil {
		return "", err
	}
	sm, in, ok := s.large(inShared, 64*inShared)
	if !ok {
		return "small inputs only: no sample can be made large", nil
	}
	var limited skip
	if err := try(sm, in, false); errors.As(err, &limited) {
		return "small inputs only: " + string(limited), nil
	} else if err != nil {
		return "", err
	}
	return "in messages and in shared memory", nil
}

// apply calls the kernel as an operation. in is what arrays hold, for errors.
func (s *subject) apply(sm sample, in []spec.Tensor, as []*core.Array) ([]spec.Tensor, error) {
	k, err := s.op(sm)
	if err != nil {
		return nil, err
	}
	return s.engine(sm, in, func() []*core.Array { return k.Call(as...) })
}

// engine evaluates what f builds, and blames the plugin for its errors.
func (s *subject) engine(sm sample, in []spec.Tensor, f func() []*core.Array) (out []spec.Tensor, err error) {
	err = func() (err error) {
		defer core.Catch(&err)
		out = tensors(f())
		return nil
	}()
	return out, s.blame(err, sm, in)
}

// checkRefuses sends calls that the host would never send, since the plugin may
// have other hosts.
func checkRefuses(s *subject) (string, error) {
	sm := s.samples[0]
	in := s.inputs(sm, 0)
	try := func(what string, in []spec.Tensor) error {
		ctx, cancel := context.WithTimeout(s.ctx, s.o.Timeout)
		defer cancel()
		_, err := s.p.RunUnchecked(ctx, s.k.Name, sm.attrs, in, sm.out)
		var refused *plugins.KernelError
		if errors.As(err, &refused) && !refused.Panicked {
			return nil
		}
		var reply *plugins.ReplyError
		if err == nil || errors.As(err, &reply) {
			return s.fail(sm, in, "it accepted %s", what)
		}
		return s.blame(err, sm, in)
	}
	tried := 0
	for i, input := range s.k.Inputs {
		for _, d := range []spec.DType{spec.Int32, spec.Float64, spec.Uint8, spec.Float32} {
			if slices.Contains(input.DTypes, d) {
				continue
			}
			wrong := slices.Clone(in)
			wrong[i] = tensor(spec.Type{DType: d, Shape: in[i].Shape}, floats(in[i])[:numbersOf(spec.Type{DType: d, Shape: in[i].Shape})])
			if err := try(fmt.Sprintf("%s as %s", d, input.Name), wrong); err != nil {
				return "", err
			}
			tried++
		}
	}
	if len(in) > 0 {
		if err := try("one input too few", in[:len(in)-1]); err != nil {
			return "", err
		}
	}
	if err := try("one input too many", append(slices.Clone(in), spec.Of([]int{1}, float32(1)))); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d wrong dtypes, wrong counts", tried), nil
}

// checkConcurrent makes calls with inputs of their own at the same time.
func checkConcurrent(s *subject) (string, error) {
	if err := s.comparable(); err != nil {
		return "", err
	}
	const workers = 8
	calls := 16
	if s.o.Quick {
		calls = 4
	}
	sm := s.samples[len(s.samples)-1]
	ins, want := make([][]spec.Tensor, workers), make([][]spec.Tensor, workers)
	for w := range ins {
		var err error
		ins[w] = s.inputs(sm, w)
		if want[w], err = s.run(sm, ins[w]); err != nil {
			return "", err
		}
	}
	got, errs := make([][][]spec.Tensor, workers), make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for range calls {
				out, err := s.call(sm, ins[w])
				if err != nil {
					errs[w] = err
					return
				}
				got[w] = append(got[w], out)
			}
		})
	}
	all.Wait()
	for w := range workers {
		if errs[w] != nil {
			return "", s.blame(errs[w], sm, ins[w])
		}
		for _, out := range got[w] {
			if _, wrong := compare(out, want[w], s.units()); wrong != "" {
				return "", s.fail(sm, ins[w], "while %d other calls run, %s", workers-1, wrong)
			}
		}
	}
	return fmt.Sprintf("%d calls, %d at a time", workers*calls, workers), nil
}
