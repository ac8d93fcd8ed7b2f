package ops

// The scale factors: norm 0 (backward) divides inverse transforms by the size,
// 1 (ortho) both directions by its square root, 2 (forward) forward ones by it.
//
// The engine writes outside of memory where an axis is not there and a size is given.
const (
	axisThere = outOfRange + "there(axis);\n\t\t\t"
	axesThere = outOfRange + "for (int k : axes) there(k);\n\t\t\t"

	outOfRange = `auto there = [&](int k) {
				if (k < -int(a.ndim()) || k >= int(a.ndim()))
					throw std::invalid_argument("axis " + std::to_string(k) + " is out of range for an array of " + std::to_string(a.ndim()) + " axes");
			};
			`
)

var fft = []Op{
	{Name: "fft.fft", Sym: "mlx_fft_fft_checked", CppExpr: mended(axisThere + "return n == 0 ? fft::fft(a, axis, norm, s) : fft::fft(a, n, axis, norm, s);"),
		In: "a array, n int, axis int, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func FFT(a) n=0 axis=-1 norm=0", "returns the discrete Fourier transform along the last axis."},
			{"func FFTWith(a, n, axis, norm)", "is FFT along axis, which is cut or padded with zeros to size n (0: as it is), scaled as norm says."},
		},
		Shape: "a's, with size n along axis", Types: "any dtype, as complex64 → complex64", Errors: "axis is out of range, or n is negative", Source: "MLX fft.fft",
		DTypes: []string{"float32", "complex64"}, Diff: "a", Cases: []string{"a:6; axis:-1", "a:3x4; n:6; axis:0; norm:1", "a:2x5; n:3; axis:1; norm:2", "a:2x3x2; axis:1"}},
	{Name: "fft.fft2", Sym: "mlx_fft_fft2_checked", CppExpr: mended(axesThere + "return n.empty() ? fft::fft2(a, axes, norm, s) : fft::fft2(a, n, axes, norm, s);"),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func FFT2(a) n=nil axes=[]int{-2,-1} norm=0", "returns the discrete Fourier transform over the last two axes."},
			{"func FFT2With(a, n, axes, norm)", "is FFT2 over axes, cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's, with the sizes n along axes", Types: "any dtype, as complex64 → complex64", Errors: "an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.fft2",
		DTypes: []string{"float32", "complex64"}, Diff: "a", Cases: []string{"a:3x4; axes:[-2,-1]", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x4; n:[2,3]; axes:[0,1]; norm:2"}},
	{Name: "fft.fftn", Sym: "mlx_fft_fftn_checked", CppExpr: mended(axesThere + "return n.empty() ? fft::fftn(a, axes, norm, s) : fft::fftn(a, n, axes, norm, s);"),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func FFTN(a, axes...) n=nil norm=0", "returns the discrete Fourier transform over axes, over all of them when none is given."},
			{"func FFTNWith(a, n, axes, norm)", "is FFTN with axes cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's, with the sizes n along axes", Types: "any dtype, as complex64 → complex64", Errors: "an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.fftn",
		DTypes: []string{"float32", "complex64"}, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x3x3; axes:[1,2]; norm:2", "a:5; axes:[0]"}},
	{Name: "fft.ifft", Sym: "mlx_fft_ifft_checked", CppExpr: mended(axisThere + "return n == 0 ? fft::ifft(a, axis, norm, s) : fft::ifft(a, n, axis, norm, s);"),
		In: "a array, n int, axis int, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func IFFT(a) n=0 axis=-1 norm=0", "returns the inverse discrete Fourier transform along the last axis."},
			{"func IFFTWith(a, n, axis, norm)", "is IFFT along axis, which is cut or padded with zeros to size n (0: as it is), scaled as norm says."},
		},
		Shape: "a's, with size n along axis", Types: "any dtype, as complex64 → complex64", Errors: "axis is out of range, or n is negative", Source: "MLX fft.ifft",
		DTypes: []string{"float32", "complex64"}, Diff: "a", Cases: []string{"a:6; axis:-1", "a:3x4; n:6; axis:0; norm:1", "a:2x5; n:3; axis:1; norm:2", "a:2x3x2; axis:1"}},
	{Name: "fft.ifft2", Sym: "mlx_fft_ifft2_checked", CppExpr: mended(axesThere + "return n.empty() ? fft::ifft2(a, axes, norm, s) : fft::ifft2(a, n, axes, norm, s);"),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func IFFT2(a) n=nil axes=[]int{-2,-1} norm=0", "returns the inverse discrete Fourier transform over the last two axes."},
			{"func IFFT2With(a, n, axes, norm)", "is IFFT2 over axes, cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's, with the sizes n along axes", Types: "any dtype, as complex64 → complex64", Errors: "an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.ifft2",
		DTypes: []string{"float32", "complex64"}, Diff: "a", Cases: []string{"a:3x4; axes:[-2,-1]", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x4; n:[2,3]; axes:[0,1]; norm:2"}},
	{Name: "fft.ifftn", Sym: "mlx_fft_ifftn_checked", CppExpr: mended(axesThere + "return n.empty() ? fft::ifftn(a, axes, norm, s) : fft::ifftn(a, n, axes, norm, s);"),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func IFFTN(a, axes...) n=nil norm=0", "returns the inverse discrete Fourier transform over axes, over all of them when none is given."},
			{"func IFFTNWith(a, n, axes, norm)", "is IFFTN with axes cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's, with the sizes n along axes", Types: "any dtype, as complex64 → complex64", Errors: "an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.ifftn",
		DTypes: []string{"float32", "complex64"}, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x3x3; axes:[1,2]; norm:2", "a:5; axes:[0]"}},
	{Name: "fft.rfft", Sym: "mlx_fft_rfft_checked", CppExpr: mended(axisThere + `if (issubdtype(a.dtype(), complexfloating)) throw std::invalid_argument("[rfft] a is complex");
			return n == 0 ? fft::rfft(a, axis, norm, s) : fft::rfft(a, n, axis, norm, s);`),
		In: "a array, n int, axis int, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func RFFT(a) n=0 axis=-1 norm=0", "returns the non-negative frequencies of the discrete Fourier transform of a real array along the last axis."},
			{"func RFFTWith(a, n, axis, norm)", "is RFFT along axis, which is cut or padded with zeros to size n (0: as it is), scaled as norm says."},
		},
		Shape: "a's; the last transformed axis becomes ⌊n/2⌋ + 1", Types: "real, as float32 → complex64", Errors: "a is complex, axis is out of range, or n is negative", Source: "MLX fft.rfft",
		DTypes: []string{"float32"}, Diff: "a", Cases: []string{"a:6; axis:-1", "a:3x4; n:6; axis:0; norm:1", "a:2x5; n:3; axis:1; norm:2", "a:2x3x2; axis:1"}},
	{Name: "fft.rfft2", Sym: "mlx_fft_rfft2_checked", CppExpr: mended(axesThere + `if (issubdtype(a.dtype(), complexfloating)) throw std::invalid_argument("[rfft2] a is complex");
			return n.empty() ? fft::rfft2(a, axes, norm, s) : fft::rfft2(a, n, axes, norm, s);`),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func RFFT2(a) n=nil axes=[]int{-2,-1} norm=0", "returns the non-negative frequencies of the discrete Fourier transform of a real array over the last two axes."},
			{"func RFFT2With(a, n, axes, norm)", "is RFFT2 over axes, cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's; the last transformed axis becomes ⌊n/2⌋ + 1", Types: "real, as float32 → complex64", Errors: "a is complex, an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.rfft2",
		DTypes: []string{"float32"}, Diff: "a", Cases: []string{"a:3x4; axes:[-2,-1]", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x4; n:[2,3]; axes:[0,1]; norm:2"}},
	{Name: "fft.rfftn", Sym: "mlx_fft_rfftn_checked", CppExpr: mended(axesThere + `if (issubdtype(a.dtype(), complexfloating)) throw std::invalid_argument("[rfftn] a is complex");
			return n.empty() ? fft::rfftn(a, axes, norm, s) : fft::rfftn(a, n, axes, norm, s);`),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func RFFTN(a, axes...) n=nil norm=0", "returns the non-negative frequencies of the discrete Fourier transform of a real array over axes, over all of them when none is given."},
			{"func RFFTNWith(a, n, axes, norm)", "is RFFTN with axes cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's; the last transformed axis becomes ⌊n/2⌋ + 1", Types: "real, as float32 → complex64", Errors: "a is complex, an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.rfftn",
		DTypes: []string{"float32"}, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x3x3; axes:[1,2]; norm:2", "a:5; axes:[0]"}},
	{Name: "fft.irfft", Sym: "mlx_fft_irfft_mended", CppExpr: inverseReal(axisThere, "n == 0 ? fft::irfft(a, axis, norm, s) : fft::irfft(a, n, axis, norm, s)", "{n}", "{axis}"),
		In: "a array, n int, axis int, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func IRFFT(a) n=0 axis=-1 norm=0", "returns the real array whose non-negative frequencies are a along the last axis."},
			{"func IRFFTWith(a, n, axis, norm)", "is IRFFT along axis, which is cut or padded with zeros to give n results (0: as it is), scaled as norm says."},
		},
		Shape: "a's; the last transformed axis becomes 2·(size − 1), or as n says", Types: "any dtype, as complex64 → float32", Errors: "axis is out of range, or n is negative", Source: "MLX fft.irfft",
		DTypes: []string{"complex64"}, Diff: "a", Cases: []string{"a:4; axis:-1", "a:3x4; n:7; axis:0; norm:1", "a:2x5; n:4; axis:1; norm:2", "a:2x3x2; axis:1"}},
	{Name: "fft.irfft2", Sym: "mlx_fft_irfft2_mended", CppExpr: inverseReal(axesThere, "n.empty() ? fft::irfft2(a, axes, norm, s) : fft::irfft2(a, n, axes, norm, s)", "n", "axes"),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func IRFFT2(a) n=nil axes=[]int{-2,-1} norm=0", "returns the real array whose non-negative frequencies are a over the last two axes."},
			{"func IRFFT2With(a, n, axes, norm)", "is IRFFT2 over axes, cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's; the last transformed axis becomes 2·(size − 1), or as n says", Types: "any dtype, as complex64 → float32", Errors: "an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.irfft2",
		DTypes: []string{"complex64"}, Diff: "a", Cases: []string{"a:3x4; axes:[-2,-1]", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x4; n:[2,3]; axes:[0,1]; norm:2"}},
	{Name: "fft.irfftn", Sym: "mlx_fft_irfftn_mended", CppExpr: inverseReal(axesThere, "n.empty() ? fft::irfftn(a, axes, norm, s) : fft::irfftn(a, n, axes, norm, s)", "n", "axes"),
		In: "a array, n shape, axes axes, norm fftnorm", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func IRFFTN(a, axes...) n=nil norm=0", "returns the real array whose non-negative frequencies are a over axes, over all of them when none is given."},
			{"func IRFFTNWith(a, n, axes, norm)", "is IRFFTN with axes cut or padded with zeros to the sizes n (none: as they are), scaled as norm says."},
		},
		Shape: "a's; the last transformed axis becomes 2·(size − 1), or as n says", Types: "any dtype, as complex64 → float32", Errors: "an axis is out of range or repeated, or n has another length than axes", Source: "MLX fft.irfftn",
		DTypes: []string{"complex64"}, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; n:[4,4]; axes:[0,2]; norm:1", "a:2x3x3; axes:[1,2]; norm:2", "a:5; axes:[0]"}},
	{Name: "fft.fftfreq", Sym: "mlx_fft_fftfreq", Cpp: "fft::fftfreq", In: "n int, d double", Out: "y", Pkg: "fft",
		Go:    []Form{{"func FFTFreq(n, d)", "returns the frequencies that belong to the results of an FFT of size n, in cycles per unit of the sample spacing d."}},
		Shape: "(n)", Types: "float32", Errors: "n is not positive", Source: "MLX fft.fftfreq",
		Cases: []string{"n:6; d:1", "n:5; d:0.5", "n:1; d:1"}},
	{Name: "fft.rfftfreq", Sym: "mlx_fft_rfftfreq", Cpp: "fft::rfftfreq", In: "n int, d double", Out: "y", Pkg: "fft",
		Go:    []Form{{"func RFFTFreq(n, d)", "returns the frequencies that belong to the results of an RFFT of size n, in cycles per unit of the sample spacing d."}},
		Shape: "(⌊n/2⌋ + 1)", Types: "float32", Errors: "n is not positive", Source: "MLX fft.rfftfreq",
		Cases: []string{"n:6; d:1", "n:5; d:0.5", "n:1; d:1"}},
	{Name: "fft.fftshift", Sym: "mlx_fft_fftshift", Cpp: "fft::fftshift", In: "a array, axes axes", Out: "y", Pkg: "fft",
		Go:    []Form{{"func FFTShift(a, axes...)", "rotates axes, all of them when none is given, so that frequency zero comes to the middle."}},
		Shape: "a's", Types: "any", Errors: "an axis is out of range", Source: "MLX fft.fftshift",
		DTypes: all, Diff: "a", Cases: []string{"a:5", "a:3x4", "a:3x4; axes:[-1]"}},
	{Name: "fft.ifftshift", Sym: "mlx_fft_ifftshift", Cpp: "fft::ifftshift", In: "a array, axes axes", Out: "y", Pkg: "fft",
		Go:    []Form{{"func IFFTShift(a, axes...)", "undoes FFTShift."}},
		Shape: "a's", Types: "any", Errors: "an axis is out of range", Source: "MLX fft.ifftshift",
		DTypes: all, Diff: "a", Cases: []string{"a:5", "a:3x4", "a:3x4; axes:[-1]"}},
	{Name: "fft.stft", Sym: "mlx_fft_stft", Cpp: "fft::stft", In: "x array, n_fft int, hop_length int?, win_length int?, window array?, center bool, pad_mode string, norm fftnorm, onesided bool", Out: "y", Pkg: "fft",
		Go: []Form{
			{"func STFT(x, n_fft, hop_length, window) win_length=0 center=true pad_mode=\"constant\" norm=0 onesided=true", "returns the short-time Fourier transform: frames of n_fft samples, hop_length apart (0: n_fft/4) and centred on their times, times window (nil: ones), transformed; the signal is padded with zeros."},
			{"func STFTWith(x, n_fft, hop_length, win_length, window, center, pad_mode, norm, onesided)", "is STFT with a window of win_length samples (0: n_fft), frames that start at their times unless center, padding \"reflect\", \"constant\" or \"edge\", and with onesided false also the negative frequencies."},
		},
		Shape: "(…, l) → (…, frequencies, frames)", Types: "real; complex only when not onesided; → complex64", Errors: "x is too short, the window has another length, or pad_mode is unknown", Source: "MLX fft.stft",
		Diff: "x window", Cases: []string{"x:12; n_fft:4; hop_length:2; window:4@pos; center:true; pad_mode:constant; onesided:true", "x:2x10; n_fft:4; center:false; pad_mode:constant; onesided:true", "x:9; n_fft:5; hop_length:3; win_length:3; center:true; pad_mode:reflect; norm:1"}},
	{Name: "fft.istft", Sym: "mlx_fft_istft", Cpp: "fft::istft", In: "stft_matrix array, n_fft int?, hop_length int?, win_length int?, window array?, center bool, norm fftnorm, onesided bool, length int?", Out: "x", Pkg: "fft",
		Go: []Form{
			{"func ISTFT(stft_matrix, n_fft, hop_length, window) win_length=0 center=true norm=0 onesided=true length=0", "returns the signal whose STFT with the same arguments is stft_matrix, by adding overlapping frames; n_fft 0 stands for the even size that fits."},
			{"func ISTFTWith(stft_matrix, n_fft, hop_length, win_length, window, center, norm, onesided, length)", "is ISTFT for the arguments of STFTWith; the result is cut or padded with zeros to length (0: as it comes)."},
		},
		Shape: "(…, frequencies, frames) → (…, l)", Types: "complex64 → float32; complex64 when not onesided", Errors: "the number of frequencies does not fit n_fft, or the window has another length", Source: "MLX fft.istft",
		Diff: "stft_matrix window", Cases: []string{"stft_matrix:3x7:complex64; hop_length:2; window:4@pos; center:true; onesided:true", "stft_matrix:2x3x4:complex64; n_fft:4; center:true; onesided:true; length:4"}},
}
