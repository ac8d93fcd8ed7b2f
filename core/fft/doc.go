// Package fft has the discrete Fourier transforms of MLX.
//
// [FFT] and [IFFT] go along the last axis, [FFT2] and [IFFT2] over the last two,
// [FFTN] and [IFFTN] over any. The R forms, such as [RFFT], take real arrays and
// leave out the negative frequencies, which are the conjugates of the positive
// ones; [IRFFT] makes the real array again. The With forms take sizes, to which
// the array is cut or padded with zeros, axes, and a scaling: [Backward],
// [Ortho] or [Forward].
//
//	spectrum := fft.RFFT(signal)
//	freqs := fft.RFFTFreq(signal.Dim(-1), 1.0/sampleRate)
//
// [STFT] cuts a signal into overlapping frames and transforms each; [ISTFT] puts
// them together again. All are differentiable; computation is in float32.
package fft
