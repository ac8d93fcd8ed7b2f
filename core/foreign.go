package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// ForeignOp is an operation whose evaluation on the CPU is a Go function; package
// plugins makes kernels of it. It works eagerly and inside every transform for
// which it has a rule.
type ForeignOp struct {
	Name string
	// Eval fills out from in. It runs on a thread of the engine while others may
	// wait: it must not build or evaluate arrays. Its error fails the evaluation.
	Eval func(in, out []ForeignBuffer) error
	// VJP returns a cotangent for each primal, nil for zero.
	VJP func(primals, cotangents, outputs []*Array) []*Array
	// JVP returns a tangent for each output; a nil tangent is zero.
	JVP func(primals, tangents []*Array) []*Array
	// VMap evaluates a batch: axes holds the batch axis of each input, -1 for
	// none, and the result that of each output.
	VMap func(inputs []*Array, axes []int) (outputs []*Array, outAxes []int)
	// Shapes returns the shapes of the outputs for inputs of other shapes, for
	// programs that are compiled without them. It must not use arrays.
	Shapes func(inputs []Spec) [][]int
	// Key, if not empty, is the same for ops that compute the same.
	Key string
	// Deterministic says that equal inputs give equal outputs, so that repeated
	// calls of ops with equal keys may be merged.
	Deterministic bool
	// Away says that Eval takes long, because another process does the work. It is
	// called on a goroutine of its own while others compute; in the body of a
	// flow.Scan or flow.While they wait for it.
	Away bool
}

// InputSpec returns the shape and dtype of an input from which the caller finds
// the shapes of the outputs, as the op's Shapes does for other sizes: unlike
// [Array.Spec] it does not tie a shapeless program to these sizes.
func (*ForeignOp) InputSpec(a *Array) Spec { return a.spec(sizesFollowed) }

// ForeignBuffer is a row-contiguous tensor during ForeignOp.Eval. Inputs must
// not be written to, and no buffer may be kept.
type ForeignBuffer struct {
	DType DType
	Shape []int
	Bytes []byte
}

// Call builds a call with outputs of the given shapes and dtypes.
func (op *ForeignOp) Call(inputs []*Array, shapes [][]int, dtypes []DType) []*Array {
	if op.Eval == nil {
		panic(newError(op.Name, nil, fmt.Errorf("the op has no Eval")))
	}
	if len(shapes) != len(dtypes) || len(shapes) == 0 {
		panic(newError(op.Name, nil, fmt.Errorf("%d shapes and %d dtypes: want one of each per output", len(shapes), len(dtypes))))
	}
	var spec []int64
	for i, s := range shapes {
		if err := checkShape(s, false); err != nil {
			panic(newError(op.Name, nil, fmt.Errorf("output %d: %w", i, err)))
		}
		if !dtypes[i].Valid() {
			panic(newError(op.Name, nil, fmt.Errorf("output %d: %v is not a dtype", i, dtypes[i])))
		}
		spec = append(spec, int64(dtypes[i].number()), int64(len(s)))
		for _, d := range s {
			spec = append(spec, int64(d))
		}
	}
	f := &engine.Foreign{Key: op.Key, Deterministic: op.Deterministic, Away: op.Away}
	f.Eval = func(in, out []engine.Buffer) error {
		return op.Eval(foreignBuffers(in), foreignBuffers(out))
	}
	f.Shapes = func(in []engine.Shaped) [][]int {
		if op.Shapes == nil {
			panic(&Error{Op: op.Name, Err: fmt.Errorf("%w: the op cannot tell the shapes of its outputs", ErrShapeless)})
		}
		specs := make([]Spec, len(in))
		for i, s := range in {
			specs[i] = Spec{DType(s.DType + 1), s.Shape}
		}
		got := op.Shapes(specs)
		if len(got) != len(shapes) {
			panic(&Error{Op: op.Name, Args: specs, Err: fmt.Errorf("%d shapes of %d outputs", len(got), len(shapes))})
		}
		return got
	}
	f.VJP = func(primals, cts, outs []engine.Handle) []engine.Handle {
		if op.VJP == nil {
			panic(&Error{Op: op.Name, Err: fmt.Errorf("%w: the op has no VJP", ErrNotDifferentiable)})
		}
		return runRule(op.Name, len(primals), primals, [][]engine.Handle{primals, cts, outs}, func(g [][]*Array) []*Array {
			return op.VJP(g[0], g[1], g[2])
		})
	}
	f.JVP = func(primals, tangents []engine.Handle, args []int) []engine.Handle {
		if op.JVP == nil {
			panic(&Error{Op: op.Name, Err: fmt.Errorf("%w: the op has no JVP", ErrNotDifferentiable)})
		}
		return runRule(op.Name, len(shapes), nil, [][]engine.Handle{primals, tangents}, func(g [][]*Array) []*Array {
			all := make([]*Array, len(primals))
			for i, a := range args {
				all[a] = g[1][i]
			}
			return op.JVP(g[0], all)
		})
	}
	f.VMap = func(in []engine.Handle, axes []int) (out []engine.Handle, outAxes []int) {
		if op.VMap == nil {
			panic(&Error{Op: op.Name, Err: fmt.Errorf("%w: the op has no VMap", ErrNoBatchRule)})
		}
		out = runRule(op.Name, len(shapes), nil, [][]engine.Handle{in}, func(g [][]*Array) []*Array {
			r, ax := op.VMap(g[0], axes)
			outAxes = ax
			if len(ax) != len(r) {
				panic(&Error{Op: op.Name, Err: fmt.Errorf("VMap returned %d outputs and %d axes", len(r), len(ax))})
			}
			return r
		})
		return out, outAxes
	}
	return transform(op.Name, inputs, func(_ uint64, _ *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return f.Call(op.Name, hs, spec, len(shapes))
	})
}

// runRule runs a rule on arrays of its own scope and returns handles of its want
// results. A nil result is zeros like the array of zeroLike at its place.
func runRule(op string, want int, zeroLike []engine.Handle, groups [][]engine.Handle, f func([][]*Array) []*Array) []engine.Handle {
	enter(op)
	trace := engine.TraceCurrent()
	id, s := openScope(trace)
	arrays := make([][]*Array, len(groups))
	for i, hs := range groups {
		for _, h := range hs {
			arrays[i] = append(arrays[i], adopt(h, trace, id))
		}
	}
	engine.Leave()
	defer func() {
		if engine.Reenter() {
			closeScope(id, s, leaked)
			engine.Leave()
		}
	}()
	results := f(arrays)
	if len(results) != want {
		panic(newError(op, nil, fmt.Errorf("a rule returned %d arrays, not %d", len(results), want)))
	}
	for i, r := range results {
		if r == nil && zeroLike != nil {
			results[i] = arrays[0][i].ZerosLike()
		} else if r == nil {
			panic(newError(op, nil, fmt.Errorf("result %d of a rule: %w", i, ErrNil)))
		}
	}
	enter(op)
	out := make([]engine.Handle, len(results))
	for i, r := range results {
		if r.h == 0 {
			engine.Leave()
			engine.ReleaseAll(out[:i])
			panic(newError(op, nil, fmt.Errorf("result %d of a rule: %w", i, lack(r))))
		}
		out[i] = engine.Retain(r.h)
	}
	engine.Leave()
	runtime.KeepAlive(results)
	return out
}

func foreignBuffers(in []engine.Buffer) []ForeignBuffer {
	out := make([]ForeignBuffer, len(in))
	for i, b := range in {
		out[i] = ForeignBuffer{DType(b.DType + 1), b.Shape, b.Bytes}
	}
	return out
}
