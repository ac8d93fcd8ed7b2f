package cxx

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Compiler is a C++20 compiler of this machine.
type Compiler struct {
	Command []string // $CXX may hold flags too, as in "ccache g++"
	Version string   // the first line of --version
}

// Find returns the compiler that $CXX names, else the first of the usual ones that knows C++20. The folder scratch is for
// a probe. If there is none, the error is a [*NotFoundError].
func Find(ctx context.Context, scratch string) (*Compiler, error) {
	names := []string{"c++", "g++", "clang++"}
	if named := strings.TrimSpace(os.Getenv("CXX")); named != "" {
		names = []string{named}
	}
	probe := filepath.Join(scratch, "probe.cpp")
	if err := os.WriteFile(probe, []byte(cxx20Probe), 0o644); err != nil {
		return nil, err
	}
	var detail string
	for _, name := range names {
		c := &Compiler{Command: strings.Fields(name)}
		said, err := c.Run(ctx, "-std=c++20", "-fsyntax-only", probe)
		if err == nil {
			version, _ := c.Run(ctx, "--version")
			c.Version, _, _ = strings.Cut(strings.TrimSpace(version), "\n")
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if said != "" {
			detail = name + ": " + FirstError(said)
		} else if detail == "" {
			detail = err.Error()
		}
	}
	return nil, &NotFoundError{Tried: names, Detail: detail}
}

const cxx20Probe = `#include <concepts>
#include <optional>
#include <version>
#if !defined(__cpp_concepts) || !defined(__cpp_lib_concepts)
#error "the compiler or its library is older than C++20"
#endif
int main() { return 0; }
`

// NotFoundError says that the machine has no C++20 compiler.
type NotFoundError struct {
	Tried  []string
	Detail string // what the last one said
}

func (e *NotFoundError) Error() string {
	detail := ""
	if e.Detail != "" {
		detail = " (" + e.Detail + ")"
	}
	return fmt.Sprintf("no C++20 compiler: tried %s%s; install g++ 11 or clang++ 14 or newer, or name one in CXX",
		strings.Join(e.Tried, ", "), detail)
}

// Run runs the compiler and returns all it said.
func (c *Compiler) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.Command[0], append(c.Command[1:len(c.Command):len(c.Command)], args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// FirstError returns the first line of a compiler's output that tells of an error, else the last one, shortened to fit an
// error message.
func FirstError(said string) string {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "error:") || strings.Contains(line, "undefined reference") {
			return Shorten(line)
		}
	}
	return LastLine(said)
}

// LastLine returns the last line of text that says something, shortened to fit an error message.
func LastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return Shorten(lines[len(lines)-1])
}

// Shorten makes a line fit an error message.
func Shorten(line string) string {
	const limit = 400
	line = strings.TrimSpace(line)
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "") + "…"
	}
	if line == "" {
		return "nothing"
	}
	return line
}
