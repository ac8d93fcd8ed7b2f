package install

import (
	"context"
	"debug/macho"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// needed is the function whose absence shows an mlx-c for an MLX that is too old.
const needed = "mlx_stream_new_thread_unsafe"

// useOfficial prepares the use of the official mlx-c under prefix. Each function that Adjoint calls is assigned to a
// pointer of the type that Adjoint calls it by, in a unit that is compiled against the official headers: one that does
// not compile, or is not in the library, is taken from Adjoint's own.
func (b *builder) useOfficial(ctx context.Context, prefix string) error {
	if !exists(filepath.Join(prefix, "include", "mlx", "c", "mlx.h")) {
		return &OfficialError{Prefix: prefix, Why: "it has no include/mlx/c/mlx.h"}
	}
	library := officialLibrary(prefix)
	if library == "" {
		return &OfficialError{Prefix: prefix, Why: "it has no lib/" + native.LibraryName(runtime.GOOS, "mlxc")}
	}
	offered, err := libraryFunctions(library)
	if err != nil {
		return &OfficialError{Prefix: prefix, Why: err.Error()}
	}
	if !slices.Contains(offered, needed) {
		return &OfficialError{Prefix: prefix, Why: "it lacks " + needed + ", so it is older than MLX 0.32.1"}
	}
	list, err := fs.ReadFile(native.Sources(), native.CheckNames)
	if err != nil {
		return err
	}
	names := strings.Fields(string(list))
	slices.Sort(names)
	names = slices.Compact(names)
	if said, err := b.checkNames(ctx, prefix, nil); err != nil {
		return &OfficialError{Prefix: prefix, Why: "its headers do not compile: " + cxx.FirstError(said)}
	}
	differ, err := b.differing(ctx, prefix, names)
	if err != nil {
		return err
	}
	slices.Sort(offered)
	fallback := []string{}
	for _, name := range names {
		_, there := slices.BinarySearch(offered, name)
		if !there || slices.Contains(differ, name) {
			fallback = append(fallback, name)
		}
	}
	b.official = &native.Official{Prefix: prefix, Library: library, Fallback: fallback}
	return nil
}

// differing returns the names whose checks do not compile. A compiler says of each error on which line of the unit it
// is; where that leads nowhere, the list is halved until the culprits are alone.
func (b *builder) differing(ctx context.Context, prefix string, names []string) ([]string, error) {
	said, err := b.checkNames(ctx, prefix, names)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
		return nil, nil
	case len(names) == 1:
		return names, nil
	}
	blamed, err := b.blamed(said)
	if err != nil {
		return nil, err
	}
	var found, rest []string
	for _, name := range names {
		if blamed[name] {
			found = append(found, name)
		} else {
			rest = append(rest, name)
		}
	}
	if len(found) > 0 {
		more, err := b.differing(ctx, prefix, rest)
		return append(found, more...), err
	}
	left, err := b.differing(ctx, prefix, names[:len(names)/2])
	if err != nil {
		return nil, err
	}
	right, err := b.differing(ctx, prefix, names[len(names)/2:])
	return append(left, right...), err
}

var (
	errorLine  = regexp.MustCompile(`(?m)z_check\.cpp:(\d+):\d+: error:`)
	checkGuard = regexp.MustCompile(`ADJ_CHECK_(\w+)`)
)

// blamed reads out of a compiler's output which functions' checks have errors.
func (b *builder) blamed(said string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(b.src, filepath.FromSlash(native.CheckUnit)))
	if err != nil {
		return nil, err
	}
	guards := []string{""} // by line number: the function whose check the line belongs to
	for line := range strings.Lines(string(text)) {
		guard := guards[len(guards)-1]
		if m := checkGuard.FindStringSubmatch(line); m != nil {
			guard = m[1]
		}
		guards = append(guards, guard)
	}
	names := map[string]bool{}
	for _, m := range errorLine.FindAllStringSubmatch(said, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n < len(guards) {
			names[guards[n]] = true
		}
	}
	return names, nil
}

// checkNames compiles the check unit for some of its functions.
func (b *builder) checkNames(ctx context.Context, prefix string, names []string) (said string, err error) {
	args := []string{"-std=c++20", "-fsyntax-only", "-I", filepath.Join(prefix, "include"), "-DADJ_ONLY"}
	for _, name := range names {
		args = append(args, "-DADJ_CHECK_"+name)
	}
	return b.cxx.Run(ctx, append(args, filepath.Join(b.src, filepath.FromSlash(native.CheckUnit)))...)
}

func officialLibrary(prefix string) string {
	name := native.LibraryName(runtime.GOOS, "mlxc")
	for _, pattern := range []string{"lib", "lib64", "lib/*-linux-gnu"} {
		found, _ := filepath.Glob(filepath.Join(prefix, pattern, name))
		if len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// libraryFunctions lists the functions that a library of this operating system offers.
func libraryFunctions(path string) ([]string, error) {
	if runtime.GOOS != "darwin" {
		return exports(path)
	}
	f, err := macho.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	if f.Symtab != nil {
		for _, s := range f.Symtab.Syms {
			if s.Sect != 0 {
				names = append(names, strings.TrimPrefix(s.Name, "_"))
			}
		}
	}
	return names, nil
}
