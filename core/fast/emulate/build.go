package emulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// Flags of a kernel's unit. The thread sanitizer calls at every access to memory;
// its run time, which is not linked, is ours. Nothing may move or double a call,
// since where a thread waits is told by its address.
var kernelFlags = []string{
	"-std=c++17", "-Og", "-g1", "-w", "-fmax-errors=1", "-fdiagnostics-color=never",
	"-fsanitize=thread", "-fsanitize=bounds,integer-divide-by-zero,return",
	"-fno-reorder-blocks", "-fno-finite-loops", "-fno-strict-aliasing", "-fwrapv", "-ffp-contract=off",
	"-fno-exceptions", "-fno-rtti", "-fsigned-char", "-fno-stack-protector", "-U_FORTIFY_SOURCE",
}

// Clang leaves the reads of x += y unwatched unless asked.
var clangFlags = []string{"-mllvm", "-tsan-instrument-read-before-write=1"}

// Flags of the run time. Jumps between stacks are not what a fortified longjmp
// expects.
var runtimeFlags = []string{"-std=c++17", "-O2", "-w", "-fno-exceptions", "-fno-stack-protector", "-fno-strict-aliasing", "-U_FORTIFY_SOURCE"}

const (
	keepBuilds = 300            // programs in the cache
	keepFor    = 24 * time.Hour // programs younger than this stay in any case
)

// compiler finds the machine's compiler once for each value of CXX.
var compiler = struct {
	sync.Mutex
	found map[string]*cxx.Compiler
}{found: map[string]*cxx.Compiler{}}

func findCompiler(ctx context.Context, scratch string) (*cxx.Compiler, error) {
	compiler.Lock()
	defer compiler.Unlock()
	env := os.Getenv("CXX")
	if c := compiler.found[env]; c != nil {
		return c, nil
	}
	c, err := cxx.Find(ctx, scratch)
	if err == nil {
		compiler.found[env] = c
	}
	return c, err
}

// build returns the program of a unit, compiled now or before.
func (k Kernel) build(ctx context.Context, u *unit) (string, error) {
	cache := filepath.Join(native.Home(), "emulate")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", fmt.Errorf("emulate: %w", err)
	}
	scratch, err := os.MkdirTemp(cache, "building-")
	if err != nil {
		return "", fmt.Errorf("emulate: %w", err)
	}
	defer os.RemoveAll(scratch)
	c, err := findCompiler(ctx, scratch)
	if err != nil {
		return "", fmt.Errorf("emulate: kernel %s: %w", k.Name, err)
	}
	src, digest := sources()
	base := []string{strings.Join(c.Command, " "), c.Version, digest}
	program := filepath.Join(cache, key(base, flagsFor(c), runtimeFlags, []string{u.text}))
	now := time.Now()
	if os.Chtimes(program, now, now) == nil {
		return program, nil
	}
	if err := os.CopyFS(filepath.Join(scratch, "src"), src); err != nil {
		return "", fmt.Errorf("emulate: %w", err)
	}
	object := filepath.Join(cache, key(base, runtimeFlags)+".o")
	if err := k.compile(ctx, c, scratch, u, object); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(scratch, "program"), program); err != nil {
		return "", fmt.Errorf("emulate: %w", err)
	}
	prune(cache)
	return program, nil
}

func flagsFor(c *cxx.Compiler) []string {
	if strings.Contains(c.Version, "clang") {
		return slices.Concat(kernelFlags, clangFlags)
	}
	return kernelFlags
}

func key(lists ...[]string) string {
	h := sha256.New()
	for _, list := range lists {
		for _, s := range list {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// compile makes the program in the scratch folder. The run time's object is kept
// for the next kernel.
func (k Kernel) compile(ctx context.Context, c *cxx.Compiler, scratch string, u *unit, object string) error {
	src := filepath.Join(scratch, "src")
	unit := filepath.Join(scratch, "kernel.cpp")
	if err := os.WriteFile(unit, []byte(u.text), 0o600); err != nil {
		return fmt.Errorf("emulate: %w", err)
	}
	made := filepath.Join(scratch, "kernel.o")
	said, err := c.Run(ctx, slices.Concat(flagsFor(c), []string{"-I", src, "-c", unit, "-o", made})...)
	if err != nil {
		return k.compileError(ctx, said, err)
	}
	if _, err := os.Stat(object); err != nil {
		built := filepath.Join(scratch, "runtime.o")
		if said, err := c.Run(ctx, slices.Concat(runtimeFlags, []string{"-I", src, "-c", filepath.Join(src, "runtime.cpp"), "-o", built})...); err != nil {
			return k.systemError(ctx, "the run time does not compile: "+cxx.FirstError(said))
		}
		if err := os.Rename(built, object); err != nil {
			return fmt.Errorf("emulate: %w", err)
		}
	}
	if said, err := c.Run(ctx, made, object, "-Wl,-z,now", "-lm", "-o", filepath.Join(scratch, "program")); err != nil {
		if undefined := regexp.MustCompile("undefined reference to `([^']+)'").FindStringSubmatch(said); undefined != nil {
			return k.fault(ErrCompile, "%s is declared but nowhere defined", undefined[1])
		}
		return k.systemError(ctx, "it does not link: "+cxx.FirstError(said))
	}
	return nil
}

func (k Kernel) systemError(ctx context.Context, why string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: kernel %s: %s", ErrSystem, k.Name, why)
}

// diagnosis is a compiler's line: file, line number, and what it says.
var diagnosis = regexp.MustCompile(`(?m)^(?:In file included from )?([^\s:]+):(\d+):(?:\d+:)? *(.*)$`)

// compileError finds the kernel's line in what the compiler said. An error inside
// the shim is the kernel's where it was called from.
func (k Kernel) compileError(ctx context.Context, said string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if said == "" {
		return k.systemError(ctx, "the compiler does not run: "+err.Error())
	}
	e := k.fault(ErrCompile, "")
	if e.Line, e.Detail = unbalanced(k.Source); e.Line > 0 {
		return e
	}
	for _, m := range diagnosis.FindAllStringSubmatch(said, -1) {
		file, text := path.Base(m[1]), m[3]
		message, is := strings.CutPrefix(text, "error: ")
		if fatal, ok := strings.CutPrefix(text, "fatal error: "); ok {
			message, is = fatal, true
		}
		if is && e.Detail == "" {
			e.Detail = plain(message)
		}
		if (file == kernelFile || file == headerFile) && e.Line == 0 {
			e.Line, _ = strconv.Atoi(m[2])
			e.Header = file == headerFile
		}
		if e.Line > 0 && e.Detail != "" {
			break
		}
	}
	if e.Detail == "" {
		return k.systemError(ctx, cxx.FirstError(said))
	}
	e.Line = k.inside(e.Line, e.Header)
	return e
}

var (
	vectors   = regexp.MustCompile(`\bvec<(\w+), (\d)>`)
	assertion = regexp.MustCompile(`^static.assert.*?(?:: |")([^"]*)"?$`)
)

// plain puts what the compiler said in Metal's words.
func plain(message string) string {
	message = strings.ReplaceAll(strings.ReplaceAll(message, "metal::", ""), " [", "[")
	message = assertion.ReplaceAllString(message, "$1")
	return vectors.ReplaceAllString(message, "$1$2")
}

// inside keeps a line that the compiler saw beyond the end of a text, such as
// that of a missing brace, within it.
func (k Kernel) inside(line int, header bool) int {
	text := k.Source
	if header {
		text = k.Header
	}
	return min(line, strings.Count(strings.TrimRight(text, "\n"), "\n")+1)
}

// prune removes programs that were not used for long.
func prune(cache string) {
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) <= keepBuilds {
		return
	}
	type file struct {
		path string
		used time.Time
	}
	var files []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > keepFor {
			files = append(files, file{filepath.Join(cache, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range files[:min(len(files), len(entries)-keepBuilds)] {
		_ = os.RemoveAll(f.path)
	}
}
