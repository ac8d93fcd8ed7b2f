package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// What can be wrong. Test for these with errors.Is.
var (
	// ErrNotFound means that no folder holds the plugin or the version.
	ErrNotFound = errors.New("no such plugin")
	// ErrAmbiguous means that two folders provide the plugin.
	ErrAmbiguous = errors.New("found in two folders; remove one")
	// ErrUnsafe means that somebody else could change what is there, or that it
	// leads elsewhere.
	ErrUnsafe = errors.New("it is not safe to use")
	// ErrContent means that a file is not the one that the manifest lists.
	ErrContent = errors.New("it is not what the manifest says")
	// ErrPlatform means that there is no program for this kind of machine.
	ErrPlatform = errors.New("it has no program for this machine")
	// ErrArchive means that an archive holds what a package cannot hold.
	ErrArchive = errors.New("the archive is no package")
	// ErrLimit means that a package is too large.
	ErrLimit = errors.New("it is larger than a package may be")
	// ErrInstalled means that the version is there with another content.
	ErrInstalled = errors.New("this version is installed with another content")
)

// Error says what is wrong with a package or a folder.
type Error struct {
	Path   string // of the folder or file, or the plugin's name
	Err    error  // one of the reasons above, or the system's error
	Detail string
}

func (e *Error) Error() string {
	s := e.Path + ": " + e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func fail(path string, reason error, format string, args ...any) error {
	return &Error{Path: path, Err: reason, Detail: fmt.Sprintf(format, args...)}
}

// system wraps an error of the operating system, without the path that it
// repeats.
func system(path string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return &Error{Path: path, Err: err}
}

// clip keeps foreign text from filling a message.
func clip(s string) string {
	if len(s) > 120 {
		s = s[:117] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
