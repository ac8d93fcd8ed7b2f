package install

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// officialPrefixOf makes a prefix whose headers are Adjoint's own, changed, and whose library has empty functions.
func officialPrefixOf(t *testing.T, change func(header string) string, functions []string) (*builder, string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the fake library is an ELF library")
	}
	prefix, src := t.TempDir(), filepath.Join(t.TempDir(), "src")
	include := filepath.Join(prefix, "include", "mlx", "c")
	require.NoError(t, os.MkdirAll(include, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(prefix, "lib"), 0o755))
	var header strings.Builder
	for _, name := range []string{"mlxc/mlxc.h", "mlxc/z_mlxc.h"} {
		text, err := fs.ReadFile(native.Sources(), name)
		require.NoError(t, err)
		header.WriteString(strings.ReplaceAll(string(text), `#include "mlxc/mlxc.h"`, ""))
	}
	require.NoError(t, os.WriteFile(filepath.Join(include, "mlx.h"), []byte(change(header.String())), 0o644))
	var text strings.Builder
	for _, name := range functions {
		fmt.Fprintf(&text, "int %s(void) { return 0; }\n", name)
	}
	require.NoError(t, cc(filepath.Join(prefix, "lib", "libmlxc.so"), text.String()))
	require.NoError(t, unpack(src))
	return &builder{src: src, cxx: &cxx.Compiler{Command: []string{"c++"}}}, prefix
}

func checkedNames(t *testing.T) []string {
	t.Helper()
	list, err := fs.ReadFile(native.Sources(), native.CheckNames)
	require.NoError(t, err)
	return strings.Fields(string(list))
}

func TestOfficialThatAgrees(t *testing.T) {
	b, prefix := officialPrefixOf(t, func(h string) string { return h }, append(checkedNames(t), needed))
	require.NoError(t, b.useOfficial(t.Context(), prefix))
	assert.Equal(t, &native.Official{Prefix: prefix, Library: filepath.Join(prefix, "lib", "libmlxc.so"), Fallback: ownNames(t)}, b.official)
}

// ownNames are the functions that Adjoint never takes from an official library.
func ownNames(t *testing.T) []string {
	text, err := fs.ReadFile(native.Sources(), "mlxc/check/z_check.cpp")
	require.NoError(t, err)
	names := []string{}
	for _, m := range regexp.MustCompile(`#error Adjoint uses its own (\w+)`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	require.NotEmpty(t, names)
	slices.Sort(names)
	return names
}

func TestOfficialThatDiffersIsReplacedByFunction(t *testing.T) {
	change := func(h string) string {
		h = strings.Replace(h, "int mlx_add(", "void mlx_add(", 1)       // another type
		return strings.Replace(h, "int mlx_abs(", "int mlx_abs_old(", 1) // not declared
	}
	functions := slices.DeleteFunc(checkedNames(t), func(name string) bool { return name == "mlx_divide" }) // not there
	b, prefix := officialPrefixOf(t, change, append(functions, needed))
	require.NoError(t, b.useOfficial(t.Context(), prefix))
	want := append([]string{"mlx_abs", "mlx_add", "mlx_divide"}, ownNames(t)...)
	slices.Sort(want)
	assert.Equal(t, slices.Compact(want), b.official.Fallback)
}

// Where a compiler's messages name no line, halving finds the same.
func TestDifferingByHalves(t *testing.T) {
	change := func(h string) string { return strings.Replace(h, "int mlx_add(", "void mlx_add(", 1) }
	b, prefix := officialPrefixOf(t, change, []string{needed})
	mute := filepath.Join(t.TempDir(), "c++")
	require.NoError(t, os.WriteFile(mute, []byte("#!/bin/sh\nexec c++ \"$@\" 2>/dev/null\n"), 0o755))
	b.cxx.Command = []string{mute}
	got, err := b.differing(t.Context(), prefix, []string{"mlx_abs", "mlx_add", "mlx_subtract", "mlx_multiply"})
	require.NoError(t, err)
	assert.Equal(t, []string{"mlx_add"}, got)
}

func TestOfficialThatCannotBeUsed(t *testing.T) {
	tests := []struct {
		name      string
		change    func(string) string
		functions []string
		want      string
	}{
		{"too old", func(h string) string { return h }, []string{"mlx_add"}, "older than MLX 0.32.1"},
		{"broken headers", func(string) string { return "#error no" }, []string{needed}, "headers do not compile"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, prefix := officialPrefixOf(t, tt.change, tt.functions)
			err := b.useOfficial(t.Context(), prefix)
			var unusable *OfficialError
			require.ErrorAs(t, err, &unusable)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
}
