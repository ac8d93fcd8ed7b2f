// Package fast has operations of neural networks that MLX computes in one kernel
// each: normalisations, rotary positions, attention, the cross-entropy loss, the
// gated delta rule. Their values are those of the formulas in their docs, written
// with package core, up to rounding; their gradients too.
//
//	y := fast.LayerNorm(x, weight, bias, 1e-5)
//	o := fast.ScaledDotProductAttentionCausal(q, k, v, 1/math.Sqrt(float64(d)))
//
// [MetalKernel] and [CUDAKernel] run a kernel of one's own from its source.
// [MetalKernel.Emulate] runs a Metal kernel on a machine without Metal, and finds
// what is wrong with it; package emulate does that without the engine.
package fast
