package flow

import "github.com/adjoint-go/adjoint/core"

// For calls body for i = 0, 1, … n-1 with the state that the round before gave,
// and returns the last one; i is an int32 without axes. The body is traced once,
// the state keeps its structure, shapes and dtypes. Errors: body is nil, n is
// negative or above 2³¹-1, or the state changes.
func For[S any](n int, body func(i *core.Array, s S) S, init S, opts ...Option) S {
	const op = "flow.For"
	if body == nil {
		core.Failf(op, "the function is nil")
	}
	if n < 0 || n > 1<<31-1 {
		core.Failf(op, "%d rounds: want 0 to 2³¹-1", n)
	}
	last, _ := scan(op, func(s S, i *core.Array) (S, struct{}) {
		return body(i, s), struct{}{}
	}, init, core.Arange(core.Int32, 0, float64(n), 1), n, opts)
	return last
}
