// Swiglu-plugin is a kernel plugin that brings the gate of many language models,
// swiglu(a, b) = a * sigmoid(a) * b, with its first and second derivatives, for
// float32, float16 and bfloat16. Source: N. Shazeer, GLU Variants Improve
// Transformer, 2020.
//
//	CGO_ENABLED=0 go build
package main

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

func main() { declare().Main() }

// declare lists the kernels. With s = sigmoid(a), and for the gate g(a) = a * s:
//
//	g'(a) = s * (1 + a * (1 - s))
//	g"(a) = s * (1 - s) * (2 + a * (1 - 2 * s))
func declare() *sdk.Plugin {
	p := sdk.New("acme/glu", "1.0.0")
	kernel := func(name, doc string, inputs []string, outputs []string, f arithmetic, sources [2]string) *sdk.Kernel {
		k := p.Kernel(name).Doc(doc).VMap(sdk.BatchLeading).Deterministic()
		for _, in := range inputs {
			k.In(in, sdk.Float32, sdk.Float16, sdk.BFloat16)
		}
		for _, out := range outputs {
			k.Out(out, "", "")
		}
		return k.Infer(alike(len(outputs))).CPU(f.on(len(inputs), len(outputs))).
			Metal(sources[0], sdk.Grid("size(a)")).
			CUDA(sources[1], sdk.Grid("size(a)"))
	}
	kernel("swiglu", "y = a * sigmoid(a) * b, element by element.",
		[]string{"a", "b"}, []string{"y"}, swiglu, gpu(swigluSource)).
		VJP("swiglu_vjp").JVP("swiglu_jvp")
	kernel("swiglu_vjp", "The gradients of swiglu: da = dy * b * g'(a) and db = dy * g(a), with g(a) = a * sigmoid(a).",
		[]string{"a", "b", "dy"}, []string{"da", "db"}, swigluVJP, gpu(vjpSource)).
		VJP("swiglu_vjp_vjp")
	kernel("swiglu_jvp", "The tangent of swiglu: ty = ta * b * g'(a) + tb * g(a).",
		[]string{"a", "b", "ta", "tb"}, []string{"ty"}, swigluJVP, gpu(jvpSource))
	kernel("swiglu_vjp_vjp", "The gradients of swiglu_vjp, for cotangents u of da and v of db.",
		[]string{"a", "b", "dy", "u", "v"}, []string{"ea", "eb", "edy"}, swigluCurve, gpu(curveSource))
	return p
}

// alike is the rule for types: all inputs, which have at least one axis, and all
// outputs are the same.
func alike(outputs int) func([]sdk.Type) ([]sdk.Type, error) {
	return func(in []sdk.Type) ([]sdk.Type, error) {
		if len(in[0].Shape) == 0 {
			return nil, fmt.Errorf("input 0 is %s; it needs at least one axis, of features", in[0])
		}
		for i, t := range in {
			if !t.Equal(in[0]) {
				return nil, fmt.Errorf("input 0 is %s and input %d is %s; all need the same dtype and shape", in[0], i, t)
			}
		}
		out := make([]sdk.Type, outputs)
		for i := range out {
			out[i] = in[0]
		}
		return out, nil
	}
}
