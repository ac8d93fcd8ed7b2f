package certify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
)

// modeEnv makes the test's program a plugin of one kind or another.
const modeEnv = "ADJOINT_TEST_PLUGIN"

func TestMain(m *testing.M) {
	mode := os.Getenv(modeEnv)
	if mode == "" {
		os.Exit(m.Run())
	}
	play, ok := roles[mode]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", mode)
		os.Exit(99)
	}
	play()
}

// loader starts the test's program in a role. When the test ends, nothing is left of
// it.
func loader(t *testing.T, role string) Load {
	t.Helper()
	core.Eval(core.Ones(core.Float32, 1).AddScalar(1)) // the engine's own threads and files stay
	here, files := goleak.IgnoreCurrent(), descriptors(t)
	reg, err := plugins.Open(plugins.Options{Env: []string{modeEnv + "=" + role, "GORACE=atexit_sleep_ms=0"}})
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, reg.Close())
		goleak.VerifyNone(t, here)
		require.Eventually(t, func() bool { return len(childrenOf(os.Getpid())) == 0 }, time.Second, 10*time.Millisecond, "processes are left")
		require.Eventually(t, func() bool { return descriptors(t) <= files }, time.Second, 10*time.Millisecond, "descriptors are left")
	})
	return func(ctx context.Context) (*plugins.Plugin, error) { return reg.LoadFile(ctx, self) }
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

func childrenOf(pid int) (out []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		rest := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if rest[1] == strconv.Itoa(pid) {
			out = append(out, path)
		}
	}
	return out
}
