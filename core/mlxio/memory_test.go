package mlxio_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// goBytes is what f allocates in Go.
func goBytes(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func TestLoadTakesOneCopy(t *testing.T) {
	const size = 32 << 20
	for _, format := range []mlxio.Format{mlxio.NPY, mlxio.NPZ, mlxio.Safetensors, mlxio.GGUF} {
		path := filepath.Join(t.TempDir(), "x."+string(format))
		a := core.Zeros(core.Float32, size/4/1024, 1024)
		require.NoError(t, mlxio.Save(path, map[string]*core.Array{"w": a}, nil))
		a.Free()
		runtime.GC()
		core.ClearCache()
		core.ResetPeakMemory()
		before := core.Memory().Active
		taken := goBytes(func() {
			arrays, _, err := mlxio.Load(path)
			require.NoError(t, err)
			require.Len(t, arrays, 1)
			require.LessOrEqual(t, core.Memory().Peak-before, size+1<<20, format)
			for _, a := range arrays {
				a.Free()
			}
		})
		require.Less(t, taken, 1<<20, format)
	}
}

// A header of a few bytes must not make the reader take memory.
func TestWhatAHeaderClaimsIsNotAllocated(t *testing.T) {
	const claimed = 1 << 30
	npy := npyData(fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", claimed), "data")
	for name, b := range map[mlxio.Format][]byte{
		mlxio.NPY:         npy,
		mlxio.NPZ:         zipData(t, nil, "w.npy", string(npy)),
		mlxio.Safetensors: safetensorsData(fmt.Sprintf(`{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, claimed, claimed), "data"),
		mlxio.GGUF:        ggufData(u32(3), u64(1), u64(0), "w", u32(1), u64(claimed), u32(24), u64(0), make([]byte, 100)),
		"metadata.gguf":   ggufData(u32(3), u64(0), u64(1), "k", u32(9), u32(4), u64(claimed), make([]byte, 100)),
		"text.gguf":       ggufData(u32(3), u64(0), u64(1), "k", u32(8), u64(claimed), make([]byte, 100)),
		"names.gguf":      ggufData(u32(3), u64(claimed), u64(claimed)),
	} {
		path := file(t, "x."+string(name), b)
		core.ResetPeakMemory()
		before := core.Memory().Active
		taken := goBytes(func() {
			_, _, err := mlxio.Load(path)
			requireError(t, err, mlxio.ErrTruncated)
			format := mlxio.Format(name[strings.LastIndexByte(string(name), '.')+1:])
			_, err = readAny(format, strings.NewReader(string(b)))
			requireError(t, err, mlxio.ErrTruncated)
		})
		require.Less(t, taken, 4<<20, name)
		require.Less(t, core.Memory().Peak-before, 1<<20, name)
	}
}

func BenchmarkSafetensors(b *testing.B) {
	for _, mb := range []int{20, 200} {
		path := filepath.Join(b.TempDir(), "x.safetensors")
		a := core.Zeros(core.Float32, mb<<18)
		arrays := map[string]*core.Array{"w": a}
		b.Run(fmt.Sprintf("Save%dMB", mb), func(b *testing.B) {
			b.SetBytes(int64(mb) << 20)
			for b.Loop() {
				require.NoError(b, mlxio.Save(path, arrays, nil))
			}
		})
		b.Run(fmt.Sprintf("Load%dMB", mb), func(b *testing.B) {
			b.SetBytes(int64(mb) << 20)
			b.ReportAllocs()
			for b.Loop() {
				got, _, err := mlxio.Load(path)
				require.NoError(b, err)
				got["w"].Free()
			}
		})
		a.Free()
		require.NoError(b, os.Remove(path))
	}
}
