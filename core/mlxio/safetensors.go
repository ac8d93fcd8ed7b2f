package mlxio

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

// maxSafetensorsHeader is the official limit on the header's bytes.
const maxSafetensorsHeader = 100_000_000

// metadataKey is the header's one key that names no array.
const metadataKey = "__metadata__"

// safetensorsTypes has the dtypes of the format. The 8-bit floating-point types,
// which the engine lacks, are read as their bytes, as MLX does.
var safetensorsTypes = map[string]core.DType{
	"BOOL": core.Bool, "U8": core.Uint8, "U16": core.Uint16, "U32": core.Uint32, "U64": core.Uint64,
	"I8": core.Int8, "I16": core.Int16, "I32": core.Int32, "I64": core.Int64,
	"F16": core.Float16, "F32": core.Float32, "F64": core.Float64, "BF16": core.BFloat16, "C64": core.Complex64,
	"F8_E4M3": core.Uint8, "F8_E5M2": core.Uint8, "F8_E8M0": core.Uint8,
}

// LoadSafetensors reads the arrays and the metadata of a safetensors file. The
// format's 8-bit floating-point types become uint8.
func LoadSafetensors(path string) (arrays map[string]*core.Array, metadata map[string]string, err error) {
	err = loadFile(path, Safetensors, func(s *source) (err error) {
		arrays, metadata, err = readSafetensors(s)
		return err
	})
	return arrays, metadata, err
}

// ReadSafetensors reads arrays and metadata from r, and nothing behind them.
func ReadSafetensors(r io.Reader) (arrays map[string]*core.Array, metadata map[string]string, err error) {
	arrays, metadata, err = readSafetensors(stream(r))
	return arrays, metadata, fault("", Safetensors, "", err)
}

// SaveSafetensors writes arrays and metadata, which may be nil, as a safetensors
// file, which is replaced at once or, on an error, not at all. Equal arrays give
// equal files: sorted by the size of their elements, so that all are aligned,
// then by name.
func SaveSafetensors(path string, arrays map[string]*core.Array, metadata map[string]string) error {
	return saveFile(path, Safetensors, arrays, func(w io.Writer) error { return writeSafetensors(w, arrays, metadata) })
}

// WriteSafetensors writes arrays and metadata, which may be nil, to w.
func WriteSafetensors(w io.Writer, arrays map[string]*core.Array, metadata map[string]string) error {
	if err := evaluate(arrays); err != nil {
		return fault("", Safetensors, "", err)
	}
	return fault("", Safetensors, "", writeSafetensors(w, arrays, metadata))
}

func readSafetensors(s *source) (arrays map[string]*core.Array, metadata map[string]string, err error) {
	entries, metadata, err := readSafetensorsHeader(s)
	if err != nil {
		return nil, nil, at("header", err)
	}
	arrays = make(map[string]*core.Array, len(entries))
	defer func() {
		if err != nil {
			freeAll(arrays)
			arrays, metadata = nil, nil
		}
	}()
	for _, e := range entries {
		a, err := s.array(e.Spec, false)
		if err != nil {
			return arrays, nil, at(array(e.name), err)
		}
		arrays[e.name] = a
	}
	return arrays, metadata, nil
}

// readSafetensorsHeader returns the arrays in the order of their bytes, which
// the official reader wants without holes and overlaps, to the end of the file.
func readSafetensorsHeader(s *source) ([]safetensorsEntry, map[string]string, error) {
	size, err := s.uint64()
	if err != nil {
		return nil, nil, err
	}
	if size > maxSafetensorsHeader {
		return nil, nil, corrupt("%d bytes long: at most %d are allowed", size, maxSafetensorsHeader)
	}
	text, err := s.bytes(size)
	if err != nil {
		return nil, nil, err
	}
	entries, metadata, err := parseSafetensorsHeader(text)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b safetensorsEntry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	at := uint64(0)
	for _, e := range entries {
		switch {
		case e.begin < at:
			return nil, nil, corrupt("%s starts at %d, inside the one before, which ends at %d", array(e.name), e.begin, at)
		case e.begin > at:
			return nil, nil, corrupt("bytes %d to %d before %s belong to no array", at, e.begin, array(e.name))
		}
		at = e.end
	}
	if err := s.fits(at); err != nil {
		return nil, nil, err
	}
	if s.left >= 0 && uint64(s.left) > at {
		return nil, nil, corrupt("%d bytes after the last array belong to none", uint64(s.left)-at)
	}
	return entries, metadata, nil
}

func writeSafetensors(w io.Writer, arrays map[string]*core.Array, metadata map[string]string) error {
	entries, err := layOut(arrays)
	if err != nil {
		return err
	}
	header, err := safetensorsHeader(entries, metadata)
	if err != nil {
		return at("header", err)
	}
	if err := write(w, header); err != nil {
		return err
	}
	for _, e := range entries {
		if err := writeArray(w, arrays[e.name]); err != nil {
			return at(array(e.name), err)
		}
	}
	return nil
}

// layOut decides where the bytes of each array go.
func layOut(arrays map[string]*core.Array) ([]safetensorsEntry, error) {
	var entries []safetensorsEntry
	for _, name := range names(arrays) {
		spec, err := specOfArray(arrays[name])
		if err == nil {
			err = checkName(name)
		}
		if err == nil && name == metadataKey {
			err = unsupported("an array of this name: the format keeps it for metadata")
		}
		if err != nil {
			return nil, at(array(name), err)
		}
		entries = append(entries, safetensorsEntry{name: name, Spec: spec})
	}
	slices.SortStableFunc(entries, func(a, b safetensorsEntry) int { return cmp.Compare(b.DType.Size(), a.DType.Size()) })
	end := uint64(0)
	for i := range entries {
		entries[i].begin = end
		end += uint64(nbytes(entries[i].Spec))
		entries[i].end = end
	}
	return entries, nil
}

func safetensorsHeader(entries []safetensorsEntry, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	field := func(name string, v any) {
		sep := byte(',')
		if b.Len() == 8 {
			sep = '{'
		}
		b.WriteByte(sep)
		// Strings, numbers and maps of strings cannot fail to encode.
		_ = enc.Encode(name)
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		_ = enc.Encode(v)
		b.Truncate(b.Len() - 1)
	}
	if len(metadata) > 0 {
		for _, k := range names(metadata) {
			if err := cmp.Or(checkText(k), checkText(metadata[k])); err != nil {
				return nil, at("metadata "+quote(k), err)
			}
		}
		field(metadataKey, metadata)
	}
	for _, e := range entries {
		field(e.name, map[string]any{
			"dtype": safetensorsName(e.DType), "shape": e.Shape, "data_offsets": [2]uint64{e.begin, e.end},
		})
	}
	if b.Len() == 8 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len()-8 > maxSafetensorsHeader {
		return nil, unsupported("names and metadata of %d bytes: at most %d are", b.Len()-8, maxSafetensorsHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

func safetensorsName(d core.DType) string {
	for name, t := range safetensorsTypes {
		if t == d && (d != core.Uint8 || name == "U8") {
			return name
		}
	}
	return ""
}
