package compile_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func exit() { runtime.Goexit() }

func TestBehaviour06_ValuesAreNotKnownInsideATrace(t *testing.T) {
	x := vec(1, 2)
	uses := map[string]func(a arr){
		"Eval":      func(a arr) { a.Add(a).Eval() },
		"core.Eval": func(a arr) { core.Eval([]arr{a.Exp()}) },
		"Item":      func(a arr) { a.Sum().Item() },
		"Data":      func(a arr) { core.Data[float32](a) },
		"Bytes":     func(a arr) { a.Bytes() },
		"Try":       func(a arr) { _, err := core.Try(func() arr { return a.Exp() }); panic(err) },
	}
	transforms := map[string]func(f func(arr) arr){
		"compile":         func(f func(arr) arr) { compile.Of(f).Call(x) },
		"vmap":            func(f func(arr) arr) { vmap.Of(f)(x) },
		"compile of grad": func(f func(arr) arr) { compile.Of(grad.Of(f)).Call(x) },
		"vmap of grad":    func(f func(arr) arr) { vmap.Of(grad.Of(f))(x) },
		"grad of compile": func(f func(arr) arr) { grad.Of(compile.Of(f).Call)(x) },
		"shapeless":       func(f func(arr) arr) { compile.Of(f, compile.Shapeless()).Call(x) },
	}
	for tname, transform := range transforms {
		for uname, use := range uses {
			t.Run(tname+"/"+uname, func(t *testing.T) {
				e := failure(t, func() { transform(func(a arr) arr { use(a); return a.Sum() }) })
				require.ErrorIs(t, e, core.ErrTracer)
				require.Contains(t, e.At(), "trace_test.go")
			})
		}
	}
	e := failure(t, func() { grad.Of(func(a arr) arr { core.AsyncEval(a); return a.Sum() })(x) })
	require.ErrorIs(t, e, core.ErrTracer)
	got := grad.Of(func(a arr) arr {
		s := a.Square().Sum()
		if s.Item() > 1 {
			return s.Mul(num(3))
		}
		return s
	})(x)
	require.Equal(t, []float32{6, 12}, floats(got))
	// What depends on no placeholder has a value.
	f := compile.Of(func(a arr) arr { return a.Add(num(float32(vec(1, 2).Sum().Item()))) })
	require.Equal(t, []float32{4, 5}, floats(f.Call(x)))
}

func TestBehaviour06_NoAsyncEvaluationInsideAnyTransform(t *testing.T) {
	x := vec(1, 2)
	async := func(a arr) arr { core.AsyncEval(a.Exp()); return a.Sum() }
	for name, run := range map[string]func(){
		"compile":        func() { compile.Of(async).Call(x) },
		"shapeless":      func() { compile.Of(async, compile.Shapeless()).Call(x) },
		"vmap":           func() { vmap.Of(async)(core.Stack(0, x, x)) },
		"sequential":     func() { vmap.Of(async, vmap.Sequential())(core.Stack(0, x, x)) },
		"grad":           func() { grad.Of(async)(x) },
		"value and grad": func() { grad.ValueAndGrad(async)(x) },
		"vjp":            func() { grad.VJP(async, x) },
		"jvp":            func() { grad.JVP(async, x, x) },
		"linearize":      func() { grad.Linearize(async, x) },
		"jacobian":       func() { grad.JacRev(async)(x) },
		"forward":        func() { grad.JacFwd(async)(x) },
		"hessian":        func() { grad.Hessian(async)(x) },
		"hvp":            func() { grad.HVP(async)(x, x) },
		"checkpoint":     func() { grad.Of(grad.Checkpoint(async))(x) },
		"custom":         func() { grad.Of(grad.Custom(async))(x) },
		"scan": func() {
			flow.Scan(func(s, x arr) (arr, arr) { return s.Add(async(x)), x }, num(0), core.Stack(0, x, x))
		},
		"while": func() { flow.While(func(s arr) arr { return async(s).Less(num(1)) }, func(s arr) arr { return s }, x) },
		"cond":  func() { flow.Cond(core.Scalar(true), async, async, x) },
	} {
		e := failure(t, run)
		require.ErrorIs(t, e, core.ErrTracer, name)
		require.Equal(t, "AsyncEval", e.Op, name)
	}
}

func TestBehaviour06_AnInputThatIsAlsoCaptured(t *testing.T) {
	for name, x := range map[string]arr{"evaluated": vec(1, 2), "lazy": vec(1, 2).Add(vec(3, 4))} {
		f := compile.Of(func(y arr) arr { return y.Add(x) })
		e := failure(t, func() { f.Call(x) })
		require.ErrorIs(t, e, core.ErrUncaptured, name)
		require.Equal(t, 0, f.Stats().Entries)
		sameBits(t, x.Add(x), f.Call(vec(floats(x)...)))
		out := compile.Of(func(arr) arr { return x })
		require.ErrorIs(t, failure(t, func() { out.Call(x) }), core.ErrUncaptured, name)
		// What was computed from the argument before is a constant like any other.
		before := x.Mul(x)
		derived := compile.Of(func(y arr) arr { return y.Add(before) })
		sameBits(t, x.Add(before), derived.Call(x))
	}
}

func TestBehaviour07_ATracerThatOutlivesItsTrace(t *testing.T) {
	x := vec(1, 2)
	var kept arr
	keep := func(a arr) arr { kept = a.Exp(); return a.Sum() }
	for name, run := range map[string]func(){
		"compile": func() { compile.Of(keep).Call(x) },
		"vmap":    func() { vmap.Of(keep)(x) },
		"grad":    func() { grad.Of(keep)(x) },
		"nested":  func() { grad.Of(compile.Of(keep).Call)(x) },
		"failed": func() {
			failure(t, func() { compile.Of(func(a arr) arr { keep(a); return a.MatMul(num(1)) }).Call(x) })
		},
	} {
		run()
		for use, f := range map[string]func(){
			"op":    func() { kept.Add(kept) },
			"value": func() { kept.Eval() },
			"shape": func() { kept.Shape() },
			"in":    func() { compile.Of(func(a arr) arr { return a }).Call(kept) },
			"grad":  func() { grad.Of(func(a arr) arr { return a.Sum() })(kept) },
			"other": func() { compile.Of(func(a arr) arr { return a.Add(kept) }).Call(x) },
		} {
			e := failure(t, f)
			require.ErrorIs(t, e, core.ErrLeaked, name+" "+use)
			require.Regexp(t, `the function that (compile|grad|vmap)\.Of traced at compile/trace_test\.go:\d+`, e.Error())
		}
		kept.Free()
	}
}

func TestBehaviour07_ATracerOnAnotherGoroutine(t *testing.T) {
	x := vec(1, 2)
	use := func(a arr) arr {
		var err error
		alone(func() { _, err = core.Try(func() arr { return a.Exp() }) })
		if err == nil {
			err = errors.New("no error")
		}
		core.Fail("use", nil, err)
		return a
	}
	for name, run := range map[string]func(){
		"compile": func() { compile.Of(use).Call(x) },
		"vmap":    func() { vmap.Of(use)(x) },
		"grad":    func() { grad.Of(use)(x) },
	} {
		require.ErrorIs(t, failure(t, run), core.ErrLeaked, name)
	}
	// Work of its own is free to do, and to wait for.
	f := compile.Of(func(a arr) arr {
		var y arr
		alone(func() { y = vec(3, 4).Mul(vec(2, 2)).Eval() })
		return a.Add(y)
	})
	require.Equal(t, []float32{7, 10}, floats(f.Call(x)))
}

func TestBehaviour08_AFailedTraceLeavesNothing(t *testing.T) {
	x := vec(1, 2)
	calls := 0
	var fail func()
	f := compile.Of(func(a arr) arr {
		calls++
		b := a.Exp()
		fail()
		return b
	})
	ways := map[string]func(){
		"error":       func() { x.MatMul(num(1)) },
		"panic":       func() { panic("boom") },
		"panic error": func() { panic(errors.New("boom")) },
		"index":       func() { var s []int; _ = s[len(s)] },
		"nil":         func() { var p *struct{ A int }; p.A++ },
		"Goexit":      exit,
	}
	for name, way := range ways {
		for range 2 {
			before := calls
			fail = way
			var got any
			alone(func() {
				defer func() { got = recover() }()
				f.Call(x)
			})
			require.Equal(t, before+1, calls, name)
			require.Equal(t, 0, f.Stats().Entries, name)
			switch v := got.(type) {
			case nil:
				require.Equal(t, "Goexit", name)
			case *core.Error:
				require.Equal(t, "error", name)
			case *core.Panic:
				require.Contains(t, string(v.Stack), "trace_test.go", name)
				if name == "panic" {
					require.Equal(t, "boom", v.Value)
				}
			default:
				t.Fatalf("%s: %T", name, got)
			}
		}
	}
	fail = func() {}
	sameBits(t, x.Exp(), f.Call(x))
	require.Equal(t, 1, f.Stats().Traces)
}

func TestBehaviour08_PanicsAndExitsInEveryTransform(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	wrap := map[string]func(f func(arr) arr) func(arr) arr{
		"compile":   func(f func(arr) arr) func(arr) arr { return compile.Of(f).Call },
		"shapeless": func(f func(arr) arr) func(arr) arr { return compile.Of(f, compile.Shapeless()).Call },
		"grad":      func(f func(arr) arr) func(arr) arr { return grad.Of(f) },
		"vmap":      func(f func(arr) arr) func(arr) arr { return vmap.Of(f) },
		"vjp": func(f func(arr) arr) func(arr) arr {
			return func(x arr) arr { y, pull := grad.VJP(f, x); return pull(y) }
		},
		"jvp": func(f func(arr) arr) func(arr) arr {
			return func(x arr) arr { _, d := grad.JVP(f, x, x); return d }
		},
		"tidy": func(f func(arr) arr) func(arr) arr {
			return func(x arr) arr { return core.Tidy(func() arr { return f(x) }) }
		},
		"using": func(f func(arr) arr) func(arr) arr {
			return func(x arr) (y arr) { core.Using(core.CPU, func() { y = f(x) }); return y }
		},
	}
	good := func() {
		got := compile.Of(grad.Of(func(x arr) arr { return x.Square().Sum() })).Call(x)
		require.Equal(t, []float32{2, 4, 6, 8}, floats(got))
		require.False(t, core.Tracing())
	}
	for n1, w1 := range wrap {
		for n2, w2 := range wrap {
			name := n1 + " of " + n2
			alone(func() {
				defer func() {
					v := recover()
					if p, ok := v.(*core.Panic); ok {
						v = p.Value
					}
					if v != 42 {
						t.Errorf("%s panicked with %v", name, v)
					}
				}()
				defer good() // the thread works on
				w1(func(a arr) arr { return w2(func(b arr) arr { b.Exp(); panic(42) })(a) })(x)
			})
			alone(func() {
				defer good() // so do deferred functions of a goroutine that ends
				w1(func(a arr) arr { return w2(func(b arr) arr { b.Exp(); exit(); return b })(a) })(x)
				t.Error(name, "came back from Goexit")
			})
			good()
		}
	}
}

func TestBehaviour12_Disable(t *testing.T) {
	x := num(4)
	f := compile.Of(func(a arr) arr {
		if a.Item() > 3 {
			return a.Neg()
		}
		return a
	})
	require.ErrorIs(t, failure(t, func() { f.Call(x) }), core.ErrTracer)
	compile.Disable()
	defer compile.Enable()
	require.Equal(t, -4.0, f.Call(x).Item())
	s := struct{ N arr }{num(1)}
	g := compile.Of(func() float64 { s.N = s.N.Add(s.N); return s.N.Item() }, compile.State(&s))
	require.Equal(t, 2.0, g.Call())
	require.Equal(t, 4.0, g.Call())
	require.Equal(t, 2, g.Stats().Inline)
	compile.Enable()
	require.ErrorIs(t, failure(t, func() { f.Call(x) }), core.ErrTracer)
}

func TestBehaviour12_ANilFunctionIsAnErrorWhenWrapped(t *testing.T) {
	var none func(arr) arr
	require.Contains(t, failure(t, func() { compile.Of(none) }).Error(), "the function is nil")
}

func TestAFunctionThatCallsItself(t *testing.T) {
	var f *compile.Func[func(arr) arr]
	f = compile.Of(func(a arr) arr {
		n := a.Shape()[0]
		if n == 1 {
			return a.Sum()
		}
		rest := a.SplitAt(0, n-1)
		return f.Call(rest[0]).Add(rest[1].Sum())
	})
	require.Equal(t, 15.0, f.Call(vec(1, 2, 3, 4, 5)).Item())
	require.Equal(t, 5, f.Stats().Entries)
	require.Equal(t, 21.0, f.Call(vec(1, 2, 3, 4, 5, 6)).Item())
	require.Equal(t, []float32{1, 1, 1, 1}, floats(grad.Of(f.Call)(vec(1, 2, 3, 4))))
	var loop *compile.Func[func(arr) arr]
	loop = compile.Of(func(a arr) arr { return loop.Call(a) })
	require.Contains(t, failure(t, func() { loop.Call(vec(1)) }).Error(), "calls itself")
	require.Contains(t, failure(t, func() { loop.Call(vec(1)) }).Error(), "calls itself")
	s := struct{ N arr }{num(1)}
	var stateful *compile.Func[func()]
	stateful = compile.Of(func() { stateful.Call() }, compile.State(&s))
	failure(t, func() { stateful.Call() })
	compile.Disable()
	defer compile.Enable()
	failure(t, func() { stateful.Call() })
}
