package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/adjoint-go/adjoint/internal/cxx"
)

// findCompiler is [cxx.Find] with the error of setup.
func findCompiler(ctx context.Context, scratch string) (*cxx.Compiler, error) {
	c, err := cxx.Find(ctx, scratch)
	var none *cxx.NotFoundError
	if errors.As(err, &none) {
		return nil, &CompilerError{none}
	}
	return c, err
}

// compile runs the compiler for a unit. What it says goes to log if it fails.
func (b *builder) compile(ctx context.Context, unit string, args ...string) error {
	said, err := b.cxx.Run(ctx, args...)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	full := fmt.Sprintf("%s %s\n%s\n%v\n", strings.Join(b.cxx.Command, " "), strings.Join(args, " "), said, err)
	if werr := os.WriteFile(b.log, []byte(full), 0o644); werr != nil {
		return werr
	}
	line := cxx.FirstError(said)
	if said == "" {
		line = err.Error()
	}
	return &CompileError{Unit: unit, Line: line, Log: b.log}
}
