package programs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// kind is what a transform of a stack is.
type kind string

const (
	byCompile    kind = "compile"
	byCheckpoint kind = "checkpoint"
	byCustom     kind = "custom" // with its own gradient, which is the gradient
	byGrad       kind = "grad"   // of the weighted sum of the floating results
	byValueGrad  kind = "value_and_grad"
	byVJP        kind = "vjp" // results and gradients for the weights as cotangents
	byJVP        kind = "jvp" // results and tangents
	byLinearize  kind = "linearize"
	byHVP        kind = "hvp" // of the weighted sum
	byJacFwd     kind = "jacfwd"
	byJacRev     kind = "jacrev" // of the weighted sum
	byVMap       kind = "vmap"
)

// transform is one of a stack.
type transform struct {
	kind kind
	wrt  []int  // places of the arguments that are differentiated
	in   []int  // of vmap: the axis of each argument, whole where it has none
	out  []int  // and of each result
	size int    // of vmap
	seed uint64 // of weights and tangents
}

const whole = -1

// derives says whether the transform is a derivative.
func (t transform) derives() bool {
	switch t.kind {
	case byCompile, byCheckpoint, byCustom, byVMap:
		return false
	}
	return true
}

// second says whether the transform makes two derivatives.
func (t transform) order() int {
	switch {
	case !t.derives():
		return 0
	case t.kind == byHVP:
		return 2
	}
	return 1
}

// weights are numbers for arrays like those, by place.
func (t transform) weights(i int, s core.Spec) *core.Array {
	if !s.DType.IsInexact() {
		return nil
	}
	r := sample.Source(t.seed, strconv.Itoa(i))
	elems := make([]complex128, product(s.Shape))
	for k := range elems {
		elems[k] = complex(near1(r), near1(r))
	}
	return sample.New(core.Spec{DType: s.DType, Shape: s.Shape}, elems).Array()
}

// near1 is a random number of magnitude 0.5 to 1.5.
func near1(r *rand.Rand) float64 {
	x := 0.5 + r.Float64()
	if r.IntN(2) == 0 {
		return -x
	}
	return x
}

func (t transform) all(as list) list {
	out := make(list, len(as))
	for i, a := range as {
		out[i] = t.weights(i, a.Spec())
	}
	return out
}

// weighed is the sum of all floating results, each element times its weight, of
// complex ones Re·Re + Im·Im.
func (t transform) weighed(as list) *core.Array {
	var sum *core.Array
	add := func(y, w *core.Array) {
		if y.DType() != core.Float64 {
			y, w = y.AsType(core.Float32), w.AsType(core.Float32)
		}
		s := y.Mul(w).Sum()
		if sum != nil {
			s = sum.Add(s)
		}
		sum = s
	}
	for i, a := range as {
		switch w := t.weights(i, a.Spec()); {
		case w == nil:
		case a.DType() == core.Complex64:
			add(a.Real(), w.Real())
			add(a.Imag(), w.Imag())
		default:
			add(a, w)
		}
	}
	return sum
}

// only selects the arguments that are differentiated.
func (t transform) only() grad.Option {
	paths := make([]string, len(t.wrt))
	for i, at := range t.wrt {
		paths[i] = strconv.Itoa(at)
	}
	return grad.Only(paths...)
}

// present drops the absent ones.
func present(as list) list {
	return slices.DeleteFunc(slices.Clone(as), func(a *core.Array) bool { return a == nil })
}

// directions are tangents for arguments, absent for those not differentiated.
func (t transform) directions(in list) list {
	out := make(list, len(in))
	for _, at := range t.wrt {
		out[at] = t.weights(1000+at, in[at].Spec())
	}
	return out
}

// apply puts the transform around f.
func (t transform) apply(f core.FlatFunc, w world) core.FlatFunc {
	g := func(in list) list { return f(in) }
	loss := func(in list) *core.Array { return t.weighed(f(in)) }
	switch t.kind {
	case byCompile:
		if w.plain {
			return f
		}
		return compile.Of(g).Call
	case byCheckpoint:
		if w.plain {
			return f
		}
		return grad.Checkpoint(g)
	case byCustom:
		if w.plain {
			return f
		}
		return grad.Custom(g, grad.WithVJP(func(a, _, ct list) list {
			_, pull := grad.VJP(g, a)
			return pull(ct)
		}))
	case byGrad:
		d := grad.Of(loss, t.only())
		return func(in list) list { return present(d(in)) }
	case byValueGrad:
		d := grad.ValueAndGrad(loss, t.only())
		return func(in list) list {
			l, gs := d(in)
			return append(list{l}, present(gs)...)
		}
	case byVJP:
		return func(in list) list {
			y, pull := grad.VJP(g, in, t.only())
			return append(slices.Clone(y), present(pull(t.all(y)))...)
		}
	case byJVP:
		return func(in list) list {
			y, dy := grad.JVP(g, in, t.directions(in))
			return append(slices.Clone(y), present(dy)...)
		}
	case byLinearize:
		return func(in list) list {
			y, push := grad.Linearize(g, in, t.only())
			return append(slices.Clone(y), present(push(t.directions(in)))...)
		}
	case byHVP:
		h := grad.HVP(loss, t.only())
		return func(in list) list { return present(h(in, t.directions(in))) }
	case byJacFwd:
		return func(in list) list {
			return present(grad.JacFwd(func(x *core.Array) list {
				moved := slices.Clone(in)
				moved[t.wrt[0]] = x
				return g(moved)
			})(in[t.wrt[0]]))
		}
	case byJacRev:
		return func(in list) list {
			return list{grad.JacRev(func(x *core.Array) *core.Array {
				moved := slices.Clone(in)
				moved[t.wrt[0]] = x
				return firstReal(g(moved))
			})(in[t.wrt[0]])}
		}
	case byVMap:
		if w.plain {
			return t.loop(f)
		}
		in, out := vmap.Axes{}, vmap.Axes{}
		for i, a := range t.in {
			if a != whole {
				in[strconv.Itoa(i)] = a
			}
		}
		for i, a := range t.out {
			out[strconv.Itoa(i)] = a
		}
		return vmap.Of(g, vmap.In(in), vmap.Out(out))
	}
	panic(fmt.Sprintf("programs: there is no transform %q", t.kind))
}

// loop is what vmap stands for.
func (t transform) loop(f core.FlatFunc) core.FlatFunc {
	return func(in list) list {
		var all []list
		for k := range t.size {
			one := slices.Clone(in)
			for i, a := range t.in {
				if a != whole {
					one[i] = in[i].MoveAxis(a, 0).Index(k)
				}
			}
			all = append(all, f(one))
		}
		out := stacked(all)
		for i, a := range t.out {
			out[i] = out[i].MoveAxis(0, a)
		}
		return out
	}
}

// firstReal is the first real floating result.
func firstReal(as list) *core.Array {
	for _, a := range as {
		if a.DType().IsFloat() {
			return a
		}
	}
	return nil
}

// subject is a program under a stack of transforms.
type subject struct {
	p     *program
	stack []transform
	seed  uint64
	note  func(check string) // where the check under way is told; nil: nowhere
}

// function is the program under the first n transforms.
func (s *subject) function(n int, w world) core.FlatFunc {
	f := s.p.function(w)
	for _, t := range s.stack[:n] {
		f = t.apply(f, w)
	}
	return f
}

// inputs are arguments for the first n transforms. Round 0 holds those that the
// program was made with.
func (s *subject) inputs(n, round int) []sample.Value {
	for i := n - 1; i >= 0; i-- {
		if t := s.stack[i]; t.kind == byVMap {
			var parts [][]sample.Value
			for k := range t.size {
				parts = append(parts, s.inputs(i, round*t.size+k))
			}
			var out []sample.Value
			for j, a := range t.in {
				if a == whole {
					out = append(out, parts[0][j])
					continue
				}
				var one []sample.Value
				for _, p := range parts {
					one = append(one, p[j])
				}
				out = append(out, sample.Stack(one, a))
			}
			return out
		}
	}
	var out []sample.Value
	for _, at := range s.p.inputs() {
		out = append(out, s.p.steps[at].input.draw(sample.Source(s.seed, fmt.Sprintf("%d/%d", at, round)), round))
	}
	return out
}

// push adds a random transform that fits.
func (s *subject) push(r *rand.Rand) error {
	n := len(s.stack)
	f := s.function(n, world{})
	in := s.inputs(n, 0)
	out := sample.Read(f(sample.Arrays(in)))
	t := transform{seed: r.Uint64()}
	kinds := []kind{byCompile, byCompile, byVMap, byVMap, byVMap, byCheckpoint, byCustom,
		byGrad, byGrad, byValueGrad, byVJP, byJVP, byJVP, byLinearize, byHVP, byJacFwd, byJacRev}
	t.kind = kinds[r.IntN(len(kinds))]
	var floats, reals []int
	for i, v := range in {
		if v.DType.IsInexact() && v.Len() > 0 {
			floats = append(floats, i)
		}
		if v.DType.IsFloat() && v.Len() > 0 {
			reals = append(reals, i)
		}
	}
	floating := false
	total := 0
	for _, v := range out {
		floating = floating || v.DType.IsInexact()
		total += v.Len()
	}
	order := t.order()
	for _, o := range s.stack {
		order += o.order()
	}
	switch {
	case t.kind == byVMap:
		if len(in) == 0 || total > 400 {
			return errUnfit
		}
		t.size = 1 + r.IntN(3)
		some := false
		for _, v := range in {
			a := whole
			if r.IntN(4) > 0 {
				a = r.IntN(len(v.Shape) + 1)
				some = true
			}
			t.in = append(t.in, a)
		}
		if !some {
			t.in[0] = 0
		}
		for _, v := range out {
			a := 0
			if r.IntN(3) == 0 {
				a = r.IntN(len(v.Shape) + 1)
			}
			t.out = append(t.out, a)
		}
	case t.derives():
		if !floating || len(floats) == 0 || order > 3 {
			return errUnfit
		}
		for _, i := range floats {
			if r.IntN(3) > 0 {
				t.wrt = append(t.wrt, i)
			}
		}
		if t.wrt == nil {
			t.wrt = floats[:1]
		}
		if t.kind == byJVP {
			t.wrt = floats
		}
		if t.kind == byJacFwd || t.kind == byJacRev {
			if len(reals) == 0 || total > 60 {
				return errUnfit
			}
			t.wrt = []int{reals[r.IntN(len(reals))]}
			if in[t.wrt[0]].Len() > 12 {
				return errUnfit
			}
			if t.kind == byJacRev && !slices.ContainsFunc(out, func(v sample.Value) bool { return v.DType.IsFloat() }) {
				return errUnfit
			}
		}
	case t.kind == byCustom:
		if len(in) == 0 || len(floats) == 0 || !floating {
			return errUnfit
		}
	}
	s.stack = append(s.stack, t)
	return nil
}
