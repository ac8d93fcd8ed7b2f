package install

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A progress says what setup is doing: on a terminal in one line that is rewritten, elsewhere in one line per step.
type progress struct {
	out io.Writer
	tty bool

	mu    sync.Mutex
	text  string // the step under way, "" between steps
	done  int
	total int // 0: a step that is not counted
	began time.Time
	stop  chan struct{}
	quiet sync.WaitGroup
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, tty: ok && term.IsTerminal(int(f.Fd()))}
}

// say writes a line of its own.
func (p *progress) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// step runs f under a text. f may count what it has done of total.
func (p *progress) step(text string, total int, f func() error) error {
	p.mu.Lock()
	p.text, p.done, p.total, p.began = text, 0, total, time.Now()
	p.mu.Unlock()
	if p.tty {
		p.stop = make(chan struct{})
		p.quiet.Go(p.redraw)
	}
	err := f()
	if p.tty {
		close(p.stop)
		p.quiet.Wait()
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	if err == nil {
		p.say("%-48s %5.1f s", text, time.Since(p.began).Seconds())
	}
	return err
}

// count says that one more part of the step is done.
func (p *progress) count() {
	p.mu.Lock()
	p.done++
	p.mu.Unlock()
}

func (p *progress) redraw() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		fmt.Fprintf(p.out, "\r\x1b[K%s", p.line())
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	bar := ""
	if p.total > 0 {
		const width = 20
		full := width * p.done / p.total
		bar = fmt.Sprintf(" [%s%s] %d/%d", strings.Repeat("=", full), strings.Repeat(" ", width-full), p.done, p.total)
	}
	return fmt.Sprintf("%s%s %.1f s", p.text, bar, time.Since(p.began).Seconds())
}
