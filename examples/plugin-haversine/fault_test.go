package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// faults starts the plugin whose kernels fail. log receives what it writes to
// standard error; it is complete when the registry is closed.
func faults(t *testing.T, log hclog.Logger) (*plugins.Registry, *plugins.Plugin) {
	t.Helper()
	module, err := filepath.Abs("testdata/faults.py")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "faults")
	require.NoError(t, pack(t.Context(), module, path))
	reg, err := plugins.Open(plugins.Options{StartTimeout: startTimeout, CrashLimit: 10, Logger: log})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, reg.Close()) })
	p, err := reg.LoadFile(t.Context(), path)
	require.NoError(t, err)
	return reg, p
}

func TestExceptionsAreErrors(t *testing.T) {
	_, p := faults(t, nil)
	x := spec.Of([]int{3}, float32(1), 2, 3)
	for kernel, want := range map[string]string{
		"raises":          `kernel raises: ValueError: no such luck \(faults\.py:35\)$`,
		"raises_in_numpy": `kernel raises_in_numpy: ValueError: cannot reshape array of size 3 .*\(faults\.py:40\)$`,
		"leaves":          `kernel leaves: SystemExit: 3 \(faults\.py:45\)$`,
		"writes":          `kernel writes: ValueError: assignment destination is read-only \(faults\.py:56\)$`,
		"wrong_shape":     `kernel wrong_shape: TypeError: output y is float32\[4\]; its rules say float32\[3\]$`,
		"wrong_dtype":     `kernel wrong_dtype: TypeError: output y is float64\[3\]; its rules say float32\[3\]$`,
		"wrong_count":     `kernel wrong_count: TypeError: it returned 2 arrays; its outputs are \['y'\]$`,
		"infers_nothing":  `kernel infers_nothing: TypeError: infer must return a Type for each of \['y'\]$`,
	} {
		_, err := p.Run(t.Context(), kernel, x)
		var failed *plugins.KernelError
		require.ErrorAs(t, err, &failed, kernel)
		assert.Regexp(t, want, err.Error())
		assert.False(t, failed.Refused)
	}
	_, err := p.Run(t.Context(), "raises", x)
	var failed *plugins.KernelError
	require.ErrorAs(t, err, &failed)
	assert.Regexp(t, `(?s)faults\.py", line 31, in raises.*faults\.py", line 35, in inner`, failed.Message, "the traceback")
	_, err = p.Run(t.Context(), "long", x)
	require.ErrorAs(t, err, &failed)
	assert.LessOrEqual(t, len(failed.Message), 4<<10)
	_, err = p.Run(t.Context(), "lies", spec.Of([]int{2}, float32(1), 2))
	assert.ErrorContains(t, err, "output y is float32[2]; its rules say float32[3]")

	big, err := spec.Zeros(spec.Type{DType: spec.Float32, Shape: []int{100000}})
	require.NoError(t, err)
	_, err = p.Run(t.Context(), "writes", big)
	assert.ErrorContains(t, err, "assignment destination is read-only", "in shared memory too")

	// As an op, the error names the place in Python as well.
	k, err := p.Kernel("raises")
	require.NoError(t, err)
	_, err = core.Try(func() *core.Array { return k.Call(core.Ones(core.Float32, 3))[0] })
	var op *core.Error
	require.ErrorAs(t, err, &op)
	assert.ErrorContains(t, err, "ValueError: no such luck (faults.py:35)")
	assert.NoError(t, p.Health(t.Context()), "the process is as well as before")
}

func TestTheProcessEnds(t *testing.T) {
	_, p := faults(t, nil)
	x := spec.Of([]int{1}, float32(1))
	_, err := p.Run(t.Context(), "dies", x)
	var crash *plugins.CrashError
	require.ErrorAs(t, err, &crash)
	assert.Equal(t, "exit status 7", crash.Status)
	assert.Contains(t, strings.Join(crash.Stderr, "\n"), "about to die")
	out, err := p.Run(t.Context(), "copy", x)
	require.NoError(t, err, "the next call starts it again")
	assert.Equal(t, x, out[0])
}

func TestCallsThatTakeTooLong(t *testing.T) {
	_, p := faults(t, nil)
	x := spec.Of([]int{1}, float32(1))
	for kernel, killed := range map[string]bool{"obeys": false, "hangs": true} {
		k, err := p.Kernel(kernel)
		require.NoError(t, err)
		k, err = k.With(plugins.With{Timeout: 100 * time.Millisecond})
		require.NoError(t, err)
		_, err = core.Try(func() *core.Array { return k.Call(core.Ones(core.Float32, 1))[0] })
		var late *plugins.TimeoutError
		require.ErrorAs(t, err, &late)
		assert.Equal(t, killed, late.Killed, kernel)
	}
	_, err := p.Run(t.Context(), "copy", x)
	require.NoError(t, err)
	began, done := time.Now(), make(chan error)
	go func() { _, err := p.Run(t.Context(), "hangs", x); done <- err }()
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, p.Health(t.Context()), "a kernel that hangs keeps nobody else waiting")
	require.NoError(t, p.Stop())
	assert.ErrorIs(t, <-done, plugins.ErrStopped)
	assert.Less(t, time.Since(began), 3*time.Second)
}

// printed collects a log.
type printed struct{ strings.Builder }

// What is printed, from Python or below it, neither disturbs the handshake nor gets
// lost.
func TestPrintsGoToTheLog(t *testing.T) {
	var log printed
	reg, p := faults(t, hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log}))
	k, err := p.Kernel("copy")
	require.NoError(t, err)
	k, err = k.With(plugins.With{Attrs: map[string]any{"times": 3, "scale": 0.5, "label": "b"}})
	require.NoError(t, err)
	y, err := core.Try(func() *core.Array { return k.Call(core.Ones(core.Float32, 2))[0] })
	require.NoError(t, err)
	assert.Equal(t, []float32{1.5, 1.5}, core.Data[float32](y))
	require.NoError(t, reg.Close())
	for _, want := range []string{"printed while the module is loaded", "copying 3 0.5 True b", "written to descriptor 1"} {
		assert.Contains(t, log.String(), want)
	}
	about := k.Spec()
	assert.Equal(t, "Returns its input.", about.Doc)
	assert.Equal(t, []spec.Attr{
		{Name: "times", Kind: spec.IntAttr, Initial: "1"}, {Name: "scale", Kind: spec.FloatAttr, Initial: "1.0"},
		{Name: "on", Kind: spec.BoolAttr, Initial: "true"}, {Name: "label", Kind: spec.StringAttr, Initial: "a"},
	}, about.Attrs)
}

func TestManyCallsAtOnce(t *testing.T) {
	_, p := faults(t, nil)
	const calls = 100
	errs := make(chan error, calls)
	for i := range calls {
		go func() {
			x, err := spec.Zeros(spec.Type{DType: spec.Float32, Shape: []int{i * 300}})
			if err == nil {
				var values []float32
				values, err = spec.Values[float32](x)
				for j := range values {
					values[j] = float32(i)
				}
			}
			var out []spec.Tensor
			if err == nil {
				out, err = p.Run(t.Context(), "copy", x)
			}
			if err == nil && string(out[0].Data) != string(x.Data) {
				err = errors.New("the call got what belongs to another")
			}
			errs <- err
		}()
	}
	for range calls {
		assert.NoError(t, <-errs)
	}
}
