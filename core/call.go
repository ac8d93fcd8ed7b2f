package core

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Call collects the arguments of one operation, in the order of the op table,
// and builds it. Generated code uses it; it is of no use outside this module,
// since its ops are numbered by an internal package.
type Call struct {
	op    engine.Op
	words int
	ins   int
	buf   [24]uint64
	in    [4]input
	// spill holds all words, and moreIn the further arrays, of a long call.
	spill  []uint64
	moreIn []input
	bad    error
}

// input is an array and the word that its handle goes to.
type input struct {
	at int
	a  *Array
}

// Begin starts a call.
func (c *Call) Begin(op engine.Op) { c.op = op }

// Word adds a raw word.
func (c *Call) Word(w uint64) {
	switch {
	case c.spill != nil:
		c.spill = append(c.spill, w)
	case c.words < len(c.buf):
		c.buf[c.words] = w
	default:
		c.spill = append(append(make([]uint64, 0, 64), c.buf[:]...), w)
	}
	c.words++
}

func (c *Call) array(a *Array) {
	if c.ins < len(c.in) {
		c.in[c.ins] = input{c.words, a}
	} else {
		c.moreIn = append(c.moreIn, input{c.words, a})
	}
	c.ins++
	c.Word(0)
}

func (c *Call) fail(err error) {
	if c.bad == nil {
		c.bad = err
	}
}

// Array adds an array that must be there.
func (c *Call) Array(a *Array) {
	if a == nil {
		c.fail(ErrNil)
	}
	c.array(a)
}

// OptArray adds an array that may be nil.
func (c *Call) OptArray(a *Array) {
	if a == nil {
		c.Word(0)
		return
	}
	c.array(a)
}

// Arrays adds a list of arrays.
func (c *Call) Arrays(as []*Array) {
	c.Word(uint64(len(as)))
	for i, a := range as {
		if a == nil {
			c.fail(fmt.Errorf("array %d of the list: %w", i, ErrNil))
		}
		c.array(a)
	}
}

// Int adds an integer of C's int.
func (c *Call) Int(n int) {
	if n > math.MaxInt32 || n < math.MinInt32 {
		c.fail(fmt.Errorf("%d does not fit in 32 bits", n))
	}
	c.Word(uint64(int64(n)))
}

// OptInt adds an integer that is absent when it is 0.
func (c *Call) OptInt(n int) {
	c.Bool(n != 0)
	c.Int(n)
}

// Norm adds the number of a normalisation of Fourier transforms.
func (c *Call) Norm(n int) {
	if n < 0 || n > 2 {
		c.fail(fmt.Errorf("%d is no norm: use fft.Backward, fft.Ortho or fft.Forward", n))
	}
	c.Int(n)
}

// Int2 adds two integers.
func (c *Call) Int2(n [2]int) {
	c.Int(n[0])
	c.Int(n[1])
}

// Int3 adds three integers.
func (c *Call) Int3(n [3]int) {
	c.Int(n[0])
	c.Int(n[1])
	c.Int(n[2])
}

// Ints adds a list of integers of C's int.
func (c *Call) Ints(ns []int) {
	c.Word(uint64(len(ns)))
	for _, n := range ns {
		c.Int(n)
	}
}

// maxElements bounds the size of an array that an operation is asked for by its
// shape, far above what fits in memory, so that sizes never overflow.
const maxElements = 1 << 46

// Shape adds the sizes of a shape; -1 stands for a size to be inferred.
func (c *Call) Shape(ns []int) {
	if err := checkShape(ns, true); err != nil {
		c.fail(err)
	}
	c.Ints(ns)
}

func checkShape(ns []int, infer bool) error {
	n, inferred := 1, false
	for _, d := range ns {
		if d < 0 {
			if d == -1 && infer {
				infer, inferred = false, true
				continue
			}
			if d == -1 && inferred {
				return fmt.Errorf("shape %v has -1 twice: one size can be inferred", ns)
			}
			return fmt.Errorf("shape %v has a negative size", ns)
		}
		if d > math.MaxInt32 || d > 0 && n > maxElements/d {
			return fmt.Errorf("shape %v is too large", ns)
		}
		n *= d
	}
	return nil
}

// Longs adds a list of 64-bit integers.
func (c *Call) Longs(ns []int) {
	c.Word(uint64(len(ns)))
	for _, n := range ns {
		c.Word(uint64(int64(n)))
	}
}

// Size adds a count that must not be negative.
func (c *Call) Size(n int) {
	if n < 0 {
		c.fail(fmt.Errorf("%d is negative", n))
	}
	c.Word(uint64(int64(n)))
}

// Float adds a number.
func (c *Call) Float(x float64) { c.Word(math.Float64bits(x)) }

// OptFloat adds a number that is absent when it is NaN.
func (c *Call) OptFloat(x float64) {
	c.Bool(!math.IsNaN(x))
	c.Float(x)
}

// Bool adds a truth value.
func (c *Call) Bool(b bool) {
	if b {
		c.Word(1)
	} else {
		c.Word(0)
	}
}

// DType adds a dtype that must be one.
func (c *Call) DType(d DType) {
	if !d.Valid() {
		c.fail(fmt.Errorf("%v is not a dtype", d))
	}
	c.Word(uint64(d.number()))
}

// OptDType adds a dtype that is absent when it is NoDType.
func (c *Call) OptDType(d DType) {
	c.Bool(d != NoDType)
	if d == NoDType {
		d = Float32
	}
	c.DType(d)
}

// String adds a text.
func (c *Call) String(s string) {
	c.Word(uint64(len(s)))
	for i := 0; i < len(s); i += 8 {
		var w uint64
		for j := i; j < len(s) && j < i+8; j++ {
			w |= uint64(s[j]) << (8 * (j - i))
		}
		c.Word(w)
	}
}

func (c *Call) input(i int) *input {
	if i < len(c.in) {
		return &c.in[i]
	}
	return &c.moreIn[i-len(c.in)]
}

// arrays copies the inputs, so that an error does not make the call escape.
func (c *Call) arrays() []*Array {
	out := make([]*Array, c.ins)
	for i := range out {
		out[i] = c.input(i).a
	}
	return out
}

// run builds the op and leaves with the lock held, its results in the words. It
// returns the scope that owns them and the trace they belong to.
func (c *Call) run() (scope int64, trace uint64) {
	mixed := false // arrays of several traces meet
	if c.bad != nil {
		panic(newError(c.name(), c.arrays(), c.bad))
	}
	if err := engine.Enter(); err != nil {
		panic(newError(c.name(), nil, err))
	}
	w := c.buf[:]
	if c.spill != nil {
		w = c.spill
	}
	for i := range c.ins {
		in := c.input(i)
		if in.a.h == 0 {
			engine.Leave()
			panic(newError(c.name(), c.arrays(), lack(in.a)))
		}
		w[in.at] = uint64(in.a.h)
		if t := in.a.trace; t != trace && t != 0 {
			if trace != 0 {
				mixed = true
			}
			trace = max(trace, t)
		}
	}
	scope = engine.Do(c.op, &w[0], trace)
	if scope < 0 {
		msg := engine.Message()
		engine.Leave()
		if scope == engine.WrongTrace {
			panic(newError(c.name(), c.arrays(), leakedFrom(trace, c.arrays()...)))
		}
		panic(newError(c.name(), c.arrays(), engineError(msg)))
	}
	if mixed {
		for i := range c.ins {
			noteOuter(scope&^engine.Small, c.input(i).a.trace)
		}
	}
	return scope, trace
}

func (c *Call) word(i int) uint64 {
	if c.spill != nil {
		return c.spill[i]
	}
	return c.buf[i]
}

func (c *Call) done() {
	engine.Leave()
	for i := range c.ins {
		runtime.KeepAlive(c.input(i).a)
	}
}

// One builds an op with one result.
func (c *Call) One() *Array {
	scope, trace := c.run()
	var a *Array
	if scope == engine.Small {
		a = adoptSmall(engine.Handle(c.word(0)), trace)
	} else {
		a = adopt(engine.Handle(c.word(0)), trace, scope&^engine.Small)
	}
	if on := debugging.Load(); on&debugOps != 0 {
		c.observe(on, []*Array{a})
	}
	c.done()
	return a
}

// Many builds an op with n results, at most 3.
func (c *Call) Many(n int) [3]*Array {
	scope, trace := c.run()
	var r [3]*Array
	for i := range n {
		r[i] = adopt(engine.Handle(c.word(i)), trace, scope)
	}
	if on := debugging.Load(); on&debugOps != 0 {
		c.observe(on, append([]*Array(nil), r[:n]...))
	}
	c.done()
	return r
}

// List builds an op whose result is a list.
func (c *Call) List() []*Array {
	scope, trace := c.run()
	hs := engine.Block(c.word(1), c.word(0))
	out := make([]*Array, len(hs))
	for i, h := range hs {
		out[i] = adopt(h, trace, scope)
	}
	if on := debugging.Load(); on&debugOps != 0 {
		c.observe(on, out)
	}
	c.done()
	return out
}

// observe is apart so that the call does not escape.
func (c *Call) observe(on uint32, made []*Array) {
	op := c.op
	observe(on, func(pcs []uintptr) string { return opName(op, pcs) }, made, c.arrays())
}

// name is the op's name as a Go user knows it.
func (c *Call) name() string { return opName(c.op, callers()) }

// opName is an op's name as a Go user knows it: "matmul" is MatMul, from the
// method that made the call. pcs are its stack.
func opName(op engine.Op, pcs []uintptr) string {
	frames := runtime.CallersFrames(pcs)
	for more := len(pcs) > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		i := strings.LastIndexByte(f.Function, '.')
		if i < 0 || strings.Contains(f.Function, "(*Call)") || strings.Contains(f.Function, "core.newError") {
			continue
		}
		name := f.Function[i+1:]
		if 'a' <= name[0] && name[0] <= 'z' && strings.HasPrefix(f.Function, module+"core.") {
			continue // a step of a method that is written by hand
		}
		if dir := strings.TrimPrefix(f.Function, module+"core/"); dir != f.Function {
			return dir
		}
		return name
	}
	return op.Name()
}

func axisError(axis, ndim int) error {
	if ndim == 0 {
		return fmt.Errorf("axis %d: a scalar has no axes", axis)
	}
	return fmt.Errorf("axis %d is out of range: the array has axes %d to %d", axis, -ndim, ndim-1)
}

func callers() []uintptr {
	pcs := make([]uintptr, 64)
	return pcs[:runtime.Callers(3, pcs)]
}

var errEmpty = errors.New("the array has no elements")
