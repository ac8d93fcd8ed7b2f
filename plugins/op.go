package plugins

import (
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// op makes the engine's operation: how to evaluate the kernel, and those rules
// of grad, jvp and vmap that the plugin brings.
func (k *Kernel) op() *core.ForeignOp {
	about := k.sig.Kernel()
	op := &core.ForeignOp{
		Name: k.String(), Eval: k.eval, Shapes: k.shapes, Away: true,
		Key: k.key(), Deterministic: about.Deterministic,
	}
	if about.VJP != "" {
		op.VJP = k.pullBack
	}
	if about.JVP != "" {
		op.JVP = k.pushForward
	}
	if about.VMap == spec.BatchLeading {
		op.VMap = k.overBatch
	}
	return op
}

// key is shared by kernels that compute the same: of plugins that describe
// themselves equally, with equal attributes. The plugin is named by its load, so
// that one that was stopped and one that runs are told apart.
func (k *Kernel) key() string {
	return fmt.Sprintf("%s %p %s %s", k.plugin.digest, k.plugin, k.name, spec.AttrKey(k.attrs))
}

// shapes tells a compiled program the shapes of the outputs.
func (k *Kernel) shapes(in []core.Spec) [][]int {
	types := make([]Type, len(in))
	for i, s := range in {
		types[i] = specType(s)
	}
	out, err := k.infer(types)
	if err != nil {
		core.Fail(k.String(), nil, err)
	}
	shapes := make([][]int, len(out))
	for i, t := range out {
		shapes[i] = t.Shape
	}
	return shapes
}

// rule returns the kernel that is a derivative of this one, called as this one is.
// That it exists and has the same attributes was checked when the plugin was
// loaded.
func (k *Kernel) rule(name string) *Kernel {
	r, err := k.plugin.Kernel(name)
	if err == nil {
		r, err = r.With(k.with)
	}
	if err != nil {
		core.Fail(k.String(), nil, err)
	}
	return r
}

func (k *Kernel) pullBack(primals, cotangents, outputs []*core.Array) []*core.Array {
	in := slices.Clone(primals)
	for i, c := range cotangents {
		if c == nil {
			c = outputs[i].ZerosLike()
		}
		in = append(in, c)
	}
	rule := k.rule(k.sig.Kernel().VJP)
	grads := rule.Call(in...)
	for i, p := range primals {
		if !p.DType().IsInexact() {
			grads[i] = nil
			continue
		}
		rule.mustMatch(grads[i], p, fmt.Sprintf("the gradient of input %d", i))
	}
	return grads
}

func (k *Kernel) pushForward(primals, tangents []*core.Array) []*core.Array {
	in := slices.Clone(primals)
	for i, t := range tangents {
		if t == nil {
			t = primals[i].ZerosLike()
		}
		in = append(in, t)
	}
	return k.rule(k.sig.Kernel().JVP).Call(in...)
}

// mustMatch refuses a derivative whose type is not that of the primal, before
// it spoils what is computed with it.
func (k *Kernel) mustMatch(derivative, primal *core.Array, what string) {
	var op core.ForeignOp
	if d, p := specType(op.InputSpec(derivative)), specType(op.InputSpec(primal)); !d.Equal(p) {
		core.Failf(k.String(), "%s is %s where the input is %s; the kernel's rules are wrong", what, d, p)
	}
}

// overBatch evaluates a batch at once: every input gets the batch as its leading
// axis, and, by the author's promise, every output has it too.
func (k *Kernel) overBatch(inputs []*core.Array, axes []int) ([]*core.Array, []int) {
	single, batch := make([]Type, len(inputs)), 0
	rank := 0
	for i, a := range inputs {
		single[i] = typeOf(a)
		if axes[i] >= 0 {
			batch = single[i].Shape[axes[i]]
			single[i].Shape = slices.Delete(slices.Clone(single[i].Shape), axes[i], axes[i]+1)
		}
		rank = max(rank, len(single[i].Shape))
	}
	batched, types := make([]*core.Array, len(inputs)), make([]Type, len(inputs))
	for i, a := range inputs {
		shape := single[i].Shape
		if axes[i] >= 0 {
			a = a.MoveAxis(axes[i], 0)
		}
		if k.sig.Broadcasts() {
			// Inputs of different ranks are aligned at the last axis, so the
			// batch must stay clear of the axes that broadcasting adds.
			shape = append(slices.Repeat([]int{1}, rank-len(shape)), shape...)
		}
		if axes[i] >= 0 {
			a = a.Reshape(append([]int{batch}, shape...)...)
		} else {
			a = a.Reshape(append([]int{1}, shape...)...).BroadcastTo(append([]int{batch}, shape...)...)
		}
		batched[i], types[i] = a, typeOf(a)
	}
	k.mustBatch(inputs, single, types, batch)
	return k.Call(batched...), make([]int, len(k.sig.Kernel().Outputs))
}

// mustBatch refuses a batch for which the kernel's rules do not give the outputs
// of one entry with the batch in front.
func (k *Kernel) mustBatch(inputs []*core.Array, single, batched []Type, batch int) {
	one, err := k.infer(single)
	if err != nil {
		core.Fail(k.String(), inputs, err)
	}
	all, err := k.infer(batched)
	if err != nil {
		core.Fail(k.String(), inputs, fmt.Errorf("%w: its rules do not allow a leading batch axis: %w", core.ErrNoBatchRule, err))
	}
	for i := range one {
		want := Type{DType: one[i].DType, Shape: append([]int{batch}, one[i].Shape...)}
		if !all[i].Equal(want) {
			core.Failf(k.String(), "%w: output %d of a batch is %s, not %s as the declared batch rule says",
				core.ErrNoBatchRule, i, all[i], want)
		}
	}
}
