package emulate

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// report is what the process wrote at its end.
type report struct {
	kind, op, text    string
	region, site      int
	group             bool
	offset            int64
	size, bytes, elem int64
	n, m              int64
	line              int
	pcs               []int64 // the access and the calls that led to it
	other             int64
	thread, otherOne  *[3]int
	complete          bool
}

func readReport(text string) report {
	r := report{elem: 1}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "kind":
			r.kind = value
		case "op":
			r.op = value
		case "text":
			r.text = value
		case "region":
			r.region = int(n)
		case "site":
			r.site = int(n)
		case "group":
			r.group = n == 1
		case "offset":
			r.offset = n
		case "size":
			r.size = n
		case "bytes":
			r.bytes = n
		case "elem":
			r.elem = max(n, 1)
		case "n":
			r.n = n
		case "m":
			r.m = n
		case "line":
			r.line = int(n)
		case "pc":
			r.pcs = append(r.pcs, n)
		case "other":
			r.other = n
		case "thread":
			r.thread = position(value)
		case "otherthread":
			r.otherOne = position(value)
		case "end":
			r.complete = true
		}
	}
	return r
}

func position(s string) *[3]int {
	var p [3]int
	if _, err := fmt.Sscan(s, &p[0], &p[1], &p[2]); err != nil {
		return nil
	}
	return &p
}

// judge turns the process's report into an error; nil if the kernel ran well.
func (k Kernel) judge(program, dir string, u *unit, l Launch) error {
	text, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil {
		return fmt.Errorf("emulate: %w", err)
	}
	r := readReport(string(text))
	if !r.complete {
		return k.fault(ErrCrash, "its process ended in the middle of its report")
	}
	if r.kind == "done" {
		return nil
	}
	t, err := openTables(program)
	if err != nil {
		return err
	}
	e := k.fault(ErrCrash, "")
	where := t.first(r.pcs)
	if r.kind == "timeout" || r.kind == "crash" {
		if where.line == 0 {
			where = t.first([]int64{r.other})
		}
	}
	if r.line > 0 {
		where = place{r.line, r.m == 1}
	}
	e.Line, e.Header, e.Thread = k.inside(where.line, where.header), where.header, r.thread
	e.Detail, e.Err = r.explain(u, l, k.onLine(t, r.other))
	return e
}

// onLine names the other line of two.
func (k Kernel) onLine(t *tables, pc int64) string {
	p := t.first([]int64{pc})
	switch {
	case p.line == 0:
		return ""
	case p.header:
		return fmt.Sprintf(" on line %d of the header", p.line)
	}
	return fmt.Sprintf(" on line %d", k.inside(p.line, false))
}

// explain says what happened, and of which kind it is. on is the place of the
// other access, if there is one.
func (r report) explain(u *unit, l Launch, on string) (string, error) {
	does := r.op + "s"
	switch r.kind {
	case "bounds":
		return fmt.Sprintf("%s %s, which has %d elements", does, r.element(u), r.bytes/r.elem), ErrBounds
	case "stray":
		return fmt.Sprintf("%s %d bytes where there is no buffer", does, r.size), ErrBounds
	case "array":
		return fmt.Sprintf("index %d of %s", r.n, plain(strings.Trim(r.text, "'"))), ErrBounds
	case "readonly":
		return "writes " + r.element(u), ErrReadOnly
	case "misaligned":
		return fmt.Sprintf("%s %d bytes at byte %d of %s; want a multiple of %d", does, r.size, r.offset, r.name(u), r.size), ErrMisaligned
	case "uninitialized":
		if r.group {
			return fmt.Sprintf("reads %s, which no thread of this threadgroup has written", r.element(u)), ErrUninitialized
		}
		return fmt.Sprintf("reads %s; without an InitValue it holds nothing yet", r.element(u)), ErrUninitialized
	case "unwritten":
		return r.unwritten(u, l), ErrUnwritten
	case "race":
		return r.race(u, on), ErrRace
	case "diverged":
		return r.diverged(on), ErrBarrier
	case "groupmemory":
		return fmt.Sprintf("%d bytes of threadgroup memory; Metal gives a threadgroup 32768, in at most 64 variables here", r.n), ErrMemory
	case "stack":
		return "a thread uses more than 256 KiB of private memory, or calls itself without end", ErrMemory
	case "divide":
		return "of an integer, or an overflow", ErrDivide
	case "noreturn":
		return "a function ends without returning a value", ErrCrash
	case "timeout":
		return fmt.Sprintf("it was here after %s", l.Limit), ErrTimeout
	}
	return fmt.Sprintf("signal %d", r.n), ErrCrash
}

func (r report) name(u *unit) string {
	if r.group && r.site >= 0 && r.site < len(u.shared) {
		return u.shared[r.site]
	}
	if r.region >= 0 && r.region < len(u.regions) {
		return u.regions[r.region].name
	}
	return "memory"
}

// element writes the place of an access as name[index].
func (r report) element(u *unit) string {
	i := r.offset / r.elem
	if r.offset < 0 && r.offset%r.elem != 0 {
		i--
	}
	if r.group && r.bytes == r.elem && i == 0 {
		return r.name(u)
	}
	return fmt.Sprintf("%s[%d]", r.name(u), i)
}

func (r report) unwritten(u *unit, l Launch) string {
	s := fmt.Sprintf("%s, and %d of %s's %d elements in all, with grid %v", r.element(u), (r.n+r.elem-1)/r.elem, r.name(u), r.bytes/r.elem, l.Grid)
	if r.m == 1 {
		s += "; this line writes others"
	}
	return s
}

func (r report) race(u *unit, on string) string {
	before := "read"
	if r.n == 1 {
		before = "wrote"
	}
	s := fmt.Sprintf("%ss %s, which ", r.op, r.element(u))
	if r.otherOne == nil {
		return s + fmt.Sprintf("a thread of another threadgroup %s%s; only atomics may meet there", before, on)
	}
	s += fmt.Sprintf("thread %v %s%s", *r.otherOne, before, on)
	flag := "mem_device"
	if r.group {
		flag = "mem_threadgroup"
	}
	if r.m == 1 {
		return s + ", and the barrier between them lacks mem_flags::" + flag
	}
	return s + ", with no barrier between them"
}

func (r report) diverged(on string) string {
	barrier := "threadgroup_barrier"
	if r.op == "simd" {
		barrier = "simdgroup_barrier"
	}
	s := fmt.Sprintf("%d of %d threads are at this %s", r.n, r.m, barrier)
	if r.otherOne == nil {
		return s
	}
	if on == "" {
		return s + fmt.Sprintf(", but thread %v has ended", *r.otherOne)
	}
	return s + fmt.Sprintf(", but thread %v waits%s", *r.otherOne, on)
}
