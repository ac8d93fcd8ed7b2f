package ops

var matrix = []Op{
	{Name: "matmul", Sym: "mlx_matmul", Cpp: "matmul", In: "a array, b array", Out: "y",
		Go:    []Form{{"MatMul(b)", "returns the matrix product of a and b."}},
		Shape: "(…, m, k), (…, k, n) → (…, m, n); a vector counts as a row on the left and a column on the right",
		Types: "floating or complex; the promoted dtype", Errors: "k differs, or an argument is a scalar", Source: "MLX matmul",
		DTypes: inexact, Diff: "a b", Cases: []string{"a:3x4; b:4x2", "a:2x3x4; b:4x5", "a:4; b:4x3", "a:3x4; b:4", "a:2x1x2x3; b:2x3x1", "a:0x3; b:3x2", "a:2x0; b:0x3"}},
	{Name: "addmm", Sym: "mlx_addmm_mended", CppExpr: scaledAddmm, In: "c array, a array, b array, alpha float, beta float", Out: "y",
		Go: []Form{
			{"func AddMM(c, a, b) alpha=1 beta=1", "returns c + a·b in one step."},
			{"func AddMMScaled(c, a, b, alpha, beta)", "returns beta·c + alpha·a·b in one step."},
		},
		Shape: "c broadcasts to the shape of the matrix product of a and b",
		Types: "floating or complex; the promoted dtype", Errors: "the inner sizes differ, or c does not broadcast", Source: "MLX addmm",
		DTypes: inexact, Diff: "c a b", Cases: []string{"c:3x2; a:3x4; b:4x2; alpha:1; beta:1", "c:2; a:3x4; b:4x2; alpha:0.5; beta:-2", "c:2x3x2; a:2x3x4; b:4x2; alpha:1; beta:1"}},
	{Name: "inner", Sym: "mlx_inner", Cpp: "inner", In: "a array, b array", Out: "y",
		Go:    []Form{{"Inner(b)", "returns the sum of products over the last axes of a and b."}},
		Shape: "(…a, k), (…b, k) → (…a, …b); a scalar multiplies", Types: "floating or complex; the promoted dtype", Errors: "the last axes differ in size", Source: "MLX inner",
		DTypes: inexact, Diff: "a b", Cases: []string{"a:4; b:4", "a:2x3; b:4x3", "a:0d; b:3"}},
	{Name: "outer", Sym: "mlx_outer", Cpp: "outer", In: "a array, b array", Out: "y",
		Go:    []Form{{"Outer(b)", "returns every product of an element of a with one of b; both are flattened first."}},
		Shape: "m elements, n elements → (m, n)", Types: "the promoted dtype", Source: "MLX outer",
		DTypes: numbers, Diff: "a b", Cases: []string{"a:3; b:4", "a:2x2; b:3", "a:0; b:3"}},
	{Name: "vecdot", Sym: "mlx_vecdot", Cpp: "vecdot", In: "a array, b array, axis int", Out: "y",
		Go:    []Form{{"VecDot(b, axis)", "returns the dot products of the vectors that lie along axis of a and b; a complex a is conjugated."}},
		Shape: "a and b broadcast, axis is summed away", Types: "the promoted dtype", Errors: "a and b differ in rank, or axis in size", Source: "MLX vecdot",
		DTypes: inexact, Diff: "a b", Cases: []string{"a:3x4; b:3x4; axis:-1", "a:3x4; b:3x1; axis:0", "a:2x3; b:1x3; axis:-1"}},
	{Name: "tensordot", Sym: "mlx_tensordot", Cpp: "tensordot", In: "a array, b array, axes_a ints, axes_b ints", Out: "y",
		Go:    []Form{{"func TensorDot(a, b, axes_a, axes_b)", "sums products of a and b over the paired axes axes_a of a and axes_b of b."}},
		Shape: "the other axes of a, then the other axes of b", Types: "floating or complex; the promoted dtype", Errors: "the lists differ in length, or paired axes in size", Source: "MLX tensordot",
		DTypes: inexact, Diff: "a b", Cases: []string{"a:3x4; b:4x2; axes_a:[1]; axes_b:[0]", "a:2x3x2; b:3x2x4; axes_a:[1,0]; axes_b:[0,1]", "a:2; b:3; axes_a:[]; axes_b:[]"}},
	{Name: "tensordot_axis", Sym: "mlx_tensordot_axis", Cpp: "tensordot", In: "a array, b array, axis int", Out: "y",
		Go:    []Form{{"func TensorDotLast(a, b, axis)", "sums products of a and b over the last axis axes of a and the first axis axes of b; 0 gives every product."}},
		Shape: "(…a, k…), (k…, …b) → (…a, …b)", Types: "floating or complex; the promoted dtype", Errors: "a or b has fewer axes, or their sizes differ", Source: "MLX tensordot",
		DTypes: inexact, Diff: "a b", Cases: []string{"a:3x4; b:4x2; axis:1", "a:2x3x4; b:3x4x2; axis:2", "a:2; b:3; axis:0"}},
	{Name: "einsum", Sym: "mlx_einsum", Cpp: "einsum", In: "subscripts string, operands arrays", Out: "y",
		Go:    []Form{{"func Einsum(subscripts, operands...)", "evaluates a sum of products in Einstein notation, such as \"ij,jk->ik\"; without \"->\" the letters that occur once are the result, in alphabetical order."}},
		Shape: "as subscripts says", Types: "floating or complex; the promoted dtype", Errors: "subscripts is malformed, or does not fit the operands", Source: "MLX einsum",
		DTypes: inexact, Diff: "operands", Cases: []string{"subscripts:ij,jk->ik; operands:2x3+3x4", "subscripts:ii->i; operands:3x3", "subscripts:bij,bjk,bk->bi; operands:2x2x3+2x3x2+2x2", "subscripts:ij->; operands:2x3", "subscripts:ij,ij; operands:2x3+2x3"}},
	{Name: "gather_mm", Sym: "mlx_gather_mm_checked", CppExpr: checked(pickMatrices("a", "b") + "return gather_mm(a, b, lhs, rhs, sorted_indices, s);"), In: "a array, b array, lhs_indices array?, rhs_indices array?, sorted_indices bool", Out: "y",
		Go: []Form{
			{"func GatherMM(a, b, lhs_indices, rhs_indices) sorted_indices=false", "multiplies matrices of a by matrices of b, picked by index; nil indices stand for all matrices in order."},
			{"func GatherMMSorted(a, b, lhs_indices, rhs_indices) sorted_indices=true", "is GatherMM for one list of indices that ascends, which may run faster."},
		},
		Shape: "(…a, m, k), (…b, k, n) → (indices…, m, n); indices count over the leading axes, flattened", Types: "real floating; indices are integers", Errors: "k differs, the indices do not broadcast, or " + outside, Source: "MLX gather_mm",
		Diff: "a b", Cases: []string{
			"a:3x2x3; b:2x3x2; lhs_indices:4@idx3:uint32; rhs_indices:4@idx2:uint32",
			"a:2x2x3; b:2x3x2; rhs_indices:2@idx2:uint32",
			"a:2x2x3; b:2x3x2"}},
	{Name: "segmented_mm", NoExport: "the format has no segmented products", Sym: "mlx_segmented_mm_mended", CppExpr: `[&] {
			auto y = segmented_mm(a, b, segments, s);
			if (a.shape(1) != b.shape(0)) throw std::invalid_argument("[segmented_mm] the inner sizes differ");
			if (y.size() == 0) return zeros(y.shape(), y.dtype(), s);
			auto cut = minimum(astype(segments, uint32, s), array(uint32_t(b.shape(0))), s);
			// A CPU stream takes what it multiplies in half precision for whole matrices.
			auto t = s.device == Device::cpu ? float32 : y.dtype();
			return astype(segmented_mm(contiguous(astype(a, t, s), false, s), contiguous(astype(b, t, s), false, s), cut, s), y.dtype(), s);
		}()`,
		In: "a array, b array, segments array", Out: "y",
		Go:    []Form{{"func SegmentedMM(a, b, segments)", "returns one matrix product per row [start, stop) of segments, summed over that part of the inner axis only; positions beyond the axis count as its end."}},
		Shape: "(m, k), (k, n), (…, 2) → (…, m, n)", Types: "real floating; segments are integers", Errors: "a or b is not a matrix, or k differs", Source: "MLX segmented_mm",
		DTypes: floats, Diff: "a b", Cases: []string{"a:3x6; b:6x2; segments:3x2@seg6:uint32", "a:2x4; b:4x3; segments:1x2@seg4:uint32"}},
	{Name: "block_masked_mm", Sym: "mlx_block_masked_mm_mended", CppExpr: `[&] {
			auto y = block_masked_mm(a, b, block_size, mask_out, mask_lhs, mask_rhs, s);
			if (y.ndim() <= 2 || a.ndim() < 2 || b.ndim() < 2) return y;
			// Masks are written into a and b: matrices that share memory would share them.
			auto whole = [&](const array& x) {
				auto shape = y.shape();
				shape[y.ndim() - 2] = x.shape(-2), shape[y.ndim() - 1] = x.shape(-1);
				return contiguous(broadcast_to(x, shape, s), false, s);
			};
			return block_masked_mm(whole(a), whole(b), block_size, mask_out, mask_lhs, mask_rhs, s);
		}()`,
		In: "a array, b array, block_size int, mask_out array?, mask_lhs array?, mask_rhs array?", Out: "y",
		Go:    []Form{{"func BlockMaskedMM(a, b, block_size, mask_out, mask_lhs, mask_rhs)", "returns the matrix product of a and b with blocks of the result, of a or of b masked; block_size is 32 or 64, a nil mask keeps everything."}},
		Shape: "(…, m, k), (…, k, n) → (…, m, n); a mask has one element per started block", Types: "real floating; a mask of bools drops blocks, one of numbers scales them", Errors: "another block size, or a mask of the wrong shape", Source: "MLX block_masked_mm",
		Diff: "a b mask_out mask_lhs mask_rhs", Cases: []string{
			"a:3x4; b:4x2; block_size:32; mask_out:1x1@bool:bool",
			"a:3x4; b:4x2; block_size:32; mask_lhs:1x1@pos; mask_rhs:1x1@pos",
			"a:3x4; b:4x2; block_size:32; mask_out:1x1@pos; mask_lhs:1x1@pos; mask_rhs:1x1@pos",
			"a:34x2; b:2x2x3; block_size:32; mask_out:2x2x1@pos; mask_lhs:2x2x1@bool:bool; mask_rhs:2x1x1@bool:bool",
			"a:3x4; b:4x2; block_size:64"}},
	{Name: "hadamard_transform", Sym: "mlx_hadamard_transform", CppExpr: `issubdtype(a.dtype(), complexfloating) ? throw std::invalid_argument("[hadamard_transform] a is complex")
	    : a.ndim() > 0 && !has_hadamard(a.shape(-1)) ? throw std::invalid_argument("[hadamard_transform] the last axis has " + std::to_string(a.shape(-1)) + " elements, which is not m·2ᵏ with m one of 1, 12, 20, 28")
	    : hadamard_transform(a, scale, s)`,
		In: "a array, scale float?", Out: "y",
		Go: []Form{
			{"Hadamard() scale=math.NaN()", "returns the orthonormal Walsh–Hadamard transform of a along its last axis."},
			{"HadamardScaled(scale)", "is Hadamard with the factor scale in place of 1/√n."},
		},
		Shape: "(…, n) → (…, n) with n = m·2ᵏ, m one of 1, 12, 20, 28", Types: "real floating; integers become float32", Errors: "n is of another form, or a is empty or complex", Source: "MLX hadamard_transform",
		DTypes: floats, Diff: "a", Cases: []string{"a:2x4", "a:8; scale:1", "a:2x12; scale:0.5", "a:2x40", "a:1x56"}},
}

// pickMatrices checks the optional indices over the matrices of a and b.
func pickMatrices(a, b string) string {
	return `
			auto pick = [&](const auto& i, const array& x) -> std::optional<array> {
				if (!i || x.ndim() < 2) return i;
				int64_t n = 1;
				for (int k = 0; k + 2 < int(x.ndim()); k++) n *= x.shape(k);
				return within(*i, n);
			};
			auto lhs = pick(lhs_indices, ` + a + `), rhs = pick(rhs_indices, ` + b + `);
			`
}
