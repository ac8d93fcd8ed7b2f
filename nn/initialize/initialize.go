package initialize

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/random"
)

// ReLUGain is the gain that keeps the variance through ReLU, √2. Source: He et
// al. 2015.
const ReLUGain = math.Sqrt2

// Fan says which way the variance is to be kept.
type Fan int

// The fans. The zero value is FanIn.
const (
	FanIn  Fan = iota // forward: by the number of inputs
	FanOut            // backward: by the number of outputs
)

// Constant returns an array filled with v. Errors: dtype cannot hold v.
func Constant(v float64, dtype core.DType, shape ...int) *core.Array {
	return core.Zeros(dtype).ScalarLike(v).BroadcastTo(shape...)
}

// Normal returns normal numbers.
func Normal(key *core.Array, mean, std float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.Normal"
	check(op, key, "standard deviation", std)
	return draw(dtype, func(d core.DType) *core.Array { return random.NormalWith(key, mean, std, d, shape...) })
}

// Uniform returns uniform numbers, at least low and below high.
func Uniform(key *core.Array, low, high float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.Uniform"
	check(op, key, "range", high-low)
	return draw(dtype, func(d core.DType) *core.Array { return random.Uniform(key, low, high, d, shape...) })
}

// GlorotUniform returns numbers uniform in ±gain·√(6/(in + out)); gain is 1 for
// tanh and linear layers. Source: Glorot and Bengio 2010. Errors: fewer than two
// axes.
func GlorotUniform(key *core.Array, gain float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.GlorotUniform"
	check(op, key, "gain", gain)
	in, out := fans(op, shape)
	limit := gain * math.Sqrt(6/(in+out))
	return Uniform(key, -limit, limit, dtype, shape...)
}

// GlorotNormal returns normal numbers with standard deviation gain·√(2/(in +
// out)). Source and errors as for [GlorotUniform].
func GlorotNormal(key *core.Array, gain float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.GlorotNormal"
	check(op, key, "gain", gain)
	in, out := fans(op, shape)
	return Normal(key, 0, gain*math.Sqrt(2/(in+out)), dtype, shape...)
}

// HeUniform returns numbers uniform in ±gain·√(3/fan). Source: He et al. 2015.
// Errors: fewer than two axes.
func HeUniform(key *core.Array, fan Fan, gain float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.HeUniform"
	check(op, key, "gain", gain)
	limit := gain * math.Sqrt(3/fan.of(op, shape))
	return Uniform(key, -limit, limit, dtype, shape...)
}

// HeNormal returns normal numbers with standard deviation gain/√fan. Source and
// errors as for [HeUniform].
func HeNormal(key *core.Array, fan Fan, gain float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.HeNormal"
	check(op, key, "gain", gain)
	return Normal(key, 0, gain/math.Sqrt(fan.of(op, shape)), dtype, shape...)
}

// Orthogonal returns gain times a random matrix whose rows, or columns where
// there are fewer, are orthonormal; axes after the first count as one. Source:
// Saxe et al. 2014. Errors: fewer than two axes.
func Orthogonal(key *core.Array, gain float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.Orthogonal"
	check(op, key, "gain", gain)
	fans(op, shape)
	rows, cols := shape[0], 1
	for _, n := range shape[1:] {
		cols *= n
	}
	long, short := max(rows, cols), min(rows, cols)
	q, r := linalg.QR(random.Normal(key, core.Float32, long, short))
	// The signs of r's diagonal make the distribution uniform.
	diag := r.Diag(0)
	q = q.Mul(core.Where(diag.LessScalar(0), diag.OnesLike().Neg(), diag.OnesLike()))
	if rows < cols {
		q = q.T()
	}
	return q.MulScalar(gain).AsType(dtype).Reshape(shape...)
}

// Identity returns gain on the diagonal of a square matrix and 0 elsewhere.
// Errors: the shape is no square matrix.
func Identity(gain float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.Identity"
	if len(shape) != 2 || shape[0] != shape[1] {
		core.Failf(op, "shape %v: want a square matrix", shape)
	}
	return core.Identity(dtype, shape[0]).MulScalar(gain)
}

// Sparse returns normal numbers with standard deviation std, of which a share of
// every column is 0. Source: Martens 2010. Errors: the shape is no matrix; share
// is outside [0, 1].
func Sparse(key *core.Array, share, std float64, dtype core.DType, shape ...int) *core.Array {
	const op = "initialize.Sparse"
	check(op, key, "standard deviation", std)
	if len(shape) != 2 {
		core.Failf(op, "shape %v: want a matrix", shape)
	}
	if !(share >= 0 && share <= 1) {
		core.Failf(op, "share %v: want a number in [0, 1]", share)
	}
	k1, k2 := random.Split(key)
	// Ranks of random numbers are a random order of each column.
	rank := random.Uniform(k1, 0, 1, core.Float32, shape...).ArgSort(0).ArgSort(0)
	zero := rank.AsType(core.Int32).LessScalar(math.Ceil(share * float64(shape[0])))
	w := Normal(k2, 0, std, dtype, shape...)
	return core.Where(zero, w.ZerosLike(), w)
}

// draw draws numbers of a dtype that the generator lacks in float32.
func draw(dtype core.DType, f func(core.DType) *core.Array) *core.Array {
	if dtype == core.Float64 {
		return f(core.Float32).AsType(dtype)
	}
	return f(dtype)
}

func check(op string, key *core.Array, name string, v float64) {
	if key == nil {
		core.Failf(op, "key: %w", core.ErrNil)
	}
	if !(v >= 0) || math.IsInf(v, 1) {
		core.Failf(op, "%s %v: want a finite number, at least 0", name, v)
	}
}

func (f Fan) of(op string, shape []int) float64 {
	in, out := fans(op, shape)
	switch f {
	case FanIn:
		return in
	case FanOut:
		return out
	}
	core.Failf(op, "fan %d: want FanIn or FanOut", f)
	return 0
}

// fans counts what an output sums over, and the same backward.
func fans(op string, shape []int) (in, out float64) {
	if len(shape) < 2 {
		core.Failf(op, "shape %v: want at least two axes, (out, …, in)", shape)
	}
	places := 1
	for i, n := range shape {
		if n < 1 {
			core.Failf(op, "shape %v: want at least 1 along each axis", shape)
		}
		if i > 0 && i < len(shape)-1 {
			places *= n
		}
	}
	return float64(shape[len(shape)-1] * places), float64(shape[0] * places)
}
