package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// The names of the manifest and of its signatures, at the top of a package.
const (
	Name          = "plugin.json"
	SignatureName = Name + ".sig"
)

// Format is the version of the file's form.
const Format = 1

// Limits on what a manifest may say.
const (
	MaxBytes       = 8 << 20 // of the text
	MaxFiles       = 1024    // executables and files together
	MaxPath        = 255     // bytes of a path
	MaxPackage     = 1 << 30 // bytes of all files together
	maxValues      = 1 << 18 // of JSON
	maxLevels      = 16      // of nesting
	maxExecutables = 64
	maxProtocols   = 16
)

// Manifest is the content of plugin.json.
type Manifest struct {
	Format      int             `json:"format"`
	ID          string          `json:"id"`      // "org/name"
	Version     string          `json:"version"` // "1.2.3"
	Build       string          `json:"build,omitempty"`
	Protocols   []int           `json:"protocols"`       // the protocol versions that the program speaks
	Executables map[string]File `json:"executables"`     // by platform, "linux_amd64"
	Files       []File          `json:"files,omitempty"` // what the program needs besides itself
	Kernels     []spec.Kernel   `json:"kernels"`
	Sources     []Source        `json:"sources,omitempty"`
}

// File is a file of the package.
type File struct {
	Path   string `json:"path"` // below the package's folder, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Source states the SHA-256 of a kernel's GPU code, in hex.
type Source struct {
	Kernel  string       `json:"kernel"`
	Backend spec.Backend `json:"backend"`
	SHA256  string       `json:"sha256"`
}

// Describe returns what the program must say about itself.
func (m *Manifest) Describe() *spec.Plugin {
	return &spec.Plugin{ID: m.ID, Version: m.Version, Build: m.Build, Kernels: m.Kernels}
}

// Platforms returns the platforms that have an executable, in order.
func (m *Manifest) Platforms() []string { return slices.Sorted(maps.Keys(m.Executables)) }

// For returns the files that a platform needs, its executable first. A platform
// without an executable has none.
func (m *Manifest) For(platform string) []File {
	program, ok := m.Executables[platform]
	if !ok {
		return nil
	}
	return append([]File{program}, m.Files...)
}

// Encode writes m as indented JSON with a final newline. Equal manifests give
// equal bytes.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, &Error{Reason: err.Error(), Err: err}
	}
	if b.Len() > MaxBytes {
		return nil, tooLong(b.Len())
	}
	return b.Bytes(), nil
}

// Digest returns the SHA-256 of a manifest's text in hex: what a lock file pins.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// ValidDigest tells whether s is a SHA-256 in lower-case hex.
func ValidDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// sources computes the hashes of all GPU code, in the order of the kernels.
func sources(kernels []spec.Kernel) []Source {
	var out []Source
	for _, k := range kernels {
		for _, s := range k.Sources {
			out = append(out, Source{Kernel: k.Name, Backend: s.Backend, SHA256: Digest([]byte(s.Code))})
		}
	}
	return out
}
