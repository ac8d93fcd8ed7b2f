package mlxio

import (
	"encoding/binary"
	"io"

	"github.com/adjoint-go/adjoint/core"
)

// The format's limits, which other readers insist on.
const (
	maxGGUFName = 64
	maxGGUFRank = 4
)

// SaveGGUF writes arrays and metadata, which may be nil, as a gguf file (version
// 3), which is replaced at once or, on an error, not at all. Equal arrays give
// equal files. Dtypes: floats and signed integers; names have at most 64 bytes,
// arrays four axes. Metadata values are of the types that LoadGGUF returns.
func SaveGGUF(path string, arrays map[string]*core.Array, metadata map[string]any) error {
	return saveFile(path, GGUF, arrays, func(w io.Writer) error { return writeGGUF(w, arrays, metadata) })
}

// WriteGGUF writes arrays and metadata, which may be nil, to w.
func WriteGGUF(w io.Writer, arrays map[string]*core.Array, metadata map[string]any) error {
	if err := evaluate(arrays); err != nil {
		return fault("", GGUF, "", err)
	}
	return fault("", GGUF, "", writeGGUF(w, arrays, metadata))
}

func writeGGUF(w io.Writer, arrays map[string]*core.Array, metadata map[string]any) error {
	align, err := alignmentOf(metadata)
	if err != nil {
		return err
	}
	b := []byte(ggufMagic)
	b = binary.LittleEndian.AppendUint32(b, 3)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(arrays)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(metadata)))
	if b, err = appendGGUFMetadata(b, metadata); err != nil {
		return at("header", err)
	}
	sorted := names(arrays)
	offset := uint64(0)
	for _, name := range sorted {
		var size uint64
		if b, size, err = appendGGUFEntry(b, name, arrays[name], offset); err != nil {
			return at(array(name), err)
		}
		offset += size + padding(size, align)
	}
	pad := make([]byte, align)
	b = append(b, pad[:padding(uint64(len(b)), align)]...)
	if err := write(w, b); err != nil {
		return at("header", err)
	}
	for _, name := range sorted {
		a := arrays[name]
		err := writeArray(w, a)
		if err == nil {
			err = write(w, pad[:padding(uint64(nbytes(a.Spec())), align)])
		}
		if err != nil {
			return at(array(name), err)
		}
	}
	return nil
}

func appendGGUFEntry(b []byte, name string, a *core.Array, offset uint64) ([]byte, uint64, error) {
	spec, err := specOfArray(a)
	if err == nil {
		err = checkName(name)
	}
	if err != nil {
		return nil, 0, err
	}
	if len(name) > maxGGUFName {
		return nil, 0, unsupported("a name of %d bytes: at most %d are; shorten it, or save as .safetensors", len(name), maxGGUFName)
	}
	if len(spec.Shape) > maxGGUFRank {
		return nil, 0, unsupported("%d axes: at most %d are; reshape it, or save as .safetensors", len(spec.Shape), maxGGUFRank)
	}
	code, ok := ggufCodeOf(spec.DType)
	if !ok {
		return nil, 0, unsupported("the dtype %v: convert it with AsType, or save as .safetensors", spec.DType)
	}
	b = appendGGUFString(b, name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(spec.Shape)))
	for i := range spec.Shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(spec.Shape[len(spec.Shape)-1-i]))
	}
	b = binary.LittleEndian.AppendUint32(b, code)
	b = binary.LittleEndian.AppendUint64(b, offset)
	return b, uint64(nbytes(spec)), nil
}

func ggufCodeOf(d core.DType) (uint32, bool) {
	for code, t := range ggufTypes {
		if t.dtype == d {
			return code, true
		}
	}
	return 0, false
}
