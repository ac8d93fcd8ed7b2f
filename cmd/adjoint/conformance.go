package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/adjoint-go/adjoint/conformance"
	"github.com/adjoint-go/adjoint/conformance/programs"
)

// stuckAfter is how long one case may take. The slowest takes less than a second.
const stuckAfter = 2 * time.Minute

func newConformance() *cobra.Command {
	var o conformance.Options
	var random programs.Options
	var asJSON, progress bool
	var kinds []string
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Check every op: compiled against eager, gradients against differences, vmap against a loop",
		Long: `Conformance runs the cases that the op table describes and prints how many there were of each kind, how many were held
against differences in float64, the worst relative error of each, and for every failure its reason and a command that runs
it alone. It exits with 1 when a case fails.

Kinds: ` + kindList() + `.

With --programs it makes random programs over the op table in place of that, under random stacks of transforms, and prints a
minimal program for every failure.

The suite runs in a process of its own: when a case takes that process down, or does not end, the case is named.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Trail == "" {
				return superviseConformance(cmd, os.Args[1:], o.Seed)
			}
			for _, k := range kinds {
				o.Kinds = append(o.Kinds, conformance.Kind(k))
			}
			terminal := io.Discard
			if progress {
				terminal = os.NewFile(3, "terminal")
				line := progressLine(terminal)
				o.Progress = func(done, total int, c conformance.Case) { line(done, total, c.Name()) }
				random.Progress = func(done, total int) { line(done, total, programs.Name(random.First+done)) }
			}
			if random.Programs > 0 {
				random.Seed, random.Trail = o.Seed, o.Trail
				return runPrograms(random, asJSON, cmd.OutOrStdout(), terminal)
			}
			return runConformance(o, asJSON, cmd.OutOrStdout(), terminal)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Quick, "quick", false, "only the first dtype of each op")
	f.BoolVar(&asJSON, "json", false, "print JSON: one document with the counts and the failures")
	f.StringVar(&o.Run, "run", "", "only cases whose name matches the regular expression `PATTERN`; names are like add/0/float32/grad:a")
	f.StringSliceVar(&o.Ops, "op", nil, "only cases of these `OPS`, as in add,linalg.qr")
	f.StringSliceVar(&kinds, "kind", nil, "only cases of these `KINDS`, as in grad,vmap.compiled")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the random inputs")
	f.IntVar(&random.Programs, "programs", 0, "make and check `N` random programs in place of the cases")
	f.IntVar(&random.First, "first", 0, "the number of the first program")
	for _, other := range []string{"quick", "run", "op", "kind"} {
		cmd.MarkFlagsMutuallyExclusive("programs", other)
	}
	// What follows is said by the command to the process that it starts.
	f.StringVar(&o.Trail, "trail", "", "run here, and keep the name of the case under way in `FILE`")
	f.BoolVar(&progress, "progress", false, "show the case under way on the terminal that is file 3")
	_ = f.MarkHidden("trail")
	_ = f.MarkHidden("progress")
	return cmd
}

func kindList() string {
	var names []string
	for _, k := range conformance.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

const clearLine = "\r\x1b[K"

func progressLine(terminal io.Writer) func(done, total int, name string) {
	var last time.Time
	return func(done, total int, name string) {
		if time.Since(last) > 100*time.Millisecond {
			last = time.Now()
			fmt.Fprintf(terminal, "%s%d/%d %s", clearLine, done, total, name)
		}
	}
}

func runConformance(o conformance.Options, asJSON bool, out, terminal io.Writer) error {
	r, err := conformance.Run(o)
	if err != nil {
		r = &conformance.Report{}
	}
	return report(r, err, asJSON, out, terminal, r.Failed, r.Cases, "cases")
}

func runPrograms(o programs.Options, asJSON bool, out, terminal io.Writer) error {
	r, err := programs.Run(o)
	if err != nil {
		r = &programs.Report{}
	}
	return report(r, err, asJSON, out, terminal, r.Failed, r.Programs, "programs")
}

// report prints a report of what ended with err.
func report(r interface{ Write(io.Writer) error }, err error, asJSON bool, out, terminal io.Writer, failed, all int, of string) error {
	fmt.Fprint(terminal, clearLine)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(out, r)
	} else {
		err = r.Write(out)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("conformance: %d of %d %s failed", failed, all, of)
	}
	return err
}

// rerun is a command that runs what a trail names alone.
func rerun(name string, seed uint64) string {
	var number int
	if n, _ := fmt.Sscanf(name, "program/%d", &number); n == 1 {
		return programs.Rerun(number, seed)
	}
	return conformance.Rerun(name, seed)
}

// superviseConformance runs the suite in another process, and names the case that
// ends or blocks it.
func superviseConformance(cmd *cobra.Command, args []string, seed uint64) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "adjoint-conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	trail := filepath.Join(dir, "case")
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	child := exec.CommandContext(ctx, exe, append(args, "--trail", trail)...)
	var said bytes.Buffer
	child.Stdout, child.Stderr = cmd.OutOrStdout(), &said
	if term.IsTerminal(int(os.Stderr.Fd())) {
		child.Args = append(child.Args, "--progress")
		child.ExtraFiles = []*os.File{os.Stderr}
	}
	if err := child.Start(); err != nil {
		return err
	}
	go watch(ctx, cancel, trail, stuckAfter)
	if err = child.Wait(); err == nil {
		return nil
	}
	last := lastCase(trail)
	switch {
	case errors.Is(context.Cause(ctx), errStuck):
		return fmt.Errorf("conformance: the case %s did not end within %v; run it alone with: %s", last, stuckAfter, rerun(last, seed))
	case ctx.Err() != nil:
		return ctx.Err()
	case child.ProcessState.String() == "signal: broken pipe":
		return nil // who reads the report has enough of it
	case child.ProcessState.ExitCode() != 1 && last != "":
		cmd.ErrOrStderr().Write(said.Bytes())
		return fmt.Errorf("conformance: the case %s took the process down (%w); run it alone with: %s", last, err, rerun(last, seed))
	case said.Len() > 0:
		return errors.New(strings.TrimSpace(said.String()))
	}
	return err
}

var errStuck = errors.New("a case does not end")

// watch cancels ctx when the trail stays the same for longer than limit.
func watch(ctx context.Context, cancel context.CancelCauseFunc, trail string, limit time.Duration) {
	tick := time.NewTicker(min(limit/10, time.Second))
	defer tick.Stop()
	seen, since := "", time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := lastCase(trail); now != seen || now == "" {
			seen, since = now, time.Now()
		}
		if time.Since(since) > limit {
			cancel(errStuck)
			return
		}
	}
}

func lastCase(trail string) string {
	b, _ := os.ReadFile(trail)
	return strings.TrimSpace(string(b))
}
