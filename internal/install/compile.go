package install

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// A unit is one C++ source of a library.
type unit struct {
	library string // native.MLXC or native.Ext
	source  string // relative to the sources' root
	flags   []string
}

// unpack writes the embedded sources below root.
func unpack(root string) error { return os.CopyFS(root, native.Sources()) }

// libraries are the libraries that are linked, and the folders of their sources.
var libraries = []struct {
	name    string
	folders []string
}{
	{native.MLXC, []string{native.MLXC}},
	{native.Ext, []string{native.Ext, native.Host}},
}

// units lists the C++ sources of a library: those directly in its folders.
func units(root, library string, folders []string) ([]unit, error) {
	var list []unit
	for _, folder := range folders {
		paths, err := filepath.Glob(filepath.Join(root, folder, "*.cpp"))
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, &LayoutError{File: folder, Why: "it has no sources"}
		}
		for _, path := range paths {
			flags, err := unitFlags(path)
			if err != nil {
				return nil, err
			}
			list = append(list, unit{library: library, source: folder + "/" + filepath.Base(path), flags: flags})
		}
	}
	return list, nil
}

// A unit may change how it is optimised, and nothing else.
var unitFlag = regexp.MustCompile(`^-(O|f|m)[A-Za-z0-9=+-]*$`)

// unitFlags reads the flags that a source asks for among its first lines.
func unitFlags(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for range 10 {
		if !scan.Scan() {
			break
		}
		text, ok := strings.CutPrefix(scan.Text(), "// adjoint:flags ")
		if !ok {
			continue
		}
		flags := strings.Fields(text)
		for _, flag := range flags {
			if !unitFlag.MatchString(flag) {
				return nil, &CompileError{Unit: filepath.Base(path), Line: "adjoint:flags: " + flag + " is not an optimisation flag", Log: path}
			}
		}
		return flags, nil
	}
	return nil, nil
}

// compileLibraries compiles the units of all libraries, one compiler process each and as many at once as there are
// processors, and links them.
func (b *builder) compileLibraries(ctx context.Context) error {
	var all []unit
	for _, library := range libraries {
		list, err := units(b.src, library.name, library.folders)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	objects := make([]string, len(all))
	err := b.progress.step("compiling the native sources", len(all), func() error {
		return parallel(ctx, len(all), func(ctx context.Context, i int) error {
			objects[i] = filepath.Join(b.scratch, strings.ReplaceAll(all[i].source, "/", "-")+".o")
			defer b.progress.count()
			return b.compileUnit(ctx, all[i], objects[i])
		})
	})
	if err != nil {
		return err
	}
	return b.progress.step("linking", 0, func() error {
		for _, library := range libraries {
			var own []string
			for i, u := range all {
				if u.library == library.name {
					own = append(own, objects[i])
				}
			}
			if err := b.link(ctx, native.LibraryName(runtime.GOOS, "adjoint_"+library.name), own); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *builder) compileUnit(ctx context.Context, u unit, object string) error {
	args := append(native.CompileFlags(), u.flags...)
	args = append(args, "-I", filepath.Join(b.stage, "mlx", "include"), "-I", b.src)
	if runtime.GOOS == "darwin" {
		args = append(args, "-I", filepath.Join(b.stage, "mlx", "include", "metal_cpp"))
	}
	args = append(args, "-c", filepath.Join(b.src, filepath.FromSlash(u.source)), "-o", object)
	return b.compile(ctx, u.source, args...)
}

// link makes a library that finds libmlx beside itself. A symbol that nothing defines is found here, on Linux by
// being asked to and on macOS by default, not when the engine is opened.
func (b *builder) link(ctx context.Context, name string, objects []string) error {
	var args []string
	if runtime.GOOS == "darwin" {
		args = []string{"-dynamiclib", "-Wl,-install_name,@rpath/" + name, "-Wl,-rpath,@loader_path"}
	} else {
		args = []string{"-shared", "-Wl,-soname," + name, "-Wl,-z,defs", "-Wl,-rpath,$ORIGIN", "-Wl,-rpath-link," + b.lib}
	}
	args = append(args, native.LinkFlags()...)
	args = append(args, objects...)
	args = append(args, "-L", b.lib, "-lmlx", "-o", filepath.Join(b.lib, name))
	return b.compile(ctx, name, args...)
}

// parallel runs f(0) … f(n-1), as many at once as there are processors, and returns the first error; the rest is then
// cancelled.
func parallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for i := range n {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// exists tells whether there is something at a path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
