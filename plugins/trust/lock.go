package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// LockName is what a lock file is called.
const LockName = "plugins.lock"

// Limits on a lock file.
const (
	MaxLock = 1 << 20 // bytes
	MaxPins = 4096
)

const lockHead = "adjoint plugins.lock 1"

// Lock is the content of a lock file: for each version of a plugin the digest of
// its manifest.
type Lock struct {
	path string
	pins map[Pin]string
}

// Pin is what a line of a lock file is about.
type Pin struct{ ID, Version string }

// ReadLock reads a lock file. One that does not exist pins nothing.
func ReadLock(path string) (*Lock, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Lock{path: path, pins: make(map[Pin]string)}, nil
	}
	if err != nil {
		return nil, &FileError{Path: path, Reason: reason(err), Err: err}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxLock+1))
	if err != nil {
		return nil, &FileError{Path: path, Reason: reason(err), Err: err}
	}
	return ParseLock(path, text)
}

// reason is the system's part of an error about a file.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// ParseLock reads the text of a lock file, which is strict: the head, then lines
// of a plugin's id, its version and the digest, parted by one space, each ended
// by a line feed, in any order, none twice. An error is a [*FileError] with the
// path and the line.
func ParseLock(path string, text []byte) (*Lock, error) {
	fail := func(line int, format string, args ...any) (*Lock, error) {
		return nil, &FileError{Path: path, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
	if len(text) > MaxLock {
		return fail(0, "more than %d bytes", MaxLock)
	}
	head, rest, ok := strings.Cut(string(text), "\n")
	if head != lockHead || !ok {
		return fail(1, "must be %q, is %q", lockHead, clip(head))
	}
	l := &Lock{path: path, pins: make(map[Pin]string)}
	for n := 2; rest != ""; n++ {
		var line string
		if line, rest, ok = strings.Cut(rest, "\n"); !ok {
			return fail(n, "the line does not end with a line feed; was the file cut off?")
		}
		words := strings.Split(line, " ")
		if len(words) != 3 {
			return fail(n, "must be \"org/name 1.2.3 sha256:…\", is %q", clip(line))
		}
		pin := Pin{words[0], words[1]}
		digest, hashed := strings.CutPrefix(words[2], "sha256:")
		switch {
		case !spec.ValidID(pin.ID):
			return fail(n, "%q is not of the form org/name", clip(pin.ID))
		case !spec.ValidVersion(pin.Version):
			return fail(n, "%q is no version of the form 1.2.3", clip(pin.Version))
		case !hashed || !manifest.ValidDigest(digest):
			return fail(n, "%q is not sha256: and 64 digits in lower-case hex", clip(words[2]))
		case l.pins[pin] != "":
			return fail(n, "%s %s is pinned twice", pin.ID, pin.Version)
		case len(l.pins) >= MaxPins:
			return fail(n, "more than %d plugins", MaxPins)
		}
		l.pins[pin] = digest
	}
	return l, nil
}

// Encode returns the text of the lock file: equal pins give equal bytes.
func (l *Lock) Encode() []byte {
	lines := make([]string, 0, len(l.pins))
	for pin, digest := range l.pins {
		lines = append(lines, pin.ID+" "+pin.Version+" sha256:"+digest+"\n")
	}
	slices.Sort(lines)
	return []byte(lockHead + "\n" + strings.Join(lines, ""))
}

// Path returns the file that the lock was read from.
func (l *Lock) Path() string { return l.path }

// Pins returns what is pinned, in the order of the file.
func (l *Lock) Pins() []Pin {
	if l == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(l.pins), func(a, b Pin) int {
		return strings.Compare(a.ID+" "+a.Version, b.ID+" "+b.Version)
	})
}

// Has tells whether a version of a plugin is pinned. With an empty version any
// will do.
func (l *Lock) Has(id, version string) bool {
	return slices.ContainsFunc(l.Pins(), func(p Pin) bool { return p.ID == id && (version == "" || p.Version == version) })
}

// Check compares a manifest's text with what is pinned. It returns an [*Error]
// that wraps ErrNotLocked or ErrLockMismatch.
func (l *Lock) Check(id, version string, text []byte) error {
	want, have := "", manifest.Digest(text)
	where := "there is no lock file"
	if l != nil {
		want, where = l.pins[Pin{id, version}], l.path
	}
	switch want {
	case have:
		return nil
	case "":
		return &Error{Plugin: id + " " + version, Err: ErrNotLocked, Detail: where}
	}
	return &Error{Plugin: id + " " + version, Err: ErrLockMismatch,
		Detail: fmt.Sprintf("%s has sha256:%s, the manifest sha256:%s", where, want, have)}
}

func isNotLocked(err error) bool { return errors.Is(err, ErrNotLocked) }

// Set pins a version of a plugin to a manifest's text.
func (l *Lock) Set(id, version string, text []byte) { l.pins[Pin{id, version}] = manifest.Digest(text) }

// Delete removes a pin, if it is there.
func (l *Lock) Delete(id, version string) { delete(l.pins, Pin{id, version}) }

// UpdateLock reads a lock file, lets change work on it and writes it anew, if
// that changed it. The file is replaced as a whole or, on any error, not at all,
// and updates by several processes follow one another.
func UpdateLock(path string, change func(*Lock) error) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return &FileError{Path: path, Reason: reason(err), Err: err}
	}
	defer dir.Close()
	for {
		if err = unix.Flock(int(dir.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return &FileError{Path: path, Reason: "locking its folder: " + err.Error(), Err: err}
	}
	l, err := ReadLock(path)
	if err != nil {
		return err
	}
	before := maps.Clone(l.pins)
	if err := change(l); err != nil || maps.Equal(before, l.pins) {
		return err
	}
	if len(l.pins) > MaxPins {
		return &FileError{Path: path, Reason: fmt.Sprintf("more than %d plugins", MaxPins)}
	}
	if err := replace(path, l.Encode()); err != nil {
		return &FileError{Path: path, Reason: reason(err), Err: err}
	}
	return nil
}

// replace writes a file in place of the one that is there, at once.
func replace(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
