package fft_test

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
)

// A tone of 5 Hz, sampled 64 times in a second.
func Example() {
	signal := core.Iota(core.Float32, 64).MulScalar(2 * math.Pi * 5 / 64).Sin()
	power := fft.RFFT(signal).Abs()
	freqs := fft.RFFTFreq(64, 1.0/64)
	fmt.Println(freqs.At(power.ArgMax(0)), "Hz")
	// Output: 5.0 Hz
}

func ExampleFFTWith() {
	x := core.From([]float32{1, 0, 0, 0})
	fmt.Println(fft.FFTWith(x, 0, -1, fft.Ortho))
	// Output: [0.5+0.j 0.5+0.j 0.5+0.j 0.5+0.j]
}
