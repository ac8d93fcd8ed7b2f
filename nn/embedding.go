package nn

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
)

// Embedding is a table of vectors, looked up by index.
type Embedding struct {
	Weight *core.Array `tree:"weight"` // (entries, dims)
}

// NewEmbedding returns an Embedding with weights normal with standard deviation
// 1/√dims, float32. Errors: key is nil, a size is below 1.
func NewEmbedding(key *core.Array, entries, dims int) Embedding {
	const op = "nn.NewEmbedding"
	present(op, "key", key)
	positive(op, "sizes", entries, dims)
	return Embedding{random.NormalWith(key, 0, 1/math.Sqrt(float64(dims)), core.Float32, entries, dims)}
}

// Forward looks up the vectors of the entries in x. Negative indices count from
// the last entry.
//
// Shapes: (…) → (…, dims). Dtypes: integer x. Errors: x is not integer, the
// weight is absent, or an index is out of range; inside a transform, where
// indices have no value yet, the nearest entry is taken.
func (l Embedding) Forward(_ *Ctx, x *core.Array) *core.Array {
	const op = "nn.Embedding"
	entries, _ := l.sizes(op)
	input(op, x)
	if !x.DType().IsInteger() {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("indices are %v, want integers", x.DType()))
	}
	x = x.AsType(core.Int64)
	inside := x.Clip(core.Scalar(int64(-entries)), core.Scalar(int64(entries-1)))
	if !core.Tracing() && x.Size() > 0 && inside.Equal(x).All().Item() == 0 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("an index is out of range: the table has %d entries", entries))
	}
	return l.Weight.Take(inside, 0)
}

// AsLinear multiplies by the table: the output layer of a language model that
// shares its weights with the embedding.
//
// Shapes: (…, dims) → (…, entries).
func (l Embedding) AsLinear(x *core.Array) *core.Array {
	const op = "nn.Embedding"
	_, dims := l.sizes(op)
	features(op, x, dims, 1, "(…, dims)")
	return x.MatMul(l.Weight.T())
}

func (l Embedding) sizes(op string) (entries, dims int) {
	present(op, "weight", l.Weight)
	w := l.Weight.Shape()
	if len(w) != 2 || w[0] == 0 {
		core.Fail(op, []*core.Array{l.Weight}, fmt.Errorf("the weight has shape %v, want (entries, dims)", w))
	}
	return w[0], w[1]
}
