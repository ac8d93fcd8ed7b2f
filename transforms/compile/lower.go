package compile

import (
	"reflect"
	"sync"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

// Lowered is a trace that was recorded ahead of time.
type Lowered struct {
	p       *program
	core    *core.Program
	record  *record
	listing *ir.Program

	mu   sync.Mutex
	kept bool
}

// Lower records the function for arguments like these without running it. Their
// shapes, dtypes, structure and static values count; their arrays are not read,
// so that ones which take no memory will do, such as core.Zeros that nothing
// evaluates. Errors: arguments that do not fit the function, and what a call
// would meet.
//
//	cost := step.Lower(params, core.Zeros(core.Float32, 1024, 784)).Cost()
func (p *program) Lower(args ...any) *Lowered { return p.lower("Func.Lower", args) }

func (p *program) lower(what string, args []any) *Lowered {
	values := p.values(what, args)
	if p.stateful() {
		p.refuseNesting()
		p.state.Lock()
		defer p.state.Unlock()
	}
	p.open() // an error when it was closed
	r := p.read(values)
	mine := &inProgress{done: make(chan struct{})}
	end := p.lowering(mine, r)
	defer end()
	l := &Lowered{p: p, core: core.NewProgram(), record: p.begin(r)}
	got := p.trace(l.core, r, mine, l.record)
	if got.Captured {
		core.Failf(p.op, "%s: the function uses arrays of the traced function around it; pass them as arguments", what)
	}
	for _, a := range got.Out {
		a.Free() // they would have been computed when they are read
	}
	text, _ := l.core.Describe(p.op, l.record.entry.tag)
	l.listing, _ = p.decode(text, l.record.entry)
	return l
}

// lowering refuses a function that lowers itself.
func (p *program) lowering(mine *inProgress, r *request) (end func()) {
	key := "lower " + p.traceKey(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.tracing[key]; other != nil {
		if other.thread != 0 && other.thread == core.ThreadToken() {
			core.Failf(p.op, "the function lowers itself with the same kind of arguments while it is traced")
		}
		return func() {}
	}
	p.tracing[key] = mine
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.tracing, key)
	}
}

// Cost estimates what a call costs.
func (l *Lowered) Cost() ir.Cost { return l.listing.Cost }

// Program is what a call computes.
func (l *Lowered) Program() *ir.Program { return l.listing }

// Compile puts the trace among the Func's, so that the first call with such
// arguments repeats it. It counts as a trace. Once is enough.
func (l *Lowered) Compile() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept {
		return
	}
	prog := l.p.open()
	l.p.checkStrict(l.record)
	l.kept = true
	l.p.keep(l.record, prog.Take(l.p.op, l.core, l.p.maxEntries))
}

// values makes arguments of the function's types of what Lower was given.
func (p *program) values(what string, args []any) []reflect.Value {
	t := p.fn.Type()
	n := t.NumIn()
	if t.IsVariadic() && len(args) >= n-1 {
		rest := reflect.MakeSlice(t.In(n-1), 0, len(args)-n+1)
		for i, a := range args[n-1:] {
			rest = reflect.Append(rest, p.value(what, n-1+i, a, t.In(n-1).Elem()))
		}
		args = append(args[:n-1:n-1], rest.Interface())
	}
	if len(args) != n {
		core.Failf(p.op, "%s was given %s, but the function takes %d", what, plural(len(args), "argument"), n)
	}
	values := make([]reflect.Value, n)
	for i, a := range args {
		values[i] = p.value(what, i, a, t.In(i))
	}
	return values
}

func (p *program) value(what string, i int, a any, t reflect.Type) reflect.Value {
	v := reflect.ValueOf(a)
	if !v.IsValid() {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface, reflect.Func, reflect.Chan:
			return reflect.Zero(t)
		}
		core.Failf(p.op, "%s: argument %d is nil, want a %s", what, i, t)
	}
	if !v.Type().AssignableTo(t) {
		core.Failf(p.op, "%s: argument %d is a %s, want a %s", what, i, v.Type(), t)
	}
	fits := reflect.New(t).Elem()
	fits.Set(v)
	return fits
}

// Shapes returns f as a function that computes only the shapes and dtypes of its
// results. They come as arrays of zeros that take no memory while nothing
// evaluates them. Errors are those of Of and of a call.
//
//	out := compile.Shapes(model.Forward)(core.Zeros(core.Float32, 1, 28, 28))
//	fmt.Println(out.Spec())
func Shapes[F any](f F) F {
	const op = "compile.Shapes"
	fn, params, results := argtree.Func(op, f)
	p := &program{config: config{maxEntries: 1}, op: op, fn: fn, params: params, results: results,
		tracing: map[string]*inProgress{}}
	return reflect.MakeFunc(fn.Type(), p.shapes).Interface().(F)
}

func (p *program) shapes(args []reflect.Value) []reflect.Value {
	prog := core.NewProgram()
	defer prog.Close()
	r := p.read(args)
	rec := p.begin(r)
	got := p.trace(prog, r, &inProgress{}, rec)
	if got.Captured {
		core.Failf(p.op, "the function uses arrays of the traced function around it; pass them as arguments")
	}
	zeros := make([]*core.Array, len(got.Out))
	for i, a := range got.Out {
		s := a.Spec()
		zeros[i] = core.Zeros(s.DType, s.Shape...)
		a.Free()
	}
	return p.finish(rec.entry, zeros)
}
