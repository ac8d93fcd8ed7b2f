package plugins

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// reach is what kernel handle could do: write beside its program, signal the host.
func reach(t *testing.T, o Options) []float32 {
	t.Helper()
	p := load(t, "good", o)
	out, err := p.Run(t.Context(), "handle", vector)
	require.NoError(t, err)
	v, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	_ = os.Remove(p.Path() + ".touched")
	return v
}

func TestPluginsAreConfined(t *testing.T) {
	version, _, _ := unix.Syscall(444, 0, 0, 1)
	if runtime.GOOS != "linux" || int(version) < 1 {
		return // nothing is promised there
	}
	self, err := os.Executable()
	require.NoError(t, err)
	t.Run("as a rule", func(t *testing.T) {
		can := reach(t, Options{})
		assert.Zero(t, can[0], "it wrote where it should not")
		if int(version) >= 6 {
			assert.Zero(t, can[1], "it may signal the host")
		}
	})
	t.Run("a folder is opened", func(t *testing.T) {
		assert.Equal(t, float32(1), reach(t, Options{WriteDirs: []string{filepath.Dir(self)}})[0])
	})
	t.Run("not at all", func(t *testing.T) {
		assert.Equal(t, []float32{1, 1}, reach(t, Options{Unconfined: true}))
	})
}

func TestOpenFilesAreLimited(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	p := load(t, "good", Options{MaxFiles: 100})
	out, err := p.Run(t.Context(), "files", vector)
	require.NoError(t, err)
	v, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	assert.Less(t, v[0], float32(100))
	assert.Greater(t, v[0], float32(50))
}

// heard collects log lines.
type heard struct {
	hclog.Logger
	mu    sync.Mutex
	lines []string
}

func (h *heard) Accept(_ string, level hclog.Level, msg string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if level == hclog.Warn {
		h.lines = append(h.lines, msg)
	}
}

func TestLogsOfPluginsReachTheLogger(t *testing.T) {
	sink := new(heard)
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Info, Output: io.Discard})
	log.RegisterSink(sink)
	reg, self := open(t, "logs", Options{Logger: log})
	_, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err)
	sink.mu.Lock()
	defer sink.mu.Unlock()
	assert.Contains(t, sink.lines, "the cache is cold")
}
