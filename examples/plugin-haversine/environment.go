package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build packs the plugin's module and the author kit into one program.
func build(ctx context.Context, target string) error {
	root, err := source(ctx)
	if err != nil {
		return err
	}
	return pack(ctx, filepath.Join(root, "examples", "plugin-haversine", "haversine-plugin", "haversine.py"), target)
}

// pack makes a program of a plugin's module.
func pack(ctx context.Context, module, target string) error {
	root, err := source(ctx)
	if err != nil {
		return err
	}
	kit := filepath.Join(root, "plugins", "python")
	python, err := environment(ctx, filepath.Join(kit, "requirements.txt"))
	if err != nil {
		return err
	}
	return command(ctx, kit, python, "-m", "adjoint_plugin", "pack", module, target)
}

// source returns the folder of this module's files.
func source(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/adjoint-go/adjoint")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("where Adjoint's source is: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// environment returns the interpreter of an environment that has what the file
// requirements lists. It makes one in the user's cache folder if there is none.
func environment(ctx context.Context, requirements string) (python string, err error) {
	text, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "adjoint", "plugin-python")
	home := filepath.Join(cache, fmt.Sprintf("%x", sha256.Sum256(text))[:12])
	python = filepath.Join(home, "bin", "python")
	if _, err := os.Stat(python); !errors.Is(err, fs.ErrNotExist) {
		return python, err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "new")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := command(ctx, cache, "python3", "-m", "venv", fresh); err != nil {
		return "", err
	}
	if err := command(ctx, cache, filepath.Join(fresh, "bin", "python"), "-m", "pip", "install", "--quiet",
		"--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "-r", requirements); err != nil {
		return "", err
	}
	// Another process may have been quicker; then its environment is as good.
	if err := os.Rename(fresh, home); err != nil {
		if _, gone := os.Stat(python); gone != nil {
			return "", err
		}
	}
	return python, nil
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, text)
	}
	return nil
}
