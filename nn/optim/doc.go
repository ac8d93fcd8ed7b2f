// Package optim moves parameters down their gradient.
//
//	opt := optim.New(optim.Adam{LR: 1e-3}, params)
//	step := compile.Of(func(p Net, o optim.Opt[Net], b Batch) (Net, optim.Opt[Net], *core.Array) {
//		l, g := valueAndGrad(p, b)
//		p, o = o.Update(p, g)
//		return p, o, l
//	})
//	for b := range batches {
//		params, opt, l = step.Call(params, opt, b)
//		core.Eval(params, opt)
//	}
//
// An [Opt] is a value and a tree: it can be an argument of a compiled function,
// and nn.Save writes it. What [Opt.Update] returns replaces it. Evaluate it with
// the parameters, as above: operations are lazy, and what nobody evaluates grows.
//
// The settings of a [Rule] are plain numbers, so a compiled step traces again
// when one changes. A learning rate that changes every step is a [Schedule].
//
// Parameters in half precision are updated in float32 and rounded to their dtype
// at the end of each step, as is the optimizer's state.
package optim
