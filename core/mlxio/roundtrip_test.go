package mlxio_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// anyArray draws an array of d, at times one that is not row-contiguous.
func anyArray(t *rapid.T, d core.DType, maxRank int) *core.Array {
	shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, maxRank).Draw(t, "shape")
	n := d.Size()
	for _, dim := range shape {
		n *= dim
	}
	b := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes")
	if d == core.Bool {
		for i := range b {
			b[i] &= 1
		}
	}
	a := core.FromBytes(d, b, shape...)
	if len(shape) > 1 && rapid.Bool().Draw(t, "transposed") {
		a = a.T()
	}
	return a
}

var anyName = rapid.OneOf(
	rapid.StringMatching(`[a-z]{1,6}(\.[0-9]{1,2}\.(weight|bias))?`),
	rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return r != 0 && r != 0xfffd }), 0, 10, 40),
)

func TestEveryFormatGoesThereAndBack(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, format := range []mlxio.Format{mlxio.NPY, mlxio.NPZ, "deflated.npz", mlxio.Safetensors, mlxio.GGUF} {
		t.Run(string(format), rapid.MakeCheck(func(t *rapid.T) {
			d := rapid.SampledFrom(dtypes).Draw(t, "dtype")
			if format == mlxio.GGUF {
				d = rapid.SampledFrom(inGGUF).Draw(t, "dtype")
			}
			arrays := map[string]*core.Array{}
			for _, name := range rapid.SliceOfN(anyName, 0, 3).Draw(t, "names") {
				if name != "__metadata__" {
					arrays[name] = anyArray(t, d, 4)
				}
			}
			n++
			path := filepath.Join(dir, fmt.Sprintf("%d.%s", n, format))
			var metadata map[string]string
			var b bytes.Buffer
			var err error
			switch format {
			case mlxio.NPY:
				arrays = map[string]*core.Array{"arr_0": anyArray(t, d, 6)}
				err = mlxio.WriteNPY(&b, arrays["arr_0"])
			case "deflated.npz":
				require.NoError(t, mlxio.SaveNPZ(path, arrays, mlxio.Compressed))
				err = mlxio.WriteNPZ(&b, arrays, mlxio.Compressed)
			case mlxio.NPZ:
				err = mlxio.WriteNPZ(&b, arrays, mlxio.Stored)
			default:
				metadata = rapid.MapOfN(anyName, anyName, 0, 3).Draw(t, "metadata")
				if format == mlxio.GGUF {
					typed := map[string]any{}
					for k, v := range metadata {
						typed[k] = v
					}
					err = mlxio.WriteGGUF(&b, arrays, typed)
				} else {
					err = mlxio.WriteSafetensors(&b, arrays, metadata)
				}
			}
			require.NoError(t, err)
			if format != "deflated.npz" {
				require.NoError(t, mlxio.Save(path, arrays, metadata))
			}
			got, meta, err := mlxio.Load(path)
			require.NoError(t, err)
			requireAll(t, arrays, got)
			require.Equal(t, len(metadata), len(meta))
			for k, v := range metadata {
				require.Equal(t, v, meta[k])
			}
			kind := format
			if kind == "deflated.npz" {
				kind = mlxio.NPZ
			}
			got, err = readAny(kind, iotest.OneByteReader(&b))
			require.NoError(t, err)
			requireAll(t, arrays, got)
		}))
	}
}

var inGGUF = append([]core.DType{core.BFloat16}, ggufDTypes...)

func TestLargeArraysGoThereAndBack(t *testing.T) {
	const rows, columns = 1500, 2000 // 12 MB: read in place, written in parts
	b := make([]byte, rows*columns*4)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	wide := core.FromBytes(core.Int32, b, 1, rows, columns)
	arrays := map[string]*core.Array{"wide": wide, "strided": wide.T(), "small": made(core.Int32, 3)}
	for _, format := range []mlxio.Format{mlxio.NPZ, mlxio.Safetensors, mlxio.GGUF} {
		path := filepath.Join(t.TempDir(), "x."+string(format))
		require.NoError(t, mlxio.Save(path, arrays, nil))
		got, _, err := mlxio.Load(path)
		require.NoError(t, err)
		requireAll(t, arrays, got)
	}
	var buf bytes.Buffer
	require.NoError(t, mlxio.WriteSafetensors(&buf, arrays, nil))
	got, _, err := mlxio.ReadSafetensors(&buf)
	require.NoError(t, err)
	requireAll(t, arrays, got)
}

func TestSeveralArraysInOneNPYStream(t *testing.T) {
	var b bytes.Buffer
	for _, d := range dtypes {
		require.NoError(t, mlxio.WriteNPY(&b, made(d, 2, 3)))
	}
	path := file(t, "several.npy", b.Bytes())
	for _, d := range dtypes {
		a, err := mlxio.ReadNPY(&b)
		require.NoError(t, err)
		requireSame(t, made(d, 2, 3), a, d.String())
	}
	_, err := mlxio.ReadNPY(&b)
	requireError(t, err, mlxio.ErrTruncated)
	_, err = mlxio.LoadNPY(path)
	requireError(t, err, mlxio.ErrCorrupt)
	require.ErrorContains(t, err, "ReadNPY reads several")
}

func TestLoadLooksAtTheData(t *testing.T) {
	for name, n := range map[string]int{"numpy-int8.npy": 1, "mlx.npz": 8, "mlx.safetensors": 16, "mlx.gguf": 5} {
		arrays, metadata, err := mlxio.Load(file(t, "model.bin", fixture(t, name)))
		require.NoError(t, err, name)
		require.Len(t, arrays, n)
		require.NotNil(t, metadata)
	}
	_, metadata, err := mlxio.Load("testdata/official.gguf")
	require.NoError(t, err)
	require.Equal(t, "[1 -2 3]", metadata["l.int32"])
}

func TestLoadWhileAFunctionIsTraced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	require.NoError(t, mlxio.SaveNPY(path, core.Ones(core.Float32, 2<<20)))
	_, grads := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		a, err := mlxio.LoadNPY(path)
		require.NoError(t, err)
		return []*core.Array{in[0].Mul(a).Sum()}
	}, []*core.Array{core.Zeros(core.Float32, 2<<20)}, []int{0})
	require.Equal(t, float64(2<<20), grads[0].Sum().Item())
}
