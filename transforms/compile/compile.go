package compile

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Func is a compiled function. Call has the type of the function.
type Func[F any] struct {
	Call F
	*program
}

// Stats counts what a Func did.
type Stats struct {
	Calls     int           // all calls
	Hits      int           // calls that repeated a trace
	Traces    int           // calls that recorded one
	Inline    int           // calls that ran the function as it is
	Evictions int           // traces dropped
	Entries   int           // traces held
	TraceTime time.Duration // spent recording
}

// Of returns f compiled. Errors: f is no function, is nil, or a parameter or
// result is no tree of arrays (when wrapped).
func Of[F any](f F, opts ...Option) *Func[F] {
	const op = "compile.Of"
	c := config{maxEntries: 64}
	for _, o := range opts {
		o(&c)
	}
	fn, params, results := argtree.Func(op, f)
	p := &program{config: c, op: op, fn: fn, params: params, results: results,
		tracing: map[string]*inProgress{}}
	if c.name != "" {
		p.op += "[" + c.name + "]"
	}
	p.in = places(op, c.inputs)
	p.out = places(op, c.outputs)
	p.donates = donations(op, c.donated, len(params))
	log() // it tells at once of a setting that is not known
	call := reflect.MakeFunc(fn.Type(), p.call)
	return &Func[F]{Call: call.Interface().(F), program: p}
}

// program is a Func without its type.
type program struct {
	config
	op              string
	fn              reflect.Value
	params, results []argtree.Plan
	in, out         []place
	donates         []donation

	state   sync.Mutex    // held during a call when state is captured
	holder  atomic.Uint64 // the thread whose function, not compiled, holds state
	sized   atomic.Bool   // the function asks for sizes: no trace is shapeless
	mu      sync.Mutex    // guards what follows
	core    *core.Program
	tracing map[string]*inProgress
	stats   Stats // what of them the counters do not count
	history history
	closed  bool

	calls, hits, inlined atomic.Int64
}

// entry is what Go keeps of one trace: the results without their arrays.
type entry struct {
	values []reflect.Value
	slots  []presence // of each result
	out    []presence // of each captured output
	pins   []any      // what the key compares by address

	tag     uint64 // its trace in the engine
	hits    atomic.Int64
	inputs  []input  // the arrays that come in
	outputs []string // the paths of those that go out
	donated []int    // the slots of the request that are freed
}

// input is an array of a trace's arguments.
type input struct {
	path    string // "argument 1 at X"
	spec    core.Spec
	donated bool
}

// inProgress is a trace that a goroutine is recording.
type inProgress struct {
	done   chan struct{}
	thread uint64 // that runs the function, 0 when it does not run
}

// Stats returns what the Func did so far.
func (p *program) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Calls, s.Hits, s.Inline = int(p.calls.Load()), int(p.hits.Load()), int(p.inlined.Load())
	if p.core != nil {
		s.Entries = p.core.Len()
	}
	return s
}

// Close drops all traces. Calling the Func afterwards is an error.
func (p *program) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.core != nil {
		p.core.Close()
	}
}

func (p *program) call(args []reflect.Value) []reflect.Value {
	if p.now() == Disabled {
		return p.disabled(args)
	}
	if p.stateful() {
		p.refuseNesting()
		p.state.Lock()
		defer p.state.Unlock()
	}
	prog := p.open()
	r := p.read(args)
	out, e, ok := prog.Run(p.op, r.key, r.arrays, p.isShapeless())
	if !ok {
		return p.miss(prog, r)
	}
	values := p.hit(e.(*entry), r, out)
	r.release()
	return values
}

// hit answers a call that repeated a trace.
func (p *program) hit(e *entry, r *request, out []*core.Array) []reflect.Value {
	e.hits.Add(1)
	p.calls.Add(1)
	p.hits.Add(1)
	p.donate(e, r)
	return p.finish(e, out)
}

func (p *program) stateful() bool { return len(p.in)+len(p.out) > 0 }

// isShapeless says whether sizes are left out of a trace. MLX leaves them out only
// when nothing else is being traced around it.
func (p *program) isShapeless() bool { return p.shapeless && !p.sized.Load() && !core.Tracing() }

func (p *program) refuseNesting() {
	if core.Tracing() {
		core.Failf(p.op, "a function with captured state cannot be called inside a transform: pass the state as an argument")
	}
}

// disabled calls the function as it is. Captured state is still used by one call
// at a time.
func (p *program) disabled(args []reflect.Value) []reflect.Value {
	if p.stateful() {
		p.refuseNesting()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if p.holder.Load() == core.ThreadToken() {
			core.Failf(p.op, "the function, which has captured state, calls itself")
		}
		p.state.Lock()
		defer p.state.Unlock()
		p.holder.Store(core.ThreadToken())
		defer p.holder.Store(0)
	}
	return p.inline(args)
}

func (p *program) inline(args []reflect.Value) []reflect.Value {
	p.calls.Add(1)
	p.inlined.Add(1)
	values := argtree.Call(p.fn, args)
	p.donateInline(args, values)
	return values
}

func (p *program) open() *core.Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		core.Failf(p.op, "the compiled function was closed")
	}
	if p.core == nil {
		p.core = core.NewProgram()
	}
	return p.core
}

// finish fills an entry's results, and the captured outputs, with arrays.
func (p *program) finish(e *entry, arrays []*core.Array) []reflect.Value {
	values := make([]reflect.Value, len(e.values))
	for i, v := range e.values {
		var filled []*core.Array
		filled, arrays = e.slots[i].spread(arrays)
		values[i] = argtree.Fill(p.op, p.results[i], v, filled)
	}
	for i, out := range p.out {
		var filled []*core.Array
		filled, arrays = e.out[i].spread(arrays)
		argtree.Check(p.op, out.plan.Assign(out.v.UnsafePointer(), filled))
	}
	return values
}
