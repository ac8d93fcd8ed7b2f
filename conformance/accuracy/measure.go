package accuracy

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
)

// Error is how exact an op's results are.
type Error struct {
	Worst      float64    // in ulps
	At         [2]float64 // the arguments there
	Got, Want  float64
	Misrounded int // results that are not the number nearest to the exact one
	Vanished   int // results that are 0 where they may, see Op.vanishes
	Odd        int // NaN, an infinity or the sign of a zero that is not that of the exact result
	OddAt      [2]float64
	OddGot     float64
	OddWant    float64
}

// Contrast is how the results of a peer differ from ours.
type Contrast struct {
	Differ int // results with other bits (of NaN: are none)
	Other  int // results that differ in more than rounding: NaN, an infinity, zero or a sign
	// At are the arguments of one of these.
	At           [2]float64
	Ours, Theirs float64
}

// Result is what [Measure] found.
type Result struct {
	Op        *Op
	DType     core.DType
	Len       int
	Errors    []Error    // of this process and of each peer
	Contrasts []Contrast // of each peer
}

func newResult(o *Op, d core.DType, peers int) *Result {
	return &Result{Op: o, DType: d, Errors: make([]Error, 1+peers), Contrasts: make([]Contrast, peers)}
}

const chunk = 1 << 18

// Measure computes op on every argument of a domain, here and by peers, and compares
// the results with the oracle's and each other. progress, which may be nil, is called
// with how many are done.
func Measure(o *Op, d core.DType, m Domain, peers []*Peer, progress func(done int)) (*Result, error) {
	r := newResult(o, d, len(peers))
	r.Len = m.Len
	ask := func(lo int) error {
		for _, p := range peers {
			if err := p.ask.Encode(request{Op: o.Name, To: o.to, DType: d, Domain: m, Lo: lo, N: min(chunk, m.Len-lo)}); err != nil {
				return fmt.Errorf("accuracy: the process with %s ended: %w: %s", p.Setting, err, p.stderr)
			}
		}
		return nil
	}
	if err := ask(0); err != nil {
		return nil, err
	}
	for lo := 0; lo < m.Len; lo += chunk {
		n := min(chunk, m.Len-lo)
		args := m.fill(d, o.Arity(), lo, n)
		got := [][]byte{o.compute(d, args)}
		for _, p := range peers {
			mem, err := p.answer(n * o.result(d).Size())
			if err != nil {
				return nil, err
			}
			got = append(got, mem)
		}
		if lo+n < m.Len { // they compute while this process compares
			if err := ask(lo + n); err != nil {
				return nil, err
			}
		}
		r.compare(args, got, n)
		if progress != nil {
			progress(lo + n)
		}
	}
	return r, nil
}

// compare takes in n results.
func (r *Result) compare(args, got [][]byte, n int) {
	workers := runtime.GOMAXPROCS(0)
	part := (n + workers - 1) / workers
	parts := make([]*Result, workers)
	var wg sync.WaitGroup
	for w := range workers {
		p := newResult(r.Op, r.DType, len(r.Contrasts))
		parts[w] = p
		wg.Go(func() { p.span(args, got, w*part, min(n, (w+1)*part)) })
	}
	wg.Wait()
	for _, p := range parts {
		r.add(p)
	}
}

func (r *Result) add(p *Result) {
	for k := range r.Errors {
		e, f := &r.Errors[k], p.Errors[k]
		e.Misrounded += f.Misrounded
		e.Vanished += f.Vanished
		if f.Worst > e.Worst {
			e.Worst, e.At, e.Got, e.Want = f.Worst, f.At, f.Got, f.Want
		}
		if e.Odd == 0 {
			e.OddAt, e.OddGot, e.OddWant = f.OddAt, f.OddGot, f.OddWant
		}
		e.Odd += f.Odd
	}
	for k := range r.Contrasts {
		c, q := &r.Contrasts[k], p.Contrasts[k]
		q.Differ += c.Differ
		if c.Other > 0 {
			q.At, q.Ours, q.Theirs = c.At, c.Ours, c.Theirs
		}
		q.Other += c.Other
		*c = q
	}
}

func (r *Result) span(args, got [][]byte, lo, hi int) {
	o, d := r.Op, r.DType
	if d == core.Float32 && o.one != nil && o.result(d) == d {
		r.span32(args[0], got, lo, hi)
		return
	}
	out := o.result(d)
	width, wide := d.Size(), out.Size()
	for i := lo; i < hi; i++ {
		x := decode(d, get(args[0], width, i))
		var y float64
		if len(args) == 2 {
			y = decode(d, get(args[1], width, i))
		}
		want := o.want(d, x, y)
		right := encode(out, want)
		first := get(got[0], wide, i)
		for k := range got {
			bits := get(got[k], wide, i)
			if k > 0 && bits != first {
				r.differ(k-1, x, y, decode(out, first), decode(out, bits))
			}
			if bits != right {
				r.judge(k, x, y, decode(out, bits), want)
			}
		}
	}
}

// span32 is span for functions of one float32, of which there are many.
func (r *Result) span32(arg []byte, got [][]byte, lo, hi int) {
	in, out := words(arg), make([][]uint32, len(got))
	for k := range got {
		out[k] = words(got[k])
	}
	f := r.Op.one
	for i := lo; i < hi; i++ {
		x := float64(math.Float32frombits(in[i]))
		want := f(x)
		right, first := math.Float32bits(float32(want)), out[0][i]
		for k := range out {
			bits := out[k][i]
			if k > 0 && bits != first {
				r.differ(k-1, x, 0, float64(math.Float32frombits(first)), float64(math.Float32frombits(bits)))
			}
			if bits != right {
				r.judge(k, x, 0, float64(math.Float32frombits(bits)), want)
			}
		}
	}
}

func words(mem []byte) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/4)
}

// judge takes in a result that is not the number nearest to want.
func (r *Result) judge(k int, x, y, got, want float64) {
	e := &r.Errors[k]
	if got != got && want != want {
		return
	}
	f := formatOf(r.DType)
	scale := want
	if r.Op.scale != nil {
		scale = r.Op.scale(x, y, want)
	}
	if q := got / want; q > 0.5 && q < 2 && math.Abs(want) < math.Ldexp(1, f.max) {
		e.Misrounded++
		if u := math.Abs(got-want) / f.ulp(scale); u > e.Worst {
			e.Worst, e.At, e.Got, e.Want = u, [2]float64{x, y}, got, want
		}
		return
	}
	odd := (got != got) != (want != want) || got == 0 && want == 0 ||
		math.IsInf(got, 0) != math.IsInf(want, 0) && (math.IsInf(want, 0) || math.Abs(want) < math.Ldexp(1, f.max))
	if odd {
		if e.Odd == 0 {
			e.OddAt, e.OddGot, e.OddWant = [2]float64{x, y}, got, want
		}
		e.Odd++
		return
	}
	if r.Op.vanishes && r.DType != core.Float32 && got == 0 && math.Abs(want) <= 1/f.largest() {
		e.Vanished++
		return
	}
	e.Misrounded++
	if u := f.distance(got, want, scale); u > e.Worst {
		e.Worst, e.At, e.Got, e.Want = u, [2]float64{x, y}, got, want
	}
}

// differ takes in a result of a peer with other bits than ours.
func (r *Result) differ(k int, x, y, ours, theirs float64) {
	c := &r.Contrasts[k]
	if q := ours / theirs; q > 0.5 && q < 2 {
		c.Differ++ // by rounding
		return
	}
	a, b := classOf(ours), classOf(theirs)
	if a == nan && b == nan {
		return
	}
	c.Differ++
	// What rounds to zero or to an infinity here may stop short of it there.
	if a == b || a&negative == b&negative && a|b != nan && formatOf(r.DType).distance(ours, theirs, theirs) <= 4 {
		return
	}
	if c.Other == 0 {
		c.At, c.Ours, c.Theirs = [2]float64{x, y}, ours, theirs
	}
	c.Other++
}

// Problems says what of r is not as promised. names are those of its settings.
func (r *Result) Problems(names []string) []string {
	var out []string
	bound := r.Op.Bound(r.DType)
	for k, name := range names {
		e := r.Errors[k]
		if name != Stock {
			if e.Odd > 0 {
				out = append(out, fmt.Sprintf("%s: %d results are no numbers, infinities or zeros where they should not be, of %v: %v, exactly %v", name, e.Odd, e.OddAt, e.OddGot, e.OddWant))
			}
			if e.Worst > bound || bound <= 0.5 && e.Misrounded > 0 {
				out = append(out, fmt.Sprintf("%s: an error of %.4g ulp, the bound is %.4g, of %v: %v, exactly %v", name, e.Worst, bound, e.At, e.Got, e.Want))
			}
		}
		if k == 0 {
			continue
		}
		c := r.Contrasts[k-1]
		if c.Differ > 0 && bound <= 0.5 {
			out = append(out, fmt.Sprintf("%s: %d results have other bits", name, c.Differ))
		}
		if c.Other > 0 && (name != Stock || r.Op.Differs == "") {
			out = append(out, fmt.Sprintf("%s: %d results differ in more than rounding, of %v: %v, ours %v", name, c.Other, c.At, c.Theirs, c.Ours))
		}
	}
	return out
}
