package mlxio

import (
	"path/filepath"
	"strings"
)

// Format is a file format.
type Format string

// The formats.
const (
	NPY         Format = "npy"         // one array, NumPy
	NPZ         Format = "npz"         // a zip of npy files, NumPy
	Safetensors Format = "safetensors" // named arrays and string metadata
	GGUF        Format = "gguf"        // named arrays, quantised too, and typed metadata
	MLXFN       Format = "mlxfn"       // a recorded function, see Function
)

// formatOfPath is the format that a path's extension names, or "".
func formatOfPath(path string) Format {
	switch f := Format(strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))); f {
	case NPY, NPZ, Safetensors, GGUF:
		return f
	}
	return ""
}

const (
	npyMagic  = "\x93NUMPY"
	zipMagic  = "PK\x03\x04"
	zipEmpty  = "PK\x05\x06"
	ggufMagic = "GGUF"
	lfsMagic  = "version https://git-lfs"
)

// formatOfData is the format that a file's first bytes show, or "". The length
// of a safetensors header comes first, so its brace is at byte 8.
func formatOfData(head []byte) Format {
	s := string(head)
	switch {
	case strings.HasPrefix(s, npyMagic):
		return NPY
	case strings.HasPrefix(s, zipMagic), strings.HasPrefix(s, zipEmpty):
		return NPZ
	case strings.HasPrefix(s, ggufMagic):
		return GGUF
	case len(s) > 8 && s[8] == '{':
		return Safetensors
	}
	return ""
}
