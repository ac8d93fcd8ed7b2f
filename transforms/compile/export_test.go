package compile

import "io"

// LogTo has ADJOINT_LOG be setting and what it prints go to w, until undo.
func LogTo(w io.Writer, setting string) (undo func()) {
	old := log
	j := newJournal(w, setting)
	log = func() *journal { return j }
	return func() { log = old }
}
