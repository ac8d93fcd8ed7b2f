package compile

import (
	"os"
	"sync/atomic"

	"github.com/adjoint-go/adjoint/core"
)

// Option configures a Func.
type Option func(*config)

type config struct {
	name            string
	inputs, outputs []any
	shapeless       bool
	maxEntries      int
	strict          int
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
// function that asks for a size (Shape, Dim, Size) is traced for each, as without
// Shapeless. An operation that keeps a size to itself is found when a second size
// comes, and is an error with core.ErrShapeless.
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

// Strict makes a call that would record more than n traces an error.
func Strict(n int) Option {
	return func(c *config) {
		if n < 1 {
			core.Failf("compile.Strict", "%d traces: want at least 1", n)
		}
		c.strict = n
	}
}

// Name names the function in errors.
func Name(name string) Option { return func(c *config) { c.name = name } }

var disabled atomic.Bool

func init() {
	switch os.Getenv("ADJOINT_DISABLE_COMPILE") {
	case "", "0", "false":
	default:
		disabled.Store(true)
	}
}

// Disable makes every Func, also those that exist, call its function as it is.
// The environment variable ADJOINT_DISABLE_COMPILE=1 does the same.
func Disable() { disabled.Store(true) }

// Enable undoes Disable.
func Enable() { disabled.Store(false) }
