package mlxio_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/ours; then run testdata/make.py check")

func TestNPYOfNumPyAndMLX(t *testing.T) {
	big := made(core.Int16, 2, 3, 4)
	for name, want := range map[string]*core.Array{
		"numpy-scalar": made(core.Float32), "numpy-empty": made(core.Float32, 0, 3),
		"numpy-fortran": big, "numpy-big-int16": made(core.Int16, 2, 3), "numpy-big-float64": made(core.Float64, 2, 3),
		"numpy-big-complex64": made(core.Complex64, 2, 3), "numpy-big-fortran": made(core.Int32, 3, 2),
		"numpy-version2": made(core.Int8, 2, 3), "numpy-version3": made(core.Int8, 2, 3),
		"ml_dtypes-bfloat16": made(core.BFloat16, 2, 3), "mlx-bfloat16": made(core.BFloat16, 2, 3),
		"mlx-transposed": made(core.Int32, 2, 3).T(),
	} {
		a, err := mlxio.LoadNPY("testdata/" + name + ".npy")
		require.NoError(t, err, name)
		requireSame(t, want, a, name)
	}
	for _, d := range without(dtypes, core.BFloat16) {
		a, err := mlxio.LoadNPY("testdata/numpy-" + d.String() + ".npy")
		require.NoError(t, err, d)
		requireSame(t, made(d, 2, 3), a, d.String())
	}
}

func TestNPYThatIsRefused(t *testing.T) {
	for name, says := range map[string]string{
		"object": "Python objects", "struct": "structured dtypes", "complex128": "save as complex64", "text": `the dtype "<U1"`,
	} {
		_, err := mlxio.LoadNPY("testdata/refused-" + name + ".npy")
		e := requireError(t, err, mlxio.ErrUnsupported)
		require.ErrorContains(t, err, says)
		require.Equal(t, mlxio.NPY, e.Format)
		require.Equal(t, "header", e.Where)
	}
}

func TestNPZOfNumPyAndMLX(t *testing.T) {
	for name, want := range map[string]map[string]*core.Array{
		"numpy-stored":   several(core.Bool, core.Int64, core.Float32),
		"numpy-deflated": several(core.Bool, core.Int64, core.Float32),
		"mlx":            several(core.Float16, core.BFloat16),
	} {
		got, err := mlxio.LoadNPZ("testdata/" + name + ".npz")
		require.NoError(t, err, name)
		requireAll(t, want, got)
	}
}

func TestSafetensorsOfOthers(t *testing.T) {
	got, metadata, err := mlxio.LoadSafetensors("testdata/official.safetensors")
	require.NoError(t, err)
	requireAll(t, several(without(dtypes, core.Complex64)...), got)
	require.Equal(t, textMetadata, metadata)

	got, metadata, err = mlxio.LoadSafetensors("testdata/mlx.safetensors")
	require.NoError(t, err)
	requireAll(t, several(core.Bool, core.BFloat16, core.Complex64, core.Uint8), got)
	require.Empty(t, metadata)
}

var textMetadata = map[string]string{"format": "np", "a \"key\"\n": "ü<&>"}

func typedMetadata() map[string]any {
	return map[string]any{
		"a.uint8": uint8(200), "a.int8": int8(-3), "a.uint16": uint16(60000), "a.int16": int16(-300),
		"a.uint32": uint32(4000000000), "a.int32": int32(-70000), "a.float32": float32(1.5),
		"a.uint64": uint64(1 << 63), "a.int64": int64(-1 << 40), "a.float64": 0.1, "a.bool": true, "a.string": "ü\n",
		"l.int32": []int32{1, -2, 3}, "l.string": []string{"a", "", "ü"}, "l.bool": []bool{true, false},
		"l.list": []any{[]int32{1, 2}, []int32{3}},
	}
}

var ggufDTypes = []core.DType{core.Float32, core.Float16, core.Float64, core.Int8, core.Int16, core.Int32, core.Int64}

func ggufArrays() map[string]*core.Array {
	out := map[string]*core.Array{"bfloat16": made(core.BFloat16, 2, 32)}
	for _, d := range ggufDTypes {
		out[d.String()] = made(d, 2, 3)
	}
	return out
}

func TestGGUFOfOthers(t *testing.T) {
	got, metadata, err := mlxio.LoadGGUF("testdata/official.gguf")
	require.NoError(t, err)
	requireAll(t, ggufArrays(), got)
	require.Equal(t, "test", metadata["general.architecture"])
	delete(metadata, "general.architecture")
	require.Equal(t, typedMetadata(), metadata)

	got, metadata, err = mlxio.LoadGGUF("testdata/mlx.gguf")
	require.NoError(t, err)
	want := map[string]*core.Array{}
	for _, d := range []core.DType{core.Float32, core.Float16, core.Int8, core.Int16, core.Int32} {
		want[d.String()] = made(d, 2, 3)
	}
	requireAll(t, want, got)
	require.Equal(t, map[string]any{"s": "text", "n": int32(7), "v": []float32{1.5, 2.5}, "l": []string{"a", "b"}}, metadata)
}

func TestQuantisedGGUFAsMLXReadsIt(t *testing.T) {
	got, _, err := mlxio.LoadGGUF("testdata/quantised.gguf")
	require.NoError(t, err)
	want, _, err := mlxio.LoadSafetensors("testdata/quantised-as-mlx-reads-it.safetensors")
	require.NoError(t, err)
	require.Len(t, want, 9)
	requireAll(t, want, got)
}

// The engine's own dequantisation of what was read must give the numbers that
// gguf's gives.
func TestQuantisedGGUFHasTheRightNumbers(t *testing.T) {
	got, _, err := mlxio.LoadGGUF("testdata/quantised.gguf")
	require.NoError(t, err)
	want, _, err := mlxio.LoadSafetensors("testdata/quantised-as-numbers.safetensors")
	require.NoError(t, err)
	for name, bits := range map[string]int{"Q4_0": 4, "Q4_1": 4, "Q8_0": 8} {
		w, scales, biases := got[name+".weight"], core.Data[core.F16](got[name+".scales"]), core.Data[core.F16](got[name+".biases"])
		words := core.Data[uint32](w)
		for i, x := range core.Data[float32](want[name+".weight"]) {
			q := words[i*bits/32] >> (i * bits % 32) & (1<<bits - 1)
			require.InDelta(t, x, float32(q)*scales[i/32].Float32()+biases[i/32].Float32(), 1e-5, "%s %d", name, i)
		}
	}
}

func TestQuantisedGGUFThatIsRefused(t *testing.T) {
	_, _, err := mlxio.LoadGGUF("testdata/refused-q5.gguf")
	requireError(t, err, mlxio.ErrUnsupported)
	require.ErrorContains(t, err, "the type Q5_0: convert the file")
}

// Our files are what they were when testdata/make.py checked them.
func TestOurFiles(t *testing.T) {
	files := map[string]func(path string) error{
		"stored.npz":   func(p string) error { return mlxio.SaveNPZ(p, several(dtypes...), mlxio.Stored) },
		"deflated.npz": func(p string) error { return mlxio.SaveNPZ(p, several(dtypes...), mlxio.Compressed) },
		"arrays.safetensors": func(p string) error {
			return mlxio.SaveSafetensors(p, several(without(dtypes, core.Complex64)...), textMetadata)
		},
		"complex.safetensors": func(p string) error { return mlxio.Save(p, several(core.Complex64), nil) },
		"arrays.gguf":         func(p string) error { return mlxio.SaveGGUF(p, ggufArrays(), typedMetadata()) },
	}
	for _, d := range dtypes {
		files[d.String()+".npy"] = func(p string) error { return mlxio.SaveNPY(p, made(d, 2, 3)) }
	}
	dir := t.TempDir()
	if *rewrite {
		dir = "testdata/ours"
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	for name, save := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, save(path), name)
		arrays, _, err := mlxio.Load(path)
		require.NoError(t, err)
		for name, a := range arrays {
			require.Equal(t, elements(a.DType(), a.Shape()...), a.Bytes(), name)
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		want := fixture(t, "ours/"+name)
		if strings.HasPrefix(name, "deflated") {
			// Another Go version may pack otherwise.
			a, err := mlxio.ReadNPZ(bytes.NewReader(want))
			require.NoError(t, err)
			b, err := mlxio.ReadNPZ(bytes.NewReader(got))
			require.NoError(t, err)
			requireAll(t, a, b)
			continue
		}
		require.Equal(t, want, got, "%s: if this is meant to change, run with -rewrite, then testdata/make.py check", name)
	}
}
