package compile_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// list is a function of a file when nothing is known of it.
type list = func([]*core.Array) []*core.Array

// storedCall is a call of a function in testdata/mlxfn: see make.py there.
type storedCall struct {
	in, want []*core.Array
	keys     map[string]*core.Array
}

// storedCalls reads the calls beside a file.
func storedCalls(t *testing.T, path string) []storedCall {
	arrays, _, err := mlxio.LoadSafetensors(strings.TrimSuffix(path, ".mlxfn") + ".safetensors")
	require.NoError(t, err)
	var calls []storedCall
	for i := 0; ; i++ {
		c := storedCall{keys: map[string]*core.Array{}}
		numbered := func(kind string) (found []*core.Array) {
			for k := 0; ; k++ {
				a, ok := arrays[strings.Join([]string{strconv.Itoa(i), kind, strconv.Itoa(k)}, ".")]
				if !ok {
					return found
				}
				found = append(found, a)
			}
		}
		c.in, c.want = numbered("in"), numbered("out")
		for name, a := range arrays {
			if key, ok := strings.CutPrefix(name, strconv.Itoa(i)+".key."); ok {
				c.keys[key] = a
			}
		}
		if len(c.want) == 0 {
			require.NotEmpty(t, calls)
			return calls
		}
		calls = append(calls, c)
	}
}

// TestFilesOfMLX compares functions that MLX Python has written with what they
// computed there.
func TestFilesOfMLX(t *testing.T) { checkFiles(t, "testdata/mlxfn") }

func checkFiles(t *testing.T, folder string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.mlxfn"))
	require.NoError(t, err)
	require.Len(t, files, 12)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".mlxfn"), func(t *testing.T) {
			for i, c := range storedCalls(t, path) {
				var got []*core.Array
				if len(c.keys) > 0 {
					require.Equal(t, "keywords.mlxfn", filepath.Base(path))
					f, err := compile.ImportFile[func(x, scale, bias *core.Array) (_, _ *core.Array)](path, compile.Keywords("scale", "bias"))
					require.NoError(t, err)
					a, b := f.Call(c.in[0], c.keys["scale"], c.keys["bias"])
					got = []*core.Array{a, b}
				} else {
					f, err := compile.ImportFile[list](path)
					require.NoError(t, err)
					got = f.Call(c.in)
				}
				requireClose(t, c.want, got, fmt.Sprintf("call %d", i))
			}
		})
	}
}

// requireClose compares arrays to the rounding of their dtypes.
func requireClose(t *testing.T, want, got []*core.Array, where string) {
	t.Helper()
	require.Len(t, got, len(want), where)
	for i, w := range want {
		g := got[i]
		name := fmt.Sprintf("%s, result %d", where, i)
		require.Equal(t, w.Spec(), g.Spec(), name)
		d := w.DType()
		if !d.IsInexact() {
			require.Equal(t, w.Bytes(), g.Bytes(), name)
			continue
		}
		parts := [][2]*core.Array{{w, g}}
		if d == core.Complex64 {
			parts = [][2]*core.Array{{w.Real(), g.Real()}, {w.Imag(), g.Imag()}}
		}
		tolerance := 1e-4
		if d == core.Float16 || d == core.BFloat16 {
			tolerance = 2e-2
		}
		for _, p := range parts {
			wv, gv := core.Data[float32](p[0].AsType(core.Float32)), core.Data[float32](p[1].AsType(core.Float32))
			for k := range wv {
				if slices.Equal(wv[k:k+1], gv[k:k+1]) {
					continue
				}
				assert.InDelta(t, wv[k], gv[k], tolerance*max(1, abs(wv[k])), "%s at %d", name, k)
			}
		}
	}
}

func abs(v float32) float64 { return max(float64(v), -float64(v)) }
