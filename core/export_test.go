package core

import "github.com/adjoint-go/adjoint/internal/engine"

// Bare makes the arrays of a trace that often, in C++ alone.
func (p *Program) Bare(tag uint64, in []*Array, times int) bool {
	enter("Bare")
	defer engine.Leave()
	var hs []engine.Handle
	for _, a := range in {
		hs = append(hs, a.h)
	}
	return p.p.Bare(tag, hs, times)
}
