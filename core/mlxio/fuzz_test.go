package mlxio_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// fuzz reads data as a stream and as a file. Both must end in typed errors or in
// arrays that survive a write.
func fuzz(f *testing.F, format mlxio.Format) {
	seeds, err := filepath.Glob("testdata/*." + string(format))
	require.NoError(f, err)
	ours, err := filepath.Glob("testdata/ours/*." + string(format))
	require.NoError(f, err)
	for _, path := range append(seeds, ours...) {
		b, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(b)
	}
	for _, c := range brokenFiles(f) {
		if c.format == format && len(c.data) < 1<<12 {
			f.Add(c.data)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		defer core.ClearCache()
		core.TidyDo(func() {
			streamed, err := readAny(format, bytes.NewReader(b))
			if err != nil {
				requireError(t, err, nil)
				require.Nil(t, streamed)
			}
			path := filepath.Join(dir, "in."+string(format))
			require.NoError(t, os.WriteFile(path, b, 0o600))
			loaded, fileErr := loadAs(format, path)
			if fileErr != nil {
				requireError(t, fileErr, nil)
				return
			}
			require.NoError(t, err, "the file is fine, the stream is not")
			requireAll(t, streamed, loaded)
			var out bytes.Buffer
			if err := writeAny(format, &out, loaded); err != nil {
				requireError(t, err, mlxio.ErrUnsupported) // a name or dtype that is read but not written
				return
			}
			again, err := readAny(format, &out)
			require.NoError(t, err)
			requireAll(t, loaded, again)
		})
	})
}

func loadAs(format mlxio.Format, path string) (arrays map[string]*core.Array, err error) {
	switch format {
	case mlxio.NPY:
		var a *core.Array
		if a, err = mlxio.LoadNPY(path); err == nil {
			arrays = map[string]*core.Array{"arr_0": a}
		}
	case mlxio.NPZ:
		arrays, err = mlxio.LoadNPZ(path)
	case mlxio.Safetensors:
		arrays, _, err = mlxio.LoadSafetensors(path)
	case mlxio.GGUF:
		arrays, _, err = mlxio.LoadGGUF(path)
	}
	return arrays, err
}

func writeAny(format mlxio.Format, w io.Writer, arrays map[string]*core.Array) error {
	switch format {
	case mlxio.NPY:
		return mlxio.WriteNPY(w, arrays["arr_0"])
	case mlxio.NPZ:
		return mlxio.WriteNPZ(w, arrays, mlxio.Compressed)
	case mlxio.Safetensors:
		return mlxio.WriteSafetensors(w, arrays, nil)
	}
	return mlxio.WriteGGUF(w, arrays, nil)
}

func FuzzNPY(f *testing.F)         { fuzz(f, mlxio.NPY) }
func FuzzNPZ(f *testing.F)         { fuzz(f, mlxio.NPZ) }
func FuzzSafetensors(f *testing.F) { fuzz(f, mlxio.Safetensors) }
func FuzzGGUF(f *testing.F)        { fuzz(f, mlxio.GGUF) }
