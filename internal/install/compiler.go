package install

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A compiler is a C++20 compiler of this machine.
type compiler struct {
	command []string // $CXX may hold flags too, as in "ccache g++"
	version string   // the first line of --version
}

// findCompiler returns the compiler that $CXX names, else the first of the usual ones that knows C++20.
func findCompiler(ctx context.Context, scratch string) (*compiler, error) {
	names := []string{"c++", "g++", "clang++"}
	if cxx := strings.TrimSpace(os.Getenv("CXX")); cxx != "" {
		names = []string{cxx}
	}
	probe := filepath.Join(scratch, "probe.cpp")
	if err := os.WriteFile(probe, []byte(cxx20Probe), 0o644); err != nil {
		return nil, err
	}
	var detail string
	for _, name := range names {
		c := &compiler{command: strings.Fields(name)}
		said, err := c.run(ctx, "-std=c++20", "-fsyntax-only", probe)
		if err == nil {
			version, _ := c.run(ctx, "--version")
			c.version, _, _ = strings.Cut(strings.TrimSpace(version), "\n")
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if said != "" {
			detail = name + ": " + firstError(said)
		} else if detail == "" {
			detail = err.Error()
		}
	}
	return nil, &CompilerError{Tried: names, Detail: detail}
}

const cxx20Probe = `#include <concepts>
#include <optional>
#include <version>
#if !defined(__cpp_concepts) || !defined(__cpp_lib_concepts)
#error "the compiler or its library is older than C++20"
#endif
int main() { return 0; }
`

// run runs the compiler and returns all it said.
func (c *compiler) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.command[0], append(c.command[1:len(c.command):len(c.command)], args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// build runs the compiler for a unit. What it says goes to log if it fails.
func (c *compiler) build(ctx context.Context, unit, log string, args ...string) error {
	said, err := c.run(ctx, args...)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	full := fmt.Sprintf("%s %s\n%s\n%v\n", strings.Join(c.command, " "), strings.Join(args, " "), said, err)
	if werr := os.WriteFile(log, []byte(full), 0o644); werr != nil {
		return werr
	}
	line := firstError(said)
	if said == "" {
		line = err.Error()
	}
	return &CompileError{Unit: unit, Line: line, Log: log}
}

// firstError returns the first line of a compiler's output that tells of an error.
func firstError(said string) string {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "error:") || strings.Contains(line, "undefined reference") {
			return shorten(line)
		}
	}
	return lastLine(said)
}
