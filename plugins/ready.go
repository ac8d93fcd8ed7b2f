package plugins

import (
	"context"
	"fmt"
	"time"
)

// ready returns the running process, or starts one when the breaker allows it.
func (p *Plugin) ready(ctx context.Context) (*process, error) {
	if p.ended.Err() != nil {
		return nil, p.errStopped()
	}
	if proc := p.current.Load(); proc != nil && proc.runner.alive() {
		return proc, nil
	}
	select {
	case p.gate <- struct{}{}:
		defer func() { <-p.gate }()
	case <-p.ended.Done():
		return nil, p.errStopped()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p.ended.Err() != nil {
		return nil, p.errStopped()
	}
	if proc := p.current.Load(); proc != nil {
		if proc.runner.alive() {
			return proc, nil
		}
		if err := p.bury(ctx, proc); err != nil {
			return nil, err
		}
	}
	return p.restart(ctx)
}

// bury waits until nothing is left of a dead process and counts its crash.
func (p *Plugin) bury(ctx context.Context, proc *process) error {
	select {
	case <-proc.gone:
	case <-p.ended.Done():
		return p.errStopped()
	case <-ctx.Done():
		return ctx.Err()
	}
	p.current.Store(nil)
	p.last = proc.crash("")
	p.breaker.crashed(proc.runner.endedAt)
	return nil
}

func (p *Plugin) restart(ctx context.Context) (*process, error) {
	now := time.Now()
	if until, open := p.breaker.open(now); open {
		return nil, &BreakerError{Plugin: p.ID(), Crashes: p.breaker.limit, Window: p.breaker.window, Until: until, Last: p.last}
	}
	pause := time.NewTimer(p.breaker.pause(now))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-p.ended.Done():
		return nil, p.errStopped()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ended, cancel)()
	proc, err := p.launch.start(ctx)
	if err != nil {
		if p.ended.Err() != nil {
			return nil, p.errStopped()
		}
		if ctx.Err() == nil {
			p.breaker.crashed(time.Now())
			p.last = err
		}
		return nil, err
	}
	if digest, err := proc.about.Digest(); err != nil || digest != p.digest {
		proc.stop()
		<-proc.gone
		return nil, fmt.Errorf("plugin %s: %w; stop the plugin and load it again", p.ID(), ErrStale)
	}
	p.current.Store(proc)
	return proc, nil
}

// breaker counts crashes, so that a plugin that crashes again and again does not
// keep the machine busy.
type breaker struct {
	limit  int
	window time.Duration
	times  []time.Time // of the crashes within the window, the oldest first
}

// firstPause follows the first crash; each further crash in the window doubles
// it.
const firstPause = 20 * time.Millisecond

const longestPause = 5 * time.Second

func (b *breaker) crashed(at time.Time) {
	b.times = append(b.times, at)
	if len(b.times) > b.limit {
		b.times = b.times[len(b.times)-b.limit:]
	}
}

// open tells whether there were too many crashes, and until when.
func (b *breaker) open(now time.Time) (until time.Time, open bool) {
	for len(b.times) > 0 && now.Sub(b.times[0]) >= b.window {
		b.times = b.times[1:]
	}
	if len(b.times) < b.limit {
		return time.Time{}, false
	}
	return b.times[0].Add(b.window), true
}

// pause returns how long to wait before the next start.
func (b *breaker) pause(now time.Time) time.Duration {
	n := len(b.times)
	if n == 0 {
		return 0
	}
	pause := min(firstPause<<min(n-1, 16), longestPause)
	return max(0, pause-now.Sub(b.times[n-1]))
}
