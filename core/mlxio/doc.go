// Package mlxio loads and saves arrays: npy, npz, safetensors and gguf.
//
//	err := mlxio.Save("model.safetensors", map[string]*core.Array{"w": w, "b": b}, nil)
//	arrays, metadata, err := mlxio.Load("model.safetensors")
//
// [Load] and [Save] choose the format; each format has functions of its own for
// what only it can do, and each of those has a twin for streams (ReadNPY,
// WriteNPZ, …). [SaveTree] and [LoadTree] save a struct of arrays, such as a
// model, by the paths of its arrays.
//
//	              arrays   dtypes                      metadata
//	npy           one      all                         none
//	npz           named    all                         none
//	safetensors   named    all                         strings
//	gguf          named    floats and signed integers  typed values
//
// An .mlxfn file holds a recorded function, see [Function]; package
// transforms/compile makes one of a function and a function of one.
//
// For weights use safetensors: it is the fastest, and the format that others
// read. npy and npz are for exchange with NumPy, which has no bfloat16 and shows
// such an array as raw bytes; npy data of any byte order and of Fortran's order
// are read. gguf is for quantised language models, see [LoadGGUF].
//
// # Broken and hostile files
//
// The readers are plain Go and trust nothing: what a header declares is compared
// with the length of the file before memory is taken for it, or, in a stream,
// memory is taken as data arrive. Deflated arrays are bounded by what their
// packed bytes can hold. Bytes of a safetensors file that belong to no array or
// to two are an error, as its specification demands, and so are names that are
// there twice, bools other than 0 and 1, and wrong checksums. A Python object is
// never unpickled. No array is returned from a file with an error.
//
// Errors are of type [*Error], one line long: the file, the place in it, what is
// wrong. errors.Is tells [ErrTruncated] (a download that stopped),
// [ErrCorrupt] and [ErrUnsupported] apart, and finds errors of the system such
// as fs.ErrNotExist.
//
// # Files are replaced at once
//
// A save writes a new file beside the old one, waits until it is on the disk,
// and renames it. When it fails, with a full disk for example, the old file is
// as it was. A save of equal arrays gives equal bytes.
//
// # Memory
//
// Loading takes one copy of the arrays and little else; saving takes little
// beside them. Arrays are evaluated when they are saved.
package mlxio
