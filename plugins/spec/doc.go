// Package spec holds the words that a plugin and its host share: dtypes,
// tensors, and what a plugin says about its kernels.
//
// A [Plugin] is plain data. The author's kit builds one, writes it into the
// plugin's manifest and sends it when the host asks; the host checks it
// again, since it comes from another program, and compiles each kernel's rules
// into a [Signature], which says what a call returns before the call is made:
//
//	sig, err := spec.Compile(kernel)
//	out, err := sig.Infer([]spec.Type{{DType: spec.Float32, Shape: []int{3}}})
//
// The package imports neither the engine nor the wire protocol.
package spec
