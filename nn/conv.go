package nn

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// Conv2d slides filters over images whose channels are last. Pairs are (height,
// width).
type Conv2d struct {
	Weight *core.Array `tree:"weight"` // (out, kernel height, kernel width, in/groups)
	Bias   *core.Array `tree:"bias"`   // (out), or absent
	Conv2dConfig
}

// Conv2dConfig says how filters slide. The zero value is stride 1, no padding,
// dilation 1 and one group.
type Conv2dConfig struct {
	Stride   [2]int // elements from one window to the next; 0 is 1
	Padding  [2]int // zeros before and after each axis
	Dilation [2]int // elements from one tap of a filter to the next; 0 is 1
	Groups   int    // blocks of channels that do not mix; 0 is 1
}

// NewConv2d returns a Conv2d with weights uniform in ±1/√(in/groups · kernel
// area) and bias 0, float32. Errors: key is nil; a size is below 1; groups does
// not divide in and out.
func NewConv2d(key *core.Array, in, out int, kernel [2]int, cfg Conv2dConfig) Conv2d {
	const op = "nn.NewConv2d"
	present(op, "key", key)
	positive(op, "sizes", in, out, kernel[0], kernel[1])
	cfg = cfg.filled(op)
	if in%cfg.Groups != 0 || out%cfg.Groups != 0 {
		core.Failf(op, "%d groups do not divide %d input and %d output channels", cfg.Groups, in, out)
	}
	scale := 1 / math.Sqrt(float64(in/cfg.Groups*kernel[0]*kernel[1]))
	return Conv2d{
		Weight:       random.Uniform(key, -scale, scale, core.Float32, out, kernel[0], kernel[1], in/cfg.Groups),
		Bias:         core.Zeros(core.Float32, out),
		Conv2dConfig: cfg,
	}
}

// filled replaces the zeros that stand for ones.
func (c Conv2dConfig) filled(op string) Conv2dConfig {
	for _, n := range []*int{&c.Stride[0], &c.Stride[1], &c.Dilation[0], &c.Dilation[1], &c.Groups} {
		if *n == 0 {
			*n = 1
		}
	}
	positive(op, "stride, dilation and groups", c.Stride[0], c.Stride[1], c.Dilation[0], c.Dilation[1], c.Groups)
	if c.Padding[0] < 0 || c.Padding[1] < 0 {
		core.Failf(op, "padding %v is negative", c.Padding)
	}
	return c
}

// Forward convolves x.
//
// Shapes: (n, h, w, in) → (n, h', w', out) with h' = ⌊(h + 2·padding −
// dilation·(kernel − 1) − 1)/stride⌋ + 1. Errors: the weight is absent, x has
// other channels than in or is smaller than a filter.
func (l Conv2d) Forward(_ *Ctx, x *core.Array) *core.Array {
	const op = "nn.Conv2d"
	present(op, "weight", l.Weight)
	cfg := l.filled(op)
	w := look.Shape(l.Weight)
	if len(w) != 4 {
		core.Fail(op, []*core.Array{l.Weight}, fmt.Errorf("the weight has %d axes, want (out, kernel height, kernel width, in/groups)", len(w)))
	}
	images(op, x)
	features(op, x, w[3]*cfg.Groups, 4, "(n, h, w, channels)")
	if w[0]%cfg.Groups != 0 {
		core.Fail(op, []*core.Array{l.Weight}, fmt.Errorf("%d groups do not divide %d output channels", cfg.Groups, w[0]))
	}
	perFeature(op, "the bias", l.Bias, w[0])
	y := x.Conv2d(l.Weight, cfg.Stride, cfg.Padding, cfg.Dilation, cfg.Groups)
	if l.Bias == nil {
		return y
	}
	return y.Add(l.Bias)
}

// images fails unless x is a batch of images.
func images(op string, x *core.Array) {
	input(op, x)
	if n := x.NDim(); n != 4 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input has %d axes, want (n, h, w, channels)", n))
	}
}
