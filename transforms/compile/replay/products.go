package replay

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/quant"
)

var products = map[string]operation{
	"Matmul": binary((*array).MatMul),
	"AddMM": with(3, func(c *call, a *array) *array {
		return core.AddMMScaled(c.in[2], a, c.in[1], c.float(0), c.float(1))
	}),
	"GatherMM": with(4, func(c *call, a *array) *array { return core.GatherMM(a, c.in[1], c.in[2], c.in[3]) }),
	// The masks are of the result, of the operands, or of all three.
	"BlockMaskedMM": between(3, 5, func(c *call, a *array) *array {
		var result, left, right *array
		if len(c.in) != 4 {
			result = c.in[2]
		}
		if n := len(c.in); n > 3 {
			left, right = c.in[n-2], c.in[n-1]
		}
		return core.BlockMaskedMM(a, c.in[1], c.int(0), result, left, right)
	}),
	"Hadamard": with(1, func(c *call, a *array) *array { return a.HadamardScaled(c.float(0)) }),
	"Convolution": with(2, func(c *call, a *array) *array {
		return a.ConvGeneral(c.in[1], c.ints(0), c.ints(1), c.ints(2), c.ints(3), c.ints(4), c.int(5), c.bool(6))
	}),
	"QuantizedMatmul": between(3, 4, func(c *call, a *array) *array {
		return quant.MatMulMode(a, c.in[1], c.in[2], c.optional(3), c.bool(3), c.int(0), c.int(1), c.quantization())
	}),
	"GatherQMM": between(5, 6, func(c *call, a *array) *array {
		n := len(c.in)
		var biases *array
		if n == 6 {
			c.need(c.int(2) == 0, "%d inputs in mode %s", n, c.quantization())
			biases = c.in[3]
		}
		return quant.GatherMMMode(a, c.in[1], c.in[2], biases, c.in[n-2], c.in[n-1], c.bool(3), c.int(0), c.int(1), c.quantization(), nil, false)
	}),
	"Quantize": {1, 3, func(c *call) []*array {
		if !c.bool(3) {
			c.need(len(c.in) == 1, "%d inputs", len(c.in))
			return quant.QuantizeMode(c.in[0], c.int(0), c.int(1), c.quantization(), nil)
		}
		c.need(len(c.in) > 1, "%d inputs", len(c.in))
		return one(quant.DequantizeMode(c.in[0], c.in[1], c.optional(2), c.int(0), c.int(1), c.quantization(), nil, c.out(0).DType))
	}},
}

// optional is an input that may be absent.
func (c *call) optional(i int) *array {
	if i < len(c.in) {
		return c.in[i]
	}
	return nil
}

func (c *call) quantization() string {
	modes := []string{"affine", "mxfp4", "mxfp8", "nvfp4"}
	m := c.int(2)
	c.need(m >= 0 && m < len(modes), "mode %d", m)
	return modes[m]
}
