package bench

import (
	"math"
	"math/bits"
	"strconv"

	"gonum.org/v1/gonum/mathext/prng"

	"github.com/adjoint-go/adjoint/core"
)

// draw gives the numbers of numpy.random.RandomState, whose streams are frozen,
// so that inputs made here are those of benchmarks/data.py.
type draw struct {
	bits  *prng.MT19937
	spare float64
	has   bool
}

func newDraw(seed uint64) *draw {
	d := &draw{bits: prng.NewMT19937()}
	d.bits.Seed(seed)
	return d
}

// uniform is a number in [0, 1) with 53 random bits.
func (d *draw) uniform() float64 {
	hi, lo := d.bits.Uint32()>>5, d.bits.Uint32()>>6
	return (float64(hi)*(1<<26) + float64(lo)) / (1 << 53)
}

// normal is a standard normal number, by Marsaglia's polar method.
func (d *draw) normal() float64 {
	if d.has {
		d.has = false
		return d.spare
	}
	for {
		x, y := 2*d.uniform()-1, 2*d.uniform()-1
		r := x*x + y*y
		if r >= 1 || r == 0 {
			continue
		}
		f := math.Sqrt(-2 * math.Log(r) / r)
		d.spare, d.has = f*x, true
		return f * y
	}
}

// below is a number in [0, n), by rejection.
func (d *draw) below(n uint32) int32 {
	mask := uint32(1)<<bits.Len32(n-1) - 1
	for {
		if v := d.bits.Uint32() & mask; v < n {
			return int32(v)
		}
	}
}

func (d *draw) normals(scale float64, shape ...int) *core.Array {
	n := 1
	for _, s := range shape {
		n *= s
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(d.normal() * scale)
	}
	return core.From(v, shape...)
}

func (d *draw) labels(classes uint32, n int) *core.Array {
	v := make([]int32, n)
	for i := range v {
		v[i] = d.below(classes)
	}
	return core.From(v)
}

// weights draws a weight whose products keep the variance of what has in inputs.
func (d *draw) weights(in int, shape ...int) *core.Array {
	return d.normals(math.Pow(1/float64(in), 0.5), shape...)
}

// seeded makes the inputs of one group.
func seeded(group string, out map[string]*core.Array) {
	put := func(name string, a *core.Array) { out[group+"."+name] = a }
	dense := func(d *draw, w, b string, in, n int) {
		put(w, d.weights(in, in, n))
		put(b, core.Zeros(core.Float32, n))
	}
	mlp := func(seed uint64, batch int, sizes ...int) {
		d := newDraw(seed)
		for k := range len(sizes) - 1 {
			w, b := layerNames(k)
			dense(d, w, b, sizes[k], sizes[k+1])
		}
		put("x", d.normals(1, batch, sizes[0]))
		put("y", d.labels(uint32(sizes[len(sizes)-1]), batch))
	}
	switch group {
	case "mlp_s":
		mlp(1, 32, 64, 32, 10)
	case "mlp_m":
		mlp(2, 128, 784, 256, 256, 10)
	case "mlp_l":
		mlp(3, 256, 784, 1024, 1024, 10)
	case "cnn":
		d := newDraw(4)
		put("p.c0", d.weights(9, 3, 3, 1, 16))
		put("p.cb0", core.Zeros(core.Float32, 16))
		put("p.c1", d.weights(144, 3, 3, 16, 32))
		put("p.cb1", core.Zeros(core.Float32, 32))
		dense(d, "p.w0", "p.b0", 7*7*32, 128)
		dense(d, "p.w1", "p.b1", 128, 10)
		put("x", d.normals(1, 64, 28, 28, 1))
		put("y", d.labels(10, 64))
	case "lm":
		const width, inner, places, classes, n = 128, 512, 128, 96, 16
		d := newDraw(5)
		put("p.tok", d.normals(0.02, classes, width))
		put("p.pos", d.normals(0.02, places, width))
		flat := func(name string) {
			put("p."+name+"g", core.Ones(core.Float32, width))
			put("p."+name+"b", core.Zeros(core.Float32, width))
		}
		for k := range lmLayers {
			at := strconv.Itoa(k) + "."
			flat(at + "ln1")
			dense(d, "p."+at+"wqkv", "p."+at+"bqkv", width, 3*width)
			dense(d, "p."+at+"wo", "p."+at+"bo", width, width)
			flat(at + "ln2")
			dense(d, "p."+at+"w1", "p."+at+"b1", width, inner)
			dense(d, "p."+at+"w2", "p."+at+"b2", inner, width)
		}
		flat("lnf")
		put("p.head", d.weights(width, width, classes))
		tokens := d.labels(classes, n*(places+1)).Reshape(n, places+1)
		put("x", tokens.Slice(1, 0, places))
		put("y", tokens.Slice(1, 1, places+1))
	case "lstm":
		d := newDraw(6)
		put("p.wx", d.weights(32, 32, 512))
		put("p.wh", d.weights(128, 128, 512))
		put("p.b", core.Zeros(core.Float32, 512))
		put("x", d.normals(1, 32, 64, 32))
		put("y", d.normals(0.5, 32, 128))
	case "hess":
		d := newDraw(7)
		put("p", core.Concatenate(0, d.weights(8, 8*16), core.Zeros(core.Float32, 16), d.normals(0.25, 16), core.Zeros(core.Float32, 1)))
		put("x", d.normals(1, 64, 8))
		put("y", d.normals(1, 64))
	case "svd3":
		d := newDraw(8)
		put("A", d.normals(1, 512, 256))
		put("V", d.normals(1, 256, 32))
	case "x1024":
		out[group] = newDraw(9).normals(1, 1024, 1024)
	case "y1024":
		out[group] = newDraw(11).normals(1, 1024, 1024)
	case "scale1024":
		d := newDraw(12)
		put("w", d.normals(1, 1024))
		put("b", d.normals(1, 1024))
	case "conv3":
		d := newDraw(13)
		put("x", d.normals(1, 16, 32, 32, 32))
		put("k", d.weights(288, 3, 3, 32, 64))
	case "attention":
		d := newDraw(14)
		for _, name := range []string{"q", "k", "v"} {
			put(name, d.normals(1, 4, 8, 256, 64))
		}
	case "rows":
		d := newDraw(15)
		put("table", d.normals(1, tableRows, tableWidth))
		put("at", d.labels(tableRows, taken))
		put("new", d.normals(1, taken, tableWidth))
	case "square512":
		d := newDraw(16)
		put("a", d.normals(1, 512, 512).Abs())
		put("b", d.normals(1, 512, 512).Abs())
	case "x4":
		d := newDraw(10)
		put("a", d.normals(1, 4, 4))
		put("b", d.normals(1e-3, 4, 4))
	}
}
