package install

import (
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// CompilerError says that the machine has no C++20 compiler.
type CompilerError struct{ Err *cxx.NotFoundError }

func (e *CompilerError) Error() string { return "adjoint setup: " + e.Err.Error() }

func (e *CompilerError) Unwrap() error { return e.Err }

// CompileError says that a native source did not compile or link.
type CompileError struct {
	Unit string // the source, or the library when it did not link
	Line string // the compiler's first error
	Log  string // the file with all it said
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("adjoint setup: %s did not compile: %s; everything the compiler said is in %s", e.Unit, e.Line, e.Log)
}

// PythonError says that there is no Python with pip.
type PythonError struct {
	Tried  []string
	Detail string
}

func (e *PythonError) Error() string {
	return fmt.Sprintf("adjoint setup: no Python with pip: tried %s (%s); setup alone needs it: install python3-pip, or name a Python in PYTHON",
		strings.Join(e.Tried, ", "), e.Detail)
}

// Reasons of a [PipError].
const (
	NoNetwork = "no network"
	NoWheel   = "no wheel"
	BadHash   = "bad hash"
	Failed    = "failed"
)

// PipError says that pip did not install the packages.
type PipError struct {
	Reason  string // NoNetwork, NoWheel, BadHash or Failed
	Backend string
	Last    string // pip's last line
	Offline string // the folder of --offline, if any
}

func (e *PipError) Error() string {
	var do string
	switch {
	case e.Reason == NoNetwork:
		do = "the package index cannot be reached: mend the network, or bring the wheels in a folder DIR and add --offline DIR (fill it elsewhere with: adjoint setup --download DIR)"
	case e.Reason == BadHash:
		do = "a wheel is not the pinned one: remove it from pip's cache or from the folder, and try again"
	case e.Reason == NoWheel && e.Offline != "":
		do = fmt.Sprintf("%s lacks a wheel of %s", e.Offline, wanted(e.Backend))
	case e.Reason == NoWheel:
		do = fmt.Sprintf("no wheel of %s fits this machine (Linux needs glibc 2.35 or newer, macOS 14 or newer)", wanted(e.Backend))
	default:
		do = "see pip's message"
	}
	return fmt.Sprintf("adjoint setup: pip could not install the %s packages: %s; pip said: %s", e.Backend, do, e.Last)
}

func wanted(backend string) string {
	var names []string
	for _, p := range native.Packages(backend) {
		names = append(names, p.Name+" "+p.Version)
	}
	return strings.Join(names, ", ")
}

// LayoutError says that an installed package is not laid out as expected.
type LayoutError struct {
	File string
	Why  string
}

func (e *LayoutError) Error() string {
	return fmt.Sprintf("adjoint setup: the MLX packages are not as expected: %s: %s; this is a defect of this version of Adjoint", e.File, e.Why)
}

// CheckError says that the new engine did not pass its check; the old one, if any, is still in place.
type CheckError struct {
	Last string // the last line of the check
}

func (e *CheckError) Error() string {
	return fmt.Sprintf("adjoint setup: the new engine failed its check and was not installed: %s", e.Last)
}

// OfficialError says that the official mlx-c under a prefix cannot be used.
type OfficialError struct {
	Prefix string
	Why    string
}

func (e *OfficialError) Error() string {
	return fmt.Sprintf("adjoint setup: the mlx-c under %s cannot be used: %s; leave --mlxc out to use Adjoint's own", e.Prefix, e.Why)
}
