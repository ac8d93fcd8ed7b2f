package compile

import "github.com/adjoint-go/adjoint/core"

// Option configures a Func.
type Option func(*config)

type config struct {
	name            string
	inputs, outputs []any
	shapeless       bool
	maxEntries      int
	strict          int
	donated         []string
	mode            *Mode
	keywords        []string // see Keywords
	kernels         bool     // see AllowKernels
}

// Inputs captures variables, given by pointers to trees of arrays, that are read
// at the start of every call.
func Inputs(pointers ...any) Option {
	return func(c *config) { c.inputs = append(c.inputs, pointers...) }
}

// Outputs captures variables, given by pointers to trees of arrays, that the
// function assigns and that every call writes.
func Outputs(pointers ...any) Option {
	return func(c *config) { c.outputs = append(c.outputs, pointers...) }
}

// State is Inputs and Outputs of the same variables.
func State(pointers ...any) Option {
	return func(c *config) {
		c.inputs = append(c.inputs, pointers...)
		c.outputs = append(c.outputs, pointers...)
	}
}

// Shapeless records one trace for all sizes of the arguments' axes (0, 1 and
// more than 1 are told apart). A change of rank or dtype records another. A
// function that asks for a size (Shape, Dim, Size; At, Slice, grad.VJP, grad.JVP and
// vmap do), uses a function with rules of its own, or does what the engine cannot
// record without sizes, is traced for each, as without Shapeless; so is one that is
// called inside another transform. What has as many results as an axis is long
// (Unstack) is an error with core.ErrShapeless when a second size comes.
func Shapeless() Option { return func(c *config) { c.shapeless = true } }

// MaxEntries bounds the number of traces that are kept, 64 by default. The
// least recently used one is dropped.
func MaxEntries(n int) Option {
	return func(c *config) {
		if n < 1 {
			core.Failf("compile.MaxEntries", "%d entries: want at least 1", n)
		}
		c.maxEntries = n
	}
}

// Strict makes a call that would record more than n traces an error, which says
// what of the arguments changed.
func Strict(n int) Option {
	return func(c *config) {
		if n < 1 {
			core.Failf("compile.Strict", "%d traces: want at least 1", n)
		}
		c.strict = n
	}
}

// Name names the function in errors, in [Func.Explain] and in what
// ADJOINT_LOG=recompiles prints.
func Name(name string) Option { return func(c *config) { c.name = name } }

// Donate gives the memory of arguments to the call: after it the arrays at these
// paths are freed, and using one is an error with core.ErrFreed. Their memory
// then holds results. A path is the number of an argument, alone or with a path
// in it: "0", "0.Params". Errors, at the call: a path that names nothing, and a
// donated array that is also an argument that is not. Arrays of an outer trace
// stay.
func Donate(paths ...string) Option {
	return func(c *config) { c.donated = append(c.donated, paths...) }
}
