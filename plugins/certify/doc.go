// Package certify holds a kernel plugin to its word: every kernel is called as
// its description says it may be, and each answer is compared with one that was
// found another way.
//
//	cert, err := certify.Run(ctx, func(ctx context.Context) (*plugins.Plugin, error) {
//		return reg.Load(ctx, "acme/sq")
//	}, certify.Options{})
//	...
//	fmt.Println(cert.Summary(), cert.Passed())
//
// The checks of a kernel, in their order:
//
//	run            results have the shapes and dtypes of the rule
//	dtypes         every declared dtype is taken, and narrow ones agree with wide ones
//	deterministic  five runs give the same bits, if the kernel says so
//	inputs         inputs are not written, in shared memory neither
//	layout         transposed, sliced and broadcast inputs = contiguous ones
//	scalar         scalars = arrays of one element, or refused
//	empty          inputs without elements are computed or refused
//	refuses        wrong dtypes and counts are refused by the plugin itself
//	concurrent     calls at the same time = calls one by one
//	cancel         a call that is cancelled ends
//	leak           memory, files, threads, processes stay the same over 1000 calls
//	vjp            gradient = central differences
//	jvp            forward derivative = central differences
//	duality        ⟨w, Jv⟩ = ⟨Jᵀw, v⟩
//	vmap           a batch = a loop, with inputs that are not mapped too
//	compile        compiled = eager
//	shapeless      compiled without sizes = eager, on other sizes too
//	compile(grad)  the compiled gradient = the eager one
//	vmap(grad)     gradients of a batch = those of a loop
//	metal          the Metal source, emulated = the program
//
// A check passes or fails, or there is nothing to check, and its reason says why;
// one that could not be made for a reason other than the plugin's is an error. A
// crash, a hang or a lie of the plugin is a failure of the check that met it; the
// plugin is started again for the next one.
//
// # Inputs
//
// Shapes are those that the author declares with sdk's Sample, or, for the kernel
// of a derivative, follow from those of the kernel that it belongs to. Without, a
// small family of shapes is tried, and those are used that the rule allows and the
// kernel does not refuse; kernels whose inputs must fit each other, as a matrix
// product's, need samples. Numbers are random but belong to a seed, lie apart from
// each other and from zero, and within what sdk's Values declares. Samples are
// tried from the smallest on, so the input of a failure is the smallest that shows
// it.
//
// # Certificates
//
// A [Certificate] is bound by digests to what was certified: [Certificate.Matches]
// and [Certificate.MatchesProgram] say whether it belongs to a package or a
// program. It is not signed: it says what somebody found, and anybody can find it
// again with the same seed. It does not say that a kernel is fast, that it is right
// for numbers, sizes and attributes that were not tried, that its CUDA source is
// right or that a GPU rounds as the program does, nor that the program is
// harmless.
package certify
