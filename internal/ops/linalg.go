package ops

// linalg holds what works on the matrices in the last two axes of an array.
var linalg = []Op{
	{Name: "linalg.qr", Sym: "mlx_linalg_qr", Cpp: "linalg::qr", In: "a array", Out: "q r", Pkg: "linalg",
		Go:    []Form{{"func QR(a)", "returns the reduced QR factorisation of the matrices in the last two axes of a."}},
		Shape: "(…, m, n) → (…, m, k), (…, k, n) with k = min(m, n)", Types: "float32 or float64", Source: "LAPACK geqrf, orgqr",
		CPU: true, Diff: "a", Cases: []string{"a:4x3@well", "a:2x4x4@well", "a:2x4@well"}},
	{Name: "linalg.svd", Sym: "mlx_linalg_svd",
		CppExpr: "[&] { auto r = linalg::svd(a, true, s); return std::make_tuple(r[0], r[1], r[2]); }()",
		In:      "a array", Out: "u sigma vt", Pkg: "linalg",
		Go:    []Form{{"func SVD(a)", "returns the full singular value decomposition a = u·diag(sigma)·vt; sigma descends."}},
		Shape: "(…, m, n) → (…, m, m), (…, k), (…, n, n) with k = min(m, n)", Types: "float32, float64 or complex64; sigma is real", Errors: "the iteration does not converge (NaN in a)", Source: "LAPACK gesdd",
		CPU: true, Diff: "a", Cases: []string{"a:3x3@apart", "a:2x4x3@apart", "a:2x3@apart"}},
	{Name: "linalg.svdvals", Sym: "mlx_linalg_svdvals", CppExpr: "linalg::svd(a, false, s).at(0)",
		In: "a array", Out: "sigma", Pkg: "linalg",
		Go:    []Form{{"func SVDVals(a)", "returns the singular values of a in descending order."}},
		Shape: "(…, m, n) → (…, min(m, n))", Types: "float32, float64 or complex64; the result is real", Errors: "the iteration does not converge (NaN in a)", Source: "LAPACK gesdd",
		DTypes: []string{"float32", "complex64"}, CPU: true, Diff: "a", Cases: []string{"a:3x3@well", "a:2x4x3@well", "a:2x7@well"}},
	{Name: "linalg.inv", Sym: "mlx_linalg_inv", CppExpr: "[&] { auto y = linalg::inv(a, s); return y.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y; }()",
		In: "a array", Out: "y", Pkg: "linalg",
		Go:    []Form{{"func Inv(a)", "returns the inverse of the square matrices of a."}},
		Shape: "(…, n, n) → (…, n, n)", Types: "float32 or float64", Errors: "a is not square, or singular (seen when the result is evaluated)", Source: "LAPACK getrf, getri",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:3x3@well", "a:2x4x4@well"}},
	{Name: "linalg.tri_inv", Sym: "mlx_linalg_tri_inv", CppExpr: "[&] { auto y = linalg::tri_inv(a, upper, s); return y.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y; }()",
		In: "a array, upper bool", Out: "y", Pkg: "linalg",
		Go:    []Form{{"func TriInv(a, upper)", "returns the inverse of triangular matrices; only the triangle that upper names is read."}},
		Shape: "(…, n, n) → (…, n, n)", Types: "float32 or float64", Errors: "a is not square, or singular (seen when the result is evaluated)", Source: "LAPACK trtri",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:3x3@lower", "a:2x3x3@upper; upper:true"}},
	{Name: "linalg.cholesky", Sym: "mlx_linalg_cholesky", CppExpr: `[&] {
			auto y = linalg::cholesky(a, upper, s);
			if (y.size() == 0) return zeros(y.shape(), y.dtype(), s);
			auto ok = all(greater(diagonal(y, 0, -2, -1, s), array(0.0f, y.dtype()), s), -1, true, s);
			return multiply(y, where(expand_dims(ok, -1, s), array(1.0f, y.dtype()), array(NAN, y.dtype()), s), s);
		}()`,
		In: "a array, upper bool", Out: "y", Pkg: "linalg",
		Go: []Form{
			{"func Cholesky(a) upper=false", "returns the lower triangular l with a = l·lᵀ of symmetric positive definite matrices; only the lower triangle of a is read."},
			{"func CholeskyUpper(a) upper=true", "returns the upper triangular u with a = uᵀ·u; only the upper triangle of a is read."},
		},
		Shape: "(…, n, n) → (…, n, n)", Types: "float32 or float64", Errors: "a is not square; a matrix that is not positive definite gives NaN", Source: "LAPACK potrf",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:3x3@spd", "a:2x3x3@spd; upper:true"}},
	{Name: "linalg.cholesky_inv", Sym: "mlx_linalg_cholesky_inv", CppExpr: "[&] { auto y = linalg::cholesky_inv(a, upper, s); return y.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y; }()",
		In: "a array, upper bool", Out: "y", Pkg: "linalg",
		Go:    []Form{{"func CholeskyInv(a, upper)", "returns the inverse of the matrix whose Cholesky factor is a; upper says which triangle the factor fills."}},
		Shape: "(…, n, n) → (…, n, n)", Types: "float32 or float64", Errors: "a is not square, or singular (seen when the result is evaluated)", Source: "LAPACK trtri",
		CPU: true, Diff: "a", Cases: []string{"a:3x3@lower", "a:2x3x3@upper; upper:true"}},
	{Name: "linalg.pinv", Sym: "mlx_linalg_pinv_mended", CppExpr: smoothPinv, In: "a array", Out: "y", Pkg: "linalg",
		Go:    []Form{{"func Pinv(a)", "returns the Moore–Penrose inverse; singular values below 10·max(m, n)·ε of the largest count as zero."}},
		Shape: "(…, m, n) → (…, n, m)", Types: "float32 or float64", Errors: "the iteration does not converge (NaN in a)", Source: "LAPACK gesdd",
		CPU: true, Diff: "a", Cases: []string{"a:3x3@well", "a:4x3@well", "a:2x2x4@well"}},
	{Name: "linalg.lu", NoExport: "the format has no LU factors", Sym: "mlx_linalg_lu",
		CppExpr: `[&] {
			auto r = linalg::lu(a, s);
			if (a.size() == 0) {
				auto rows = arange(0, a.shape(-2), uint32, s);
				r = {broadcast_to(rows, r[0].shape(), s), zeros(r[1].shape(), r[1].dtype(), s), zeros(r[2].shape(), r[2].dtype(), s)};
			}
			return std::make_tuple(r[0], r[1], r[2]);
		}()`,
		In: "a array", Out: "p l u", Pkg: "linalg",
		Go:    []Form{{"func LU(a)", "returns the LU factorisation with row pivoting: p holds row indices with a = (l·u)[p], l has a unit diagonal."}},
		Shape: "(…, m, n) → (…, m), (…, m, k), (…, k, n) with k = min(m, n)", Types: "float32 or float64; p is uint32", Source: "LAPACK getrf",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:3x3@well", "a:2x4x4@well", "a:4x3@well", "a:3x4@well"}},
	{Name: "linalg.lu_factor", NoExport: "the format has no LU factors", Sym: "mlx_linalg_lu_factor", CppExpr: `[&] {
			auto r = linalg::lu_factor(a, s);
			r.first = contiguous(r.first, false, s); // the engine's says that it holds more elements than it does
			return a.size() == 0 ? std::make_pair(zeros(r.first.shape(), r.first.dtype(), s), zeros(r.second.shape(), r.second.dtype(), s)) : r;
		}()`,
		In: "a array", Out: "lu pivots", Pkg: "linalg",
		Go:    []Form{{"func LUFactor(a)", "returns the LU factorisation in one matrix, as LAPACK packs it, and its pivots: row i was swapped with row pivots[i], counting from 0."}},
		Shape: "(…, m, n) → (…, m, n), (…, min(m, n))", Types: "float32 or float64; pivots are uint32", Source: "LAPACK getrf",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:3x3@well", "a:2x4x4@well", "a:4x3@well"}},
	{Name: "linalg.solve", NoExport: "the format has no LU factors", Sym: "mlx_linalg_solve", CppExpr: "[&] { auto y = linalg::solve(a, b, s); return y.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y; }()",
		In: "a array, b array", Out: "x", Pkg: "linalg",
		Go:    []Form{{"func Solve(a, b)", "returns the x with a·x = b for square a."}},
		Shape: "(…, n, n), (…, n, k) or (n) → as b", Types: "float32 or float64 after promotion", Errors: "a is not square, or singular (seen when the result is evaluated)", Source: "LAPACK getrf, trtri",
		CPU: true, Diff: "a b", Cases: []string{"a:0x0; b:0x2", "a:3x3@well; b:3x2", "a:3x3@well; b:3", "a:2x3x3@well; b:2x3x1"}},
	{Name: "linalg.solve_triangular", Sym: "mlx_linalg_solve_triangular", CppExpr: "[&] { auto y = linalg::solve_triangular(a, b, upper, s); return y.size() == 0 ? zeros(y.shape(), y.dtype(), s) : y; }()",
		In: "a array, b array, upper bool", Out: "x", Pkg: "linalg",
		Go:    []Form{{"func SolveTriangular(a, b, upper)", "returns the x with a·x = b for triangular a; only the triangle that upper names is read."}},
		Shape: "(…, n, n), (…, n, k) or (n) → as b", Types: "float32 or float64 after promotion", Errors: "a is not square, or singular (seen when the result is evaluated)", Source: "LAPACK trtri",
		CPU: true, Diff: "a b", Cases: []string{"a:3x3@lower; b:3x2", "a:3x3@upper; b:3; upper:true", "a:2x3x3@lower; b:2x3x1"}},
	{Name: "linalg.det", NoExport: "the format has no LU factors", Sym: "mlx_linalg_det_mended", CppExpr: productDet, In: "a array", Out: "y", Pkg: "linalg",
		Go:    []Form{{"func Det(a)", "returns the determinants of the square matrices of a."}},
		Shape: "(…, n, n) → (…)", Types: "real; integers become float32", Errors: "a is not square", Source: "LAPACK getrf; sizes to 3 by formula",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:2x2@well", "a:3x3@well", "a:2x4x4@well", "a:1x1"}},
	{Name: "linalg.slogdet", NoExport: "the format has no LU factors", Sym: "mlx_linalg_slogdet_mended", CppExpr: signedLogDet, In: "a array", Out: "sign logabsdet", Pkg: "linalg",
		Go:    []Form{{"func SlogDet(a)", "returns the signs and the logarithms of the absolute values of determinants; 0 and −∞ for a singular matrix."}},
		Shape: "(…, n, n) → (…), (…)", Types: "real; integers become float32", Errors: "a is not square", Source: "LAPACK getrf; sizes to 3 by formula",
		CPU: true, Diff: "a", Cases: []string{"a:0x0", "a:3x3@well", "a:2x4x4@well"}},
	{Name: "linalg.eig", Sym: "mlx_linalg_eig_mended", CppExpr: `[&] {
			auto r = linalg::eig(a, s);
			if (issubdtype(a.dtype(), complexfloating)) r.second = conjugate(r.second, s);
			return r;
		}()`,
		In: "a array", Out: "values vectors", Pkg: "linalg",
		Go:    []Form{{"func Eig(a)", "returns the eigenvalues of square matrices, in no fixed order, and the right eigenvectors, one per column and of length 1."}},
		Shape: "(…, n, n) → (…, n), (…, n, n)", Types: "float32, float64 or complex64 → complex64", Errors: "a is not square, or the iteration does not converge", Source: "LAPACK geev",
		DTypes: []string{"float32", "complex64"}, CPU: true, Diff: "a", Cases: []string{"a:2x2@apart", "a:2x2x2@apart"}},
	{Name: "linalg.eigvals", Sym: "mlx_linalg_eigvals_mended", CppExpr: "linalg::eig(a, s).first", In: "a array", Out: "values", Pkg: "linalg",
		Go:    []Form{{"func EigVals(a)", "returns the eigenvalues of square matrices, in no fixed order."}},
		Shape: "(…, n, n) → (…, n)", Types: "float32, float64 or complex64 → complex64", Errors: "a is not square, or the iteration does not converge", Source: "LAPACK geev",
		DTypes: []string{"float32", "complex64"}, CPU: true, Diff: "a", Cases: []string{"a:2x2@apart", "a:2x2x2@apart"}},
	{Name: "linalg.eigh", Sym: "mlx_linalg_eigh", Cpp: "linalg::eigh", In: "a array, UPLO string", Out: "values vectors", Pkg: "linalg",
		Go: []Form{
			{"func Eigh(a) UPLO=\"L\"", "returns the eigenvalues of symmetric or Hermitian matrices in ascending order and orthonormal eigenvectors, one per column; only the lower triangle is read."},
			{"func EighUpper(a) UPLO=\"U\"", "is Eigh that reads only the upper triangle."},
		},
		Shape: "(…, n, n) → (…, n), (…, n, n)", Types: "float32, float64 or complex64; the values are real", Errors: "a is not square, or the iteration does not converge", Source: "LAPACK syevd, heevd",
		CPU: true, Diff: "a", Cases: []string{"a:2x2@apart; UPLO:L", "a:2x2x2@apart; UPLO:U"}},
	{Name: "linalg.eigvalsh", Sym: "mlx_linalg_eigvalsh", Cpp: "linalg::eigvalsh", In: "a array, UPLO string", Out: "values", Pkg: "linalg",
		Go: []Form{
			{"func EigValsh(a) UPLO=\"L\"", "returns the eigenvalues of symmetric or Hermitian matrices in ascending order; only the lower triangle is read."},
			{"func EigValshUpper(a) UPLO=\"U\"", "is EigValsh that reads only the upper triangle."},
		},
		Shape: "(…, n, n) → (…, n)", Types: "float32, float64 or complex64; the values are real", Errors: "a is not square, or the iteration does not converge", Source: "LAPACK syevd, heevd",
		CPU: true, Diff: "a", Cases: []string{"a:3x3@apart; UPLO:L", "a:2x3x3@apart; UPLO:U"}},
	{Name: "linalg.cross", Sym: "mlx_linalg_cross", Cpp: "linalg::cross", In: "a array, b array, axis int", Out: "y", Pkg: "linalg",
		Go:    []Form{{"func Cross(a, b, axis)", "returns the cross products of the vectors that lie along axis; a vector of size 2 has a zero third component."}},
		Shape: "a and b broadcast beside axis, which has size 2 or 3; it becomes 3, or vanishes when both have 2", Types: "the promoted dtype", Errors: "axis has another size", Source: "MLX linalg.cross",
		DTypes: numbers, Diff: "a b", Cases: []string{"a:3; b:3; axis:-1", "a:2x3; b:2x3; axis:1", "a:3x2; b:3x1; axis:0", "a:4x2; b:4x2; axis:-1", "a:2; b:3; axis:-1"}},
	{Name: "linalg.norm_l2", Sym: "mlx_linalg_norm_l2_mended", CppExpr: normed("linalg::norm(a, axis, keepdims, s)"), In: "a array, axis ints?, keepdims bool", Out: "y", Pkg: "linalg",
		Go: []Form{
			{"func Norm(a, axis...) keepdims=false", "returns the square root of the sum of squared magnitudes over one or two axes, over all of a when none is given. Where all of a is zero the gradient is 0."},
			{"func NormKeep(a, axis...) keepdims=true", "is Norm that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "floating or complex; the result is real", Errors: "more than two axes", Source: "MLX linalg.norm",
		DTypes: inexact, Diff: "a", Cases: []string{"a:4", "a:3x4; axis:[-1]", "a:2x3x2; axis:[0,1]; keepdims:true", "a:2x2x2; keepdims:true"}},
	{Name: "linalg.norm", Sym: "mlx_linalg_norm_mended", CppExpr: normed("linalg::norm(a, ord, axis, keepdims, s)"), In: "a array, ord double, axis ints?, keepdims bool", Out: "y", Pkg: "linalg",
		Go: []Form{
			{"func NormOrd(a, ord, axis...) keepdims=false", "returns a norm of order ord: over one axis the vector norm (Σ|x|^ord)^(1/ord), ±Inf the largest or smallest magnitude, 0 the count of nonzeros; over two axes the matrix norm 1, 2, Inf or its negative. No axis stands for all axes of a vector or matrix."},
			{"func NormOrdKeep(a, ord, axis...) keepdims=true", "is NormOrd that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "floating or complex; the result is real", Errors: "not one or two axes, or a matrix order that does not exist; the matrix orders 2 and −2 need a CPU stream", Source: "MLX linalg.norm",
		DTypes: floats, Diff: "a", Cases: []string{"a:4; ord:3", "a:3x4@distinct; ord:1; axis:[0]", "a:5@distinct; ord:inf", "a:5@distinct; ord:-inf; keepdims:true", "a:3x3@apart; ord:1", "a:2x3@apart; ord:inf; axis:[0,1]; keepdims:true", "a:3x4; ord:2; axis:[-1]", "a:3x3@well:float32; ord:2", "a:2x3x4@well:float32; ord:-2; axis:[2,1]"}},
	{Name: "linalg.norm_matrix", Sym: "mlx_linalg_norm_matrix_mended", CppExpr: normed("linalg::norm(a, ord, axis, keepdims, s)"), In: "a array, ord string, axis ints?, keepdims bool", Out: "y", Pkg: "linalg",
		Go: []Form{
			{"func NormMatrix(a, ord, axis...) keepdims=false", "returns a matrix norm over two axes: \"fro\" the Frobenius norm, \"nuc\" the sum of singular values. No axis stands for both axes of a matrix."},
			{"func NormMatrixKeep(a, ord, axis...) keepdims=true", "is NormMatrix that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without the two reduced", Types: "floating or complex; the result is real", Errors: "not two axes, or another ord; \"nuc\" needs a CPU stream", Source: "MLX linalg.norm",
		DTypes: floats, Diff: "a", Cases: []string{"a:3x4; ord:fro", "a:2x3x2; ord:f; axis:[1,2]; keepdims:true", "a:3x3@well:float32; ord:nuc", "a:2x4x3@well:float32; ord:nuc; axis:[1,2]"}},
}
