package mlxio_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

const mlxfnFiles = "../../transforms/compile/testdata/mlxfn/*.mlxfn"

// mlxfn returns the files that MLX Python has written.
func mlxfn(t testing.TB) map[string][]byte {
	paths, err := filepath.Glob(mlxfnFiles)
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	files := map[string][]byte{}
	for _, path := range paths {
		files[filepath.Base(path)], err = os.ReadFile(path)
		require.NoError(t, err)
	}
	return files
}

// every has a node for each kind of state.
func every() *mlxio.Function {
	f32 := func(shape ...int) core.Spec { return core.Spec{DType: core.Float32, Shape: append([]int{}, shape...)} }
	tenth := float32(0.1)
	return &mlxio.Function{Metadata: "of a test", Shapeless: true, Traces: []mlxio.FunctionTrace{{
		Inputs:    []core.Spec{f32(2, 3), f32(), {DType: core.Bool, Shape: []int{0, 3}}},
		Keywords:  []string{"a", "b"},
		Constants: []*core.Array{core.From([]int32{1, 2, 3}), core.From([]complex64{1i})},
		Nodes: []mlxio.FunctionNode{
			{Op: "AddMM", State: []any{float32(1), float32(math.Inf(1))}, In: []int{0, 0, 1}, Out: []core.Spec{f32(2)}},
			{Op: "Arange", State: []any{0.0, 1e300, 0.1}, Device: core.GPU, In: []int{}, Out: []core.Spec{f32(7)}},
			{Op: "AsStrided", State: []any{[]int{2}, []int{-1 << 40}, 1 << 40}, In: []int{3}, Out: []core.Spec{f32(2)}},
			{Op: "FFT", State: []any{[]int{0, 1}, true, false, true}, In: []int{4}, Out: []core.Spec{f32(2)}},
			{Op: "NumberOfElements", State: []any{[]int{}, true, core.BFloat16}, In: []int{2}, Out: []core.Spec{f32()}},
			{Op: "Eigh", State: []any{"L", true}, In: []int{2}, Out: []core.Spec{f32(1), f32(1, 1)}},
			{Op: "Scan", State: []any{4, -1, true, false}, In: []int{10}, Out: []core.Spec{f32(1)}},
			{Op: "CustomKernel", State: []any{"k", "source", 1, 2, 3, 4, 5, 6, [][3]bool{{true, false, true}}, true, &tenth,
				[]any{1, float32(2), true}, false, 0, 2}, In: []int{0}, Out: []core.Spec{f32(1)}},
			{Op: "CustomKernel", State: []any{"k", "", 1, 2, 3, 4, 5, 6, [][3]bool{}, true, (*float32)(nil), []any{}, false, 0, 2}, In: []int{}, Out: []core.Spec{f32(1)}},
		},
		Outputs: []int{0, 4, 13},
	}}}
}

func TestFunctionsRoundTrip(t *testing.T) {
	f := every()
	var file bytes.Buffer
	require.NoError(t, mlxio.WriteFunction(&file, f))
	path := filepath.Join(t.TempDir(), "f.mlxfn")
	require.NoError(t, mlxio.SaveFunction(path, f))
	saved, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, file.Bytes(), saved)

	loaded, err := mlxio.LoadFunction(path)
	require.NoError(t, err)
	streamed, err := mlxio.ReadFunction(iotest.OneByteReader(&file))
	require.NoError(t, err)
	for _, got := range []*mlxio.Function{loaded, streamed} {
		require.Equal(t, "0.32.4", got.Version)
		got.Version = ""
		for i, a := range got.Traces[0].Constants {
			requireSame(t, f.Traces[0].Constants[i], a, "constant")
		}
		got.Traces[0].Constants = f.Traces[0].Constants
		require.Equal(t, f, got)
	}
}

func TestFilesOfMLXSurviveAWrite(t *testing.T) {
	for name, data := range mlxfn(t) {
		f, err := mlxio.ReadFunction(bytes.NewReader(data))
		require.NoError(t, err, name)
		var one, two bytes.Buffer
		require.NoError(t, mlxio.WriteFunction(&one, f), name)
		again, err := mlxio.ReadFunction(bytes.NewReader(one.Bytes()))
		require.NoError(t, err, name)
		require.NoError(t, mlxio.WriteFunction(&two, again), name)
		require.Equal(t, one.Bytes(), two.Bytes(), name)
		assert.InDelta(t, len(data), one.Len(), float64(len(data)/10), name)
	}
}

// TestBehaviour32_ConstantsOnce: the same array, and equal ones, are stored once.
func TestBehaviour32_ConstantsOnce(t *testing.T) {
	spec := core.Spec{DType: core.Float32, Shape: []int{1000}}
	trace := func(c ...*core.Array) mlxio.FunctionTrace {
		return mlxio.FunctionTrace{Inputs: []core.Spec{spec}, Constants: c, Outputs: []int{1}}
	}
	ramp := func() *core.Array { return core.Arange(core.Float32, 0, 1000, 1) }
	shared := ramp()
	for _, f := range []*mlxio.Function{
		{Traces: []mlxio.FunctionTrace{trace(shared), trace(shared, shared)}},
		{Traces: []mlxio.FunctionTrace{trace(shared), trace(ramp())}},
	} {
		var file bytes.Buffer
		require.NoError(t, mlxio.WriteFunction(&file, f))
		require.Less(t, file.Len(), 4500)
		got, err := mlxio.ReadFunction(&file)
		require.NoError(t, err)
		require.Same(t, got.Traces[0].Constants[0], got.Traces[1].Constants[0])
		requireSame(t, shared, got.Traces[1].Constants[0], "")
	}
	var file bytes.Buffer
	other := core.Arange(core.Float32, 1, 1001, 1)
	require.NoError(t, mlxio.WriteFunction(&file, &mlxio.Function{Traces: []mlxio.FunctionTrace{trace(shared), trace(other)}}))
	require.Greater(t, file.Len(), 8000)
}

// TestBehaviour32_NoHalfFile: what is there stays when a function cannot be written.
func TestBehaviour32_NoHalfFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f.mlxfn")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	for says, change := range map[string]func(f *mlxio.FunctionTrace){
		"trace 0: node 0 (AddMM): not supported: it keeps 0 values, want 2":                   func(f *mlxio.FunctionTrace) { f.Nodes[0].State = nil },
		"node 0 (AddMM): not supported: it keeps a int where":                                 func(f *mlxio.FunctionTrace) { f.Nodes[0].State = []any{1, 2} },
		"node 3 (FFT): not supported: the format has no such operation":                       nil,
		"node 0 (AddMM): not supported: it reads value 5, which nothing before it makes":      func(f *mlxio.FunctionTrace) { f.Nodes[0].In = []int{5} },
		"node 0 (AddMM): not supported: it has no result":                                     func(f *mlxio.FunctionTrace) { f.Nodes[0].Out = nil },
		"trace 0: not supported: output 0 is value 99, which nothing makes":                   func(f *mlxio.FunctionTrace) { f.Outputs = []int{99} },
		`trace 0: not supported: the keywords ["b" "a"] are not sorted, or not all different`: func(f *mlxio.FunctionTrace) { f.Keywords = []string{"b", "a"} },
		`trace 0: not supported: 4 keywords for 3 inputs`:                                     func(f *mlxio.FunctionTrace) { f.Keywords = []string{"a", "b", "c", "d"} },
		"trace 0, constant 0: the array is nil (absent)":                                      func(f *mlxio.FunctionTrace) { f.Constants[0] = nil },
	} {
		f := every()
		if change == nil {
			f.Traces[0].Nodes[3].Op = "FFTW"
			says = "node 3 (FFTW): not supported: the format has no such operation"
		} else {
			change(&f.Traces[0])
		}
		err := mlxio.SaveFunction(path, f)
		var e *mlxio.Error
		require.ErrorAs(t, err, &e, says)
		require.Equal(t, mlxio.MLXFN, e.Format)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "\n")
		old, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "old", string(old))
		left, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Len(t, left, 1)
	}
}

// Cut anywhere, a file is an error that says so.
func TestTruncatedFunctions(t *testing.T) {
	for name, data := range mlxfn(t) {
		step := max(1, len(data)/400)
		for n := 0; n < len(data); n += step {
			_, err := mlxio.ReadFunction(bytes.NewReader(data[:n]))
			requireError(t, err, nil)
			require.ErrorIs(t, err, mlxio.ErrTruncated, "%s at %d: %v", name, n, err)
		}
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(data), 0), 0o600))
		_, err := mlxio.LoadFunction(path)
		require.ErrorIs(t, err, mlxio.ErrCorrupt)
		require.ErrorContains(t, err, "1 bytes after the last trace")
	}
}

// A file whose numbers are huge takes no memory beyond its own size.
func TestHostileFunctionsTakeNoMemory(t *testing.T) {
	data := mlxfn(t)["keywords.mlxfn"]
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	native := core.Memory().Peak
	n := 0
	for at := 0; at+8 <= len(data); at++ {
		for _, huge := range []uint64{math.MaxUint64, 1 << 62, 1 << 40, 1 << 31} {
			b := bytes.Clone(data)
			binary.LittleEndian.PutUint64(b[at:], huge)
			if _, err := mlxio.ReadFunction(bytes.NewReader(b)); err != nil {
				requireError(t, err, nil)
				n++
			}
		}
	}
	runtime.ReadMemStats(&after)
	require.Greater(t, n, 1000)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/uint64(4*len(data)), uint64(256<<10), "bytes a read")
	require.Less(t, core.Memory().Peak-native, 64<<20)
}

func TestRefusedFunctions(t *testing.T) {
	data := mlxfn(t)["keywords.mlxfn"]
	change := func(old, now string) []byte {
		require.Contains(t, string(data), old)
		return []byte(strings.Replace(string(data), old, now, 1))
	}
	for says, b := range map[string][]byte{
		`header: not supported: MLX "0.31.2" wrote the file, want 0.32`:       change("0.32.4", "0.31.2"),
		`there is no operation "Multiplx"`:                                    change("Multiply", "Multiplx"),
		`keywords: corrupt, get the file again: "aias" is not in its place`:   change("scale", "aiasX"),
		"header: corrupt, get the file again: no version of MLX is 80 bytes":  append(binary.LittleEndian.AppendUint64(nil, 80), make([]byte, 80)...),
		"header: corrupt, get the file again: -1 traces":                      change("0.32.4\x01\x00\x00\x00", "0.32.4\xff\xff\xff\xff"),
		"header: corrupt, get the file again: byte 18 is 9: a bool is 0 or 1": change("0.32.4\x01\x00\x00\x00\x00", "0.32.4\x01\x00\x00\x00\x09"),
	} {
		says = strings.Replace(says, `"aias"`, `"aiasX"`, 1)
		_, err := mlxio.ReadFunction(bytes.NewReader(b))
		requireError(t, err, nil)
		require.ErrorContains(t, err, says)
	}
}

func FuzzMLXFN(f *testing.F) {
	for _, data := range mlxfn(f) {
		f.Add(data)
	}
	var file bytes.Buffer
	require.NoError(f, mlxio.WriteFunction(&file, every()))
	f.Add(file.Bytes())
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		defer core.ClearCache()
		core.TidyDo(func() {
			streamed, err := mlxio.ReadFunction(bytes.NewReader(b))
			if err != nil {
				requireError(t, err, nil)
				require.Nil(t, streamed)
			}
			path := filepath.Join(dir, "in.mlxfn")
			require.NoError(t, os.WriteFile(path, b, 0o600))
			loaded, fileErr := mlxio.LoadFunction(path)
			if fileErr != nil {
				requireError(t, fileErr, nil)
				return
			}
			require.NoError(t, err, "the file is fine, the stream is not")
			var out, again bytes.Buffer
			require.NoError(t, mlxio.WriteFunction(&out, loaded))
			back, err := mlxio.ReadFunction(bytes.NewReader(out.Bytes()))
			require.NoError(t, err)
			require.NoError(t, mlxio.WriteFunction(&again, back))
			require.Equal(t, out.Bytes(), again.Bytes())
		})
	})
}
