package conformance

import "strings"

// Kind is what a case checks.
type Kind string

// The kinds of cases. Each fails, too, when an input array was modified, and for
// an op that needs a GPU each asks for a typed error where there is none.
//
// A kind that ends in .compiled is the one before it, with the whole derivative
// or mapped function recorded as a program on other inputs and replayed.
const (
	// Eager: the op evaluates twice to the same bits, every result has the shape
	// and dtype it announced, and floating results are finite. Half precision
	// agrees with float32 for ops with a gradient.
	Eager Kind = "eager"
	// Layout: transposed and strided inputs give what contiguous ones give.
	Layout Kind = "layout"
	// Compile: a recorded program gives the bits of the eager op, but for the
	// rounding of functions such as exp that it computes as vectors, on other
	// inputs too, and its results outlive its eviction from the cache.
	Compile Kind = "compile"
	// Shapeless: a program of the op, of its derivatives or of its mapping that was
	// recorded without sizes gives what the eager one gives, on other sizes too.
	Shapeless Kind = "shapeless"
	// Export: a file gives back the op, and its gradient, to rounding on other
	// inputs, or its row says that the format has no place for it.
	Export Kind = "export"
	// Grad: the gradient of a randomly weighted sum of the results with respect
	// to one argument equals central differences; in half precision it keeps its
	// dtype and agrees with float32.
	Grad         Kind = "grad"
	GradCompiled Kind = "grad.compiled"
	// Flat: a floating argument that the row gives no gradient has one of zero, in
	// reverse and in forward mode, or asking for it is a typed error.
	Flat Kind = "flat"
	// JVP: the forward derivative along a random tangent of one argument equals
	// central differences, element by element.
	JVP         Kind = "jvp"
	JVPCompiled Kind = "jvp.compiled"
	// Duality: ⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for random v and w, to rounding.
	Duality         Kind = "duality"
	DualityCompiled Kind = "duality.compiled"
	// Second: the product of the Hessian with a vector, made forward over
	// reverse, reverse over reverse and reverse over forward, equals central
	// differences of the gradient.
	Second         Kind = "second"
	SecondCompiled Kind = "second.compiled"
	// Nested: grad, jvp and vmap of a compiled op equal those of the op, and so
	// does what is compiled once more around them.
	Nested Kind = "nested"
	// VMap: mapping the op equals a loop, for each combination of mapped
	// arguments and each axis, negative ones and other axes of the results too.
	VMap         Kind = "vmap"
	VMapCompiled Kind = "vmap.compiled"
	// VMapGrad: mapped gradients and forward derivatives equal a loop.
	VMapGrad         Kind = "vmapgrad"
	VMapGradCompiled Kind = "vmapgrad.compiled"
	// GradVMap: the gradient of the mapped op equals the gradients of a loop, their
	// sum for an argument that is not mapped.
	GradVMap         Kind = "gradvmap"
	GradVMapCompiled Kind = "gradvmap.compiled"
	// Awkward: at zeros, ties and bounds the derivatives are those of the
	// convention that [Conventions] says.
	Awkward         Kind = "awkward"
	AwkwardCompiled Kind = "awkward.compiled"
)

type check func(s *subject, arg string) (outcome, error)

// checks holds every kind, in the order of reports.
var checks = []struct {
	Kind
	check
}{
	{Eager, checkEager},
	{Layout, checkLayout},
	{Compile, checkCompile},
	{Shapeless, checkShapeless},
	{Export, checkExport},
	{Grad, checkGrad(eagerly)},
	{GradCompiled, checkGrad(recorded)},
	{Flat, checkFlat},
	{JVP, checkJVP(eagerly)},
	{JVPCompiled, checkJVP(recorded)},
	{Duality, checkDuality(eagerly, (*subject).identical)},
	{DualityCompiled, checkDuality(recorded, (*subject).agree)},
	{Second, checkSecond(eagerly)},
	{SecondCompiled, checkSecond(recorded)},
	{Nested, checkNested},
	{VMap, checkVMap(eagerly)},
	{VMapCompiled, checkVMap(recorded)},
	{VMapGrad, checkVMapGrad(eagerly)},
	{VMapGradCompiled, checkVMapGrad(recorded)},
	{GradVMap, checkGradVMap(eagerly)},
	{GradVMapCompiled, checkGradVMap(recorded)},
	{Awkward, checkAwkward(eagerly)},
	{AwkwardCompiled, checkAwkward(recorded)},
}

// Kinds returns every kind, in the order of reports.
func Kinds() []Kind {
	var out []Kind
	for _, c := range checks {
		out = append(out, c.Kind)
	}
	return out
}

func (k Kind) check() check {
	for _, c := range checks {
		if c.Kind == k {
			return c.check
		}
	}
	return nil
}

// Compiled says whether the kind is one that records the derivative.
func (k Kind) Compiled() bool { return strings.HasSuffix(string(k), ".compiled") }

// outcome is the result of a check that found no fault.
type outcome struct {
	// worst is the largest relative error met, where the check compares with a
	// tolerance.
	worst float64
	// refused is set where something cannot be done and the engine said so with
	// the typed error that the row, or the kind, allows; why is that error.
	refused bool
	why     error
	// gap is the row's note on a missing rule that the check looked at.
	gap string
	// wide is set where differences were taken in float64.
	wide bool
}
