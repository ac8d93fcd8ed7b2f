package compile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// typed says whether err is one line of ours.
func typed(err error) bool {
	var file *mlxio.Error
	var op *core.Error
	return (errors.As(err, &file) || errors.As(err, &op)) && !strings.Contains(err.Error(), "\n")
}

// modest says whether what a file computes takes little memory.
func modest(f *mlxio.Function) bool {
	total := 0
	for _, t := range f.Traces {
		for _, s := range t.Inputs {
			total += size(s)
		}
		for _, n := range t.Nodes {
			for _, s := range n.Out {
				total += size(s)
			}
		}
	}
	return total < 1<<20
}

func size(s core.Spec) int {
	n := 1
	for _, d := range s.Shape {
		n = min(n*d, 1<<30)
	}
	return n
}

// tryFile imports a file, calls the function and takes its gradient. Whatever the
// file holds, the outcome is a typed error or arrays.
func tryFile(t *testing.T, data []byte) (imported, called bool) {
	f, err := mlxio.ReadFunction(bytes.NewReader(data))
	if err != nil {
		require.True(t, typed(err), "%v", err)
		return false, false
	}
	if !modest(f) {
		return false, false
	}
	if last := os.Getenv("LASTFILE"); last != "" {
		require.NoError(t, os.WriteFile(last, data, 0o600))
	}
	fn, err := compile.Import[list](bytes.NewReader(data), compile.Keywords(), compile.AllowKernels())
	if err != nil {
		require.True(t, typed(err), "%v", err)
		return false, false
	}
	for _, trace := range f.Traces {
		_, err := core.Try(func() []*core.Array {
			in := make([]*core.Array, len(trace.Inputs))
			for i, s := range trace.Inputs {
				in[i] = core.Full(s.DType, 1, s.Shape...)
			}
			out := fn.Call(in)
			core.Eval(out)
			return out
		})
		if err == nil {
			called = true
			continue
		}
		require.True(t, typed(err), "%v", err)
	}
	return true, called
}

// TestBehaviour32_HostileFiles changes the files of MLX Python at random. The seed is
// fixed.
func TestBehaviour32_HostileFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/mlxfn/*.mlxfn")
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(32, 0))
	imported, called := 0, 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for range rounds {
			b := bytes.Clone(data)
			for range 1 + r.IntN(3) {
				spoil(r, b)
			}
			core.TidyDo(func() {
				ok, ran := tryFile(t, b)
				if ok {
					imported++
				}
				if ran {
					called++
				}
			})
		}
	}
	t.Logf("%d of %d files were imported, %d of these called", imported, rounds*len(paths), called)
	require.Positive(t, imported)
	require.Positive(t, called)
}

const rounds = 60

// spoil changes a number of a file, most often to another that could stand there.
func spoil(r *rand.Rand, b []byte) {
	at := r.IntN(len(b) - 8)
	switch r.IntN(6) {
	case 0:
		b[at] ^= 1 << r.IntN(8)
	case 1:
		b[at] = byte(r.IntN(16))
	case 2:
		binary.LittleEndian.PutUint32(b[at:], uint32(r.IntN(12)-4))
	case 3:
		binary.LittleEndian.PutUint32(b[at:], []uint32{1 << 31, 1<<31 - 1, 1 << 20, 1 << 30}[r.IntN(4)])
	case 4: // one small number that stands there becomes another
		for i := range len(b) - 4 {
			k := (at + i) % (len(b) - 4)
			if v := binary.LittleEndian.Uint32(b[k:]); v > 0 && v < 64 {
				binary.LittleEndian.PutUint32(b[k:], uint32(r.IntN(9)-2))
				return
			}
		}
	case 5: // a reference becomes another of the file
		from := r.IntN(len(b) - 8)
		copy(b[at:at+8], bytes.Clone(b[from:from+8]))
	}
}

// mend makes the results of nodes what the operations give, as a file would have
// them whose writer means harm. It says whether the file can be imported then.
func mend(f *mlxio.Function) bool {
	gives := regexp.MustCompile(`trace (\d+): node (\d+) \(\w+\): it gives (\w+)\[([\d ]*)\], and the file says (\S+\[[\d ]*\])`)
	for range 60 {
		var b bytes.Buffer
		if mlxio.WriteFunction(&b, f) != nil {
			return false
		}
		_, err := compile.Import[list](&b)
		if err == nil {
			return true
		}
		m := gives.FindStringSubmatch(err.Error())
		if m == nil {
			return false
		}
		trace, _ := strconv.Atoi(m[1])
		node, _ := strconv.Atoi(m[2])
		d, err := core.ParseDType(m[3])
		if err != nil {
			return false
		}
		shape := []int{}
		for _, n := range strings.Fields(m[4]) {
			size, _ := strconv.Atoi(n)
			shape = append(shape, size)
		}
		out := f.Traces[trace].Nodes[node].Out
		at := slices.IndexFunc(out, func(s core.Spec) bool { return s.String() == m[5] })
		if at < 0 {
			return false
		}
		out[at] = core.Spec{DType: d, Shape: shape}
	}
	return false
}

// TestBehaviour32_HostilePrograms changes what operations hold and read, so that the
// file is whole and says something else.
func TestBehaviour32_HostilePrograms(t *testing.T) {
	paths, err := filepath.Glob("testdata/mlxfn/*.mlxfn")
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(33, 0))
	number := func() int { return []int{-1, 0, 1, 2, 3, 5, 8, -3, 1 << 20, 1<<31 - 1, -1 << 31}[r.IntN(11)] }
	imported, called := 0, 0
	for _, path := range paths {
		for range rounds {
			core.TidyDo(func() {
				f, err := mlxio.LoadFunction(path)
				require.NoError(t, err)
				for range 1 + r.IntN(2) {
					tr := &f.Traces[r.IntN(len(f.Traces))]
					n := &tr.Nodes[r.IntN(len(tr.Nodes))]
					switch k := r.IntN(5); {
					case k < 3 && len(n.State) > 0:
						i := r.IntN(len(n.State))
						switch v := n.State[i].(type) {
						case []int:
							if len(v) > 0 && r.IntN(4) > 0 {
								v[r.IntN(len(v))] = number()
							} else if r.IntN(2) > 0 {
								n.State[i] = append(v, number())
							} else {
								n.State[i] = v[:max(0, len(v)-1)]
							}
						case int:
							n.State[i] = number()
						case bool:
							n.State[i] = !v
						case core.DType:
							n.State[i] = core.DType(1 + r.IntN(14))
						}
					case k == 3 && len(n.In) > 0:
						n.In[r.IntN(len(n.In))] = r.IntN(len(tr.Inputs) + len(tr.Constants))
					case k == 4 && len(tr.Inputs) > 0:
						s := &tr.Inputs[r.IntN(len(tr.Inputs))]
						if len(s.Shape) > 0 {
							s.Shape[r.IntN(len(s.Shape))] = r.IntN(6)
						}
					}
				}
				if !mend(f) {
					return
				}
				var b bytes.Buffer
				require.NoError(t, mlxio.WriteFunction(&b, f))
				ok, ran := tryFile(t, b.Bytes())
				if ok {
					imported++
				}
				if ran {
					called++
				}
			})
		}
	}
	t.Logf("%d of %d programs were imported, %d of these called", imported, rounds*len(paths), called)
	require.Greater(t, called, rounds)
}
