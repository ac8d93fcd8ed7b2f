package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/adjoint-go/adjoint/internal/ops"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a generated file is stale")
	flag.Parse()
	root, err := moduleRoot()
	if err == nil {
		err = run(root, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes every generated file below root, or compares them when check is
// set. Generated files that the table no longer asks for are removed.
func run(root string, check bool) error {
	files, err := Generate(ops.Table())
	if err != nil {
		return err
	}
	for _, dir := range generatedDirs {
		old, err := filepath.Glob(filepath.Join(root, dir, "z_*"))
		if err != nil {
			return err
		}
		for _, f := range old {
			rel, err := filepath.Rel(root, f)
			if err != nil {
				return err
			}
			if _, ok := files[filepath.ToSlash(rel)]; ok {
				continue
			}
			if check {
				return fmt.Errorf("%s is no longer generated: run `make generate`", rel)
			}
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		path := filepath.Join(root, filepath.FromSlash(n))
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, files[n]) {
			continue
		}
		if check {
			return fmt.Errorf("%s is stale: run `make generate`", n)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[n], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generatedDirs are the folders whose z_ files all belong to the generator.
var generatedDirs = []string{
	"internal/engine", "internal/engine/native/mlxc", "internal/engine/native/ext",
	"core", "core/linalg", "core/fft", "core/random", "core/fast", "core/quant",
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above %s: run inside the module", dir)
		}
		dir = up
	}
}
