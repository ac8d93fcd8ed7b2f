package conformance

// Kind is what a case checks.
type Kind string

// The kinds of cases. Each fails, too, when an input array was modified, and for
// an op that needs a GPU each asks for a typed error where there is none.
const (
	// Eager: the op evaluates twice to the same bits, every result has the shape
	// and dtype it announced, and floating results are finite. Half precision
	// agrees with float32 for ops with a gradient.
	Eager Kind = "eager"
	// Layout: transposed and strided inputs give what contiguous ones give.
	Layout Kind = "layout"
	// Compile: a recorded program gives the bits of the eager op, on other
	// inputs too, and its results outlive its eviction from the cache.
	Compile Kind = "compile"
	// Grad: the gradient of a randomly weighted sum of the results with respect
	// to one argument equals central differences; in half precision it keeps its
	// dtype and agrees with float32.
	Grad Kind = "grad"
	// CompiledGrad: compile of grad, and grad of compile, equal grad.
	CompiledGrad Kind = "compiledgrad"
	// JVP: ⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for random v and w.
	JVP Kind = "jvp"
	// VMap: mapping the op over an argument, or all, equals a loop.
	VMap Kind = "vmap"
)

// Kinds returns every kind, in the order of reports.
func Kinds() []Kind { return []Kind{Eager, Layout, Compile, Grad, CompiledGrad, JVP, VMap} }

var checks = map[Kind]func(s *subject, arg string) (outcome, error){
	Eager:        checkEager,
	Layout:       checkLayout,
	Compile:      checkCompile,
	Grad:         checkGrad,
	CompiledGrad: checkCompiledGrad,
	JVP:          checkJVP,
	VMap:         checkVMap,
}

// outcome is the result of a check that found no fault.
type outcome struct {
	// worst is the largest relative error met, where the check compares with a
	// tolerance.
	worst float64
	// refused is set where the row says that MLX lacks a rule and the engine
	// said so with a typed error.
	refused bool
	// gap is the row's note on a missing rule that the check looked at.
	gap string
}
