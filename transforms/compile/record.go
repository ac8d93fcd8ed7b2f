package compile

import (
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/core"
)

const microsecond = time.Microsecond

// record is what is remembered of a trace, also when it was dropped.
type record struct {
	signature
	number   int
	when     time.Time
	took     time.Duration
	caller   string
	changes  []Change // against the nearest earlier trace
	against  int      // its number, 0 for the first
	confirms bool     // it showed that a shapeless trace may be trusted
	entry    *entry
}

// history is the latest traces of a function.
type history struct {
	records []*record
	dropped int // older ones
	streak  streak
}

const historyLength = 64

func (h *history) add(r *record) {
	if len(h.records) == historyLength {
		h.records = append(h.records[:0], h.records[1:]...)
		h.dropped++
	}
	h.records = append(h.records, r)
}

// caller is the line of the first function on the stack that is not Adjoint's.
func caller() string {
	stack := make([]uintptr, 64)
	return (&core.Error{Stack: stack[:runtime.Callers(2, stack)]}).At()
}

// remember keeps a trace that was recorded, and tells who wants to know. p.mu is
// held.
func (p *program) remember(r *record) {
	r.number = p.stats.Traces
	first := len(p.history.records) == 0
	p.history.add(r)
	if !first {
		log().retraced(p, r)
		p.history.streak.count(log(), p, r, int(p.hits.Load()))
	}
}

// title is how the function is called in what is printed: by the name that
// compile.Name gave, or that of the Go function.
func (p *program) title() string {
	if p.name != "" {
		return p.name
	}
	f := runtime.FuncForPC(p.fn.Pointer())
	if f == nil {
		return "a function"
	}
	return strings.ReplaceAll(path.Base(f.Name()), "[...]", "")
}
