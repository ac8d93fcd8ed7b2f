package mlxio

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// open opens a file for reading, with its first bytes and its size. It refuses
// what is no regular file, since opening a pipe waits for a writer.
func open(path string) (f *os.File, head []byte, size int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, 0, unsupported("%v is no file to load: read it with the function for streams", info.Mode().Type())
	}
	if f, err = os.Open(path); err != nil {
		return nil, nil, 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if info, err = f.Stat(); err != nil {
		return nil, nil, 0, err
	}
	head = make([]byte, 32)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, 0, err
	}
	head = head[:n]
	if strings.HasPrefix(string(head), lfsMagic) {
		return nil, nil, 0, unsupported("a Git LFS pointer stands in for the file: run git lfs pull")
	}
	return f, head, info.Size(), nil
}

// loadFile opens a file for a decoder that reads from front to back and says
// what is wrong with it.
func loadFile(path string, format Format, decode func(s *source) error) error {
	f, _, size, err := open(path)
	if err != nil {
		return fault(path, format, "", err)
	}
	defer f.Close()
	return fault(path, format, "", decode(&source{r: bufio.NewReaderSize(f, 64<<10), left: size, local: true}))
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Load reads a file of any of the formats. The file's first bytes decide which
// it is; a name that ends in .npy, .npz, .safetensors or .gguf stands in where
// they do not. The one array of an npy file is called arr_0, as NumPy calls
// arrays without a name. Metadata that are no strings are spelled as Go prints
// them; [LoadGGUF] keeps their types.
func Load(path string) (arrays map[string]*core.Array, metadata map[string]string, err error) {
	f, head, _, err := open(path)
	if err != nil {
		return nil, nil, fault(path, formatOfPath(path), "", err)
	}
	f.Close()
	format := formatOfData(head)
	if format == "" {
		format = formatOfPath(path)
	}
	switch format {
	case NPY:
		a, err := LoadNPY(path)
		if err != nil {
			return nil, nil, err
		}
		return map[string]*core.Array{unnamed: a}, map[string]string{}, nil
	case NPZ:
		arrays, err = LoadNPZ(path)
		return arrays, map[string]string{}, err
	case Safetensors:
		return LoadSafetensors(path)
	case GGUF:
		arrays, typed, err := LoadGGUF(path)
		if err != nil {
			return nil, nil, err
		}
		return arrays, spell(typed), nil
	}
	return nil, nil, fault(path, "", "", unsupported("the file is neither npy, npz, safetensors nor gguf"))
}

// unnamed is the name of an npy file's array.
const unnamed = "arr_0"

// Save writes arrays in the format that path's extension names: .npy (one
// array), .npz (not compressed), .safetensors or .gguf. npy and npz hold no
// metadata. The file is replaced at once or, on an error, not at all.
func Save(path string, arrays map[string]*core.Array, metadata map[string]string) error {
	format := formatOfPath(path)
	switch format {
	case NPY, NPZ:
		if len(metadata) > 0 {
			return fault(path, format, "", unsupported("metadata in this format: save as .safetensors or .gguf"))
		}
		if format == NPZ {
			return SaveNPZ(path, arrays, Stored)
		}
		if len(arrays) != 1 {
			return fault(path, format, "", unsupported("%d arrays in one npy file: save as .npz or .safetensors", len(arrays)))
		}
		for _, a := range arrays {
			return SaveNPY(path, a)
		}
	case Safetensors:
		return SaveSafetensors(path, arrays, metadata)
	case GGUF:
		typed := make(map[string]any, len(metadata))
		for k, v := range metadata {
			typed[k] = v
		}
		return SaveGGUF(path, arrays, typed)
	}
	return fault(path, "", "", unsupported("the name should end in .npy, .npz, .safetensors or .gguf"))
}
