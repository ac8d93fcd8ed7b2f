//go:build linux

package core_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/core"
)

// Threads that have nothing to compute sleep: a program that waits costs no processor
// time, however much it computed before.
func TestAnIdlePoolCostsNothing(t *testing.T) {
	x := core.Ones(core.Float32, 1<<20).Eval()
	for range 20 {
		core.TidyDo(func() { x.Exp().Sum().Eval() })
	}
	spent := func() time.Duration {
		var now unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now))
		return time.Duration(now.Nano())
	}
	time.Sleep(20 * time.Millisecond) // the threads look for work a little longer
	const wait = 500 * time.Millisecond
	before := spent()
	time.Sleep(wait)
	require.Less(t, spent()-before, wait/5, "one busy thread would have spent all of it")
}
