package certify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/internal/engine/native"
	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/store"
)

// Format is the version of the form of certificates.
const Format = 1

// MaxBytes bounds the text of a certificate.
const MaxBytes = manifest.MaxBytes

// Certificate says what was checked of which program, where, and what came out.
type Certificate struct {
	Format  int    `json:"format"`
	ID      string `json:"id"` // of the plugin, "org/name"
	Version string `json:"version"`

	// What the certificate is bound to, SHA-256 in hex. Manifest is the digest of the
	// package's plugin.json, which lists every file; it is empty for a program that
	// was certified by itself. Program is that of the executable for System.
	Manifest string `json:"manifest,omitempty"`
	Program  string `json:"program"`

	Adjoint string    `json:"adjoint"` // versions of the host
	MLX     string    `json:"mlx"`
	Go      string    `json:"go"`
	System  string    `json:"system"` // "linux_amd64"
	Time    time.Time `json:"time"`   // when it began, UTC
	Seconds float64   `json:"seconds"`

	Seed         uint64   `json:"seed"`
	Quick        bool     `json:"quick"`
	EmulateMetal bool     `json:"emulate_metal"`
	Kernels      []string `json:"kernels"` // all that the plugin has
	Checks       []Check  `json:"checks"`
}

// blank is the certificate before the checks.
func (r *runner) blank(program string) *Certificate {
	c := &Certificate{
		Format: Format, ID: r.p.ID(), Version: r.p.Version(), Program: program, Manifest: r.p.ManifestDigest(),
		Adjoint: "(devel)", MLX: native.MLXVersion, Go: runtime.Version(), System: runtime.GOOS + "_" + runtime.GOARCH,
		Time: time.Now().UTC().Truncate(time.Second), Seed: r.o.Seed, Quick: r.o.Quick, EmulateMetal: r.o.EmulateMetal, Kernels: r.p.Kernels(),
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		c.Adjoint = info.Main.Version
	}
	return c
}

// Count returns how many checks have the verdict.
func (c *Certificate) Count(v Verdict) (n int) {
	for _, x := range c.Checks {
		if x.Verdict == v {
			n++
		}
	}
	return n
}

// Passed tells whether no check failed and none could not be made.
func (c *Certificate) Passed() bool { return c.Count(Failed) == 0 && c.Count(Error) == 0 }

// Checked returns the kernels that were checked, in the plugin's order.
func (c *Certificate) Checked() (names []string) {
	for _, k := range c.Kernels {
		if slices.ContainsFunc(c.Checks, func(x Check) bool { return x.Kernel == k }) {
			names = append(names, k)
		}
	}
	return names
}

// Summary is one line: "acme/sq 1.0.0: 60 checks passed, 1 failed, ...".
func (c *Certificate) Summary() string {
	parts := []string{fmt.Sprintf("%s passed", plural(c.Count(Passed), "check"))}
	for _, v := range []Verdict{Failed, Error, NotApplicable} {
		if n := c.Count(v); n > 0 || v == Failed {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return fmt.Sprintf("%s %s: %s", c.ID, c.Version, list(parts))
}

// Encode writes the certificate as JSON.
func (c *Certificate) Encode() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return b.Bytes(), nil
}

// Decode reads what [Certificate.Encode] wrote. It is strict: unknown and doubled
// fields, text after the end and verdicts that do not exist are errors.
func Decode(text []byte) (*Certificate, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("certificate: %d bytes; at most %d are allowed", len(text), MaxBytes)
	}
	// The version is looked at first, since another has other fields.
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if head.Format != Format {
		return nil, fmt.Errorf("certificate: its format is %d; this version of Adjoint reads %d", head.Format, Format)
	}
	c := new(Certificate)
	var wrong *manifest.Error
	if err := manifest.Strict(text, c); errors.As(err, &wrong) {
		return nil, fmt.Errorf("certificate: %s", strings.TrimPrefix(wrong.Error(), manifest.Name+": "))
	} else if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return c, c.validate()
}

// Read reads a certificate from a file.
func Read(path string) (*Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c, err := Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *Certificate) validate() error {
	fail := func(format string, args ...any) error { return fmt.Errorf("certificate: "+format, args...) }
	switch {
	case c.Format != Format:
		return fail("its format is %d, not %d", c.Format, Format)
	case !spec.ValidID(c.ID) || !spec.ValidVersion(c.Version):
		return fail("%q %q is no plugin's name and version", c.ID, c.Version)
	case !manifest.ValidDigest(c.Program) || c.Manifest != "" && !manifest.ValidDigest(c.Manifest):
		return fail("its digests are no SHA-256 in hex")
	case c.Time.IsZero():
		return fail("it has no time")
	case len(c.Checks) == 0:
		return fail("it has no checks")
	}
	names, _ := Names()
	seen := make(map[string]bool)
	for i, x := range c.Checks {
		switch {
		case !slices.Contains(c.Kernels, x.Kernel):
			return fail("check %d is of a kernel %q that the plugin does not have", i, x.Kernel)
		case !slices.Contains(names, x.Name):
			return fail("there is no check %q", x.Name)
		case seen[x.Kernel+" "+x.Name]:
			return fail("check %s of kernel %s is there twice", x.Name, x.Kernel)
		case !slices.Contains([]Verdict{Passed, Failed, NotApplicable, Error}, x.Verdict):
			return fail("check %s of kernel %s has the verdict %q", x.Name, x.Kernel, x.Verdict)
		case x.Verdict != Passed && x.Reason == "":
			return fail("check %s of kernel %s does not say why it is %q", x.Name, x.Kernel, x.Verdict)
		case strings.ContainsAny(x.Reason+x.Input, "\n\r"):
			return fail("check %s of kernel %s has a reason of several lines", x.Name, x.Kernel)
		}
		seen[x.Kernel+" "+x.Name] = true
	}
	return nil
}

// ErrOther is the Err of a [MismatchError].
var ErrOther = errors.New("the certificate is of something else")

// MismatchError says that a certificate does not belong to what it was held
// against.
type MismatchError struct {
	What      string // "plugin.json", "program"
	Certified string // its digest in the certificate, empty if there is none
	Have      string
}

func (e *MismatchError) Error() string {
	if e.Certified == "" {
		return fmt.Sprintf("%v: of a program by itself, and here %s is sha256:%s; certify the package", ErrOther, e.What, short(e.Have))
	}
	return fmt.Sprintf("%v: of %s sha256:%s, and this one is sha256:%s; certify it again", ErrOther, e.What, short(e.Certified), short(e.Have))
}

func (e *MismatchError) Unwrap() error { return ErrOther }

func short(digest string) string {
	if len(digest) > 16 {
		return digest[:16] + "…"
	}
	return digest
}

// Matches reports a certificate that is not of the package, as a [*MismatchError].
// The package's files are not read; its manifest fixes them.
func (c *Certificate) Matches(p *store.Package) error {
	if have := manifest.Digest(p.Text); have != c.Manifest {
		return &MismatchError{What: manifest.Name, Certified: c.Manifest, Have: have}
	}
	return nil
}

// MatchesProgram reports a certificate that is not of the program at path, as a
// [*MismatchError].
func (c *Certificate) MatchesProgram(path string) error {
	have, err := hashFile(path)
	if err != nil {
		return err
	}
	if have != c.Program {
		return &MismatchError{What: "program", Certified: c.Program, Have: have}
	}
	return nil
}
