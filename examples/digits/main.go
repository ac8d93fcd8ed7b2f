// Digits trains a small convolutional network to read handwritten digits.
//
// It prints its progress, and leaves the model, a checkpoint to resume from,
// the curves (loss.png) and the digits that it reads wrongly (wrong.png) in the
// folder --out. Ctrl-C saves and ends it; --resume goes on, and arrives where a
// run without a break would have.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
)

type options struct {
	Settings
	epochs int
	out    string
	resume bool
	set    map[string]bool // flags that were given
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("digits", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.epochs, "epochs", 30, "times to go through the images, those of a resumed run included")
	f.IntVar(&o.Batch, "batch", 64, "images in a step")
	f.Float64Var(&o.LR, "lr", 2e-3, "Adam's learning rate")
	f.Uint64Var(&o.Seed, "seed", 1, "of the weights, the order of the images and the dropout")
	f.StringVar(&o.out, "out", filepath.Join("out", "digits"), "folder of the results")
	f.BoolVar(&o.resume, "resume", false, "go on with the run in --out")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.set = map[string]bool{}
	f.Visit(func(f *flag.Flag) { o.set[f.Name] = true })
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.epochs < 1:
		return o, fmt.Errorf("--epochs %d: want at least 1", o.epochs)
	case o.out == "":
		return o, errors.New("--out is empty: want a folder")
	}
	return o, o.Settings.check()
}

func (s Settings) check() error {
	switch {
	case s.Batch < 1:
		return fmt.Errorf("--batch %d: want at least 1", s.Batch)
	case !(s.LR > 0) || math.IsInf(s.LR, 1):
		return fmt.Errorf("--lr %v: want a positive number", s.LR)
	}
	return nil
}

// differs says which flag asks for another run than the one that is resumed.
func (o options) differs(s Settings) error {
	for _, f := range []struct {
		name      string
		want, got any
	}{{"batch", o.Batch, s.Batch}, {"lr", o.LR, s.LR}, {"seed", o.Seed, s.Seed}} {
		if o.set[f.name] && f.want != f.got {
			return fmt.Errorf("--%s %v: the run in %s has %v; leave the flag out, or start a new run", f.name, f.want, o.out, f.got)
		}
	}
	return nil
}

func run(ctx context.Context, o options, out io.Writer, tty bool) (err error) {
	defer core.Catch(&err)
	start := time.Now()
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	var p Progress
	var arrays map[string]*core.Array
	if o.resume {
		if p, arrays, err = readProgress(o.out); err != nil {
			return err
		}
		if err := o.differs(p.Settings); err != nil {
			return err
		}
		o.Settings = p.Settings
	}
	t, err := newTrainer(o.Settings, newReporter(out, tty, start))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d images to train on, %d to test; %d parameters\n", t.train.size(), t.test.size(), tree.Size(t.state.Net))
	if o.resume {
		if err := t.resume(p, arrays); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(o.out, checkpointFile), err)
		}
		fmt.Fprintf(out, "resuming after %d epochs and %d images\n", len(t.Epochs), t.Images)
	}
	trained := t.run(ctx, o.epochs)
	t.report.stop()
	if trained != nil && ctx.Err() == nil {
		return trained
	}
	if err := t.save(o.out); err != nil {
		return err
	}
	if trained != nil {
		return fmt.Errorf("%w after %d epochs and %d images: saved in %s, go on with --resume", errInterrupted, len(t.Epochs), t.Images, o.out)
	}
	return t.conclude(o.out, out, start)
}

var errInterrupted = errors.New("interrupted")

// conclude draws the pictures and prints the result.
func (t *trainer) conclude(dir string, out io.Writer, start time.Time) error {
	_, probabilities := t.evaluate.Call(t.state.Net, t.test)
	if err := drawCurves(filepath.Join(dir, "loss.png"), t.Epochs); err != nil {
		return err
	}
	wrong := mistakes(t.test, probabilities)
	if err := drawMistakes(filepath.Join(dir, "wrong.png"), wrong, t.test.size()); err != nil {
		return err
	}
	eager, compiled := t.stepTimes()
	fmt.Fprintf(out, "a step of %d images: eager %.2f ms, compiled %.2f ms, ratio %.2f\n",
		t.Settings.Batch, eager.Seconds()*1e3, compiled.Seconds()*1e3, float64(eager)/float64(compiled))
	fmt.Fprintf(out, "wrote %s, %s, loss.png and wrong.png to %s\n", modelFile, checkpointFile, dir)
	fmt.Fprintf(out, "digits: test accuracy %.4f, %.1f s\n", 1-float64(len(wrong))/float64(t.test.size()), time.Since(start).Seconds())
	return nil
}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "digits:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = run(ctx, o, os.Stdout, term.IsTerminal(int(os.Stdout.Fd())))
	if err != nil {
		fmt.Fprintln(os.Stderr, "digits:", err)
		stop()
		if errors.Is(err, errInterrupted) {
			os.Exit(130) // as the shell reports an interrupt
		}
		os.Exit(1)
	}
}
