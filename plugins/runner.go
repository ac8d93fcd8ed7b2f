package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
)

const (
	maxLine    = 16 << 10               // longer lines on standard output are split
	drainLimit = 30 * time.Millisecond  // for the rest of the output of a process that ended
	politeness = 250 * time.Millisecond // between asking a process to end and killing it
)

// runner is go-plugin's view of one process. Compared with the runner that
// go-plugin brings, it ends the whole process group, notices the end of a
// process although a grandchild holds its pipes, and ties the plugin's life to
// the host's.
type runner struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr io.ReadCloser
	first  head // of standard output
	tail   tail // of standard error

	link    *shm.Link     // closing it tells the plugin to end
	drained chan struct{} // both pipes are at their end
	exited  chan struct{} // closed when status and tail are final
	status  string
	endedAt time.Time

	mu     sync.Mutex
	pid    int  // 0: not started
	doomed bool // kill was called
	reaped bool // pid may belong to another process

	attached bool // the process is not ours to kill
	confine  confinement
}

func newRunner(path string) *runner {
	r := &runner{drained: make(chan struct{}), exited: make(chan struct{})}
	r.cmd = exec.Command(path)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return r
}

// Start starts the process. All descriptors of a failed start are closed.
func (r *runner) Start(context.Context) (err error) {
	var files []*os.File
	pipe := func() (rd, wr *os.File) {
		if err != nil {
			return nil, nil
		}
		if rd, wr, err = os.Pipe(); err == nil {
			files = append(files, rd, wr)
		}
		return rd, wr
	}
	outR, outW := pipe()
	errR, errW := pipe()
	defer func() {
		if err != nil {
			closeAll(files...)
		}
	}()
	if err != nil {
		return err
	}
	link, theirs, err := shm.NewLink()
	if err != nil {
		return err
	}
	defer theirs.Close()
	defer func() {
		if err != nil {
			_ = link.Close()
		}
	}()
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.ExtraFiles = outW, errW, []*os.File{theirs}
	r.cmd.Env = append(r.cmd.Env, kernelpb.LinkEnv+"=3") // ExtraFiles begin at 3
	if err = r.confine.start(r.cmd); err != nil {
		return err
	}
	closeAll(outW, errW)
	var open sync.WaitGroup
	open.Add(2)
	r.stdout = &stream{file: outR, seen: &r.first, split: true, end: sync.OnceFunc(open.Done)}
	r.stderr = &stream{file: errR, seen: &r.tail, end: sync.OnceFunc(open.Done)}
	r.link = link
	go func() { open.Wait(); close(r.drained) }()
	r.mu.Lock()
	r.pid = r.cmd.Process.Pid
	if r.doomed {
		_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	}
	r.mu.Unlock()
	go r.watch()
	return nil
}

// watch waits for the process. Its group is killed before it is reaped, so that
// the group's number cannot have been given to another by then.
func (r *runner) watch() {
	waitUntilExited(r.pid)
	r.mu.Lock()
	_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	r.reaped = true
	r.mu.Unlock()
	err := r.cmd.Wait()
	r.endedAt = time.Now()
	select {
	case <-r.drained:
	case <-time.After(drainLimit):
	}
	_, _ = r.stdout.Close(), r.stderr.Close()
	<-r.drained
	_ = r.link.Close()
	r.status = "exit status 0"
	if err != nil {
		r.status = err.Error()
	}
	close(r.exited)
}

// kill ends the process group at once, also one that is about to start.
func (r *runner) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doomed = true
	if r.attached {
		r.detach()
		return
	}
	if r.pid != 0 && !r.reaped {
		_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	}
}

// alive tells whether the process may still take calls.
func (r *runner) alive() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid != 0 && !r.doomed && !r.reaped
}

// Kill is called by go-plugin when the plugin did not end well or in time.
func (r *runner) Kill(context.Context) error {
	if r.alive() {
		select {
		case <-r.exited:
		case <-time.After(politeness):
		}
	}
	r.kill()
	return nil
}

// Wait waits for the end of the process.
func (r *runner) Wait(context.Context) error {
	<-r.exited
	if r.status != "exit status 0" {
		return errors.New(r.status)
	}
	return nil
}

func (r *runner) Stdout() io.ReadCloser { return r.stdout }

func (r *runner) Stderr() io.ReadCloser { return r.stderr }

func (r *runner) Name() string { return r.cmd.Path }

// ID is the process's number, empty if it was never started.
func (r *runner) ID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pid == 0 {
		return ""
	}
	return strconv.Itoa(r.pid)
}

func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost and HostToPlugin: both run in one place.
func (r *runner) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" {
		return "", "", fmt.Errorf("the plugin listens on %s; only unix sockets are accepted", network)
	}
	return network, addr, nil
}

func (r *runner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

// stream passes a pipe on, shows what passes to seen, and, with split, breaks
// lines that go-plugin's scanner would choke on.
type stream struct {
	file  *os.File
	seen  io.Writer
	split bool
	line  int // bytes since the last line break
	end   func()
}

func (s *stream) Read(p []byte) (int, error) {
	if s.split && len(p) > 0 && s.line >= maxLine {
		s.line, p[0] = 0, '\n'
		return 1, nil
	}
	if s.split && len(p) > maxLine-s.line {
		p = p[:maxLine-s.line]
	}
	n, err := s.file.Read(p)
	_, _ = s.seen.Write(p[:n])
	for _, c := range p[:n] {
		if s.line++; c == '\n' {
			s.line = 0
		}
	}
	if err != nil {
		s.end()
		// A pipe that was closed under a reader has simply ended.
		err = io.EOF
	}
	return n, err
}

func (s *stream) Close() error {
	s.end()
	return s.file.Close()
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
