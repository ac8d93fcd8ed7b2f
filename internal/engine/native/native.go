package native

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Folders of Sources. Each .cpp file directly in MLXC, Ext and Host is one compilation unit.
const (
	MLXC = "mlxc" // libadjoint_mlxc: the C API of mlx-c, as far as Adjoint calls it
	Ext  = "ext"  // libadjoint_ext: what mlx-c does not have
	Host = "cpu"  // how the CPU computes, a part of libadjoint_ext
	BLAS = "blas" // the BLAS and LAPACK forwarders
)

// CheckUnit and CheckNames serve an official mlx-c: the unit compiles only where its signatures are the ones that
// Adjoint calls, and the names are the functions it checks.
const (
	CheckUnit  = MLXC + "/check/z_check.cpp"
	CheckNames = MLXC + "/check/z_functions.txt"
)

//go:embed mlxc ext cpu blas
var sources embed.FS

// Sources returns the embedded native sources, in the folders [MLXC], [Ext], [Host] and [BLAS].
func Sources() fs.FS { return sources }

// CompileFlags are the flags of every native compilation unit. A unit adds flags of its own with a line
// "// adjoint:flags -O3 …" among its first lines.
func CompileFlags() []string {
	flags := []string{"-std=c++20", "-O2", "-fPIC", "-fvisibility=hidden"}
	if runtime.GOARCH == "amd64" {
		// Kernels for processors with vectors of 512 bits use all of them.
		flags = append(flags, "-mprefer-vector-width=512")
	}
	return append(flags, LinkFlags()...)
}

// LinkFlags are those of CompileFlags that linking needs too. A program that is built with Go's -asan has an engine of
// its own, in which every unit is checked by AddressSanitizer and UndefinedBehaviorSanitizer. The check of dynamic
// types is left out: it needs type information that MLX's library does not export.
func LinkFlags() []string {
	if !sanitized {
		return nil
	}
	return []string{"-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}
}

// recipe counts the changes to how setup builds an engine that no source, version or flag shows.
const recipe = 1

// Key returns the digest that names the engine of a backend for this program: it changes with the embedded sources,
// the pinned packages, the build flags, the platform and the backend.
func Key(backend string) string {
	h := sha256.New()
	fmt.Fprintf(h, "recipe %d\nsources %s\nflags %s\nplatform %s/%s\nbackend %s\n",
		recipe, sourceDigest(), strings.Join(CompileFlags(), " "), runtime.GOOS, runtime.GOARCH, backend)
	for _, p := range Packages(backend) {
		fmt.Fprintf(h, "package %s\n", p)
	}
	return hex.EncodeToString(h.Sum(nil))[:keyLength]
}

const keyLength = 24

// sourceDigest is the digest of the names and contents of all embedded files; first use pays for it once.
var sourceDigest = sync.OnceValue(func() string {
	h := sha256.New()
	for _, name := range sourceNames() {
		data, err := fs.ReadFile(sources, name)
		if err != nil {
			panic(err) // an embedded file can always be read
		}
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
})

func sourceNames() []string {
	var names []string
	err := fs.WalkDir(sources, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		panic(err) // an embedded tree can always be walked
	}
	slices.Sort(names)
	return names
}
