package conformance

import (
	"bytes"
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// exported is what a file gives back of f, which is recorded for arrays like in.
func exported(f core.FlatFunc, in []sample.Value) (func(in []*core.Array) []*core.Array, error) {
	c := compile.Of((func([]*core.Array) []*core.Array)(f))
	var file bytes.Buffer
	var err error
	func() {
		defer core.Catch(&err)
		err = compile.ExportTo(&file, c.Lower(sample.Arrays(in)))
	}()
	if err != nil {
		return nil, err
	}
	g, err := compile.Import[func([]*core.Array) []*core.Array](&file)
	if err != nil {
		return nil, err
	}
	return g.Call, nil
}

// throughFile compares f with what a file gives back of it, on other inputs than
// it was recorded for.
func (s *subject) throughFile(what string, f core.FlatFunc) (worst float64, err error) {
	g, err := exported(f, s.inputs(0))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	in := s.inputs(1)
	want, got := sample.Read(f(sample.Arrays(in))), sample.Read(g(sample.Arrays(in)))
	if err := sample.SameSpecs(got, want); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if sample.SameBits(got, want) == nil {
		return 0, nil
	}
	worst, err = sample.Near(got, want, sample.Rounding)
	if err != nil {
		return worst, fmt.Errorf("%s: %w", what, err)
	}
	return worst, nil
}

func checkExport(s *subject, _ string) (outcome, error) {
	worst, err := s.throughFile("the op", s.fn)
	if err != nil {
		if s.NoExport != "" && refusal(s.NoExport, err, core.ErrNoExport) {
			return outcome{refused: true, gap: s.NoExport}, nil
		}
		return outcome{}, err
	}
	wrt := s.wrt()
	if len(wrt) == 0 {
		return outcome{worst: worst, gap: s.NoExport}, nil
	}
	if d := s.leaves[wrt[0]].DType; d != core.Float32 && d != core.Complex64 {
		return outcome{worst: worst, gap: s.NoExport}, nil
	}
	_, _, weights, err := s.prepared()
	if err != nil {
		return outcome{}, err
	}
	far, err := s.throughFile("its gradient", gradient(s.smooth, weights, wrt))
	return outcome{worst: max(worst, far), gap: s.NoExport}, err
}
