package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ManifestName is the file of an engine that holds its [Manifest].
const ManifestName = "engine.json"

// Format is the number of the manifest's layout that this program writes and reads.
const Format = 1

// Roles of a library in the load list.
const (
	RoleOpenBLAS = "openblas"
	RoleBLAS     = "blas"
	RoleLAPACK   = "lapack"
	RoleMLX      = "mlx"
	RoleMLXC     = "mlxc"     // the C API: the official library where setup was told to use it, else Adjoint's
	RoleFallback = "fallback" // Adjoint's own C API beside an official one
	RoleExt      = "ext"
)

// A Manifest says what an engine is made of. Paths are relative to the engine's folder and use slashes, except for an
// official mlx-c, which stays where it is.
type Manifest struct {
	Format    int       `json:"format"`
	Key       string    `json:"key"`
	Backend   string    `json:"backend"`
	MLX       string    `json:"mlx"`
	OpenBLAS  string    `json:"openblas,omitempty"`
	Compiler  string    `json:"compiler"`
	Flags     []string  `json:"flags"`
	Installed time.Time `json:"installed"`
	Official  *Official `json:"official_mlxc,omitempty"`
	Load      []Library `json:"load"`
	Files     []File    `json:"files"`
}

// A Library is one step of opening the engine. The steps are taken in order.
type Library struct {
	Role string `json:"role"`
	Path string `json:"path"`
}

// A File is what setup knows of a file: opening the engine compares size and time, and the digest where they differ.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime"` // nanoseconds since 1970
	SHA256 string `json:"sha256"`
}

// Official describes the official mlx-c that an engine uses in place of Adjoint's own.
type Official struct {
	Prefix   string   `json:"prefix"`
	Library  string   `json:"library"`
	Fallback []string `json:"fallback"` // functions taken from Adjoint's own library, since their signatures differ
}

// Library returns the path of the library with a role, or "".
func (m *Manifest) Library(role string) string {
	for _, l := range m.Load {
		if l.Role == role {
			return l.Path
		}
	}
	return ""
}

// Abs returns where a path of a manifest is, for an engine in dir.
func Abs(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// Encode returns the manifest as the text of an engine.json file.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("adjoint: manifest: %w", err)
	}
	data, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// DecodeManifest reads an engine.json file. It refuses what it does not know: another format, unknown fields, paths
// that lead out of the engine's folder, libraries that are not among the files.
func DecodeManifest(data []byte) (*Manifest, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	m := new(Manifest)
	if err := d.Decode(m); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("it is cut short")
		}
		return nil, fmt.Errorf("it is no manifest: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the manifest")
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

var (
	keyPattern    = regexp.MustCompile(fmt.Sprintf(`^[0-9a-f]{%d}$`, keyLength))
	digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (m *Manifest) check() error {
	switch {
	case m.Format != Format:
		return fmt.Errorf("its format is %d, not %d", m.Format, Format)
	case !keyPattern.MatchString(m.Key):
		return fmt.Errorf("key %q is not %d hexadecimal digits", m.Key, keyLength)
	case !knownBackend(m.Backend):
		return fmt.Errorf("there is no backend %q", m.Backend)
	case m.MLX == "":
		return errors.New("it names no MLX version")
	}
	files := map[string]bool{}
	for _, f := range m.Files {
		if err := m.checkFile(f); err != nil {
			return err
		}
		if files[f.Path] {
			return fmt.Errorf("file %q is listed twice", f.Path)
		}
		files[f.Path] = true
	}
	return m.checkLoad(files)
}

func (m *Manifest) checkFile(f File) error {
	outside := m.Official != nil && f.Path == m.Official.Library && filepath.IsAbs(f.Path)
	switch {
	case !outside && (!filepath.IsLocal(f.Path) || strings.Contains(f.Path, `\`)):
		return fmt.Errorf("file %q leads out of the engine's folder", f.Path)
	case f.Size < 0:
		return fmt.Errorf("file %q has size %d", f.Path, f.Size)
	case !digestPattern.MatchString(f.SHA256):
		return fmt.Errorf("file %q has no SHA-256 digest", f.Path)
	}
	return nil
}

func (m *Manifest) checkLoad(files map[string]bool) error {
	roles := map[string]bool{}
	for _, l := range m.Load {
		switch {
		case !slices.Contains([]string{RoleOpenBLAS, RoleBLAS, RoleLAPACK, RoleMLX, RoleMLXC, RoleFallback, RoleExt}, l.Role):
			return fmt.Errorf("library %q has the unknown role %q", l.Path, l.Role)
		case roles[l.Role]:
			return fmt.Errorf("role %q is given twice", l.Role)
		case !files[l.Path]:
			return fmt.Errorf("library %q is not among the files", l.Path)
		}
		roles[l.Role] = true
	}
	for _, role := range []string{RoleMLX, RoleMLXC, RoleExt} {
		if !roles[role] {
			return fmt.Errorf("no library has the role %q", role)
		}
	}
	if (m.Official != nil) != roles[RoleFallback] {
		return errors.New("an official mlx-c and a fallback library go together")
	}
	return nil
}
