package certify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// checkCancel cancels a call on large inputs, and one on small ones. It is honoured
// when the call ends without the host having to kill the process, at once or
// because the result is there anyway.
func checkCancel(s *subject) (string, error) {
	type call struct {
		sm   sample
		in   []spec.Tensor
		size string
	}
	small := s.samples[len(s.samples)-1]
	calls := []call{{small, s.inputs(small, 0), "small"}}
	if sm, in, ok := s.large(inShared, 4<<20); ok {
		calls = append(calls, call{sm, in, "large"})
	}
	detail := ""
	for _, c := range calls {
		ctx, cancel := context.WithTimeout(s.ctx, s.o.Timeout)
		stop := time.AfterFunc(5*time.Millisecond, cancel)
		begin := time.Now()
		_, err := s.p.RunWith(ctx, s.k.Name, c.sm.attrs, c.in...)
		took := time.Since(begin).Round(time.Millisecond)
		stop.Stop()
		cancel()
		var late *plugins.TimeoutError
		var refused *plugins.KernelError
		switch {
		case s.ctx.Err() != nil:
			return "", s.ctx.Err()
		case errors.As(err, &late) && late.Killed:
			return "", s.fail(c.sm, c.in, "it did not stop when asked and was killed; look at the call's Context in long loops")
		case errors.As(err, &late):
			detail += fmt.Sprintf("; %s inputs: stopped after %s", c.size, took)
		case err == nil, errors.As(err, &refused):
			detail += fmt.Sprintf("; %s inputs: done within %s", c.size, took)
		default:
			return "", s.blame(err, c.sm, c.in)
		}
	}
	return detail[2:], nil
}

// The calls of checkLeak.
const (
	leakCalls = 1000 // of a look
	leakTime  = 15 * time.Second
	quickTime = 5 * time.Second
	// warmUp calls are refused, which costs little but makes garbage: more than what a
	// Go program's heap holds before it is first collected.
	warmUp = 3000
)

// What calls may leave before it is a leak: bytes in all, and for each call.
const (
	leakNoise = 1 << 20
	leakBytes = 512
)

// checkLeak makes calls and looks at what the system says of a new process of the
// plugin. The first look is for its heap to settle. Memory that grew in the two after
// it, and in two more, is a leak: what a heap keeps for later is used up by then.
func checkLeak(s *subject) (string, error) {
	if err := s.anew(); err != nil {
		return "", err
	}
	sm := s.samples[len(s.samples)/2]
	in := s.inputs(sm, 0)
	wrong := append(slices.Clone(in), spec.Of([]int{1}, float32(1)))
	for range warmUp {
		var refused *plugins.KernelError
		if _, err := s.p.RunUnchecked(s.ctx, s.k.Name, sm.attrs, wrong, sm.out); err != nil && !errors.As(err, &refused) {
			return "", s.blame(err, sm, wrong)
		}
	}
	start, err := usageOf(s.p.PID())
	if err != nil {
		return "", err
	}
	made := 0
	calls := func(looks int) (usage, int, error) {
		now, count := usage{}, 0
		for range looks {
			u, n, err := s.burst(sm, in)
			if err != nil {
				return now, count, err
			}
			now, count, made = u, count+n, made+n
			if what := now.left(start, made); what != "" {
				return now, count, s.fail(sm, in, "%d calls left it with %s", made, what)
			}
		}
		return now, count, nil
	}
	before, _, err := calls(1)
	for look := 0; look < 2 && err == nil; look++ {
		var now usage
		var n int
		if now, n, err = calls(2); err != nil {
			break
		}
		grown := now.memory - before.memory
		if grown < max(leakNoise, int64(leakBytes*n)) {
			break
		}
		if look == 1 {
			err = s.fail(sm, in, "%d calls made its memory grow by %d KiB, %d bytes each", n, grown>>10, grown/int64(n))
		}
		before = now
	}
	return plural(made, "call"), err
}

// left says what there is more of than at the start, but memory.
func (u usage) left(start usage, calls int) string {
	for _, c := range []struct {
		what              string
		start, now, spare int
	}{
		{"open files", start.files, u.files, calls/20 + 2},
		{"processes", start.processes, u.processes, calls / 100},
		{"threads", start.threads, u.threads, calls/20 + 8},
	} {
		if c.now-c.start > c.spare {
			return fmt.Sprintf("%d %s in place of %d", c.now, c.what, c.start)
		}
	}
	return ""
}

// burst makes calls, fewer if they take too long, and says what is in use then.
func (s *subject) burst(sm sample, in []spec.Tensor) (usage, int, error) {
	begin, limit := time.Now(), leakTime
	if s.o.Quick {
		limit = quickTime
	}
	made := 0
	for range leakCalls {
		if _, err := s.run(sm, in); err != nil {
			return usage{}, made, err
		}
		if made++; time.Since(begin) > limit {
			break
		}
	}
	u, err := usageOf(s.p.PID())
	return u, made, err
}
