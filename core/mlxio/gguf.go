package mlxio

import (
	"bufio"
	"cmp"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// ggufAlignment is the format's default: where arrays start, in bytes.
const ggufAlignment = 32

// alignmentKey is the metadata key that sets another alignment.
const alignmentKey = "general.alignment"

// ggufType is how a gguf file stores an array: in blocks of some elements.
type ggufType struct {
	name   string
	dtype  core.DType // NoDType where it is quantised
	block  int        // elements of a block
	bytes  int        // bytes of a block
	unpack unpacker   // of a quantised type
}

var ggufTypes = map[uint32]ggufType{
	0: {"F32", core.Float32, 1, 4, nil}, 1: {"F16", core.Float16, 1, 2, nil}, 30: {"BF16", core.BFloat16, 1, 2, nil},
	28: {"F64", core.Float64, 1, 8, nil}, 24: {"I8", core.Int8, 1, 1, nil}, 25: {"I16", core.Int16, 1, 2, nil},
	26: {"I32", core.Int32, 1, 4, nil}, 27: {"I64", core.Int64, 1, 8, nil},
	2: {"Q4_0", core.NoDType, group, 18, unpackQ40}, 3: {"Q4_1", core.NoDType, group, 20, unpackQ41}, 8: {"Q8_0", core.NoDType, group, 34, unpackQ80},
}

// ggufOthers names quantised types that are not read, for messages.
var ggufOthers = map[uint32]string{
	6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K",
	16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M",
	34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}

// ggufEntry is one array of a gguf file, its bytes counted from the first array.
type ggufEntry struct {
	name string
	core.Spec
	kind         ggufType
	offset, size uint64
}

// LoadGGUF reads the arrays and the metadata of a gguf file. Metadata values are
// bool, string, sized numbers, slices of them, or []any of slices.
//
// A quantised array name.weight (Q4_0, Q4_1, Q8_0) becomes the three arrays that
// MLX's quantised operations take, with groups of 32 elements: name.weight (the
// bits in uint32), name.scales and name.biases (float16).
func LoadGGUF(path string) (arrays map[string]*core.Array, metadata map[string]any, err error) {
	err = loadFile(path, GGUF, func(s *source) (err error) {
		arrays, metadata, err = readGGUF(s)
		return err
	})
	return arrays, metadata, err
}

// ReadGGUF reads arrays and metadata from r. It may read beyond them.
func ReadGGUF(r io.Reader) (arrays map[string]*core.Array, metadata map[string]any, err error) {
	arrays, metadata, err = readGGUF(stream(bufio.NewReader(r)))
	return arrays, metadata, fault("", GGUF, "", err)
}

func readGGUF(s *source) (arrays map[string]*core.Array, metadata map[string]any, err error) {
	entries, metadata, err := readGGUFHeader(s)
	if err != nil {
		return nil, nil, at("header", err)
	}
	arrays = map[string]*core.Array{}
	defer func() {
		if err != nil {
			freeAll(arrays)
			arrays, metadata = nil, nil
		}
	}()
	begin := s.at
	for _, e := range entries {
		gap := e.offset - uint64(s.at-begin)
		if err := s.skip(gap); err != nil {
			return arrays, nil, at(array(e.name), err)
		}
		part, err := e.read(s)
		for name := range part {
			if arrays[name] != nil && err == nil {
				err = corrupt("it and another array are both %s", quote(name))
			}
		}
		if err != nil {
			freeAll(part)
			return arrays, nil, at(array(e.name), err)
		}
		maps.Copy(arrays, part)
	}
	return arrays, metadata, nil
}

func (e *ggufEntry) read(s *source) (map[string]*core.Array, error) {
	if e.kind.unpack != nil {
		return e.readQuantised(s)
	}
	a, err := s.array(e.Spec, false)
	if err != nil {
		return nil, err
	}
	return map[string]*core.Array{e.name: a}, nil
}

// readGGUFHeader reads all up to the first array, and returns the arrays in the
// order of their bytes.
func readGGUFHeader(s *source) (entries []ggufEntry, metadata map[string]any, err error) {
	magic, err := s.bytes(4)
	if err != nil {
		return nil, nil, err
	}
	if string(magic) != ggufMagic {
		return nil, nil, corrupt("the data do not start with GGUF")
	}
	version, err := s.uint32()
	switch {
	case err != nil:
		return nil, nil, err
	case version == bits.ReverseBytes32(2), version == bits.ReverseBytes32(3):
		return nil, nil, unsupported("big-endian gguf: convert it")
	case version != 2 && version != 3:
		return nil, nil, unsupported("gguf version %d: 2 and 3 are; convert it", version)
	}
	count, err := s.uint64()
	if err != nil {
		return nil, nil, err
	}
	keys, err := s.uint64()
	if err != nil {
		return nil, nil, err
	}
	if metadata, err = readGGUFMetadata(s, keys); err != nil {
		return nil, nil, err
	}
	align, err := alignmentOf(metadata)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for range count {
		e, err := readGGUFEntry(s)
		if err == nil && seen[e.name] {
			err = corrupt("the name is there twice")
		}
		if err == nil && e.offset%align != 0 {
			err = corrupt("it starts at %d, which is no multiple of %d", e.offset, align)
		}
		if err != nil {
			return nil, nil, at(array(e.name), err)
		}
		seen[e.name] = true
		entries = append(entries, e)
	}
	if count == 0 {
		return nil, metadata, nil
	}
	if err := s.skip(padding(uint64(s.at), align)); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b ggufEntry) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.size, b.size), cmp.Compare(a.name, b.name))
	})
	end := uint64(0)
	for _, e := range entries {
		if e.offset < end {
			return nil, nil, at(array(e.name), corrupt("it starts at %d, inside the one before, which ends at %d", e.offset, end))
		}
		if end = e.offset + e.size; end > maxBytes {
			return nil, nil, at(array(e.name), corrupt("it ends at byte %d", end))
		}
	}
	return entries, metadata, s.fits(end)
}

func readGGUFMetadata(s *source, keys uint64) (map[string]any, error) {
	metadata := map[string]any{}
	for range keys {
		k, err := readGGUFString(s)
		if err != nil {
			return nil, at("metadata", err)
		}
		if _, twice := metadata[k]; twice {
			return nil, at("metadata "+quote(k), corrupt("the key is there twice"))
		}
		code, err := s.uint32()
		if err == nil {
			metadata[k], err = readGGUFValue(s, code, 0)
		}
		if err != nil {
			return nil, at("metadata "+quote(k), err)
		}
	}
	return metadata, nil
}

// alignmentOf is where metadata have arrays start.
func alignmentOf(metadata map[string]any) (uint64, error) {
	v, ok := metadata[alignmentKey]
	if !ok {
		return ggufAlignment, nil
	}
	const most = 1 << 20
	n, ok := v.(uint32)
	if !ok || n == 0 || n > most || n&(n-1) != 0 {
		return 0, at("metadata "+quote(alignmentKey), corrupt("%T %v is no uint32 power of two up to %d", v, v, most))
	}
	return uint64(n), nil
}

func padding(at, align uint64) uint64 { return (align - at%align) % align }

func readGGUFEntry(s *source) (e ggufEntry, err error) {
	if e.name, err = readGGUFString(s); err != nil {
		return e, err
	}
	rank, err := s.uint32()
	if err != nil {
		return e, err
	}
	if rank > maxRank {
		return e, corrupt("%d axes", rank)
	}
	dims := make([]uint64, rank)
	for i := range dims {
		// The file has the fastest axis first.
		if dims[len(dims)-1-i], err = s.uint64(); err != nil {
			return e, err
		}
	}
	code, err := s.uint32()
	if err != nil {
		return e, err
	}
	if e.offset, err = s.uint64(); err != nil {
		return e, err
	}
	if e.offset > maxBytes {
		return e, corrupt("it starts at byte %d", e.offset)
	}
	kind, ok := ggufTypes[code]
	if name, other := ggufOthers[code]; other {
		return e, unsupported("the type %s: convert the file to F16, BF16, Q4_0, Q4_1 or Q8_0", name)
	} else if !ok {
		return e, corrupt("no array has the type code %d", code)
	}
	e.kind = kind
	return e, e.measure(dims)
}

// measure checks the declared shape.
func (e *ggufEntry) measure(dims []uint64) (err error) {
	d := e.kind.dtype
	if e.kind.unpack != nil {
		d = core.Uint8 // any, for its number of elements
		if len(dims) == 0 || dims[len(dims)-1]%group != 0 {
			return corrupt("%s arrays have rows of a multiple of %d elements, this one the shape %v", e.kind.name, group, dims)
		}
	}
	if e.Spec, err = specOf(d, dims); err != nil {
		return err
	}
	e.size = uint64(nbytes(e.Spec)) / uint64(d.Size()) / uint64(e.kind.block) * uint64(e.kind.bytes)
	return nil
}

// parts are the names of the three arrays that a quantised one becomes.
func (e *ggufEntry) parts() (weight, scales, biases string) {
	base := strings.TrimSuffix(e.name, ".weight")
	return e.name, base + ".scales", base + ".biases"
}
