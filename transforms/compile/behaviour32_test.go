package compile_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type single = func(x arr) arr

// file exports a function for arguments and returns the bytes.
func file(t *testing.T, f any, args ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	switch f := f.(type) {
	case single:
		require.NoError(t, compile.ExportTo(&b, compile.Of(f).Lower(args...)))
	case func(x, y arr) arr:
		require.NoError(t, compile.ExportTo(&b, compile.Of(f).Lower(args...)))
	default:
		t.Fatalf("%T", f)
	}
	return b.Bytes()
}

func TestBehaviour32_WrongArguments(t *testing.T) {
	two := file(t, func(x, y arr) arr { return x.Add(y) }, core.Zeros(core.Float32, 2, 3), core.Zeros(core.Float32, 3))
	add, err := compile.Import[func(x, y arr) arr](bytes.NewReader(two), compile.Name("add"))
	require.NoError(t, err)
	for says, call := range map[string][2]arr{
		"argument 0 is float32[3 2], and the file wants float32[2 3] (trace 0 of 1)": {core.Zeros(core.Float32, 3, 2), core.Zeros(core.Float32, 3)},
		"argument 1 is float16[3], and the file wants float32[3] (trace 0 of 1)":     {core.Zeros(core.Float32, 2, 3), core.Zeros(core.Float16, 3)},
		"argument 1 is float32[1 3], and the file wants float32[3]":                  {core.Zeros(core.Float32, 2, 3), core.Zeros(core.Float32, 1, 3)},
		"there are 1 array, 0 of them by name, and the file wants 2 and 0":           {core.Zeros(core.Float32, 2, 3), nil},
	} {
		_, err := core.Try(func() arr { return add.Call(call[0], call[1]) })
		require.True(t, typed(err), says)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "compile.Import[add]: the file has no trace for these arguments")
	}
	for says, err := range map[string]error{
		"the function takes 1 array, and trace 0 of the file 2":           second(compile.Import[single](bytes.NewReader(two))),
		"the function takes 3 arrays, and trace 0 of the file 2":          second(compile.Import[func(x, y, z arr) arr](bytes.NewReader(two))),
		"the function returns 2 arrays, and trace 0 of the file 1":        second(compile.Import[func(x, y arr) (a, b arr)](bytes.NewReader(two))),
		"want a function, not int":                                        second(compile.Import[int](bytes.NewReader(two))),
		"compile.Import: parameter 0":                                     second(compile.Import[func(x core.Array) arr](bytes.NewReader(two))),
		`compile.Keywords names "y", but the file's inputs have no names`: second(compile.Import[func(x, y arr) arr](bytes.NewReader(two), compile.Keywords("y"))),
		"compile.Keywords has 3 names, but the function takes 2":          second(compile.Import[func(x, y arr) arr](bytes.NewReader(two), compile.Keywords("a", "b", "c"))),
		"the file holds no trace":                                         second(compile.Import[single](bytes.NewReader(empty(t)))),
		"mlxio: testdata/none.mlxfn: mlxfn: stat: no such file":           second(compile.ImportFile[single]("testdata/none.mlxfn")),
		"mlxfn: header: incomplete, get the file again":                   second(compile.Import[single](bytes.NewReader(nil))),
	} {
		require.True(t, typed(err), "%s: %v", says, err)
		require.ErrorContains(t, err, says)
	}
	wide, err := compile.Import[func(x, y arr) []arr](bytes.NewReader(two))
	require.NoError(t, err)
	require.Len(t, wide.Call(core.Zeros(core.Float32, 2, 3), core.Zeros(core.Float32, 3)), 1)
	type none struct{ A, B arr }
	odd, err := compile.Import[func(a none) none](bytes.NewReader(two))
	require.NoError(t, err)
	_, err = core.Try(func() none { return odd.Call(none{core.Zeros(core.Float32, 2, 3), core.Zeros(core.Float32, 3)}) })
	require.ErrorContains(t, err, "the file gives 1 array, which do not fill the results of the function")
}

func second[T any](_ T, err error) error { return err }

func empty(t *testing.T) []byte {
	var b bytes.Buffer
	require.NoError(t, mlxio.WriteFunction(&b, &mlxio.Function{}))
	return b.Bytes()
}

type query struct {
	Scale arr
	Bias  []arr
}

func TestBehaviour32_Keywords(t *testing.T) {
	f := func(x arr, q query, axis arr) arr { return x.Mul(q.Scale).Add(q.Bias[0]).Sub(q.Bias[1]).Mul(axis) }
	x, axis := core.From([]float32{1, 2}), core.Scalar[float32](3)
	q := query{core.Scalar[float32](10), []arr{core.Scalar[float32](1), core.Scalar[float32](2)}}
	keywords := compile.Keywords("q", "axis")
	path := filepath.Join(t.TempDir(), "f.mlxfn")
	require.NoError(t, compile.Of(f, keywords).Export(path, x, q, axis))
	file, err := mlxio.LoadFunction(path)
	require.NoError(t, err)
	require.Equal(t, []string{"axis", "q.Bias.0", "q.Bias.1", "q.Scale"}, file.Traces[0].Keywords)
	g, err := compile.ImportFile[func(x arr, q query, axis arr) arr](path, keywords)
	require.NoError(t, err)
	require.Equal(t, []float32{27, 57}, core.Data[float32](g.Call(x, q, axis)))

	_, err = compile.ImportFile[func(x arr, q query, axis arr) arr](path)
	require.ErrorContains(t, err, `the file's input "axis" is passed by name: name the last parameters with compile.Keywords`)
	other, err := compile.ImportFile[func(x arr, q query, axis arr) arr](path, compile.Keywords("p", "axis"))
	require.NoError(t, err)
	_, err = core.Try(func() arr { return other.Call(x, q, axis) })
	require.ErrorContains(t, err, `there is no argument "q.Bias.0"`)
	require.ErrorContains(t, compile.Of(f, compile.Keywords("a", "b", "c", "d")).Export(path, x, q, axis), "compile.Keywords has 4 names, but the function takes 3")
	require.ErrorContains(t, compile.Of(f, compile.Keywords("q.Scale", "q", "q.Scale")).Export(path, x, q, axis), `two arguments are called "q.Scale"`)
}

func TestBehaviour32_SeveralTraces(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.MulScalar(float64(x.Size())) })
	var b bytes.Buffer
	short, long, half := core.Ones(core.Float32, 2), core.Ones(core.Float32, 3), core.Ones(core.Float16, 2)
	require.NoError(t, compile.ExportTo(&b, f.Lower(short), f.Lower(long), f.Lower(half)))
	g, err := compile.Import[single](&b)
	require.NoError(t, err)
	require.Equal(t, []float32{2, 2}, core.Data[float32](g.Call(short)))
	require.Equal(t, []float32{3, 3, 3}, core.Data[float32](g.Call(long)))
	require.Equal(t, core.Float16, g.Call(half).DType())
	require.Equal(t, 3, g.Stats().Traces)
	_, err = core.Try(func() arr { return g.Call(core.Ones(core.Float32, 4)) })
	require.ErrorContains(t, err, "argument 0 is float32[4], and the file wants float32[2] (trace 0 of 3)")
	require.ErrorContains(t, compile.ExportTo(&b, f.Lower(short), f.Lower(short)), "traces 0 and 1 are for the same arguments")
	require.ErrorContains(t, compile.ExportTo(&b), "there is no trace to write")
	require.ErrorContains(t, compile.ExportTo(&b, nil), "trace 0 is nil")
	require.ErrorContains(t, compile.ExportTo(&b, f.Lower(short), compile.Of(func(x arr) arr { return x }, compile.Shapeless()).Lower(long)), "a file is shapeless as a whole")
	kept := f.Lower(short)
	kept.Compile()
	require.NoError(t, compile.ExportTo(&b, kept))
	f.Close()
	require.ErrorContains(t, compile.ExportTo(&b, kept), "the compiled function was closed")
}

func TestBehaviour32_Shapeless(t *testing.T) {
	var b bytes.Buffer
	export := func(f single, sizes ...int) error {
		b.Reset()
		c := compile.Of(f, compile.Shapeless())
		var traces []*compile.Lowered
		for _, n := range sizes {
			traces = append(traces, c.Lower(core.Zeros(core.Float32, n, 2)))
		}
		return compile.ExportTo(&b, traces...)
	}
	require.NoError(t, export(func(x arr) arr { return x.Sub(x.MeanKeep(0)).Exp().Sum(1) }, 4, 7))
	f, err := mlxio.ReadFunction(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	require.True(t, f.Shapeless)
	require.Len(t, f.Traces, 1)
	g, err := compile.Import[single](bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	for _, n := range []int{1, 2, 5} {
		require.Equal(t, []int{n}, g.Call(core.Zeros(core.Float32, n, 2)).Shape())
	}
	_, err = core.Try(func() arr { return g.Call(core.Zeros(core.Float32, 4)) })
	require.ErrorContains(t, err, "argument 0 is float32[4], and the file wants float32[4 2]")

	keeps := func(x arr) arr { return x.At(core.Range(0, 4)) }
	traces := 0.0
	differs := func(x arr) arr { traces++; return x.MulScalar(traces) }
	for says, err := range map[string]error{
		"the program depends on the sizes of its arguments": export(differs, 7, 4),
		"asks for the size of an array":                     export(func(x arr) arr { return x.MulScalar(float64(x.Size())) }, 4),
		"asks for the size":                                 export(keeps, 4),
		"argument 0 is empty":                               export(func(x arr) arr { return x.Exp() }, 0),
	} {
		require.Error(t, err, says)
		require.ErrorIs(t, err, core.ErrShapeless)
		require.ErrorContains(t, err, says)
	}
	// The ends of its slices are sizes, and a file has no place for the call that made them.
	err = export(func(x arr) arr { return x.Diff(0) }, 7)
	require.ErrorIs(t, err, core.ErrNoExport)
	require.ErrorContains(t, err, "diff cannot be exported shapeless")
}

func TestBehaviour32_NoHalfFileIsLeft(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f.mlxfn")
	x := core.From([]float32{1, 2})
	require.NoError(t, compile.Of(func(x arr) arr { return x.Exp() }).Export(path, x))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	op := &core.ForeignOp{Name: "lookup", Eval: func(_, _ []core.ForeignBuffer) error { return nil }}
	scale := core.Scalar[float32](2)
	for says, err := range map[string]error{
		"lookup is no operation of MLX's": compile.Of(func(x arr) arr {
			return op.Call([]arr{x.Exp()}, [][]int{{2}}, []core.DType{core.Float32})[0]
		}).Export(path, x),
		"While is no operation of MLX's": compile.Of(func(x arr) arr {
			return flow.While(func(x arr) arr { return x.Sum().Less(core.Scalar[float32](9)) }, func(x arr) arr { return x.MulScalar(2) }, x)
		}).Export(path, x),
		"more than 20000 operations when its loops are unrolled": compile.Of(func(x arr) arr {
			return flow.For(20001, func(_, s arr) arr { return s.Sin() }, x)
		}).Export(path, x),
		"a function with captured state cannot be exported": compile.Of(func(x arr) arr { return x.Mul(scale) }, compile.Inputs(&scale)).Export(path, x),
		"Func.Export was given 2 arguments":                 compile.Of(func(x arr) arr { return x }).Export(path, x, x),
		"no such file or directory":                         compile.Of(func(x arr) arr { return x }).Export(filepath.Join(folder, "none", "f.mlxfn"), x),
	} {
		require.Error(t, err, says)
		require.True(t, typed(err), "%v", err)
		require.ErrorContains(t, err, says)
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)

	// Equal functions give equal files.
	again := filepath.Join(folder, "again.mlxfn")
	require.NoError(t, compile.Of(func(y arr) arr { return y.Exp() }).Export(again, core.Zeros(core.Float32, 2)))
	same, err := os.ReadFile(again)
	require.NoError(t, err)
	require.Equal(t, before, same)
}

func TestBehaviour32_ErrorsNameTheLine(t *testing.T) {
	defer core.Debug(core.DebugOptions{Stacks: true})()
	f := compile.Of(func(x arr) arr {
		x = x.Exp()
		return flow.While(func(x arr) arr { return x.Sum().Less(core.Scalar[float32](9)) }, func(x arr) arr { return x.MulScalar(2) }, x)
	})
	err := f.Export(filepath.Join(t.TempDir(), "f.mlxfn"), core.From([]float32{1, 2}))
	require.ErrorIs(t, err, core.ErrNoExport)
	require.Regexp(t, `While is no operation of MLX's.*behaviour32_test\.go:\d+`, err.Error())
}

func TestBehaviour32_KernelsAreRefused(t *testing.T) {
	spec := core.Spec{DType: core.Float32, Shape: []int{2}}
	kernel := mlxio.FunctionNode{Op: "CustomKernel", Device: core.GPU, In: []int{0}, Out: []core.Spec{spec}, State: []any{
		"square", "source", 1, 1, 1, 1, 1, 1, [][3]bool{{false, false, false}}, true, (*float32)(nil), []any{}, false, 0, 0}}
	var b bytes.Buffer
	require.NoError(t, mlxio.WriteFunction(&b, &mlxio.Function{Traces: []mlxio.FunctionTrace{
		{Inputs: []core.Spec{spec}, Nodes: []mlxio.FunctionNode{kernel}, Outputs: []int{1}}}}))
	_, err := compile.Import[single](bytes.NewReader(b.Bytes()))
	require.ErrorIs(t, err, compile.ErrKernel)
	require.ErrorContains(t, err, "trace 0, node 0: the file holds the source of a GPU kernel: import it with compile.AllowKernels if you trust it")
	if len(core.Devices()) == 1 {
		_, err = compile.Import[single](bytes.NewReader(b.Bytes()), compile.AllowKernels())
		require.ErrorContains(t, err, "it runs on a GPU, and there is none here")
	}
}

// What a file recorded for a GPU runs where there is none.
func TestBehaviour32_AbsentDevices(t *testing.T) {
	data := file(t, func(x arr) arr { return x.Exp().Sum() }, core.Zeros(core.Float32, 3))
	f, err := mlxio.ReadFunction(bytes.NewReader(data))
	require.NoError(t, err)
	for i := range f.Traces[0].Nodes {
		f.Traces[0].Nodes[i].Device = core.Device{GPU: true, Index: i}
	}
	var b bytes.Buffer
	require.NoError(t, mlxio.WriteFunction(&b, f))
	g, err := compile.Import[single](&b)
	require.NoError(t, err)
	require.InDelta(t, 3, g.Call(core.Zeros(core.Float32, 3)).Item(), 1e-6)
	core.Using(core.NewStream(core.CPU), func() {
		require.InDelta(t, 3, g.Call(core.Zeros(core.Float32, 3)).Item(), 1e-6)
	})
}

func TestBehaviour32_Transforms(t *testing.T) {
	f := func(x arr) arr { return x.Tanh().Mul(x).Sum() }
	data := file(t, single(f), core.Zeros(core.Float32, 3))
	g, err := compile.Import[single](bytes.NewReader(data))
	require.NoError(t, err)
	x, xs := normal(1, 3), normal(2, 4, 3)
	requireClose(t, []arr{grad.Of(f)(x), vmap.Of(f)(xs), vmap.Of(grad.Of(f))(xs), grad.Hessian(f)(x)},
		[]arr{grad.Of(g.Call)(x), vmap.Of(g.Call)(xs), compile.Of(vmap.Of(grad.Of(g.Call))).Call(xs), grad.Hessian(g.Call)(x)}, "transforms")
	require.Contains(t, g.Explain().String(), "imported: ")
	require.Contains(t, g.Program(x).String(), "Tanh")
}

type block struct{ W, B arr }

type model struct {
	Blocks []block
	Names  map[string]arr
	Rate   float64
}

func TestBehaviour32_Trees(t *testing.T) {
	m := model{[]block{{normal(1, 3, 3), normal(2, 3)}, {normal(3, 3, 3), nil}}, map[string]arr{"b": normal(4, 3), "a": normal(5, 3)}, 0.5}
	forward := func(m model, x arr) arr {
		for _, b := range m.Blocks {
			if x = x.MatMul(b.W); b.B != nil {
				x = x.Add(b.B)
			}
		}
		return x.Mul(m.Names["a"]).Add(m.Names["b"]).MulScalar(m.Rate).Square().Sum()
	}
	step := grad.ValueAndGrad2(forward)
	path := filepath.Join(t.TempDir(), "step.mlxfn")
	x := normal(6, 4, 3)
	require.NoError(t, compile.Of(step).Export(path, m, x))
	f, err := compile.ImportFile[func(model, arr) (arr, model)](path)
	require.NoError(t, err)
	wantLoss, want := step(m, x)
	loss, got := f.Call(m, x)
	require.Nil(t, got.Blocks[1].B)
	require.InDelta(t, 0.5, got.Rate, 0)
	flat := []arr{loss}
	for _, a := range tree.All(got) {
		flat = append(flat, a)
	}
	wanted := []arr{wantLoss}
	for _, a := range tree.All(want) {
		wanted = append(wanted, a)
	}
	requireClose(t, wanted, flat, "gradient")
}

// An imported function outlives the scope and the trace in which it was imported.
func TestBehaviour32_ImportInsideATrace(t *testing.T) {
	c := normal(1, 100)
	data := file(t, func(x arr) arr { return x.Add(c) }, core.Zeros(core.Float32, 100))
	var f *compile.Func[single]
	load := func() {
		var err error
		f, err = compile.Import[single](bytes.NewReader(data))
		require.NoError(t, err)
	}
	x := core.Zeros(core.Float32, 100)
	core.TidyDo(load)
	requireClose(t, []arr{c}, []arr{f.Call(x)}, "tidy")
	grad.Of(func(x arr) arr { load(); return f.Call(x).Sum() })(x)
	requireClose(t, []arr{c}, []arr{f.Call(x)}, "trace")
}

// TestBehaviour32_NothingLeaks imports and exports many times, also files with an
// error in them.
func TestBehaviour32_NothingLeaks(t *testing.T) {
	big := core.Ones(core.Float32, 1<<16).MulScalar(3)
	data := file(t, func(x arr) arr { return x.Add(big) }, core.Zeros(core.Float32, 1<<16))
	goroutines := goleak.IgnoreCurrent()
	round := func() {
		core.TidyDo(func() {
			f, err := compile.Import[single](bytes.NewReader(data))
			require.NoError(t, err)
			core.Eval(f.Call(core.Zeros(core.Float32, 1<<16)))
			f.Close()
		})
		_, err := compile.Import[single](bytes.NewReader(data[:len(data)-1]))
		require.ErrorIs(t, err, mlxio.ErrTruncated)
		_, err = compile.Import[func()](bytes.NewReader(data))
		require.Error(t, err)
	}
	settle := func() int {
		for range 4 {
			runtime.GC()
			core.Eval(core.Zeros(core.Float32, 1)) // frees what was queued
		}
		return int(core.Memory().Active)
	}
	round()
	before := settle()
	for range 50 {
		round()
	}
	require.Less(t, settle()-before, 1<<20)
	goleak.VerifyNone(t, goroutines)
}

func TestBehaviour32_NumbersThatAreNone(t *testing.T) {
	c := core.From([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1))})
	f, err := compile.Import[single](bytes.NewReader(file(t, func(x arr) arr { return x.Mul(c) }, core.Zeros(core.Float32, 3))))
	require.NoError(t, err)
	got := core.Data[float32](f.Call(core.Ones(core.Float32, 3)))
	require.True(t, math.IsNaN(float64(got[0])) && math.IsInf(float64(got[1]), 1) && math.Signbit(float64(got[2])))
	require.True(t, strings.HasPrefix(f.Explain().String(), "imported"))
}
