package mlxio_test

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

var dtypes = []core.DType{
	core.Bool, core.Uint8, core.Uint16, core.Uint32, core.Uint64, core.Int8, core.Int16, core.Int32, core.Int64,
	core.Float16, core.Float32, core.Float64, core.BFloat16, core.Complex64,
}

var shapes = map[string][]int{"scalar": nil, "vector": {5}, "matrix": {2, 3}, "empty": {0, 3}}

// elements are the bytes of the array of testdata/make.py.
func elements(d core.DType, shape ...int) []byte {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	b := []byte{}
	for i := range n {
		v := (37*i + 11) % 101
		s := v - 50
		var x any
		switch d {
		case core.Bool:
			x = v%2 == 1
		case core.Uint8:
			x = uint8(v)
		case core.Uint16:
			x = uint16(v)
		case core.Uint32:
			x = uint32(v)
		case core.Uint64:
			x = uint64(v)
		case core.Int8:
			x = int8(s)
		case core.Int16:
			x = int16(s)
		case core.Int32:
			x = int32(s)
		case core.Int64:
			x = int64(s)
		case core.Float16:
			x = core.ToF16(float32(s))
		case core.BFloat16:
			x = core.ToBF16(float32(s))
		case core.Float32:
			x = float32(s)
		case core.Float64:
			x = float64(s)
		case core.Complex64:
			x = complex(float32(s), float32(-s))
		}
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, x); err != nil {
			panic(err)
		}
	}
	return b
}

func made(d core.DType, shape ...int) *core.Array {
	return core.FromBytes(d, elements(d, shape...), shape...)
}

func several(ds ...core.DType) map[string]*core.Array {
	out := map[string]*core.Array{}
	for _, d := range ds {
		for name, shape := range shapes {
			out[d.String()+"."+name] = made(d, shape...)
		}
	}
	return out
}

func without(ds []core.DType, gone core.DType) []core.DType {
	return slices.DeleteFunc(slices.Clone(ds), func(d core.DType) bool { return d == gone })
}

func requireSame(t require.TestingT, want, got *core.Array, what string) {
	require.NotNil(t, got, what)
	require.Equal(t, want.Spec().String(), got.Spec().String(), what)
	require.Equal(t, want.Bytes(), got.Bytes(), what)
}

func requireAll(t require.TestingT, want, got map[string]*core.Array) {
	require.Len(t, got, len(want))
	for name, a := range want {
		requireSame(t, a, got[name], name)
	}
}

// requireError checks what holds for all errors of the package.
func requireError(t require.TestingT, err error, kind error) *mlxio.Error {
	var e *mlxio.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	require.True(t, strings.HasPrefix(err.Error(), "mlxio: "), err.Error())
	require.Less(t, len(err.Error()), 600)
	if kind != nil {
		require.ErrorIs(t, err, kind)
	}
	kinds := 0
	for _, k := range []error{mlxio.ErrTruncated, mlxio.ErrCorrupt, mlxio.ErrUnsupported, mlxio.ErrMismatch} {
		if errors.Is(err, k) {
			kinds++
		}
	}
	require.LessOrEqual(t, kinds, 1, err.Error())
	return e
}

func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o644))
	return path
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// loadAny reads data of a format from a file.
func loadAny(t testing.TB, format mlxio.Format, b []byte) (map[string]*core.Array, error) {
	t.Helper()
	arrays, _, err := mlxio.Load(file(t, "x."+string(format), b))
	return arrays, err
}

// readAny reads data of a format as a stream.
func readAny(format mlxio.Format, r io.Reader) (arrays map[string]*core.Array, err error) {
	switch format {
	case mlxio.NPY:
		var a *core.Array
		if a, err = mlxio.ReadNPY(r); err == nil {
			arrays = map[string]*core.Array{"arr_0": a}
		}
	case mlxio.NPZ:
		arrays, err = mlxio.ReadNPZ(r)
	case mlxio.Safetensors:
		arrays, _, err = mlxio.ReadSafetensors(r)
	case mlxio.GGUF:
		arrays, _, err = mlxio.ReadGGUF(r)
	}
	return arrays, err
}
