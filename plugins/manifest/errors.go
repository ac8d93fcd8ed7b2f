package manifest

import (
	"errors"
	"strings"
)

// Error says what is wrong with a manifest.
type Error struct {
	Path   string // where, as a JSON path: "kernels[2].name"; empty: the whole
	Reason string
	Err    error // the cause, where there is one
}

func (e *Error) Error() string {
	s := Name + ": "
	if e.Path != "" {
		s += e.Path + ": "
	}
	return s + e.Reason
}

func (e *Error) Unwrap() error { return e.Err }

// ErrDiffers means that a program describes itself otherwise than its manifest.
var ErrDiffers = errors.New("the program describes itself otherwise than its " + Name)

// clip keeps foreign text from filling a message.
func clip(s string) string {
	if len(s) > 64 {
		s = s[:61] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
