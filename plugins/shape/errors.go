package shape

import "fmt"

// SyntaxError says where a text stops being an expression.
type SyntaxError struct {
	Source string // the whole text
	Offset int    // bytes from its start
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("shape: in %q at offset %d: %s", clip(e.Source), e.Offset, e.Reason)
}

// EvalError says why an expression has no value for the given inputs.
type EvalError struct {
	Source string
	Reason string
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("shape: %q: %s", clip(e.Source), e.Reason)
}

// clip keeps a message to one readable line, whatever the text was.
func clip(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}
