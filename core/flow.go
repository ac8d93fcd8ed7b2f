package core

import "github.com/adjoint-go/adjoint/internal/engine"

// Steps says how Scan repeats a function.
type Steps struct {
	Carried int  // the first arrays of in are carried from step to step
	Length  int  // the number of steps
	Reverse bool // the last slices come first
	Remat   bool // a reverse pass computes the steps again from what they carried
}

// Scan records f once and repeats it: its arguments are the carried arrays and,
// in each step, the next slice of each further array of in along its first axis.
// Its results are the carried arrays for the next step, like those it was given,
// and what is stacked along a new first axis of Scan's further results. Arrays
// that f captures take part in derivatives. op names the caller in errors.
func Scan(op string, f FlatFunc, in []*Array, s Steps) []*Array {
	return transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Scan(traced(op, trace, outer, f), trace, hs, s.Carried, s.Length, s.Reverse, s.Remat)
	})
}

// Branch records yes and no and runs one of them on in[1:]: yes when in[0], a
// bool without axes, is true. Both give the same shapes and dtypes.
func Branch(op string, yes, no FlatFunc, in []*Array) []*Array {
	return transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Branch(traced(op, trace, outer, yes), traced(op, trace, outer, no), trace, hs)
	})
}

// Loop records condition, which gives one bool without axes, and body, which
// gives arrays like in, and repeats body while condition holds.
func Loop(op string, condition, body FlatFunc, in []*Array) []*Array {
	return transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Loop(traced(op, trace, outer, condition), traced(op, trace, outer, body), trace, hs)
	})
}

// AxisSum is the sum of x over the examples of the [Vectorize] that gave its
// function index, from inside of that function.
func AxisSum(op string, x, index *Array) *Array {
	out := transform(op, []*Array{x, index}, func(_ uint64, _ *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		h, code := engine.AxisSum(hs[0], hs[1], index.trace)
		return []engine.Handle{h}, code
	})
	return out[0]
}
