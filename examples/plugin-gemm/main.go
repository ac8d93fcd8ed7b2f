// Plugin-gemm is a kernel plugin that brings two products of matrices, which are what
// orthogonal iteration is made of: gemm_av(A, V) = AV and gemm_at_b(A, B) = AᵀB, for
// float32, where axes before the last two are a batch. examples/svd uses it.
//
//	CGO_ENABLED=0 go build
//
// The gradient of each is made of products again, of which one is the other of the
// pair: one kernel computes both gradients of a product. They have no gradients
// themselves, so second derivatives are an error.
package main

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

func main() { declare().Main() }

func declare() *sdk.Plugin {
	p := sdk.New("acme/gemm", "1.0.0")
	kernel := func(name, doc string, in, out []string, infer func([]sdk.Type) ([]sdk.Type, error), outputs ...output) *sdk.Kernel {
		k := p.Kernel(name).Doc(doc).VMap(sdk.BatchLeading).Deterministic().Infer(infer).CPU(compute(in, outputs))
		for _, name := range in {
			k.In(name, sdk.Float32)
		}
		for _, name := range out {
			k.Out(name, "", "")
		}
		metal, cuda := sources(outputs)
		grid := sdk.Grid(threads(outputs), "1", entries(in[0], in[1])).Threads(tile * tile)
		return k.Metal(metal, grid).CUDA(cuda, grid)
	}
	av, atb := matrix{"a", false}, matrix{"a", true}
	v, b := matrix{"v", false}, matrix{"b", false}

	kernel("gemm_av", "c = a v, of matrices (m, k) and (k, n).", []string{"a", "v"}, []string{"c"}, avTypes,
		output{"c", []product{{av, v}}}).
		VJP("gemm_av_vjp").JVP("gemm_av_jvp").
		Sample("a", "1x1", "v", "1x1").Sample("a", "4x3", "v", "3x2").
		Sample("a", "17x33", "v", "33x5").Sample("a", "2x5x18", "v", "2x18x3").
		Sample("a", "2x0x3", "v", "2x3x2").Sample("a", "2x4x3", "v", "2x3x0")
	kernel("gemm_av_vjp", "The gradients of gemm_av: da = dc vᵀ and dv = aᵀ dc.",
		[]string{"a", "v", "dc"}, []string{"da", "dv"}, gradients(avTypes),
		output{"da", []product{{matrix{"dc", false}, matrix{"v", true}}}},
		output{"dv", []product{{atb, matrix{"dc", false}}}})
	kernel("gemm_av_jvp", "The tangent of gemm_av: tc = ta v + a tv.",
		[]string{"a", "v", "ta", "tv"}, []string{"tc"}, tangents(avTypes),
		output{"tc", []product{{matrix{"ta", false}, v}, {av, matrix{"tv", false}}}})

	kernel("gemm_at_b", "z = aᵀ b, of matrices (m, k) and (m, n).", []string{"a", "b"}, []string{"z"}, atbTypes,
		output{"z", []product{{atb, b}}}).
		VJP("gemm_at_b_vjp").JVP("gemm_at_b_jvp").
		Sample("a", "1x1", "b", "1x1").Sample("a", "4x3", "b", "4x2").
		Sample("a", "17x33", "b", "17x5").Sample("a", "2x18x5", "b", "2x18x3").
		Sample("a", "2x3x0", "b", "2x3x4").Sample("a", "2x3x4", "b", "2x3x0")
	kernel("gemm_at_b_vjp", "The gradients of gemm_at_b: da = b dzᵀ and db = a dz.",
		[]string{"a", "b", "dz"}, []string{"da", "db"}, gradients(atbTypes),
		output{"da", []product{{b, matrix{"dz", true}}}},
		output{"db", []product{{av, matrix{"dz", false}}}})
	kernel("gemm_at_b_jvp", "The tangent of gemm_at_b: tz = taᵀ b + aᵀ tb.",
		[]string{"a", "b", "ta", "tb"}, []string{"tz"}, tangents(atbTypes),
		output{"tz", []product{{matrix{"ta", true}, b}, {atb, matrix{"tb", false}}}})
	return p
}

// output is a sum of products.
type output struct {
	name  string
	terms []product
}

// product is of two matrices, each an input or its transpose.
type product struct{ left, right matrix }

type matrix struct {
	input      string
	transposed bool
}

func avTypes(in []sdk.Type) ([]sdk.Type, error) { return types(in, -1) }

func atbTypes(in []sdk.Type) ([]sdk.Type, error) { return types(in, -2) }

// types is the rule of both products: axis of a, which is the inner one, has the size of
// axis -2 of the other.
func types(in []sdk.Type, axis int) ([]sdk.Type, error) {
	a, b := in[0].Shape, in[1].Shape
	rank := len(a)
	if rank < 2 || len(b) != rank {
		return nil, fmt.Errorf("the inputs are %s and %s; both need the same number of axes, two at least", in[0], in[1])
	}
	for i := range rank - 2 {
		if a[i] != b[i] {
			return nil, fmt.Errorf("the inputs are %s and %s; the axes before the last two must be equal", in[0], in[1])
		}
	}
	inner, outer := a[rank+axis], a[rank-3-axis]
	if inner != b[rank-2] || inner == 0 {
		return nil, fmt.Errorf("the inputs are %s and %s; axis %d of the first and axis -2 of the second must have one size, 1 at least", in[0], in[1], axis)
	}
	shape := append(append([]int{}, a[:rank-2]...), outer, b[rank-1])
	return []sdk.Type{{DType: in[0].DType, Shape: shape}}, nil
}

// gradients are of the types of the two inputs, for a cotangent of the type of the
// output.
func gradients(of func([]sdk.Type) ([]sdk.Type, error)) func([]sdk.Type) ([]sdk.Type, error) {
	return func(in []sdk.Type) ([]sdk.Type, error) {
		out, err := of(in[:2])
		if err == nil && !out[0].Equal(in[2]) {
			err = fmt.Errorf("the cotangent is %s, the output %s", in[2], out[0])
		}
		return in[:2:2], err
	}
}

// tangents are of the type of the output, for tangents of the types of the inputs.
func tangents(of func([]sdk.Type) ([]sdk.Type, error)) func([]sdk.Type) ([]sdk.Type, error) {
	return func(in []sdk.Type) ([]sdk.Type, error) {
		for i := range 2 {
			if !in[i].Equal(in[2+i]) {
				return nil, fmt.Errorf("the tangent of input %d is %s, the input %s", i, in[2+i], in[i])
			}
		}
		return of(in[:2])
	}
}
