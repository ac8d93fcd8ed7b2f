package certify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/shape"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// otherMachine is what another implementation of the same function may round
// differently, in units of epsilon and of the largest result.
const otherMachine = 256

// checkMetal runs the Metal source, emulated, on what the program is run on. The
// emulator finds what is wrong whatever the numbers: accesses outside of buffers,
// races, outputs that are not written.
func checkMetal(s *subject) (string, error) {
	if !slices.ContainsFunc(s.k.Sources, func(x spec.Source) bool { return x.Backend == spec.Metal }) {
		return "", skip("it has no Metal source")
	}
	if !s.o.EmulateMetal {
		return "", skip("not asked for; --emulate-metal runs it")
	}
	if err := s.comparable(); err != nil {
		return "", err
	}
	count := 0
	one := func(sm sample) error {
		if slices.Contains(sm.dtypes, spec.Float64) {
			return nil // Metal has none
		}
		in := s.inputs(sm, 0)
		want, err := s.run(sm, in)
		if err != nil {
			return err
		}
		got, err := s.emulated(sm, in, want)
		if err != nil {
			return err
		}
		if _, wrong := compare(got, want, otherMachine); wrong != "" {
			return s.fail(sm, in, "the Metal source: %s, which the program gives", wrong)
		}
		count++
		return nil
	}
	if err := s.sampled(one); err != nil {
		return "", err
	}
	for _, v := range s.variants()[1:] {
		if err := one(s.samples[len(s.samples)-1].as(v)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s, emulated", plural(count, "sample")), nil
}

func (s *subject) emulated(sm sample, in, want []spec.Tensor) ([]spec.Tensor, error) {
	types := make([]spec.Type, len(want))
	for i, t := range want {
		types[i] = t.Type
	}
	// The source is run with the initial values of attributes; those of the sample are
	// made initial.
	k := s.k
	k.Attrs = slices.Clone(k.Attrs)
	for i, a := range k.Attrs {
		if v, ok := sm.attrs[a.Name]; ok {
			k.Attrs[i] = spec.AttrOf(a.Name, v)
		}
	}
	got, err := emulate.RunPlugin(s.ctx, k, in, types)
	var wrong *emulate.Error
	var grid *shape.EvalError
	switch {
	case s.ctx.Err() != nil || err == nil:
		return got, err
	case errors.Is(err, emulate.ErrUnsupported):
		return nil, err // not the plugin's fault, and not proved right
	case errors.As(err, &wrong), errors.As(err, &grid):
		return nil, s.fail(sm, in, "the Metal source: %s", s.plain(err))
	}
	return nil, err
}
