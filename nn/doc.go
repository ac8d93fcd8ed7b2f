// Package nn has the layers that networks are made of.
//
// A layer is a plain value: a struct with its arrays and settings in exported
// fields, and a method Forward. A network is a struct of layers with a Forward
// of its own. All are trees, so that transforms, optimizers and files take them
// as they are:
//
//	type Net struct{ Hidden, Out nn.Linear }
//
//	func (n Net) Forward(c *nn.Ctx, x *core.Array) *core.Array {
//		return n.Out.Forward(c, nn.ReLU(n.Hidden.Forward(c, x)))
//	}
//
//	k1, k2 := random.Split(random.Key(0))
//	net := Net{nn.NewLinear(k1, 64, 32), nn.NewLinear(k2, 32, 10)}
//
// Constructors draw their weights from the key that they are given; a struct
// literal with arrays of your own makes a layer just as well, and an absent
// (nil) bias is left out. Images have their channels last, and the weights are
// laid out and named as MLX and PyTorch do it, Linear's as (out, in).
//
// # Training
//
// The context says what a forward pass is for. A nil *Ctx is inference. One made
// by [Training] has a random key for [Dropout] and records what [BatchNorm]
// learns about its inputs; [Commit] returns the model with it:
//
//	func loss(n Net, b Batch) (*core.Array, Net) {
//		c := nn.Training(b.Key)
//		l := loss.CrossEntropy(n.Forward(c, b.X), b.Y, loss.Mean)
//		return l, nn.Commit(c, n)
//	}
//	step := grad.ValueAndGradAux2(loss) // value, gradient, model with new statistics
//
// Layers have value receivers, so nothing is ever changed in place, and a
// context is good for one forward pass.
//
// # Memory in loops
//
// A compiled or differentiated step frees its temporaries when it ends; a loop of
// eager operations is best wrapped in core.Tidy, which frees what its function
// does not return. What a step replaces is freed by Go's collector, so memory
// stays flat; core.Free does it at once, and keeps less memory in use:
//
//	next, l := step.Call(state, batch) // a compile.Func
//	core.Eval(next, l)
//	core.Free(state)
//	state = next
//
// Evaluate all that goes into the next step, as here: operations are lazy, and a
// counter that nobody reads would otherwise grow into a long list of additions.
//
// # Errors
//
// What a layer cannot do, such as an input with other features than it was made
// for, panics with a *core.Error that names the layer and the shapes. [Save] and
// [Load] return errors.
package nn
