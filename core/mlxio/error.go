package mlxio

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/adjoint-go/adjoint/core"
)

// What an Error may wrap; test with errors.Is. Errors of the file system
// (fs.ErrNotExist, syscall.ENOSPC, …) are wrapped too.
var (
	// ErrTruncated: the data ends before what its header declares.
	ErrTruncated = errors.New("incomplete, get the file again")
	// ErrCorrupt: the data contradicts itself or its format.
	ErrCorrupt = errors.New("corrupt, get the file again")
	// ErrUnsupported: the data may be fine, but Adjoint does not read it; or the
	// format cannot hold what is to be saved.
	ErrUnsupported = errors.New("not supported")
	// ErrMismatch: the arrays of a file are not those of the tree.
	ErrMismatch = errors.New("the file does not fit the tree")
)

// Error says what could not be read or written. Its message is one line.
type Error struct {
	Path   string // the file; "" for a stream
	Format Format // "" where it is not known
	Where  string // the part of the file: "header", `array "w"`
	Err    error  // what is wrong; wraps one of the sentinels or an I/O error
}

// Error returns the one-line message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mlxio")
	for _, part := range []string{printable(e.Path), string(e.Format), e.Where} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	b.WriteString(": " + e.Err.Error())
	return b.String()
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// fault makes an *Error of err, which may be one already: what an inner part
// said about the place stays.
func fault(path string, format Format, where string, err error) error {
	if err == nil {
		return nil
	}
	var inner *Error
	if errors.As(err, &inner) {
		e := *inner
		if e.Path == "" {
			e.Path = path
		}
		if e.Format == "" {
			e.Format = format
		}
		if where != "" && e.Where != "" {
			e.Where = where + ": " + e.Where
		} else if where != "" {
			e.Where = where
		}
		return &e
	}
	// The Error has the path already.
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	// The engine's own line would name a place inside this package.
	if c := (*core.Error)(nil); errors.As(err, &c) {
		err = c.Err
	}
	return &Error{Path: path, Format: format, Where: where, Err: err}
}

// at says where err happened.
func at(where string, err error) error { return fault("", "", where, err) }

func corrupt(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, a...))
}

func unsupported(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, a...))
}

// readError sorts the error of a reader into the sentinels.
func readError(err error, at int64) error {
	var bad flate.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the data ends at byte %d", ErrTruncated, at)
	case errors.As(err, &bad), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat):
		return corrupt("%v", err)
	}
	return err
}

// quote spells a name from a file for a message: short, and on one line.
func quote(name string) string {
	const most = 64
	if len(name) <= most {
		return strconv.Quote(name)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strconv.Quote(name[:cut]) + "…"
}

func array(name string) string { return "array " + quote(name) }

// printable keeps a path as it is unless it would break the line.
func printable(path string) string {
	if q := strconv.Quote(path); q[1:len(q)-1] != strings.ReplaceAll(path, `"`, `\"`) {
		return q
	}
	return path
}
