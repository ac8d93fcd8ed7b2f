package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/store"
)

// pack makes the package of a plugin whose program is the given text.
func pack(dir, program string) error {
	about := &spec.Plugin{ID: "acme/sq", Version: "1.0.0", Kernels: []spec.Kernel{{
		Name:    "ones",
		Outputs: []spec.Output{{Name: "y", Shape: "[3]", DType: "float32"}},
	}}}
	path := filepath.Join(dir, store.Platform(), "sq")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(program), 0o755); err != nil {
		return err
	}
	m, err := manifest.Package(about, 1, dir)
	if err != nil {
		return err
	}
	text, err := m.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifest.Name), text, 0o644)
}

// A package is installed, found, and copied for a host to run.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := pack(filepath.Join(dir, "dist"), "#!/bin/sh\n"); err != nil {
		panic(err)
	}
	plugins := filepath.Join(dir, "plugins")
	done, err := store.Install(ctx, store.Installation{Source: filepath.Join(dir, "dist"), Dir: plugins})
	if err != nil {
		panic(err)
	}
	fmt.Println("installed", done.ID, done.Version)

	found, err := store.Find([]string{plugins}, store.Ref{ID: "acme/sq"}, nil)
	if err != nil {
		panic(err)
	}
	p, err := found.Open()
	if err != nil {
		panic(err)
	}
	defer p.Close()
	copied, err := p.Copy(ctx, dir)
	if err != nil {
		panic(err)
	}
	fmt.Println("to run:", filepath.Base(copied.Program))

	// What is changed later is noticed, and the copy is as it was.
	program := filepath.Join(found.Dir, store.Platform(), "sq")
	if err := os.WriteFile(program, []byte("#!/bin/no\n"), 0o755); err != nil {
		panic(err)
	}
	_, err = p.Copy(ctx, dir)
	fmt.Println(err != nil)
	text, err := os.ReadFile(copied.Program)
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// installed acme/sq 1.0.0
	// to run: sq
	// true
	// "#!/bin/sh\n" <nil>
}
