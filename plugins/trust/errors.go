package trust

import (
	"errors"
	"fmt"
	"strings"
)

// Why a plugin is not trusted. Test for them with errors.Is.
var (
	ErrNotLocked    = errors.New("the lock file does not pin it")
	ErrLockMismatch = errors.New("its manifest is not the one that the lock file pins")
	ErrUnsigned     = errors.New("it is not signed")
	ErrUnknownKey   = errors.New("no key that is trusted has signed it")
	ErrSignature    = errors.New("its signature is wrong")
)

// Error says that a plugin is not trusted.
type Error struct {
	Plugin string // "acme/sq 1.0.0"
	Err    error  // one of the reasons above
	Detail string
}

func (e *Error) Error() string {
	s := "plugin " + e.Plugin + ": " + e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// FileError says what is wrong with a lock file or a key file.
type FileError struct {
	Path   string
	Line   int // from 1; 0: the whole file
	Reason string
	Err    error
}

func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
	}
	return e.Path + ": " + e.Reason
}

func (e *FileError) Unwrap() error { return e.Err }

// clip keeps foreign text from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		s = s[:77] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
