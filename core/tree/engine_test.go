package tree_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
)

// needEngine fails a test that reads values where no engine was set up.
func needEngine(t *testing.T) {
	t.Helper()
	if err := caught(func() { core.Zeros(core.Float32, 1) }); err != nil {
		t.Fatal(err)
	}
}

// values reads a tree's arrays as float64s, by path.
func values[T any](t *testing.T, v T) map[string][]float64 {
	t.Helper()
	out := map[string][]float64{}
	for path, a := range tree.All(v) {
		if a.DType() == core.Complex64 {
			for _, c := range core.Data[complex64](a) {
				out[path] = append(out[path], float64(real(c)), float64(imag(c)))
			}
			continue
		}
		for _, x := range core.Data[float32](a.AsType(core.Float32)) {
			out[path] = append(out[path], float64(x))
		}
	}
	return out
}

func mixed() layered {
	return layered{
		Blocks: []block{{W: core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3), B: core.Scalar(float32(7)), Mean: core.From([]float32{9}, 1)}},
		Head:   &block{W: core.From([]float32{1.5, 2.5}, 2).AsType(core.Float16), B: core.From([]float32{}, 0, 3)},
		Steps:  core.From([]int32{16777217}, 1),
	}
}

func TestRavelGoesThereAndBack(t *testing.T) {
	needEngine(t)
	m := mixed()
	v, unravel := tree.Ravel(m)
	require.Equal(t, core.Spec{DType: core.Float32, Shape: []int{9}}, v.Spec())
	require.Equal(t, []float32{1, 2, 3, 4, 5, 6, 7, 1.5, 2.5}, core.Data[float32](v))

	back := unravel(v)
	require.Equal(t, values(t, m), values(t, back))
	for path, a := range tree.All(m) {
		require.Equal(t, a.Spec(), tree.Flatten(back)[path].Spec(), path)
	}
	require.Same(t, m.Steps, back.Steps, "integers stay as they are")
	require.Same(t, m.Blocks[0].Mean, back.Blocks[0].Mean, "so do running statistics")

	twice := unravel(v.Add(v))
	require.Equal(t, []float64{2, 4, 6, 8, 10, 12}, values(t, twice)["Blocks.0.W"])
	require.Equal(t, []float64{3, 5}, values(t, twice)["Head.W"])
	require.NotSame(t, m.Head, twice.Head)

	m.Head.W = nil
	require.NotNil(t, unravel(v).Head.W, "the tree is remembered as it was")
}

func TestRavelOfOneScalarAndOfComplex(t *testing.T) {
	needEngine(t)
	v, unravel := tree.Ravel(core.Scalar(float32(3)))
	require.Equal(t, []int{1}, v.Shape())
	require.Empty(t, unravel(v).Shape())

	z := []*core.Array{core.From([]complex64{1 + 2i}), core.From([]float32{3})}
	v, back := tree.Ravel(z)
	require.Equal(t, core.Complex64, v.DType())
	require.Equal(t, values(t, z), values(t, back(v)))
}

func TestRavelRefuses(t *testing.T) {
	needEngine(t)
	require.ErrorContains(t, caught(func() { tree.Ravel(core.From([]int32{1})) }), "tree.Ravel: the tree has no differentiable array")
	_, unravel := tree.Ravel(mixed())
	for _, v := range []*core.Array{core.Zeros(core.Float32, 8), core.Zeros(core.Float32, 9, 1), core.Scalar(float32(0))} {
		require.ErrorContains(t, caught(func() { unravel(v) }), "expected a vector of 9 elements")
	}
	require.ErrorIs(t, caught(func() { unravel(nil) }), core.ErrNil)
}

func TestSizes(t *testing.T) {
	needEngine(t)
	m := mixed()
	require.Equal(t, 11, tree.Size(m))
	require.Equal(t, 4*(6+1+1+1)+2*2, tree.NBytes(m))
	require.Equal(t, 6, tree.Count(m))
}

func TestUnflattenChecksShapes(t *testing.T) {
	needEngine(t)
	m := mixed()
	arrays := tree.Flatten(m)
	arrays["Blocks.0.W"] = core.Zeros(core.Float16, 2, 3)
	out, err := tree.Unflatten(m, arrays)
	require.NoError(t, err)
	require.Equal(t, core.Float16, out.Blocks[0].W.DType())
	arrays["Blocks.0.W"] = core.Zeros(core.Float32, 3, 2)
	_, err = tree.Unflatten(m, arrays)
	require.ErrorContains(t, err, "tree.Unflatten: arrays have another shape: Blocks.0.W [3 2] for [2 3]")
}
