package install

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUnitFlags(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		err        string
	}{
		{"none", "#include <cmath>\n", nil, ""},
		{"some", "// A unit.\n// adjoint:flags -O3 -ffast-math -mtune=native\n", []string{"-O3", "-ffast-math", "-mtune=native"}, ""},
		{"too late", "\n\n\n\n\n\n\n\n\n\n// adjoint:flags -O3\n", nil, ""},
		{"not a flag of optimisation", "// adjoint:flags -O3 -I/tmp\n", nil, "-I/tmp"},
		{"a plug-in", "// adjoint:flags -fplugin=/tmp/x.so\n", nil, "-fplugin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "unit.cpp")
			require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o644))
			got, err := unitFlags(path)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestParallelStopsAtTheFirstError(t *testing.T) {
	boom := errors.New("boom")
	var ran atomic.Int32
	err := parallel(t.Context(), 10000, func(_ context.Context, i int) error {
		ran.Add(1)
		if i == 3 {
			return boom
		}
		return nil
	})
	require.ErrorIs(t, err, boom)
	assert.Less(t, ran.Load(), int32(10000))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = parallel(ctx, 3, func(context.Context, int) error { t.Error("it ran"); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, parallel(t.Context(), 0, nil))
}

func TestProgressWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	require.NoError(t, p.step("compiling", 2, func() error { p.count(); return nil }))
	assert.Regexp(t, `^compiling +0\.\d s\n$`, out.String())
	out.Reset()
	require.Error(t, p.step("linking", 0, func() error { return errors.New("no") }))
	assert.Empty(t, out.String(), "a step that failed is told by its error")
}

func TestProgressLine(t *testing.T) {
	p := &progress{text: "compiling", done: 1, total: 4}
	assert.Contains(t, p.line(), "compiling [=====               ] 1/4")
}
