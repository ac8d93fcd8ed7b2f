package plugins

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

func TestCrashDuringCall(t *testing.T) {
	p := load(t, "good", Options{CrashLimit: 1000})
	best := time.Hour
	var err error
	var first int
	for range 5 { // the machine may be busy
		first = processOf(t, p)
		begin := time.Now()
		_, err = p.Run(t.Context(), "exits", vector)
		best = min(best, time.Since(begin))
	}
	assert.Less(t, best, 100*time.Millisecond)
	var crash *CrashError
	require.ErrorAs(t, err, &crash)
	assert.Equal(t, `plugin acme/test: kernel exits: the process ended during the call (exit status 3); it said "giving up"`, err.Error())

	second := processOf(t, p)
	assert.NotEqual(t, first, second, "the next call starts a new process")

	_, err = p.Run(t.Context(), "segv", vector)
	require.ErrorAs(t, err, &crash)
	assert.ErrorContains(t, err, `it said "SIGSEGV: segmentation violation"`)
}

func TestCrashEndsAllCallsOfTheProcess(t *testing.T) {
	p := load(t, "good", Options{})
	processOf(t, p)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, errs[i] = p.Run(t.Context(), "waits", vector) })
	}
	require.Eventually(t, func() bool { return p.calls.Load() == 5 }, time.Second, time.Millisecond)
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, syscall.Kill(pidOf(t, p), syscall.SIGKILL))
	wg.Wait()
	for _, err := range errs {
		var crash *CrashError
		require.ErrorAs(t, err, &crash)
		assert.Equal(t, "waits", crash.Kernel)
		assert.Equal(t, "signal: killed", crash.Status)
	}
	processOf(t, p)
}

func TestBreaker(t *testing.T) {
	p := load(t, "good", Options{CrashWindow: 1500 * time.Millisecond})
	begin := time.Now()
	for range 3 {
		_, err := p.Run(t.Context(), "exits", vector)
		var crash *CrashError
		require.ErrorAs(t, err, &crash)
	}
	assert.GreaterOrEqual(t, time.Since(begin), 3*firstPause, "the pauses between the starts")
	_, err := p.Run(t.Context(), "square", vector)
	var open *BreakerError
	require.ErrorAs(t, err, &open)
	assert.Equal(t, 3, open.Crashes)
	var crash *CrashError
	require.ErrorAs(t, err, &crash, "the last crash is told")
	assert.ErrorIs(t, p.Health(t.Context()), ErrNotRunning)
	time.Sleep(time.Until(open.Until) + 10*time.Millisecond)
	_, err = p.Run(t.Context(), "square", vector)
	require.NoError(t, err, "the breaker closes when the window has passed")
}

func TestBreakerCounts(t *testing.T) {
	b := breaker{limit: 3, window: time.Minute}
	now := time.Now()
	assert.Zero(t, b.pause(now))
	b.crashed(now)
	assert.Equal(t, firstPause, b.pause(now))
	assert.Zero(t, b.pause(now.Add(firstPause)))
	b.crashed(now)
	assert.Equal(t, 2*firstPause, b.pause(now))
	_, open := b.open(now)
	assert.False(t, open)
	b.crashed(now.Add(time.Second))
	until, open := b.open(now.Add(2 * time.Second))
	assert.True(t, open)
	assert.Equal(t, now.Add(time.Minute), until)
	_, open = b.open(now.Add(time.Minute))
	assert.False(t, open)
	many := breaker{limit: 1000, window: time.Hour}
	for range 1000 {
		many.crashed(now)
	}
	assert.Equal(t, longestPause, many.pause(now))
}

func TestTwentyRestarts(t *testing.T) {
	p := load(t, "good", Options{CrashLimit: 1000})
	seen := make(map[int]bool)
	for range 20 {
		p.breaker.times = nil // no pause between them
		seen[processOf(t, p)] = true
		require.NoError(t, syscall.Kill(pidOf(t, p), syscall.SIGKILL))
		_ = p.current.Load().crash("") // waits for its end
	}
	assert.Len(t, seen, 20)
	assert.LessOrEqual(t, len(children(t)), 1)
	sockets, err := os.ReadDir(p.launch.dir)
	require.NoError(t, err)
	assert.LessOrEqual(t, len(sockets), 2, "the lock and at most one process's folder")
}

// halt stops the plugin's process, as a debugger does. The signal returns before
// every thread has stopped, so where the system tells, halt waits for that.
func halt(t *testing.T, p *Plugin) {
	pid := pidOf(t, p)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			_, rest, ok := strings.Cut(string(text), ") ")
			if err == nil && ok && !strings.HasPrefix(rest, "T") {
				return false
			}
		}
		return true
	}, 2*time.Second, time.Millisecond)
}

func TestStopOfAStoppedProcess(t *testing.T) {
	p := load(t, "good", Options{})
	halt(t, p)
	begin := time.Now()
	require.NoError(t, p.Stop())
	assert.Less(t, time.Since(begin), 3*time.Second)
	_, err := p.Run(t.Context(), "square", vector)
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, p.Health(t.Context()), ErrStopped)
	require.NoError(t, p.Stop(), "again")
}

func TestHealthOfAStoppedProcess(t *testing.T) {
	p := load(t, "good", Options{})
	halt(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var slow *TimeoutError
	require.ErrorAs(t, p.Health(ctx), &slow)
	_, err := runFor(t, p, "square", 50*time.Millisecond)
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	assert.True(t, late.Killed)
	_, err = p.Run(t.Context(), "square", vector)
	require.NoError(t, err)
}

func TestStopDuringCalls(t *testing.T) {
	p := load(t, "good", Options{})
	errs := make(chan error)
	for _, kernel := range []string{"waits", "hangs"} {
		go func() {
			_, err := p.Run(t.Context(), kernel, vector)
			errs <- err
		}()
	}
	require.Eventually(t, func() bool { return p.calls.Load() == 2 }, time.Second, time.Millisecond)
	begin := time.Now()
	require.NoError(t, p.Stop())
	assert.Less(t, time.Since(begin), 3*time.Second)
	require.ErrorIs(t, <-errs, ErrStopped)
	require.ErrorIs(t, <-errs, ErrStopped)
}

func TestGrandchildIsKilled(t *testing.T) {
	p := load(t, "good", Options{Env: []string{"PATH"}})
	out, err := p.Run(t.Context(), "child", vector)
	require.NoError(t, err)
	v, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	child := int(v[0])
	require.True(t, alive(child))
	begin := time.Now()
	require.NoError(t, p.Stop())
	assert.Less(t, time.Since(begin), killAfter, "the grandchild holds standard error")
	require.Eventually(t, func() bool { return !alive(child) }, time.Second, 10*time.Millisecond)
}

func TestHostIsKilled(t *testing.T) {
	leavesNothing(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), modeEnv+"=host")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err, line)
	require.True(t, alive(pid))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return !alive(pid) }, time.Second, 10*time.Millisecond)

	reg, err := Open(Options{})
	require.NoError(t, err)
	require.NoError(t, reg.Close()) // Open swept the killed host's folder; leavesNothing looks
}

func pidOf(t *testing.T, p *Plugin) int {
	t.Helper()
	pid, err := strconv.Atoi(p.current.Load().runner.ID())
	require.NoError(t, err)
	return pid
}
