package ops

var indexing = []Op{
	{Name: "take", Sym: "mlx_take_axis_checked", CppExpr: checked("return take(a, within(indices, size_of_axis(a, axis)), axis, s);"), In: "a array, indices array, axis int", Out: "y",
		Go:    []Form{{"Take(indices, axis)", "returns the slices of a at indices along axis. Negative indices count from the end."}},
		Shape: "axis is replaced by the shape of indices", Types: "any; indices are integers", Errors: "indices are no integers, axis is empty, or " + outside, Source: "MLX take",
		DTypes: all, Diff: "a", Cases: []string{"a:4x3; indices:2@idx4; axis:0", "a:3x4; indices:2x3@idx4; axis:-1", "a:4x3; indices:0d@idx4; axis:0"}},
	{Name: "take_along_axis", Sym: "mlx_take_along_axis_checked", CppExpr: checked("return take_along_axis(a, within(indices, size_of_axis(a, axis)), axis, s);"), In: "a array, indices array, axis int", Out: "y",
		Go:    []Form{{"TakeAlongAxis(indices, axis)", "returns the elements of a at indices along axis, one index per element of the result. Negative indices count from the end."}},
		Shape: "that of indices; the other axes of a and indices broadcast", Types: "any; indices are integers", Errors: "a and indices differ in rank, or " + outside, Source: "MLX take_along_axis",
		DTypes: all, Diff: "a", Cases: []string{"a:3x4; indices:3x2@idx4; axis:1", "a:3x4; indices:2x4@idx3; axis:-2", "a:3x4; indices:1x5@idx4; axis:1"}},
	{Name: "put_along_axis", Sym: "mlx_put_along_axis_checked", CppExpr: checked("return put_along_axis(a, within(indices, size_of_axis(a, axis)), values, axis, s);"), In: "a array, indices array, values array, axis int", Out: "y",
		Go:    []Form{{"PutAlongAxis(indices, values, axis)", "returns a with the elements at indices along axis replaced by values. An index given twice keeps either value; negative indices count from the end."}},
		Shape: "that of a; values broadcast to indices", Types: "a's; indices are integers", Errors: "a and indices differ in rank, or " + outside, Source: "MLX put_along_axis",
		DTypes: all, Diff: "a values", Cases: []string{"a:3x4; indices:3x2@perm4; values:3x2; axis:1", "a:3x4; indices:3x2@perm4; values:0d; axis:-1", "a:4; indices:3@perm4; values:3; axis:0"}},
	{Name: "scatter_add_axis", Sym: "mlx_scatter_add_axis_checked", CppExpr: checked("return scatter_add_axis(a, within(indices, size_of_axis(a, axis)), values, axis, s);"), In: "a array, indices array, values array, axis int", Out: "y",
		Go:    []Form{{"ScatterAddAxis(indices, values, axis)", "returns a with values added to the elements at indices along axis; an index may be given more than once. Negative indices count from the end."}},
		Shape: "that of a; values broadcast to indices", Types: "a's; indices are integers", Errors: "a and indices differ in rank, or " + outside, Source: "MLX scatter_add_axis",
		DTypes: numbers, Diff: "a values", Cases: []string{"a:3x4; indices:3x2@idx4; values:3x2; axis:1", "a:3x4; indices:5x4@idx3; values:0d; axis:0"}},
	{Name: "gather", Sym: "mlx_gather_checked", CppExpr: checked(gathered), In: "a array, indices arrays, axes ints, slice_sizes shape", Out: "y",
		Go:    []Form{{"Gather(indices, axes, slice_sizes)", "returns the slices of a of size slice_sizes that start at indices[i] along axes[i] and at 0 along the other axes. For slices of one element negative indices count from the end."}},
		Shape: "the broadcast shape of indices, then slice_sizes", Types: "any; indices are integers", Errors: "slice_sizes do not fit a, axes repeat, indices and axes differ in number, or " + outside, Source: "MLX gather",
		DTypes: all, Diff: "a", Cases: []string{
			"a:4x3; indices:2@idx4; axes:[0]; slice_sizes:[1,3]", "a:4x3; indices:2x1@idx4+3@idx3; axes:[0,1]; slice_sizes:[1,1]", "a:4x3; indices:0d@idx2; axes:[1]; slice_sizes:[4,2]"}},
	{Name: "scatter", Sym: "mlx_scatter_checked", CppExpr: checked(scattered + "auto y = scatter(a, at, updates, ax, s);\n\t\t\treturn updates.size() == 0 ? copy(a, s) : y;"), In: "a array, indices arrays, updates array, axes ints", Out: "y",
		Go:    []Form{{"Scatter(indices, updates, axes)", "returns a with slices replaced by updates: those that start at indices[i] along axes[i]. For slices of one element negative indices count from the end."}},
		Shape: "updates: the broadcast shape of indices, then one size per axis of a", Types: "a's; indices are integers", Errors: "updates do not fit, axes repeat, indices and axes differ in number, or " + outside, Source: "MLX scatter",
		DTypes: all, Diff: "a updates", Cases: []string{
			"a:4x3; indices:2@perm4; updates:2x1x3; axes:[0]", "a:4x3; indices:2@perm4+2@perm3; updates:2x1x1; axes:[0,1]", "a:4x3; indices:0d@idx4; updates:1x3; axes:[0]"}},
	{Name: "scatter_add", Sym: "mlx_scatter_add_checked", CppExpr: checked(scattered + "auto y = scatter_add(a, at, updates, ax, s);\n\t\t\treturn updates.size() == 0 ? copy(a, s) : y;"), In: "a array, indices arrays, updates array, axes ints", Out: "y",
		Go:    []Form{{"ScatterAdd(indices, updates, axes)", "is Scatter that adds updates to what is there."}},
		Shape: "updates: the broadcast shape of indices, then one size per axis of a", Types: "a's; indices are integers", Errors: "updates do not fit, axes repeat, indices and axes differ in number, or " + outside, Source: "MLX scatter_add",
		DTypes: numbers, Diff: "a updates", Cases: []string{
			"a:4x3; indices:6@idx4; updates:6x1x3; axes:[0]", "a:4x3; indices:5@idx4+5@idx3; updates:5x1x1; axes:[0,1]"}},
	{Name: "scatter_prod", Sym: "mlx_scatter_prod_checked", CppExpr: checked(scattered + "auto y = scatter_prod(a, at, updates, ax, s);\n\t\t\treturn updates.size() == 0 ? copy(a, s) : y;"), In: "a array, indices arrays, updates array, axes ints", Out: "y",
		Go:    []Form{{"ScatterProd(indices, updates, axes)", "is Scatter that multiplies what is there by updates."}},
		Shape: "updates: the broadcast shape of indices, then one size per axis of a", Types: "a's; indices are integers", Errors: "updates do not fit, axes repeat, indices and axes differ in number, or " + outside, Source: "MLX scatter_prod",
		DTypes: numbers, Diff: "a updates", Cases: []string{
			"a:4x3; indices:6@idx4; updates:6x1x3; axes:[0]", "a:4x3; indices:5@idx4+5@idx3; updates:5x1x1; axes:[0,1]"}},
	{Name: "scatter_max", Sym: "mlx_scatter_max_checked", CppExpr: checked(scattered + "auto y = scatter_max(a, at, updates, ax, s);\n\t\t\treturn updates.size() == 0 ? copy(a, s) : y;"), In: "a array, indices arrays, updates array, axes ints", Out: "y",
		Go:    []Form{{"ScatterMax(indices, updates, axes)", "is Scatter that keeps the larger of updates and what is there."}},
		Shape: "updates: the broadcast shape of indices, then one size per axis of a", Types: "real; a's; indices are integers", Errors: "updates do not fit, axes repeat, indices and axes differ in number, or " + outside, Source: "MLX scatter_max",
		DTypes: reals, Diff: "a updates", Cases: []string{
			"a:4x3@distinct; indices:2@perm4; updates:2x1x3@between; axes:[0]", "a:4x3@distinct; indices:2@perm4+2@perm3; updates:2x1x1@between; axes:[0,1]"}},
	{Name: "scatter_min", Sym: "mlx_scatter_min_checked", CppExpr: checked(scattered + "auto y = scatter_min(a, at, updates, ax, s);\n\t\t\treturn updates.size() == 0 ? copy(a, s) : y;"), In: "a array, indices arrays, updates array, axes ints", Out: "y",
		Go:    []Form{{"ScatterMin(indices, updates, axes)", "is Scatter that keeps the smaller of updates and what is there."}},
		Shape: "updates: the broadcast shape of indices, then one size per axis of a", Types: "real; a's; indices are integers", Errors: "updates do not fit, axes repeat, indices and axes differ in number, or " + outside, Source: "MLX scatter_min",
		DTypes: reals, Diff: "a updates", Cases: []string{
			"a:4x3@distinct; indices:2@perm4; updates:2x1x3@between; axes:[0]", "a:4x3@distinct; indices:2@perm4+2@perm3; updates:2x1x1@between; axes:[0,1]"}},
	{Name: "masked_scatter", Sym: "mlx_masked_scatter_checked", CppExpr: checked(`if (src.size() == 0 && mask.size() > 0) throw std::invalid_argument("the source is empty: it has no element for a mask that is true");
			return masked_scatter(a, mask, src, s);`), In: "a array, mask array, src array", Out: "y",
		Go:    []Form{{"MaskedScatter(mask, src)", "returns a with the elements where mask is true replaced by those of src, in row-major order."}},
		Shape: "that of a; mask has the leading axes of a", Types: "a's; mask is bool", Errors: "mask is not bool or does not fit a, or src is empty and mask is not", Source: "MLX masked_scatter",
		DTypes: all, Diff: "a src", Cases: []string{"a:3x4; mask:3x4@bool:bool; src:12", "a:3x4; mask:3@bool:bool; src:3x4", "a:3x4; mask:3@bool:bool; src:4"}},
	{Name: "slice", Sym: "mlx_slice", Cpp: "slice", In: "a array, start bounds, stop bounds, strides bounds", Out: "y",
		Go:    []Form{{"sliceRaw(start, stop, strides)", "returns every strides[i]-th element of a from start[i] up to but without stop[i] along axis i; negative positions count from the end, a negative stride walks backwards."}},
		Shape: "⌈(stop - start) / stride⌉ per axis", Types: "any", Errors: "start, stop and strides do not have one number per axis", Source: "MLX slice",
		DTypes: all, Diff: "a", Cases: []string{
			"a:4x5; start:[1,0]; stop:[3,5]; strides:[1,2]", "a:4x5; start:[-1,4]; stop:[-5,0]; strides:[-1,-2]", "a:4x5; start:[2,0]; stop:[2,5]; strides:[1,1]"}},
	{Name: "slice_dynamic", Sym: "mlx_slice_dynamic_checked", CppExpr: checked(startWithin("a", "slice_size") + "return slice(a, at, ax, slice_size, s);"), In: "a array, start array, axes ints, slice_size shape", Out: "y",
		Go:    []Form{{"DynamicSlice(start, axes, slice_size)", "returns the slice of a of slice_size that starts at start[i] along axes[i] and at 0 along the other axes. start is an array, so it may depend on data; it is moved to the nearest place where the slice lies inside."}},
		Shape: "slice_size", Types: "any; start is a vector of integers", Errors: "slice_size does not fit a, or start and axes differ in length", Source: "MLX slice",
		DTypes: all, Diff: "a", Cases: []string{"a:4x5; start:1@idx2; axes:[0]; slice_size:[2,5]", "a:4x5; start:2@idx2; axes:[1,0]; slice_size:[3,4]"}},
	{Name: "slice_update", Sym: "mlx_slice_update_mended", CppExpr: sliceUpdate("slice_update", "tied(x, old)"), In: "src array, update array, start bounds, stop bounds, strides bounds", Out: "y",
		Go:    []Form{{"sliceUpdateRaw(update, start, stop, strides)", "returns src with the elements that sliceRaw would give replaced by update."}},
		Shape: "that of src; update broadcasts to the slice", Types: "src's", Errors: "start, stop and strides do not have one number per axis", Source: "MLX slice_update",
		DTypes: all, Diff: "src update", Cases: []string{
			"src:4x5; update:2x3; start:[1,0]; stop:[3,5]; strides:[1,2]", "src:4x5; update:2; start:[-1,4]; stop:[-5,0]; strides:[-1,-2]", "src:4; update:0d; start:[1]; stop:[3]; strides:[1]"}},
	{Name: "slice_update_add", Sym: "mlx_slice_update_add_mended", CppExpr: sliceUpdate("slice_update_add", "add(old, x, s)"), In: "src array, update array, start bounds, stop bounds, strides bounds", Out: "y",
		Go:    []Form{{"sliceUpdateAddRaw(update, start, stop, strides)", "is sliceUpdateRaw that adds update to what is there."}},
		Shape: "that of src; update broadcasts to the slice", Types: "src's", Errors: "start, stop and strides do not have one number per axis", Source: "MLX slice_update",
		DTypes: numbers, Diff: "src update", Cases: []string{
			"src:4x5; update:2x3; start:[1,0]; stop:[3,5]; strides:[1,2]", "src:4x5; update:2; start:[-1,4]; stop:[-5,0]; strides:[-1,-2]", "src:4; update:0d; start:[1]; stop:[3]; strides:[1]"}},
	{Name: "slice_update_prod", Sym: "mlx_slice_update_prod_mended", CppExpr: sliceUpdate("slice_update_prod", "multiply(old, x, s)"), In: "src array, update array, start bounds, stop bounds, strides bounds", Out: "y",
		Go:    []Form{{"sliceUpdateProdRaw(update, start, stop, strides)", "is sliceUpdateRaw that multiplies what is there by update."}},
		Shape: "that of src; update broadcasts to the slice", Types: "src's", Errors: "start, stop and strides do not have one number per axis", Source: "MLX slice_update",
		DTypes: numbers, Diff: "src update", Cases: []string{
			"src:4x5; update:2x3; start:[1,0]; stop:[3,5]; strides:[1,2]", "src:4x5; update:2; start:[-1,4]; stop:[-5,0]; strides:[-1,-2]", "src:4; update:0d; start:[1]; stop:[3]; strides:[1]"}},
	{Name: "slice_update_max", Sym: "mlx_slice_update_max_mended", CppExpr: sliceUpdate("slice_update_max", "maximum(old, x, s)"), In: "src array, update array, start bounds, stop bounds, strides bounds", Out: "y",
		Go:    []Form{{"sliceUpdateMaxRaw(update, start, stop, strides)", "is sliceUpdateRaw that keeps the larger of update and what is there."}},
		Shape: "that of src; update broadcasts to the slice", Types: "src's", Errors: "start, stop and strides do not have one number per axis", Source: "MLX slice_update",
		DTypes: reals, Diff: "src update", Cases: []string{
			"src:4x5@distinct; update:2x3@between; start:[1,0]; stop:[3,5]; strides:[1,2]", "src:4x5@distinct; update:2@between; start:[-1,4]; stop:[-5,0]; strides:[-1,-2]", "src:4@distinct; update:0d@between; start:[1]; stop:[3]; strides:[1]"}},
	{Name: "slice_update_min", Sym: "mlx_slice_update_min_mended", CppExpr: sliceUpdate("slice_update_min", "minimum(old, x, s)"), In: "src array, update array, start bounds, stop bounds, strides bounds", Out: "y",
		Go:    []Form{{"sliceUpdateMinRaw(update, start, stop, strides)", "is sliceUpdateRaw that keeps the smaller of update and what is there."}},
		Shape: "that of src; update broadcasts to the slice", Types: "src's", Errors: "start, stop and strides do not have one number per axis", Source: "MLX slice_update",
		DTypes: reals, Diff: "src update", Cases: []string{
			"src:4x5@distinct; update:2x3@between; start:[1,0]; stop:[3,5]; strides:[1,2]", "src:4x5@distinct; update:2@between; start:[-1,4]; stop:[-5,0]; strides:[-1,-2]", "src:4@distinct; update:0d@between; start:[1]; stop:[3]; strides:[1]"}},
	{Name: "slice_update_dynamic", Sym: "mlx_slice_update_dynamic_checked", CppExpr: checked(startWithin("src", "update.shape()") + `
			if (!src.is_tracer()) return slice_update(src, update, at, ax, s);
			// The batch rule wants update mapped where src is.
			auto old = slice(src, at, ax, update.shape(), s);
			return slice_update(src, where(array(true), astype(update, src.dtype(), s), old, s), at, ax, s);`), In: "src array, update array, start array, axes ints", Out: "y",
		Go:    []Form{{"DynamicUpdateSlice(update, start, axes)", "returns src with the slice of the shape of update that starts at start[i] along axes[i] and at 0 along the other axes replaced by update. start is an array, so it may depend on data; it is moved to the nearest place where the slice lies inside."}},
		Shape: "that of src", Types: "src's; start is a vector of integers", Errors: "update does not have the axes of src or does not fit it, or start and axes differ in length", Source: "MLX slice_update",
		DTypes: all, Diff: "src update", Cases: []string{"src:4x5; update:2x5; start:1@idx2; axes:[0]", "src:4x5; update:3x4; start:2@idx2; axes:[1,0]"}},
}

// gathered and scattered check the index arrays of the general gathers.
const (
	gathered = `
			if (indices.size() != axes.size() || slice_sizes.size() != a.ndim()) throw std::invalid_argument("one index array per axis of axes and one slice size per axis of the array are needed");
			for (int k = 0; k < int(a.ndim()); k++)
				if (slice_sizes[k] < 0 || slice_sizes[k] > a.shape(k)) throw std::invalid_argument("slice size " + std::to_string(slice_sizes[k]) + " does not fit axis " + std::to_string(k) + " of " + std::to_string(a.shape(k)) + " elements");
			auto ax = axes;
			auto at = indices;
			for (size_t k = 0; k < ax.size(); k++) {
				ax[k] = axis_of(a, ax[k]);
				at[k] = within(at[k], a.shape(ax[k]), slice_sizes[ax[k]]);
			}
			return gather(a, at, ax, slice_sizes, s);`
	scattered = `
			if (indices.empty() || indices.size() != axes.size()) throw std::invalid_argument("one index array per axis of axes is needed");
			if (updates.ndim() < a.ndim()) throw std::invalid_argument("updates have fewer axes than the array");
			auto ax = axes;
			auto at = indices;
			for (size_t k = 0; k < ax.size(); k++) {
				ax[k] = axis_of(a, ax[k]);
				at[k] = within(at[k], a.shape(ax[k]), updates.shape(int(updates.ndim() - a.ndim()) + ax[k]));
			}
			if (updates.size() == 0) return a; // the engine divides by its size
			`
)

// startWithin sets ax and at, the start of a slice of size in x moved inside.
func startWithin(x, size string) string {
	return `
			auto ax = axes;
			auto& sizes = ` + size + `;
			if (sizes.size() != ` + x + `.ndim()) throw std::invalid_argument("the slice has " + std::to_string(sizes.size()) + " axes, the array " + std::to_string(` + x + `.ndim()));
			if (!issubdtype(start.dtype(), integer)) throw std::invalid_argument("the start is not of integers");
			std::vector<int64_t> last;
			for (auto& k : ax) {
				k = axis_of(` + x + `, k);
				if (sizes[k] > ` + x + `.shape(k)) throw std::invalid_argument("the slice is larger than the array");
				last.push_back(` + x + `.shape(k) - sizes[k]);
			}
			auto at = last.empty() || start.size() != last.size() ? start
				: maximum(minimum(astype(start, int64, s), array(last.begin(), start.shape(), int64), s), array(0, int64), s);
			`
}
