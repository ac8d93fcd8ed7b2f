package mlxio_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, filepath.Base(path), entries[0].Name())
}

func TestSaveRefuses(t *testing.T) {
	one := func(a *core.Array) map[string]*core.Array { return map[string]*core.Array{"w": a} }
	x := made(core.Float32, 2, 3)
	gone := made(core.Float32, 2)
	gone.Free()
	long := strings.Repeat("n", 65)
	for name, c := range map[string]struct {
		path     string
		arrays   map[string]*core.Array
		metadata map[string]string
		kind     error
		says     string
	}{
		"nil":               {"x.safetensors", one(nil), nil, core.ErrNil, `array "w": the array is nil`},
		"freed":             {"x.npz", one(gone), nil, core.ErrFreed, `array "w": the array was freed`},
		"extension":         {"x.bin", one(x), nil, mlxio.ErrUnsupported, "the name should end in"},
		"no array":          {"x.npy", nil, nil, mlxio.ErrUnsupported, "0 arrays in one npy file"},
		"two arrays":        {"x.npy", several(core.Int8), nil, mlxio.ErrUnsupported, "4 arrays in one npy file"},
		"npz metadata":      {"x.npz", one(x), textMetadata, mlxio.ErrUnsupported, "metadata in this format"},
		"reserved":          {"x.safetensors", map[string]*core.Array{"__metadata__": x}, nil, mlxio.ErrUnsupported, "keeps it for metadata"},
		"no UTF-8":          {"x.safetensors", map[string]*core.Array{"\xff": x}, nil, mlxio.ErrUnsupported, `array "\xff": not supported: a name that is not UTF-8`},
		"zero byte":         {"x.npz", map[string]*core.Array{"a\x00b": x}, nil, mlxio.ErrUnsupported, "a zero byte"},
		"long name":         {"x.npz", map[string]*core.Array{strings.Repeat("a", 70000): x}, nil, mlxio.ErrUnsupported, "70000 bytes"},
		"metadata no UTF-8": {"x.safetensors", one(x), map[string]string{"k": "\xff"}, mlxio.ErrUnsupported, `metadata "k"`},
		"gguf dtype":        {"x.gguf", one(made(core.Uint8, 2)), nil, mlxio.ErrUnsupported, "the dtype uint8: convert it"},
		"gguf bool":         {"x.gguf", one(made(core.Bool, 2)), nil, mlxio.ErrUnsupported, "the dtype bool"},
		"gguf name":         {"x.gguf", map[string]*core.Array{long: x}, nil, mlxio.ErrUnsupported, "65 bytes"},
		"gguf axes":         {"x.gguf", one(core.Zeros(core.Int8, 1, 1, 1, 1, 1)), nil, mlxio.ErrUnsupported, "5 axes"},
		"axes":              {"x.npy", one(core.Zeros(core.Int8, make([]int, 33)...)), nil, mlxio.ErrUnsupported, "33 axes"},
	} {
		path := filepath.Join(t.TempDir(), c.path)
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
		err := mlxio.Save(path, c.arrays, c.metadata)
		requireError(t, err, c.kind)
		require.ErrorContains(t, err, c.says, name)
		require.ErrorContains(t, err, path, name)
		onlyFile(t, path)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "old", string(b), name)
	}
}

func TestGGUFMetadataThatIsRefused(t *testing.T) {
	for _, v := range []any{nil, 1, uint(1), complex64(1), struct{}{}, []int{1}, []any{1}, []any{nil}, [][]string{{"a"}}, map[string]string{}} {
		err := mlxio.SaveGGUF(filepath.Join(t.TempDir(), "x.gguf"), nil, map[string]any{"k": v})
		e := requireError(t, err, mlxio.ErrUnsupported)
		require.Contains(t, e.Where, `metadata "k"`)
	}
	for _, v := range []any{uint32(0), uint32(48), uint32(1 << 31), int32(32), "32"} {
		err := mlxio.SaveGGUF(filepath.Join(t.TempDir(), "x.gguf"), nil, map[string]any{"general.alignment": v})
		requireError(t, err, mlxio.ErrCorrupt)
	}
}

func TestGGUFAlignment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gguf")
	metadata := map[string]any{"general.alignment": uint32(512), "deep": []any{[]any{[]string{"a"}}, []any{}}}
	require.NoError(t, mlxio.SaveGGUF(path, ggufArrays(), metadata))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Size()%512)
	got, meta, err := mlxio.LoadGGUF(path)
	require.NoError(t, err)
	requireAll(t, ggufArrays(), got)
	require.Equal(t, metadata, meta)
}

func TestSaveKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "a", "real.npy"), filepath.Join(dir, "link.npy")
	require.NoError(t, os.Mkdir(filepath.Dir(target), 0o755))
	require.NoError(t, mlxio.SaveNPY(target, made(core.Int8, 2)))
	info, err := os.Stat(target)
	require.NoError(t, err)
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	require.Equal(t, fs.FileMode(0o666)&^fs.FileMode(mask), info.Mode())

	require.NoError(t, os.Chmod(target, 0o664))
	require.NoError(t, os.Symlink(filepath.Join("a", "real.npy"), link))
	require.NoError(t, mlxio.SaveNPY(link, made(core.Int8, 5)))
	info, err = os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, fs.ModeSymlink, info.Mode().Type())
	info, err = os.Stat(target)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o664), info.Mode(), "also what a umask takes off")
	onlyFile(t, target)
	a, err := mlxio.LoadNPY(target)
	require.NoError(t, err)
	requireSame(t, made(core.Int8, 5), a, "")

	require.NoError(t, os.Remove(target))
	err = mlxio.SaveNPY(link, made(core.Int8, 5))
	requireError(t, err, mlxio.ErrUnsupported)
	require.ErrorContains(t, err, "the link leads nowhere")
}

func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.npy")
	require.NoError(t, syscall.Mkfifo(pipe, 0o644))
	for _, path := range []string{pipe, dir, os.DevNull} {
		_, err := mlxio.LoadNPY(path)
		requireError(t, err, mlxio.ErrUnsupported)
		require.ErrorContains(t, err, "is no file to load")
		err = mlxio.SaveNPY(path, made(core.Int8, 2))
		requireError(t, err, mlxio.ErrUnsupported)
		require.ErrorContains(t, err, "is no file to replace")
	}
	_, _, err := mlxio.Load(filepath.Join(dir, "missing.npz"))
	requireError(t, err, fs.ErrNotExist)
	err = mlxio.SaveNPY(filepath.Join(dir, "missing", "x.npy"), made(core.Int8, 2))
	requireError(t, err, fs.ErrNotExist)
}

// fullWriter takes some bytes and then has no room.
type fullWriter struct{ left int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n := w.left
		w.left = 0
		return n, syscall.ENOSPC
	}
	w.left -= len(p)
	return len(p), nil
}

// lossy writes less than it is given and says nothing.
type lossy struct{}

func (lossy) Write(p []byte) (int, error) { return len(p) / 2, nil }

func TestWritersThatFail(t *testing.T) {
	arrays := ggufArrays()
	for name, save := range map[string]func(w io.Writer) error{
		"npy":         func(w io.Writer) error { return mlxio.WriteNPY(w, made(core.Int8, 5)) },
		"npz":         func(w io.Writer) error { return mlxio.WriteNPZ(w, arrays, mlxio.Compressed) },
		"safetensors": func(w io.Writer) error { return mlxio.WriteSafetensors(w, arrays, nil) },
		"gguf":        func(w io.Writer) error { return mlxio.WriteGGUF(w, arrays, nil) },
	} {
		room := 0
		for {
			err := save(&fullWriter{room})
			if err == nil {
				break
			}
			requireError(t, err, syscall.ENOSPC)
			room += 7
		}
		require.Greater(t, room, 100, name)
		require.Error(t, save(lossy{}), name)
	}
}

const limited = "ADJOINT_TEST_FILE_LIMIT"

// TestMain also serves as the program that runs out of room for files.
func TestMain(m *testing.M) {
	path := os.Getenv(limited)
	if path == "" {
		os.Exit(m.Run())
	}
	arrays := map[string]*core.Array{"w": core.Ones(core.Float32, 3<<20)}
	arrays["w"].Eval()
	most := uint64(5 << 20)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		panic(err)
	}
	err := mlxio.Save(path, arrays, nil)
	if !errors.Is(err, syscall.EFBIG) {
		println("not EFBIG:", err)
		os.Exit(2)
	}
	os.Stdout.WriteString(err.Error())
	os.Exit(0)
}

func TestSaveThatRunsOutOfRoomLeavesTheOldFile(t *testing.T) {
	for _, format := range []string{"npy", "npz", "safetensors", "gguf"} {
		path := filepath.Join(t.TempDir(), "x."+format)
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), limited+"="+path)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "file too large")
		require.NotContains(t, string(out), "\n")
		onlyFile(t, path)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "old", string(b))
	}
}
