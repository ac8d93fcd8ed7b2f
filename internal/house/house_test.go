package house

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/adjoint-go/adjoint"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath, Name, Dir              string
	Imports, TestImports, XTestImports []string
	Deps                               []string
	GoFiles, CgoFiles, IgnoredGoFiles  []string
	TestGoFiles, XTestGoFiles          []string
}

func (p pkg) rel() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func root(t *testing.T) string {
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

func packages(t *testing.T) []pkg {
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	require.Greater(t, len(all), 10)
	return all
}

func TestOnlyTheEngineIsC(t *testing.T) {
	for _, p := range packages(t) {
		if p.rel() != "internal/engine" {
			assert.Empty(t, p.CgoFiles, "%s imports \"C\"; only internal/engine may", p.ImportPath)
		}
	}
}

// floors numbers the storeys of the house; imports lead to the same storey or a
// lower one.
var floors = []struct {
	prefix string
	floor  int
}{
	{"internal/house", 9}, {"internal/install", 9}, {"cmd", 9}, {"examples", 8}, {"benchmarks", 8}, {"internal/bench", 8},
	{"conformance", 7}, {"plugins/sdk", 0}, {"plugins/internal/shm", 0}, {"plugins/manifest", 0}, {"plugins/kernelpb", 0}, {"plugins/spec", 0}, {"plugins/shape", 0}, {"plugins", 6},
	{"nn", 5}, {"transforms", 4}, {"internal/argtree", 3}, {"core/fast/emulate", 0}, {"core/", 2}, {"core", 1},
	{"internal/gen", 1}, {"internal/scaffold", 1}, {"internal/cxx", 0}, {"internal/engine", 0}, {"internal/ops", 0}, {"internal/walk", 0}, {"internal/testutil", 0},
}

func floor(t *testing.T, rel string) int {
	for _, f := range floors {
		if rel == strings.TrimSuffix(f.prefix, "/") && !strings.HasSuffix(f.prefix, "/") ||
			strings.HasPrefix(rel, strings.TrimSuffix(f.prefix, "/")+"/") {
			return f.floor
		}
	}
	t.Errorf("package %s has no place in the house: add it to floors", rel)
	return 0
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			rel, ours := strings.CutPrefix(i, module+"/")
			if !ours {
				continue
			}
			assert.LessOrEqual(t, floor(t, rel), floor(t, p.rel()), "%s imports %s, which is above it", p.rel(), rel)
		}
	}
}

func TestTheSDKStandsAlone(t *testing.T) {
	for _, p := range packages(t) {
		if p.rel() != "plugins/sdk" {
			continue
		}
		for _, d := range p.Deps {
			rel, ours := strings.CutPrefix(d, module+"/")
			if ours {
				assert.Zero(t, floor(t, rel), "plugins/sdk depends on %s", rel)
				assert.NotEqual(t, "internal/engine", rel, "plugins/sdk depends on the engine")
			}
		}
		return
	}
	t.Fatal("there is no plugins/sdk")
}

func TestEveryPackageIsDocumentedAndShown(t *testing.T) {
	for _, p := range packages(t) {
		if p.Name == "main" || strings.HasSuffix(p.rel(), "kernelpb") {
			continue
		}
		_, err := os.Stat(filepath.Join(p.Dir, "doc.go"))
		assert.NoError(t, err, "%s has no doc.go", p.rel())
		if strings.HasPrefix(p.rel(), "internal/") || strings.Contains(p.rel(), "/internal/") {
			continue
		}
		assert.True(t, hasExample(t, p), "%s has no Example with // Output", p.rel())
	}
}

func hasExample(t *testing.T, p pkg) bool {
	for _, name := range append(append([]string(nil), p.TestGoFiles...), p.XTestGoFiles...) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Example") {
				continue
			}
			for _, c := range f.Comments {
				if c.Pos() > fn.Pos() && c.End() <= fn.End() && strings.Contains(strings.ToLower(c.Text()), "output:") {
					return true
				}
			}
		}
	}
	return false
}

func TestGeneratedFilesAreFresh(t *testing.T) {
	cmd := exec.Command("go", "run", "./internal/gen", "-check")
	cmd.Dir = root(t)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestHandwrittenFilesAreShort(t *testing.T) {
	const most = 600
	err := filepath.WalkDir(root(t), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "out") {
			return filepath.SkipDir
		}
		ext := filepath.Ext(name)
		if d.IsDir() || ext != ".go" && ext != ".cpp" && ext != ".h" || strings.HasPrefix(name, "z_") || strings.HasSuffix(name, ".pb.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		assert.LessOrEqual(t, strings.Count(string(text), "\n"), most, "%s is longer than %d lines: is it still one noun?", path, most)
		return err
	})
	require.NoError(t, err)
}
