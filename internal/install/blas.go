package install

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// forwardBLAS builds the two libraries that stand in for the reference BLAS and LAPACK, under the very names that
// libmlx asks for, and forward to OpenBLAS.
func (b *builder) forwardBLAS(ctx context.Context) error {
	openblas := filepath.Join(b.lib, native.LibraryName("linux", "scipy_openblas"))
	offered, err := exports(openblas)
	if err != nil {
		return err
	}
	slices.Sort(offered)
	var symbols bytes.Buffer
	for _, name := range b.needs.Functions {
		if _, ok := slices.BinarySearch(offered, "scipy_"+name); !ok {
			return &LayoutError{File: filepath.Base(openblas), Why: "it has no function " + name}
		}
		fmt.Fprintf(&symbols, "FORWARD(%s)\n", name)
	}
	dir := filepath.Join(b.src, native.BLAS)
	if err := os.WriteFile(filepath.Join(dir, "symbols.h"), symbols.Bytes(), 0o644); err != nil {
		return err
	}
	// Both hold every function, so that it does not matter in which one libmlx looks first.
	for _, soname := range []string{b.needs.BLAS, b.needs.LAPACK} {
		err := b.compile(ctx, soname, "-x", "c", "-O2", "-fPIC", "-shared", filepath.Join(dir, "forward.c"),
			"-x", "none", "-Wl,-soname,"+soname, "-Wl,-z,defs", "-Wl,-rpath,$ORIGIN", "-Wl,-rpath-link,"+b.lib,
			"-L", b.lib, "-lscipy_openblas", "-o", filepath.Join(b.lib, soname))
		if err != nil {
			return err
		}
	}
	return nil
}
