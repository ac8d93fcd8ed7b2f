package ops

var convolution = []Op{
	{Name: "conv1d", Sym: "mlx_conv1d_checked", CppExpr: convolved("conv1d", "conv1d(input, weight, stride, padding, dilation, groups, s)"),
		In: "input array, weight array, stride int, padding int, dilation int, groups int", Out: "y",
		Go:    []Form{{"Conv1d(weight, stride, padding, dilation, groups)", "slides weight over input, channels last, and sums the products (a cross-correlation)."}},
		Shape: "(n, l, cin), (cout, k, cin/groups) → (n, l', cout), l' = ⌊(l + 2·padding − dilation·(k−1) − 1)/stride⌋ + 1", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not fit groups, or the window is larger than the padded input", Source: "MLX conv1d",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:2x5x2; weight:3x3x2; stride:1; padding:0; dilation:1; groups:1",
			"input:1x7x2; weight:2x3x2; stride:2; padding:1; dilation:2; groups:1",
			"input:1x5x4; weight:4x2x2; stride:1; padding:1; dilation:1; groups:2"}},
	{Name: "conv2d", Sym: "mlx_conv2d_checked", CppExpr: convolved("conv2d", "conv2d(input, weight, stride, padding, dilation, groups, s)"),
		In: "input array, weight array, stride int2, padding int2, dilation int2, groups int", Out: "y",
		Go:    []Form{{"Conv2d(weight, stride, padding, dilation, groups)", "slides weight over input, channels last, and sums the products (a cross-correlation); pairs are (height, width)."}},
		Shape: "(n, h, w, cin), (cout, kh, kw, cin/groups) → (n, h', w', cout), sizes as in Conv1d", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not fit groups, or the window is larger than the padded input", Source: "MLX conv2d",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:1x4x4x2; weight:2x3x3x2; stride:[1,1]; padding:[0,0]; dilation:[1,1]; groups:1",
			"input:1x5x4x1; weight:2x2x3x1; stride:[2,1]; padding:[1,0]; dilation:[1,1]; groups:1",
			"input:1x5x5x2; weight:2x2x2x1; stride:[1,2]; padding:[0,1]; dilation:[2,1]; groups:2"}},
	{Name: "conv3d", Sym: "mlx_conv3d_checked", CppExpr: convolved("conv3d", "conv3d(input, weight, stride, padding, dilation, groups, s)"),
		In: "input array, weight array, stride int3, padding int3, dilation int3, groups int", Out: "y",
		Go:    []Form{{"Conv3d(weight, stride, padding, dilation, groups)", "slides weight over input, channels last, and sums the products (a cross-correlation); triples are (depth, height, width)."}},
		Shape: "(n, d, h, w, cin), (cout, kd, kh, kw, cin) → (n, d', h', w', cout), sizes as in Conv1d", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not agree, groups is not 1, or the window is larger than the padded input", Source: "MLX conv3d",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:1x3x3x3x1; weight:2x2x2x2x1; stride:[1,1,1]; padding:[0,0,0]; dilation:[1,1,1]; groups:1",
			"input:1x3x2x4x2; weight:1x2x2x1x2; stride:[2,1,2]; padding:[1,0,0]; dilation:[1,1,1]; groups:1"}},
	{Name: "conv_transpose1d", Sym: "mlx_conv_transpose1d_mended", CppExpr: convolvedTransposed("conv_transpose1d", "std::vector<int>{v}"),
		In: "input array, weight array, stride int, padding int, dilation int, output_padding int, groups int", Out: "y",
		Go:    []Form{{"ConvTranspose1d(weight, stride, padding, dilation, output_padding, groups)", "is the transpose of Conv1d: each element of input adds a scaled copy of weight to the result; output_padding lengthens its end."}},
		Shape: "(n, l, cin), (cout, k, cin/groups) → (n, l', cout), l' = (l−1)·stride − 2·padding + dilation·(k−1) + output_padding + 1", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not fit groups", Source: "MLX conv_transpose1d",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:2x4x2; weight:3x3x2; stride:1; padding:0; dilation:1; output_padding:0; groups:1",
			"input:1x4x2; weight:2x3x2; stride:2; padding:1; dilation:1; output_padding:1; groups:1",
			"input:1x3x2; weight:2x2x1; stride:1; padding:0; dilation:2; output_padding:0; groups:2"}},
	{Name: "conv_transpose2d", Sym: "mlx_conv_transpose2d_mended", CppExpr: convolvedTransposed("conv_transpose2d", "std::vector<int>{v.first, v.second}"),
		In: "input array, weight array, stride int2, padding int2, dilation int2, output_padding int2, groups int", Out: "y",
		Go:    []Form{{"ConvTranspose2d(weight, stride, padding, dilation, output_padding, groups)", "is the transpose of Conv2d: each pixel of input adds a scaled copy of weight to the result; output_padding lengthens its ends."}},
		Shape: "(n, h, w, cin), (cout, kh, kw, cin/groups) → (n, h', w', cout), sizes as in ConvTranspose1d", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not fit groups", Source: "MLX conv_transpose2d",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:1x3x3x2; weight:2x2x2x2; stride:[1,1]; padding:[0,0]; dilation:[1,1]; output_padding:[0,0]; groups:1",
			"input:1x3x2x1; weight:2x3x2x1; stride:[2,2]; padding:[1,0]; dilation:[1,2]; output_padding:[1,0]; groups:1"}},
	{Name: "conv_transpose3d", Sym: "mlx_conv_transpose3d_mended", CppExpr: convolvedTransposed("conv_transpose3d", "std::vector<int>{std::get<0>(v), std::get<1>(v), std::get<2>(v)}"),
		In: "input array, weight array, stride int3, padding int3, dilation int3, output_padding int3, groups int", Out: "y",
		Go:    []Form{{"ConvTranspose3d(weight, stride, padding, dilation, output_padding, groups)", "is the transpose of Conv3d: each voxel of input adds a scaled copy of weight to the result; output_padding lengthens its ends."}},
		Shape: "(n, d, h, w, cin), (cout, kd, kh, kw, cin) → (n, d', h', w', cout), sizes as in ConvTranspose1d", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not agree, or groups is not 1", Source: "MLX conv_transpose3d",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:1x2x2x2x2; weight:1x2x2x2x2; stride:[1,1,1]; padding:[0,0,0]; dilation:[1,1,1]; output_padding:[0,0,0]; groups:1",
			"input:1x2x3x2x1; weight:2x2x1x2x1; stride:[2,1,1]; padding:[1,0,0]; dilation:[1,1,1]; output_padding:[1,0,0]; groups:1"}},
	{Name: "conv_general", Sym: "mlx_conv_general_mended", CppExpr: convolvedGeneral,
		In: "input array, weight array, stride ints, padding_lo ints, padding_hi ints, kernel_dilation ints, input_dilation ints, groups int, flip bool", Out: "y",
		Go:    []Form{{"ConvGeneral(weight, stride, padding_lo, padding_hi, kernel_dilation, input_dilation, groups, flip)", "is the convolution of any number of spatial axes, with padding before and after each axis, gaps between the elements of weight and of input, and with flip a true convolution; an empty list stands for 1 (padding: 0) on every axis, one number for all axes."}},
		Shape: "(n, spatial…, cin), (cout, window…, cin/groups) → (n, spatial'…, cout)", Types: "real floating; the promoted dtype", Errors: "groups is not positive, weight is empty, the channels do not fit groups, a list has the wrong length, or the window is larger than the padded input", Source: "MLX conv_general",
		DTypes: floats, Diff: "input weight", Cases: []string{
			"input:1x5x2; weight:2x2x2; groups:1",
			"input:1x4x3x1; weight:2x2x2x1; stride:[1,2]; padding_lo:[1,0]; padding_hi:[0,2]; kernel_dilation:[2,1]; input_dilation:[1,2]; groups:1; flip:true",
			"input:1x4x4; weight:4x2x2; stride:[2]; padding_lo:[1]; padding_hi:[1]; groups:2"}},
}
