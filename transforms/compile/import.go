package compile

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
	"github.com/adjoint-go/adjoint/transforms/compile/replay"
)

// ErrKernel is that of a file with the source of a GPU kernel; see [AllowKernels].
var ErrKernel = errors.New("the file holds the source of a GPU kernel")

// AllowKernels lets [Import] read files with source text that is compiled and run
// on the GPU. Such a kernel may do anything that the GPU can: allow files that you
// trust.
func AllowKernels() Option { return func(c *config) { c.kernels = true } }

// Import reads a function of type F from r, which holds an .mlxfn file that
// [Export] or MLX 0.32 has written. See [ImportFile].
func Import[F any](r io.Reader, opts ...Option) (*Func[F], error) {
	return imported[F]("compile.Import", opts, func() (*mlxio.Function, error) { return mlxio.ReadFunction(r) })
}

// ImportFile reads a function of type F from an .mlxfn file.
//
//	step, err := compile.ImportFile[func(Params, Data) (*core.Array, Params)]("step.mlxfn")
//
// The arrays of the arguments are the inputs of the file, in the order of the
// arguments and within one in that of its tree; absent ones are left out. The last
// parameters are keyword arguments when [Keywords] names them. Static values are
// not compared. The outputs become results in the same way: a result of the type
// of an argument has the structure of that, also where arrays are absent, if the
// numbers then agree; a []*core.Array takes all that is left.
//
// The file may hold several traces. A call uses the one with the shapes and dtypes
// of its arguments, or, if the file is shapeless, with their dtypes and numbers of
// axes; anything else is an error that says what the file wants. The function is a
// [Func] like another: calls are compiled, transforms may be applied to it, and it
// may be exported. Operations run on the device that the file names, and on the
// current one where there is no such. opts are those of [Of], and AllowKernels.
//
// Broken and hostile files: nothing of a file is trusted. Sizes are compared with
// the file's length before memory is taken, every operation is checked as if a
// program called it, and no code in a file is run, unless AllowKernels says so.
//
// Errors: a [mlxio.Error] for the file, a [core.Error] where it does not fit F,
// [ErrKernel].
func ImportFile[F any](path string, opts ...Option) (*Func[F], error) {
	opts = append([]Option{Name(filepath.Base(path))}, opts...)
	return imported[F]("compile.ImportFile", opts, func() (*mlxio.Function, error) { return mlxio.LoadFunction(path) })
}

func imported[F any](op string, opts []Option, read func() (*mlxio.Function, error)) (fn *Func[F], err error) {
	defer core.Catch(&err)
	var c config
	for _, o := range append([]Option{Name("imported")}, opts...) {
		o(&c)
	}
	t := reflect.TypeFor[F]()
	if t.Kind() != reflect.Func {
		core.Failf(op, "want a function, not %v", t)
	}
	im := &importing{op: op + "[" + c.name + "]", keywords: c.keywords}
	f := reflect.MakeFunc(t, im.call).Interface().(F)
	_, im.params, im.results = argtree.Func(op, f)
	for i := range t.NumIn() {
		im.in = append(im.in, t.In(i))
	}
	for i := range t.NumOut() {
		im.out = append(im.out, t.Out(i))
	}
	if im.file, err = apart(read); err != nil {
		return nil, err
	}
	im.check(c.kernels)
	return Of(f, append([]Option{Name(c.name)}, opts...)...), nil
}

// apart calls read where no scope and no trace is live, so that what it makes is
// not freed with one.
func apart[T any](read func() (T, error)) (v T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer core.Catch(&err)
		v, err = read()
	}()
	<-done
	return v, err
}

// importing is a function of a file.
type importing struct {
	op              string
	file            *mlxio.Function
	keywords        []string
	params, results []argtree.Plan
	in, out         []reflect.Type
}

// check repeats every trace once, without computing anything, and compares the
// file with the function's type.
func (im *importing) check(kernels bool) {
	if len(im.file.Traces) == 0 {
		core.Failf(im.op, "the file holds no trace")
	}
	if len(im.keywords) > len(im.in) {
		core.Failf(im.op, "compile.Keywords has %s, but the function takes %d", plural(len(im.keywords), "name"), len(im.in))
	}
	for i := range im.file.Traces {
		t := &im.file.Traces[i]
		for k, n := range t.Nodes {
			if n.Op == replay.Kernel && !kernels {
				core.Fail(im.op, nil, fmt.Errorf("trace %d, node %d: %w: import it with compile.AllowKernels if you trust it", i, k, ErrKernel))
			}
		}
		_, err := apart(func() (_ struct{}, err error) {
			defer core.Catch(&err)
			core.TidyDo(func() {
				in := make([]*core.Array, len(t.Inputs))
				for k, s := range t.Inputs {
					in[k] = core.Zeros(s.DType, s.Shape...)
				}
				replay.Run(fmt.Sprintf("%s: trace %d", im.op, i), t, im.file.Shapeless, in)
			})
			return struct{}{}, nil
		})
		if err != nil {
			panic(err)
		}
	}
	im.checkType()
}

// checkType says whether F can fit any trace, as far as its type tells.
func (im *importing) checkType() {
	t := &im.file.Traces[0]
	if len(t.Keywords) > 0 && len(im.keywords) == 0 {
		core.Failf(im.op, "the file's input %q is passed by name: name the last parameters with compile.Keywords", t.Keywords[0])
	}
	if len(im.keywords) > 0 && len(t.Keywords) == 0 {
		core.Failf(im.op, "compile.Keywords names %q, but the file's inputs have no names", im.keywords[0])
	}
	least, fixed := 0, true
	for _, in := range im.in {
		if in != arrayType {
			fixed = false
			continue
		}
		least++
	}
	var zero []int
	for i := range im.out {
		zero = append(zero, im.zeros(i))
	}
	var err error
	for i := range im.file.Traces {
		t := &im.file.Traces[i]
		switch {
		case fixed && len(t.Inputs) != least:
			err = fmt.Errorf("the function takes %s, and trace %d of the file %d", plural(least, "array"), i, len(t.Inputs))
		case len(t.Inputs) < least:
			err = fmt.Errorf("the function takes at least %s, and trace %d of the file %d", plural(least, "array"), i, len(t.Inputs))
		case im.knownResults() && sum(zero) != len(t.Outputs):
			err = fmt.Errorf("the function returns %s, and trace %d of the file %d", plural(sum(zero), "array"), i, len(t.Outputs))
		default:
			return
		}
	}
	core.Fail(im.op, nil, err)
}

var (
	arrayType = reflect.TypeFor[*core.Array]()
	restType  = reflect.TypeFor[[]*core.Array]()
)

func sum(v []int) (s int) {
	for _, n := range v {
		s += n
	}
	return s
}

// zeros is the number of arrays in the zero value of result i.
func (im *importing) zeros(i int) int {
	v := reflect.New(im.out[i]).Elem()
	return len(argtree.Read(im.op, im.results[i], walk.Pointer(v)).Arrays)
}

// knownResults says whether the types alone tell the number of results.
func (im *importing) knownResults() bool {
	for i, t := range im.out {
		if t != arrayType && (im.like(i) >= 0 || im.zeros(i) == 0) {
			return false
		}
	}
	return true
}

// like is the parameter whose structure result i may have, -1 for none.
func (im *importing) like(i int) int {
	for k, t := range im.in {
		if t == im.out[i] && t != arrayType && t != restType {
			return k
		}
	}
	return -1
}

// call runs the trace for args. It is what Of compiles.
func (im *importing) call(args []reflect.Value) []reflect.Value {
	var in []input
	var arrays []*core.Array
	names := map[string]int{}
	first := len(args) - len(im.keywords)
	for i, a := range args {
		s := argtree.Read(im.op, im.params[i], walk.Pointer(a))
		for k, x := range s.Arrays {
			if x == nil {
				continue
			}
			path := s.Plan.Path(s.At, k)
			if i >= first {
				names[keyword(im.keywords[i-first], path)] = len(arrays)
			}
			in = append(in, input{path: at(fmt.Sprintf("argument %d", i), path), spec: x.Spec()})
			arrays = append(arrays, x)
		}
	}
	t, order := im.choose(in, names)
	ordered := make([]*core.Array, len(order))
	for i, k := range order {
		ordered[i] = arrays[k]
	}
	return im.fill(args, replay.Run(im.op, t, im.file.Shapeless, ordered))
}

// choose finds the trace for inputs, and the place of each of its own among them.
func (im *importing) choose(in []input, names map[string]int) (*mlxio.FunctionTrace, []int) {
	best, nearest := -1, ""
	for i := range im.file.Traces {
		t := &im.file.Traces[i]
		order, fits, why := im.fit(t, in, names)
		if why == "" {
			return t, order
		}
		if fits > best {
			best, nearest = fits, fmt.Sprintf("%s (trace %d of %d)", why, i, len(im.file.Traces))
		}
	}
	core.Failf(im.op, "the file has no trace for these arguments: %s", nearest)
	return nil, nil
}

// fit says why a trace is not for inputs, and how many of them fit.
func (im *importing) fit(t *mlxio.FunctionTrace, in []input, names map[string]int) (order []int, fits int, why string) {
	if len(in) != len(t.Inputs) || len(names) != len(t.Keywords) {
		return nil, 0, fmt.Sprintf("there are %s, %d of them by name, and the file wants %d and %d",
			plural(len(in), "array"), len(names), len(t.Inputs), len(t.Keywords))
	}
	positional := len(t.Inputs) - len(t.Keywords)
	for i := range positional {
		order = append(order, i)
	}
	for _, k := range t.Keywords {
		i, ok := names[k]
		if !ok {
			return nil, 1, fmt.Sprintf("there is no argument %q", k)
		}
		order = append(order, i)
	}
	for i, k := range order {
		is, want := in[k].spec, t.Inputs[i]
		if is.DType != want.DType || len(is.Shape) != len(want.Shape) || !im.file.Shapeless && !sameSpec(is, want) {
			return nil, 2 + i, fmt.Sprintf("%s is %v, and the file wants %v", in[k].path, is, want)
		}
	}
	return order, 0, ""
}

// fill makes results of arrays.
func (im *importing) fill(args []reflect.Value, arrays []*core.Array) []reflect.Value {
	for _, likeArguments := range []bool{true, false} {
		if values := im.filled(args, arrays, likeArguments); values != nil {
			return values
		}
	}
	core.Failf(im.op, "the file gives %s, which do not fill the results of the function", plural(len(arrays), "array"))
	return nil
}

func (im *importing) filled(args []reflect.Value, arrays []*core.Array, likeArguments bool) []reflect.Value {
	slots := make([]argtree.Slots, len(im.out))
	values := make([]reflect.Value, len(im.out))
	rest, left := -1, len(arrays)
	for i, t := range im.out {
		values[i] = reflect.New(t).Elem()
		if k := im.like(i); k >= 0 && likeArguments {
			values[i] = args[k]
		}
		slots[i] = argtree.Read(im.op, im.results[i], walk.Pointer(values[i]))
		if k := im.like(i); k < 0 || !likeArguments {
			for j := range slots[i].Arrays {
				slots[i].Arrays[j] = new(core.Array) // present
			}
		}
		left -= len(slots[i].Present(nil))
		if t == restType && rest < 0 {
			rest = i
		}
	}
	if left < 0 || left > 0 && rest < 0 {
		return nil
	}
	for i := range values {
		if i == rest {
			values[i], arrays = reflect.ValueOf(arrays[:left:left]), arrays[left:]
			continue
		}
		var filled []*core.Array
		filled, arrays = slots[i].Take(arrays)
		values[i] = argtree.Fill(im.op, im.results[i], values[i], filled)
	}
	return values
}
