package ops

// dense is a, laid out in row-major order where it is empty: a reduction of an
// empty array that lies transposed reads sizes that were never set, and may not
// end.
const dense = "(a.size() == 0 ? contiguous(a, false, s) : a)"

var reduction = []Op{
	{Name: "sum", Sym: "mlx_sum_axes_mended", CppExpr: "sum(" + dense + ", axes, keepdims, s)", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Sum(axes...) keepdims=false", "returns the sum of a over axes, over all of them when none is given."},
			{"SumKeep(axes...) keepdims=true", "is Sum that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "a's; bool becomes int32, integers of fewer bits int32 or uint32", Source: "MLX sum",
		DTypes: all, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true", "a:0x3; axes:[0]", "a:0d"}},
	{Name: "prod", Sym: "mlx_prod_axes_mended", CppExpr: "prod(" + dense + ", axes, keepdims, s)", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Prod(axes...) keepdims=false", "returns the product of a over axes, over all of them when none is given."},
			{"ProdKeep(axes...) keepdims=true", "is Prod that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "a's; bool becomes int32, integers of fewer bits int32 or uint32", Source: "MLX prod",
		DTypes: all, Diff: "a", Cases: []string{"a:2x3@pos", "a:2x3x2; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true", "a:0x3; axes:[0]", "a:0d"}},
	{Name: "mean", Sym: "mlx_mean_axes_mended", CppExpr: "mean(" + dense + ", axes, keepdims, s)", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Mean(axes...) keepdims=false", "returns the mean of a over axes, over all of them when none is given."},
			{"MeanKeep(axes...) keepdims=true", "is Mean that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "floating or complex; integers become float32", Source: "MLX mean",
		DTypes: numbers, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true", "a:0d"}},
	{Name: "max", Sym: "mlx_max_axes", Cpp: "max", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Max(axes...) keepdims=false", "returns the largest element of a over axes, over all of them when none is given. Equal ones share the gradient evenly."},
			{"MaxKeep(axes...) keepdims=true", "is Max that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "a's", Errors: "a reduced axis has size 0", Source: "MLX max",
		DTypes: all, Diff: "a", Cases: []string{"a:3x4@distinct", "a:2x3x4@distinct; axes:[0,2]", "a:2x3@distinct; axes:[-1]; keepdims:true", "a:0d"}},
	{Name: "min", Sym: "mlx_min_axes", Cpp: "min", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Min(axes...) keepdims=false", "returns the smallest element of a over axes, over all of them when none is given. Equal ones share the gradient evenly."},
			{"MinKeep(axes...) keepdims=true", "is Min that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "a's", Errors: "a reduced axis has size 0", Source: "MLX min",
		DTypes: all, Diff: "a", Cases: []string{"a:3x4@distinct", "a:2x3x4@distinct; axes:[0,2]", "a:2x3@distinct; axes:[-1]; keepdims:true", "a:0d"}},
	{Name: "minmax", Sym: "mlx_minmax_axes", Cpp: "minmax", In: "a array, axes axes, keepdims bool", Out: "lo hi",
		Go: []Form{
			{"MinMax(axes...) keepdims=false", "returns the smallest and the largest element of a over axes, over all of them when none is given."},
			{"MinMaxKeep(axes...) keepdims=true", "is MinMax that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced, twice", Types: "a's", Errors: "a reduced axis has size 0", Source: "MLX minmax",
		DTypes: all, Diff: "a", Cases: []string{"a:3x4@distinct", "a:2x3x4@distinct; axes:[0,2]", "a:2x3@distinct; axes:[-1]; keepdims:true"}},
	{Name: "all", Sym: "mlx_all_axes_mended", CppExpr: "all(" + dense + ", axes, keepdims, s)", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"All(axes...) keepdims=false", "returns whether every element of a is true (not zero) over axes, over all of them when none is given."},
			{"AllKeep(axes...) keepdims=true", "is All that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "any; the result is bool", Source: "MLX all",
		DTypes: all, Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true", "a:0x3; axes:[0]", "a:0d"}},
	{Name: "any", Sym: "mlx_any_axes_mended", CppExpr: "any(" + dense + ", axes, keepdims, s)", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Any(axes...) keepdims=false", "returns whether some element of a is true (not zero) over axes, over all of them when none is given."},
			{"AnyKeep(axes...) keepdims=true", "is Any that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "any; the result is bool", Source: "MLX any",
		DTypes: all, Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true", "a:0x3; axes:[0]", "a:0d"}},
	{Name: "count_nonzero", Sym: "mlx_count_nonzero_axes_mended", CppExpr: "count_nonzero(" + dense + ", axes, keepdims, s)", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"CountNonzero(axes...) keepdims=false", "returns the number of elements of a that are not zero over axes, over all of them when none is given."},
			{"CountNonzeroKeep(axes...) keepdims=true", "is CountNonzero that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "any; the result is int32", Source: "MLX count_nonzero",
		DTypes: all, Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true"}},
	{Name: "median", Sym: "mlx_median", Cpp: "median", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"Median(axes...) keepdims=false", "returns the median of a, the mean of the two middle elements where their number is even, over axes, over all of them when none is given."},
			{"MedianKeep(axes...) keepdims=true", "is Median that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "floating; integers become float32", Errors: "a reduced axis has size 0", Source: "MLX median",
		DTypes: reals, Diff: "a", Cases: []string{"a:3x4@distinct", "a:2x3x4@distinct; axes:[0,2]", "a:2x3@distinct; axes:[-1]; keepdims:true"}},
	{Name: "var", Sym: "mlx_var_axes", Cpp: "var", In: "a array, axes axes, keepdims bool, ddof int", Out: "y",
		Go: []Form{
			{"Var(axes...) keepdims=false ddof=0", "returns the variance of a over axes, over all of them when none is given."},
			{"VarKeep(axes...) keepdims=true ddof=0", "is Var that keeps the reduced axes with size 1."},
			{"VarWith(ddof, keepdims, axes...)", "is Var that divides by n - ddof, n being the number of elements reduced."},
		},
		Shape: "the axes of a without those reduced", Types: "floating; integers become float32", Source: "MLX var",
		DTypes: reals, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]; ddof:1", "a:2x3; axes:[-1]; keepdims:true"}},
	{Name: "std", Sym: "mlx_std_axes_mended", CppExpr: deviation, In: "a array, axes axes, keepdims bool, ddof int", Out: "y",
		Go: []Form{
			{"Std(axes...) keepdims=false ddof=0", "returns the standard deviation of a, the square root of Var, over axes, over all of them when none is given. Where it is 0 so is the gradient."},
			{"StdKeep(axes...) keepdims=true ddof=0", "is Std that keeps the reduced axes with size 1."},
			{"StdWith(ddof, keepdims, axes...)", "is Std that divides by n - ddof, n being the number of elements reduced."},
		},
		Shape: "the axes of a without those reduced", Types: "floating; integers become float32", Source: "MLX std",
		DTypes: reals, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]; ddof:1", "a:2x3; axes:[-1]; keepdims:true"}},
	{Name: "logsumexp", Sym: "mlx_logsumexp_axes", Cpp: "logsumexp", In: "a array, axes axes, keepdims bool", Out: "y",
		Go: []Form{
			{"LogSumExp(axes...) keepdims=false", "returns log(Σ exp(a)) over axes, over all of them when none is given. Where all of a is −∞ the gradient is 0."},
			{"LogSumExpKeep(axes...) keepdims=true", "is LogSumExp that keeps the reduced axes with size 1."},
		},
		Shape: "the axes of a without those reduced", Types: "floating or complex; integers become float32", Errors: "a reduced axis has size 0", Source: "MLX logsumexp",
		DTypes: floats, Diff: "a", Cases: []string{"a:3x4", "a:2x3x4; axes:[0,2]", "a:2x3; axes:[-1]; keepdims:true", "a:0d"}},
	{Name: "softmax", Sym: "mlx_softmax_axes", Cpp: "softmax", In: "a array, axes axes, precise bool", Out: "y",
		Go: []Form{
			{"Softmax(axes...) precise=false", "returns exp(a) / Σ exp(a) with the sum over axes, over all of them when none is given."},
			{"SoftmaxPrecise(axes...) precise=true", "is Softmax that computes in float32 whatever the dtype of a."},
		},
		Shape: "that of a", Types: "floating; integers become float32", Source: "MLX softmax",
		DTypes: floats, Diff: "a", Cases: []string{"a:3x4; axes:[-1]", "a:3x4", "a:2x3x4; axes:[0,2]", "a:3x4; axes:[0]; precise:true", "a:0d"}},
	{Name: "argmax", Sym: "mlx_argmax_axis", Cpp: "argmax", In: "a array, axis int, keepdims bool", Out: "y",
		Go: []Form{
			{"ArgMax(axis) keepdims=false", "returns the index of the largest element of a along axis, the first of equal ones."},
			{"ArgMaxKeep(axis) keepdims=true", "is ArgMax that keeps axis with size 1."},
		},
		Shape: "the axes of a without axis", Types: "real; the result is uint32", Errors: "axis has size 0", Source: "MLX argmax",
		DTypes: reals, Cases: []string{"a:3x4@distinct; axis:1", "a:3x4@distinct; axis:-2; keepdims:true", "a:2x3x4@distinct; axis:1"}},
	{Name: "argmin", Sym: "mlx_argmin_axis", Cpp: "argmin", In: "a array, axis int, keepdims bool", Out: "y",
		Go: []Form{
			{"ArgMin(axis) keepdims=false", "returns the index of the smallest element of a along axis, the first of equal ones."},
			{"ArgMinKeep(axis) keepdims=true", "is ArgMin that keeps axis with size 1."},
		},
		Shape: "the axes of a without axis", Types: "real; the result is uint32", Errors: "axis has size 0", Source: "MLX argmin",
		DTypes: reals, Cases: []string{"a:3x4@distinct; axis:1", "a:3x4@distinct; axis:-2; keepdims:true", "a:2x3x4@distinct; axis:1"}},
	{Name: "cumsum", Sym: "mlx_cumsum", Cpp: "cumsum", In: "a array, axis int, reverse bool, inclusive bool", Out: "y",
		Go: []Form{
			{"CumSum(axis) reverse=false inclusive=true", "returns the running sums of a along axis."},
			{"CumSumWith(axis, reverse, inclusive)", "is CumSum that with reverse runs from the end, and without inclusive leaves each element itself out."},
		},
		Shape: "that of a", Types: "a's; bool becomes int32", Source: "MLX cumsum",
		DTypes: all, Diff: "a", Cases: []string{
			"a:3x4; axis:1; inclusive:true", "a:3x4; axis:-2; reverse:true; inclusive:true", "a:5; axis:0", "a:2x3; axis:1; reverse:true"}},
	{Name: "cumprod", Sym: "mlx_cumprod", Cpp: "cumprod", In: "a array, axis int, reverse bool, inclusive bool", Out: "y",
		Go: []Form{
			{"CumProd(axis) reverse=false inclusive=true", "returns the running products of a along axis."},
			{"CumProdWith(axis, reverse, inclusive)", "is CumProd that with reverse runs from the end, and without inclusive leaves each element itself out."},
		},
		Shape: "that of a", Types: "a's", Source: "MLX cumprod",
		DTypes: all, Diff: "a", Cases: []string{
			"a:3x4@pos; axis:1; inclusive:true", "a:3x4@pos; axis:-2; reverse:true; inclusive:true", "a:5@pos; axis:0", "a:2x3@pos; axis:1; reverse:true"}},
	{Name: "cummax", Sym: "mlx_cummax", Cpp: "cummax", In: "a array, axis int, reverse bool, inclusive bool", Out: "y",
		Go: []Form{
			{"CumMax(axis) reverse=false inclusive=true", "returns the running maxima of a along axis. Of equal elements the latest has the gradient."},
			{"CumMaxWith(axis, reverse, inclusive)", "is CumMax that with reverse runs from the end, and without inclusive leaves each element itself out."},
		},
		Shape: "that of a", Types: "a's", Source: "MLX cummax",
		DTypes: reals, Diff: "a", Infinite: true, Cases: []string{
			"a:3x4@distinct; axis:1; inclusive:true", "a:3x4@distinct; axis:-2; reverse:true; inclusive:true", "a:5@distinct; axis:0", "a:2x3@distinct; axis:1; reverse:true"}},
	{Name: "cummin", Sym: "mlx_cummin", Cpp: "cummin", In: "a array, axis int, reverse bool, inclusive bool", Out: "y",
		Go: []Form{
			{"CumMin(axis) reverse=false inclusive=true", "returns the running minima of a along axis. Of equal elements the latest has the gradient."},
			{"CumMinWith(axis, reverse, inclusive)", "is CumMin that with reverse runs from the end, and without inclusive leaves each element itself out."},
		},
		Shape: "that of a", Types: "a's", Source: "MLX cummin",
		DTypes: reals, Diff: "a", Infinite: true, Cases: []string{
			"a:3x4@distinct; axis:1; inclusive:true", "a:3x4@distinct; axis:-2; reverse:true; inclusive:true", "a:5@distinct; axis:0", "a:2x3@distinct; axis:1; reverse:true"}},
	{Name: "logcumsumexp", Sym: "mlx_logcumsumexp", Cpp: "logcumsumexp", In: "a array, axis int, reverse bool, inclusive bool", Out: "y",
		Go: []Form{
			{"LogCumSumExp(axis) reverse=false inclusive=true", "returns the running log(Σ exp(a)) along axis."},
			{"LogCumSumExpWith(axis, reverse, inclusive)", "is LogCumSumExp that with reverse runs from the end, and without inclusive leaves each element itself out."},
		},
		Shape: "that of a", Types: "floating or complex; integers become float32", Source: "MLX logcumsumexp",
		DTypes: floats, Diff: "a", Infinite: true, Cases: []string{
			"a:3x4; axis:1; inclusive:true", "a:3x4; axis:-2; reverse:true; inclusive:true", "a:5; axis:0", "a:2x3; axis:1; reverse:true"}},
	{Name: "diff", Sym: "mlx_diff", Cpp: "diff", In: "a array, n int, axis int", Out: "y",
		Go: []Form{
			{"Diff(axis) n=1", "returns the differences of neighbours along axis: y[i] = a[i+1] - a[i]."},
			{"DiffN(n, axis)", "is Diff applied n times."},
		},
		Shape: "that of a, axis shorter by n", Types: "any; bool differences are exclusive or", Errors: "n is negative", Source: "MLX diff",
		DTypes: numbers, Diff: "a", Cases: []string{"a:3x4; n:1; axis:-1", "a:3x4; n:2; axis:0", "a:5; n:0; axis:0"}},
}
