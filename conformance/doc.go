// Package conformance holds the op table to its word: every op, on every sample
// of its row and in every dtype, is tried from all sides, and each answer is
// compared with one that was computed another way.
//
//	eager      twice the same bits, announced shapes and dtypes, finite
//	layout     transposed and strided inputs = contiguous ones
//	compile    recorded program = eager, bit for bit (exp and the like: rounded), also on other inputs
//	shapeless  a program without sizes, of the op, its derivatives or its mapping = eager on other sizes
//	export     what an .mlxfn file gives back of the op and its gradient = eager
//	grad       gradient = central differences
//	flat       an argument without a gradient has a zero one, or a typed error
//	jvp        forward derivative = central differences
//	duality    ⟨w, Jv⟩ = ⟨Jᵀw, v⟩ to rounding
//	second     three ways to the Hessian's product = differences of the gradient
//	nested     grad, jvp and vmap of the compiled op = those of the op
//	vmap       mapped = a loop, for each combination of arguments and each axis
//	vmapgrad   mapped gradients and forward derivatives = a loop
//	gradvmap   gradient of the mapped op = gradients of a loop
//	awkward    zeros, ties and bounds: the derivative of the convention
//
// Each from grad on but nested is there twice: as it is, and as kind.compiled with
// the whole derivative recorded on other inputs and replayed. Differences are of
// fourth order, in float64 where the op and its gradient can be computed in it.
//
// The cases are made from the table, so a new row needs no further line here. Run
// returns a [Report]; the command `adjoint conformance` prints it. Inputs are
// random but belong to a seed and the case's name: a case that fails fails alone,
// too, by the command that the report names.
//
// A rule that the engine lacks is noted in the row (NoVmap, VmapGap, JVPGap,
// SecondGap, NoShapeless). Such
// a case passes as "refused" only with the typed error; a wrong value is a
// failure, and a note that no case bears out any more is reported as closed.
//
// A case may take the whole process down, since the engine is native code. The
// name of the case that runs is kept in Options.Trail; the command runs the suite
// in a process of its own and says which case it was.
//
// Whole programs and their gradients, Jacobians and Hessians are compared with
// JAX's in conformance/jax. Its numbers are stored; `make jax-check` has JAX
// compute them again, and `python conformance/jax/testdata/make.py` writes them anew.
package conformance
