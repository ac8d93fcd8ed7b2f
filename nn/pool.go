package nn

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// MaxPool2d takes the largest element of each window of each channel. Elements
// that tie share the gradient evenly.
type MaxPool2d struct{ Window }

// AvgPool2d takes the mean of each window of each channel; the zeros of the
// padding count.
type AvgPool2d struct{ Window }

// Window says how the windows of a pooling layer lie. Pairs are (height, width).
type Window struct {
	Kernel  [2]int // the size of a window
	Stride  [2]int // elements from one window to the next; 0 is Kernel
	Padding [2]int // elements before and after each axis, at most half of Kernel
}

// NewMaxPool2d returns a MaxPool2d with square windows side by side.
func NewMaxPool2d(kernel int) MaxPool2d { return MaxPool2d{square("nn.NewMaxPool2d", kernel)} }

// NewAvgPool2d returns an AvgPool2d with square windows side by side.
func NewAvgPool2d(kernel int) AvgPool2d { return AvgPool2d{square("nn.NewAvgPool2d", kernel)} }

func square(op string, kernel int) Window {
	positive(op, "kernel", kernel)
	return Window{Kernel: [2]int{kernel, kernel}}
}

// Forward pools x.
//
// Shapes: (n, h, w, c) → (n, h', w', c) with h' = ⌊(h + 2·padding −
// kernel)/stride⌋ + 1. Errors: x is no batch of images, or smaller than a window;
// padding beyond half a window.
func (l MaxPool2d) Forward(_ *Ctx, x *core.Array) *core.Array {
	y, axes := l.windows("nn.MaxPool2d", x, math.Inf(-1))
	return y.Max(axes...)
}

// Forward pools x. Shapes and errors are those of [MaxPool2d.Forward].
func (l AvgPool2d) Forward(_ *Ctx, x *core.Array) *core.Array {
	y, axes := l.windows("nn.AvgPool2d", x, 0)
	return y.Mean(axes...)
}

// windows lays each window out along two axes of their own.
func (w Window) windows(op string, x *core.Array, fill float64) (y *core.Array, axes []int) {
	images(op, x)
	if !x.DType().IsFloat() {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input is %v, want floating-point", x.DType()))
	}
	// From the last axis, so that the first keeps its place.
	for i := 1; i >= 0; i-- {
		stride := w.Stride[i]
		if stride == 0 {
			stride = w.Kernel[i]
		}
		positive(op, "kernel and stride", w.Kernel[i], stride)
		if p := w.Padding[i]; p < 0 || 2*p > w.Kernel[i] {
			core.Failf(op, "padding %d: want 0 to %d, half of the kernel", p, w.Kernel[i]/2)
		}
		x = along(op, x, 1+i, w.Kernel[i], stride, w.Padding[i], fill)
	}
	return x, []int{2, 4}
}

// along splits an axis into windows and the places in a window.
func along(op string, x *core.Array, axis, kernel, stride, padding int, fill float64) *core.Array {
	n := x.Dim(axis)
	count := (n+2*padding-kernel)/stride + 1
	if n+2*padding < kernel {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("axis %d has %d elements, fewer than a window of %d", axis, n+2*padding, kernel))
	}
	if stride == kernel && padding == 0 && count*kernel == n {
		return x.Unflatten(axis, count, kernel)
	}
	if padding > 0 {
		x = x.PadWith(core.Padding{Widths: [][2]int{{padding, padding}}, Axes: []int{axis}, Value: fill})
	}
	at := make([]int32, 0, count*kernel)
	for i := range count {
		for j := range kernel {
			at = append(at, int32(i*stride+j))
		}
	}
	return x.Take(core.From(at, count, kernel), axis)
}
