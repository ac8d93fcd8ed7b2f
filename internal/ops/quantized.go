package ops

var quantized = []Op{
	{Name: "quant.quantize_affine", Sym: "mlx_quantize_affine",
		CppExpr: "[&] { auto r = quantize(w, group_size, bits, \"affine\", std::nullopt, s); return std::make_tuple(r[0], r[1], r[2]); }()",
		In:      "w array, group_size int?, bits int?", Out: "wq scales biases", Pkg: "quant",
		Go:    []Form{{"func Quantize(w, group_size, bits)", "packs w into integers of bits bits (0: 4), with a scale and a bias per group_size (0: 64) neighbours in the last axis, so that w ≈ scales·wq + biases."}},
		Shape: "(…, m, n) → (…, m, n·bits/32), (…, m, n/group_size) twice", Types: "real floating → uint32 and w's dtype twice", Errors: "fewer than two axes, n is no multiple of group_size, group_size is not 32, 64 or 128, or bits not 1–6 or 8", Source: "MLX quantize",
		DTypes: floats, Cases: []string{"w:2x64", "w:3x32; group_size:32; bits:8", "w:2x32; group_size:32; bits:3"}},
	{Name: "quant.quantize", NoExport: "the format has no 8-bit floats", Sym: "mlx_quantize", Cpp: "quantize", In: "w array, group_size int?, bits int?, mode string, global_scale array?", Out: "[]", Pkg: "quant",
		Go:    []Form{{"func QuantizeMode(w, group_size, bits, mode, global_scale)", "packs w as mode says: \"affine\" returns packed words, scales and biases, \"mxfp4\", \"mxfp8\" and \"nvfp4\" packed small floats and 8-bit scales. 0 stands for the mode's own group size and bits; global_scale (or nil) is a scalar for \"nvfp4\"."}},
		Shape: "(…, m, n) → (…, m, n·bits/32), (…, m, n/group_size), and biases like the scales", Types: "real floating → uint32, and scales of w's dtype or uint8", Errors: "fewer than two axes, n is no multiple of the group size, or sizes that mode does not have", Source: "MLX quantize, OCP Microscaling 1.0",
		DTypes: floats, Cases: []string{"w:2x64; mode:affine", "w:2x32; mode:mxfp4", "w:2x32; mode:mxfp8", "w:2x16; mode:nvfp4"}},
	{Name: "quant.dequantize", Sym: "mlx_dequantize", Cpp: "dequantize", In: "w array, scales array, biases array?, group_size int?, bits int?, mode string, global_scale array?, dtype dtype?", Out: "y", Pkg: "quant",
		Go: []Form{
			{"func Dequantize(w, scales, biases, group_size, bits) mode=\"affine\" global_scale=nil dtype=0", "undoes Quantize up to rounding; group_size and bits must be the same."},
			{"func DequantizeMode(w, scales, biases, group_size, bits, mode, global_scale, dtype)", "undoes QuantizeMode up to rounding; biases are nil except for \"affine\"."},
		},
		Shape: "(…, m, n·bits/32), (…, m, n/group_size) → (…, m, n)", Types: "uint32 and scales → dtype, or the scales' (bfloat16 for 8-bit scales)", Errors: "sizes that do not fit each other, group_size and bits", Source: "MLX dequantize",
		Diff: "scales biases", Cases: []string{
			"w:2x8@u32:uint32; scales:2x1@pos; biases:2x1; mode:affine",
			"w:3x8@u32:uint32; scales:3x1@pos; biases:3x1; group_size:32; bits:8; mode:affine",
			"w:2x4@u32:uint32; scales:2x1@e8m0:uint8; mode:mxfp4; dtype:float32"}},
	{Name: "quant.quantized_matmul", Sym: "mlx_quantized_matmul", CppExpr: `[&] {
			if (x.ndim() < 1 || w.ndim() < 2 || scales.ndim() != w.ndim()) throw std::invalid_argument("[quantized_matmul] x is a scalar, or w and scales have no two axes each");
			auto y = quantized_matmul(x, w, scales, biases, transpose, group_size, bits, mode, s);
			return x.size() == 0 || w.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y;
		}()`,
		In: "x array, w array, scales array, biases array?, transpose bool, group_size int?, bits int?, mode string", Out: "y", Pkg: "quant",
		Go: []Form{
			{"func MatMul(x, w, scales, biases, group_size, bits) transpose=true mode=\"affine\"", "returns x·wᵀ for a w that Quantize packed, without unpacking it as a whole."},
			{"func MatMulMode(x, w, scales, biases, transpose, group_size, bits, mode)", "is MatMul for a w of QuantizeMode, not transposed when transpose is false."},
		},
		Shape: "(…, m, k), packed (n, k), or (k, n) when not transposed → (…, m, n)", Types: "real floating x and scales, uint32 w", Errors: "k differs, or sizes that do not fit group_size and bits", Source: "MLX quantized_matmul",
		Diff: "x scales biases", Cases: []string{
			"x:0x32; w:3x4@u32:uint32; scales:3x1@pos; biases:3x1; transpose:true; group_size:32; bits:4; mode:affine",
			"x:1x32; w:3x4@u32:uint32; scales:3x1@pos; biases:3x1; transpose:true; group_size:32; bits:4; mode:affine",
			"x:2x3; w:3x4@u32:uint32; scales:3x1@pos; biases:3x1; transpose:false; group_size:32; bits:4; mode:affine",
			"x:1x32; w:3x4@u32:uint32; scales:3x1@e8m0:uint8; transpose:true; mode:mxfp4"}},
	{Name: "quant.qqmm", NoExport: "the format has no products of two quantized arrays", Sym: "mlx_qqmm", Cpp: "qqmm", In: "x array, w array, w_scales array?, group_size int?, bits int?, mode string, global_scale_x array?, global_scale_w array?", Out: "y", Pkg: "quant",
		Go:    []Form{{"func QQMM(x, w, w_scales, group_size, bits, mode, global_scale_x, global_scale_w)", "returns x·wᵀ with both rounded to mode (\"nvfp4\" or \"mxfp8\"): x on the fly, w too unless w_scales are given with a packed w."}},
		Shape: "(…, m, k), (n, k) → (…, m, n)", Types: "real floating; packed w is uint32", Errors: "k differs or is no multiple of the group size, another mode; a CPU stream can only do one row (m = 1) with a packed w", Source: "MLX qqmm",
		Cases: []string{"x:1x16; w:3x2@u32:uint32; w_scales:3x1@fp8:uint8; mode:nvfp4"}},
	{Name: "quant.gather_qmm", Sym: "mlx_gather_qmm_checked", CppExpr: checked(pickMatrices("x", "w") + `
			if (x.ndim() < 1 || w.ndim() < 2 || scales.ndim() != w.ndim()) throw std::invalid_argument("[gather_qmm] x is a scalar, or w and scales have no two axes each");
			auto y = gather_qmm(x, w, scales, biases, lhs, rhs, transpose, group_size, bits, mode, global_scale, sorted_indices, s);
			return x.size() == 0 || w.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y;`),
		In: "x array, w array, scales array, biases array?, lhs_indices array?, rhs_indices array?, transpose bool, group_size int?, bits int?, mode string, global_scale array?, sorted_indices bool", Out: "y", Pkg: "quant",
		Go: []Form{
			{"func GatherMM(x, w, scales, biases, lhs_indices, rhs_indices, group_size, bits) transpose=true mode=\"affine\" global_scale=nil sorted_indices=false", "multiplies matrices of x by packed matrices of w, picked by index; nil indices stand for all matrices in order."},
			{"func GatherMMMode(x, w, scales, biases, lhs_indices, rhs_indices, transpose, group_size, bits, mode, global_scale, sorted_indices)", "is GatherMM for a w of QuantizeMode, not transposed when transpose is false; sorted_indices promises ascending ones."},
		},
		Shape: "(…x, m, k), packed (…w, n, k) → (indices…, m, n)", Types: "real floating x and scales, uint32 w, integer indices", Errors: "k differs, or sizes that do not fit group_size and bits", Source: "MLX gather_qmm",
		Diff: "x scales biases", Cases: []string{
			"x:2x1x32; w:2x3x4@u32:uint32; scales:2x3x1@pos; biases:2x3x1; lhs_indices:2@idx2:uint32; rhs_indices:2@idx2:uint32; transpose:true; group_size:32; bits:4; mode:affine",
			"x:2x2x3; w:2x3x4@u32:uint32; scales:2x3x1@pos; biases:2x3x1; lhs_indices:3@idx2:uint32; rhs_indices:3@idx2:uint32; transpose:false; group_size:32; bits:4; mode:affine"}},
	{Name: "quant.gather_qqmm", NoExport: "the format has no products of two quantized arrays", Sym: "mlx_gather_qqmm_checked", CppExpr: checked(pickMatrices("x", "w") + "return gather_qqmm(x, w, scales_w, lhs, rhs, group_size, bits, mode, global_scale_x, global_scale_w, sorted_indices, s);"), In: "x array, w array, scales_w array?, lhs_indices array?, rhs_indices array?, group_size int?, bits int?, mode string, global_scale_x array?, global_scale_w array?, sorted_indices bool", Out: "y", Pkg: "quant",
		Go:    []Form{{"func GatherQQMM(x, w, scales_w, lhs_indices, rhs_indices, group_size, bits, mode, global_scale_x, global_scale_w, sorted_indices)", "is QQMM on matrices of x and w that are picked by index; nil indices stand for all matrices in order."}},
		Shape: "(…x, m, k), (…w, n, k) → (indices…, m, n)", Types: "real floating; packed w is uint32", Errors: "k differs or is no multiple of the group size, or another mode", Source: "MLX gather_qqmm",
		GPU: true, Cases: []string{"x:2x1x32; w:2x3x32; lhs_indices:2@idx2:uint32; rhs_indices:2@idx2:uint32; mode:mxfp8"}},
	{Name: "quant.to_fp8", NoExport: "the format has no 8-bit floats", Sym: "mlx_to_fp8_mended", CppExpr: "to_fp8(x.dtype() == float64 ? astype(x, float32, s) : x, s)", In: "x array", Out: "y", Pkg: "quant",
		Go:    []Form{{"func ToFP8(x)", "rounds x to 8-bit floats (E4M3), held as bytes; larger magnitudes, infinities and NaN become 448."}},
		Shape: "x's", Types: "real floating → uint8", Source: "MLX to_fp8, OCP FP8 1.0",
		DTypes: floats, Cases: []string{"x:3x4", "x:0d", "x:0"}},
	{Name: "quant.from_fp8", NoExport: "the format has no 8-bit floats", Sym: "mlx_from_fp8_mended", CppExpr: "dtype == float64 ? astype(from_fp8(x, float32, s), float64, s) : from_fp8(x, dtype, s)", In: "x array, dtype dtype", Out: "y", Pkg: "quant",
		Go:    []Form{{"func FromFP8(x, dtype)", "converts 8-bit floats (E4M3), held as bytes, to dtype."}},
		Shape: "x's", Types: "uint8 → real floating", Errors: "x is not uint8, or dtype is not floating", Source: "MLX from_fp8, OCP FP8 1.0",
		Cases: []string{"x:3x4@fp8:uint8; dtype:float32", "x:5@fp8:uint8; dtype:bfloat16", "x:5@fp8:uint8; dtype:float64"}},
}
