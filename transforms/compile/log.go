package compile

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// What ADJOINT_LOG may hold.
const (
	logRecompiles = "recompiles" // a line for each trace after a function's first
	logOff        = "off"        // no warnings
)

// journal is where lines go and which are wanted.
type journal struct {
	sync.Mutex
	to    io.Writer
	wants map[string]bool
}

// log is read from ADJOINT_LOG when the first function is compiled.
var log = sync.OnceValue(func() *journal { return newJournal(os.Stderr, os.Getenv("ADJOINT_LOG")) })

func newJournal(to io.Writer, setting string) *journal {
	j := &journal{to: to, wants: map[string]bool{}}
	for _, word := range strings.Split(setting, ",") {
		switch word = strings.TrimSpace(word); word {
		case "":
		case logRecompiles, logOff:
			j.wants[word] = true
		default:
			j.line("ADJOINT_LOG: %q is not known; it takes %s and %s", word, logRecompiles, logOff)
		}
	}
	return j
}

func (j *journal) line(format string, args ...any) {
	j.Lock()
	defer j.Unlock()
	fmt.Fprintf(j.to, "adjoint: "+format+"\n", args...)
}

// retraced tells of a trace that was not the function's first.
func (j *journal) retraced(p *program, r *record) {
	if j.wants[logRecompiles] {
		j.line("%s recorded trace %d in %v at %s: %s", p.title(), r.number, r.took.Round(microsecond), r.caller, summary(r.changes))
	}
}

// manyMisses is how often in a row one static value must change to be warned of.
const manyMisses = 8

// streak counts traces in a row that one static value asked for.
type streak struct {
	path   string
	n      int
	hits   int // of the Func when it began
	warned bool
}

// count follows a function's traces and warns, once, when a static value makes
// every call record another.
func (s *streak) count(j *journal, p *program, r *record, hits int) {
	path := ""
	if len(r.changes) == 1 && r.changes[0].Kind == StaticChanged {
		path = r.changes[0].Path
	}
	if path == "" || path != s.path || hits != s.hits {
		*s = streak{path: path, hits: hits, warned: s.warned}
	}
	s.n++
	if path == "" || s.n < manyMisses || s.warned || j.wants[logOff] {
		return
	}
	s.warned = true
	j.line("%s records a new trace at every call (%s), since the static value in %s changes (%s -> %s): "+
		"make it a *core.Array, or leave it out with `tree:\"-\"`", p.title(), r.caller, path, r.changes[0].Was, r.changes[0].Now)
}
