// Package grad differentiates functions of trees of arrays.
//
//	type Line struct{ W, B *core.Array }
//	loss := func(p Line, d Data) *core.Array { return d.X.Mul(p.W).Add(p.B).Sub(d.Y).Square().Mean() }
//	l, g := grad.ValueAndGrad2(loss)(params, data) // g is a Line
//
// [Of] and [ValueAndGrad] take a function of one tree to a scalar; the forms
// with a 2 take two arguments and differentiate the first. The gradient has the
// argument's type: static fields are copied, and leaves without a gradient
// (integers, bools, running statistics tagged state, leaves that [Only] or
// [Except] leave out) are absent. [VJP] and [JVP] are reverse and forward mode
// of a function to any tree; [Linearize] is a derivative that is applied many
// times. [JacRev], [JacFwd] and [Hessian] make whole matrices, [HVP] a Hessian's
// product without it.
//
// [Custom] gives a function rules of its own. [Checkpoint] computes a function
// again in the backward pass and so saves its memory. [Stop] makes a constant.
// [Check] compares derivatives with differences, for tests.
//
// The function is called once per call and may do anything a Go function may,
// also read values with Item and branch on them. It may be the result of another
// transform, and the result may be passed to one: compile.Of(grad.Of(f)),
// vmap.Of(grad.Of2(f)), grad of grad.
package grad
