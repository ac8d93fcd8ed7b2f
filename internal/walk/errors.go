package walk

import (
	"fmt"
	"reflect"
	"strings"
)

// Error says what is wrong with a tree, or with a type that is used as one.
type Error struct {
	Path   string       // where in the tree, empty for its root
	Type   reflect.Type // the Go type found there, nil when there is none
	Reason string       // what is wrong and what to do
}

func (e *Error) Error() string {
	at := e.Path
	if at == "" {
		at = "the root"
	}
	if e.Type == nil {
		return fmt.Sprintf("at %s: %s", at, e.Reason)
	}
	return fmt.Sprintf("at %s (%s): %s", at, e.Type, e.Reason)
}

// within moves the error one level up, so that paths cost nothing until a walk fails.
func (e *Error) within(segments ...string) *Error {
	for i := len(segments) - 1; i >= 0; i-- {
		e.Path = join(segments[i], e.Path)
	}
	if len(e.Path) > maxPath { // a cycle, whose beginning tells all
		e.Path = strings.ToValidUTF8(e.Path[:maxPath], "") + "…"
	}
	return e
}

// maxPath bounds the path of an error in bytes.
const maxPath = 400
