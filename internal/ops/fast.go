package ops

// fast holds fused ops of neural networks.
var fast = []Op{
	{Name: "fast.layer_norm", Sym: "mlx_fast_layer_norm", Cpp: "fast::layer_norm", In: "x array, weight array?, bias array?, eps float", Out: "y", Pkg: "fast",
		Go:    []Form{{"func LayerNorm(x, weight, bias, eps)", "normalises the last axis to mean 0 and variance 1, then applies weight and bias; nil leaves either out. eps is added to the variance."}},
		Shape: "(…, n) → (…, n); weight and bias: (n)", Types: "real floating", Errors: "x is a scalar, or weight or bias has another shape", Source: "Ba et al. 2016, MLX fast.layer_norm",
		DTypes: floats, Diff: "x weight bias", Cases: []string{"x:3x4; weight:4; bias:4; eps:1e-5", "x:2x2x5; eps:1e-3", "x:6; weight:6; eps:1e-5"}},
	{Name: "fast.rms_norm", Sym: "mlx_fast_rms_norm", Cpp: "fast::rms_norm", In: "x array, weight array?, eps float", Out: "y", Pkg: "fast",
		Go:    []Form{{"func RMSNorm(x, weight, eps)", "divides the last axis by its root mean square, then multiplies by weight (nil: not). eps is added to the mean square."}},
		Shape: "(…, n) → (…, n); weight: (n)", Types: "real floating", Errors: "x is a scalar, or weight has another shape", Source: "Zhang and Sennrich 2019, MLX fast.rms_norm",
		DTypes: floats, Diff: "x weight", Cases: []string{"x:3x4; weight:4; eps:1e-5", "x:2x2x5; eps:1e-3"}},
	{Name: "fast.rope", Sym: "mlx_fast_rope", Cpp: "fast::rope", In: "x array, dims int, traditional bool, base float?, scale float, offset int, freqs array?", Out: "y", Pkg: "fast",
		Go: []Form{
			{"func RoPE(x, dims, offset) traditional=false base=10000 scale=1 freqs=nil", "rotates pairs among the first dims features by angles that grow with the position, which starts at offset; pairs are (i, i + dims/2)."},
			{"func RoPEWith(x, dims, traditional, base, scale, offset, freqs)", "is RoPE with neighbours as pairs if traditional, positions times scale, and wavelengths from base, or from freqs with base NaN."},
		},
		Shape: "(b, …, t, d) → the same; freqs: (dims/2)", Types: "real floating", Errors: "x has fewer than three axes, dims is odd or above d, or not exactly one of base and freqs is given", Source: "Su et al. 2021, MLX fast.rope",
		DTypes: floats, Diff: "x freqs", Cases: []string{"x:1x2x3x4; dims:4; base:10000; scale:1; offset:2", "x:2x3x6; dims:4; traditional:true; base:100; scale:0.5", "x:1x3x4; dims:4; scale:1; freqs:2@pos"}},
	{Name: "fast.rope_dynamic", Sym: "mlx_fast_rope_dynamic", Cpp: "fast::rope", In: "x array, dims int, traditional bool, base float?, scale float, offset array, freqs array?", Out: "y", Pkg: "fast",
		Go:    []Form{{"func RoPEDynamic(x, dims, traditional, base, scale, offset, freqs)", "is RoPEWith with the offset in an array: one, or one per element of the batch."}},
		Shape: "(b, …, t, d) → the same; offset: scalar or (b); freqs: (dims/2)", Types: "real floating; offset is integer", Errors: "as RoPEWith, or offset has another shape", Source: "Su et al. 2021, MLX fast.rope",
		DTypes: floats, Diff: "x", Cases: []string{"x:1x2x3x4; dims:4; base:10000; scale:1; offset:0d@idx5:int32", "x:2x2x3x4; dims:2; traditional:true; base:100; scale:1; offset:2@idx5:int32"}},
	{Name: "fast.scaled_dot_product_attention", Sym: "mlx_fast_scaled_dot_product_attention", CppExpr: `keys.ndim() == 4 && keys.shape(1) == 0
			? throw std::invalid_argument("[scaled_dot_product_attention] keys have no head")
			: fast::scaled_dot_product_attention(queries, keys, values, scale, mask_mode, mask_arr, sinks, force_fused, s)`,
		In: "queries array, keys array, values array, scale float, mask_mode string, mask_arr array?, sinks array?, force_fused bool", Out: "y", Pkg: "fast",
		Go: []Form{
			{"func ScaledDotProductAttention(queries, keys, values, scale) mask_mode=\"\" mask_arr=nil sinks=nil force_fused=false", "returns softmax(scale·q·kᵀ)·v per head; scale is usually 1/√d."},
			{"func ScaledDotProductAttentionCausal(queries, keys, values, scale) mask_mode=\"causal\" mask_arr=nil sinks=nil force_fused=false", "is ScaledDotProductAttention in which a query sees only keys up to its own position; the last query aligns with the last key."},
			{"func ScaledDotProductAttentionWith(queries, keys, values, scale, mask_mode, mask_arr, sinks, force_fused)", "is ScaledDotProductAttention with mask_mode \"\", \"causal\" or \"array\"; mask_arr, which broadcasts to (b, heads, tq, tk), is added to the scores, or drops them where a bool is false; sinks hold one extra logit per head; force_fused makes a missing fused kernel an error."},
		},
		Shape: "(b, hq, tq, d), (b, hkv, tk, d), (b, hkv, tk, dv) → (b, hq, tq, dv); hkv divides hq; sinks: (hq)", Types: "real floating; the promoted dtype", Errors: "not four axes each, heads or sizes that do not fit, or a mask with \"causal\"", Source: "Vaswani et al. 2017, MLX fast.scaled_dot_product_attention",
		DTypes: floats, Diff: "queries keys values mask_arr sinks", Cases: []string{
			"queries:1x2x3x2; keys:1x2x4x2; values:1x2x4x3; scale:0.7",
			"queries:1x2x3x2; keys:1x1x3x2; values:1x1x3x2; scale:0.7; mask_mode:causal",
			"queries:1x2x2x2; keys:1x2x3x2; values:1x2x3x2; scale:0.7; mask_mode:array; mask_arr:2x3",
			"queries:1x2x2x2; keys:1x2x3x2; values:1x2x3x2; scale:0.7; sinks:2"}},
	{Name: "fast.cross_entropy", Sym: "mlx_fast_cross_entropy_checked", CppExpr: checked(`if (logits.ndim() == 0) throw std::invalid_argument("logits are a scalar");
			return fast::cross_entropy(logits, within(targets, logits.shape(-1)), s);`), In: "logits array, targets array", Out: "y", Pkg: "fast",
		Go:    []Form{{"func CrossEntropy(logits, targets)", "returns logsumexp(logits) − logits[target] over the last axis, fused on a GPU. Negative targets count from the last class."}},
		Shape: "(…, classes), (…) → (…)", Types: "real floating logits, integer targets → float32", Errors: "the shape of targets is not that of logits without the last axis, or " + outside, Source: "MLX fast.cross_entropy",
		DTypes: floats, Diff: "logits", Cases: []string{"logits:3x4; targets:3@idx4:int32", "logits:2x2x3; targets:2x2@idx3:uint32"}},
	{Name: "fast.gated_delta_update", Sym: "mlx_fast_gated_delta_update",
		CppExpr: `[&] {
			auto bad = queries.ndim() != 4 || keys.shape() != queries.shape() || values.ndim() != 4 || queries.shape(2) == 0 ||
				values.shape(0) != queries.shape(0) || values.shape(1) != queries.shape(1) || values.shape(2) % queries.shape(2) != 0 ||
				gates.shape() != Shape{values.shape(0), values.shape(1), values.shape(2)} || beta.shape() != gates.shape();
			if (bad) throw std::invalid_argument("[gated_delta_update] the shapes do not fit");
			auto r = fast::gated_delta_update(queries, keys, values, gates, beta, initial_state, mask, s);
			return std::make_tuple(r[0], r[1]);
		}()`,
		In: "queries array, keys array, values array, gates array, beta array, initial_state array?, mask array?", Out: "y state", Pkg: "fast",
		Go:    []Form{{"func GatedDeltaUpdate(queries, keys, values, gates, beta, initial_state, mask)", "runs the gated delta rule over time, a linear attention with state: gates decay the state, beta scales each write; it returns the outputs and the last state. A nil initial_state is zero, a nil mask keeps every step."}},
		Shape: "(b, t, hk, dk), (b, t, hk, dk), (b, t, hv, dv), (b, t, hv), (b, t, hv) → (b, t, hv, dv), (b, hv, dv, dk)", Types: "real floating", Errors: "shapes that do not fit, hk that does not divide hv, or no step", Source: "Yang et al. 2024, MLX fast.gated_delta_update",
		Diff: "queries keys values gates beta initial_state", Cases: []string{"queries:1x2x1x2; keys:1x2x1x2; values:1x2x2x3; gates:1x2x2@unit; beta:1x2x2@unit; initial_state:1x2x3x2", "queries:1x3x1x2; keys:1x3x1x2; values:1x3x1x2; gates:1x3x1@unit; beta:1x3x1@unit"}},
}
