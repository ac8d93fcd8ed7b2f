package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
)

const (
	// obedience is how long a kernel may take to stop when asked.
	obedience = 250 * time.Millisecond
	// settling is how long a process may live on after its connection broke.
	settling = 500 * time.Millisecond
)

// call makes one request, on a process that is started if there is none, and
// turns every way it can fail into an error that names the kernel.
func (p *Plugin) call(ctx context.Context, kernel string, request func(ctx context.Context, proc *process, id uint64, left time.Duration) error) error {
	begin := time.Now()
	if err := ctx.Err(); err != nil {
		return &TimeoutError{Plugin: p.ID(), Kernel: kernel, Err: err}
	}
	if p.options.CallTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.options.CallTimeout)
		defer cancel()
	}
	proc, err := p.ready(ctx)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return &TimeoutError{Plugin: p.ID(), Kernel: kernel, After: time.Since(begin), Err: ctx.Err()}
		}
		return err
	}
	// The request lives on when ctx ends, so that its answer tells whether the
	// kernel stopped.
	inner, cancel := context.WithCancel(context.Background())
	defer cancel()
	id := p.calls.Add(1)
	answer := make(chan reply, 1)
	var left time.Duration
	deadline, limited := ctx.Deadline()
	if limited {
		left = max(time.Until(deadline), time.Microsecond)
	}
	go func() { answer <- reply{request(inner, proc, id, left)} }()
	select {
	case r := <-answer:
		var gaveUp *gaveUpError
		if errors.As(r.err, &gaveUp) && limited && time.Until(deadline) < obedience {
			// Its clock ran out a moment before ours.
			return &TimeoutError{Plugin: p.ID(), Kernel: kernel, After: time.Since(begin), Err: context.DeadlineExceeded}
		}
		return p.outcome(proc, kernel, r.err)
	case <-proc.runner.exited:
		select {
		case r := <-answer:
			return p.outcome(proc, kernel, r.err)
		case <-time.After(settling):
			cancel()
			<-answer
		}
		return p.lost(proc, kernel)
	case <-p.ended.Done():
		cancel()
		<-answer
		return p.errStopped()
	case <-ctx.Done():
	}
	killed := p.interrupt(proc, kernel, id, answer)
	if killed {
		cancel()
		<-answer
	}
	return &TimeoutError{Plugin: p.ID(), Kernel: kernel, After: time.Since(begin), Killed: killed, Err: ctx.Err()}
}

// reply is the end of a request.
type reply struct{ err error }

// interrupt asks a call to stop, and kills the process if it does not.
func (p *Plugin) interrupt(proc *process, kernel string, id uint64, answer <-chan reply) (killed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), obedience)
	defer cancel()
	// The request to stop may overtake the call itself, so it is repeated.
	again := time.NewTicker(obedience / 5)
	defer again.Stop()
	for {
		go func() { _, _ = proc.kernels.Cancel(ctx, &kernelpb.CancelRequest{Call: id}) }()
		select {
		case <-answer:
			return false
		case <-again.C:
		case <-ctx.Done():
			proc.kill(fmt.Sprintf("killed by the host, because a call of kernel %s did not stop when asked", kernel))
			return true
		}
	}
}

// outcome explains the end of a request.
func (p *Plugin) outcome(proc *process, kernel string, err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	var gaveUp *gaveUpError
	var attach attachError
	switch {
	case errors.As(err, &gaveUp):
		return gaveUp.KernelError
	case errors.As(err, &attach):
		return &ReplyError{Plugin: p.ID(), Kernel: kernel, Reason: attach.Error()}
	case errors.Is(err, errArenaClosed), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return p.lost(proc, kernel)
	case !ok:
		return err
	}
	switch s.Code() {
	case codes.Unavailable, codes.Canceled:
		return p.lost(proc, kernel)
	case codes.ResourceExhausted:
		return &ReplyError{Plugin: p.ID(), Kernel: kernel, Reason: "the message is larger than the protocol allows: " + oneLine(s.Message())}
	case codes.Unimplemented:
		return &ReplyError{Plugin: p.ID(), Kernel: kernel, Reason: "the plugin lacks a method of the protocol: " + oneLine(s.Message())}
	}
	return &ReplyError{Plugin: p.ID(), Kernel: kernel, Reason: s.Code().String() + ": " + oneLine(s.Message())}
}

// lost explains a broken connection. A process that outlives its connection is
// of no more use.
func (p *Plugin) lost(proc *process, kernel string) error {
	if p.ended.Err() != nil {
		return p.errStopped()
	}
	select {
	case <-proc.runner.exited:
	case <-time.After(settling):
		proc.kill("killed by the host, because its connection broke")
	}
	return proc.crash(kernel)
}

func oneLine(s string) string { return strings.Join(strings.Fields(clip(s)), " ") }
