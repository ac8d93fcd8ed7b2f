// Package quant packs matrices into few bits per weight and multiplies by them.
//
// [Quantize] cuts the rows of a matrix into groups, each with a scale and a bias,
// and packs the rounded weights into 32-bit words. [MatMul] multiplies by the
// packed matrix, which is several times smaller to keep and to read than the
// original; [Dequantize] gives an approximation of it back.
//
//	w, scales, biases := quant.Quantize(weights, 64, 4)
//	y := quant.MatMul(x, w, scales, biases, 64, 4)     // x·weightsᵀ, nearly
//
// The Mode forms also do the microscaling formats, such as "mxfp4" and "nvfp4",
// whose scales are 8-bit floats. Gradients flow to x, scales and biases, not to
// the packed weights.
package quant
