package manifest

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

var platformPattern = regexp.MustCompile(`^[a-z0-9]{1,32}_[a-z0-9]{1,32}$`)

// ValidPlatform tells whether s has the form os_arch, in the words of Go:
// linux_amd64, darwin_arm64.
func ValidPlatform(s string) bool { return platformPattern.MatchString(s) }

// Validate reports the first mistake in m as an [*Error].
func (m *Manifest) Validate() error {
	if m.Format != Format {
		return wrong("format", "is %d; this version reads %d", m.Format, Format)
	}
	if !spec.ValidID(m.ID) {
		return wrong("id", "%q is not of the form org/name (lower-case letters, digits, - and _)", clip(m.ID))
	}
	if !spec.ValidVersion(m.Version) {
		return wrong("version", "%q is not of the form 1.2.3 or 1.2.3-pre", clip(m.Version))
	}
	if len(m.Protocols) == 0 || len(m.Protocols) > maxProtocols {
		return wrong("protocols", "%d versions; it needs 1 to %d", len(m.Protocols), maxProtocols)
	}
	for i, v := range m.Protocols {
		if v < 1 || i > 0 && v <= m.Protocols[i-1] {
			return wrong(fmt.Sprintf("protocols[%d]", i), "is %d; versions begin at 1 and are in order", v)
		}
	}
	if err := m.validateFiles(); err != nil {
		return err
	}
	if err := m.validateKernels(); err != nil {
		return err
	}
	want := sources(m.Kernels)
	if len(m.Sources) != len(want) {
		return wrong("sources", "%d entries; the kernels have %d pieces of GPU code", len(m.Sources), len(want))
	}
	for i, s := range m.Sources {
		if s != want[i] {
			return wrong(fmt.Sprintf("sources[%d]", i), "is not what the kernels say, kernel %s, %s, %s",
				want[i].Kernel, want[i].Backend, want[i].SHA256)
		}
	}
	return nil
}

func wrong(at, format string, args ...any) error {
	return &Error{Path: at, Reason: fmt.Sprintf(format, args...)}
}

// validateKernels places a mistake that the description has by itself.
func (m *Manifest) validateKernels() error {
	err := m.Describe().Validate()
	var bad *spec.InvalidError
	if !errors.As(err, &bad) {
		return err
	}
	at := "kernels"
	if bad.Kernel == "" && len(m.Build) > spec.MaxName {
		at = "build"
	}
	named := func(k spec.Kernel) bool { return k.Name == bad.Kernel }
	if i := slices.IndexFunc(m.Kernels, named); i >= 0 {
		// A second kernel of the name is the one that is wrong.
		if j := slices.IndexFunc(m.Kernels[i+1:], named); j >= 0 {
			i += 1 + j
		}
		at = fmt.Sprintf("kernels[%d]", i)
	}
	reason := bad.Reason
	if bad.Err != nil {
		reason += ": " + bad.Err.Error()
	}
	if bad.Kernel != "" {
		reason = strings.Trim(join("", bad.Kernel), "[]") + ": " + reason
	}
	return &Error{Path: at, Reason: reason, Err: bad}
}

func (m *Manifest) validateFiles() error {
	n := len(m.Executables)
	switch {
	case n == 0 || n > maxExecutables:
		return wrong("executables", "%d platforms; it needs 1 to %d", n, maxExecutables)
	case n+len(m.Files) > MaxFiles:
		return wrong("files", "%d executables and files; at most %d are allowed", n+len(m.Files), MaxFiles)
	}
	var total int64
	taken := map[string]string{Name: "the manifest", SignatureName: "its signature"}
	check := func(at string, f File) error {
		if err := checkPath(f.Path); err != nil {
			return wrong(at+".path", "%q %v", clip(f.Path), err)
		}
		if f.Size < 0 || f.Size > MaxPackage-total {
			return wrong(at+".size", "is %d; sizes are not negative, and at most %d bytes together", f.Size, MaxPackage)
		}
		total += f.Size
		if !ValidDigest(f.SHA256) {
			return wrong(at+".sha256", "%q is no SHA-256 in lower-case hex", clip(f.SHA256))
		}
		// Two names that differ in case only are one file on some systems.
		key := strings.ToLower(f.Path)
		if other, ok := taken[key]; ok {
			return wrong(at+".path", "%q is also %s", clip(f.Path), other)
		}
		taken[key] = at
		return nil
	}
	for _, platform := range m.Platforms() {
		if !ValidPlatform(platform) {
			return wrong("executables", "%q is not of the form os_arch", clip(platform))
		}
		if err := check("executables."+platform, m.Executables[platform]); err != nil {
			return err
		}
	}
	for i, f := range m.Files {
		if err := check(fmt.Sprintf("files[%d]", i), f); err != nil {
			return err
		}
	}
	for name, at := range taken {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if other, ok := taken[dir]; ok {
				return wrong(other+".path", "it is a folder of %s too", at)
			}
		}
	}
	return nil
}

// ValidPath tells whether p may be the path of a file in a package: relative,
// below the package's folder, in its shortest form, with slashes, and free of
// characters that a terminal or another system would take for something else.
func ValidPath(p string) bool { return checkPath(p) == nil }

func checkPath(p string) error {
	switch {
	case p == "" || len(p) > MaxPath:
		return fmt.Errorf("has %d bytes; it needs 1 to %d", len(p), MaxPath)
	case strings.HasPrefix(p, "/"):
		return errors.New("is absolute; it must be below the package's folder")
	case slices.Contains(strings.Split(p, "/"), ".."):
		return errors.New(`holds ".."; it must be below the package's folder`)
	case path.Clean(p) != p || p == ".":
		return errors.New("is not in its shortest form")
	}
	for _, c := range p {
		if c < ' ' || c > '~' || strings.ContainsRune(`\:*?"<>|`, c) {
			return fmt.Errorf("holds the character %q", c)
		}
	}
	return nil
}
