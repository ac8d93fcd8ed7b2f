package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/plugins"
)

// pluginRun is what `adjoint plugin run` is told.
type pluginRun struct {
	in, out  []string
	timeout  time.Duration
	reattach bool
}

func newPluginRun(f *pluginFlags) *cobra.Command {
	var r pluginRun
	cmd := &cobra.Command{
		Use:   "run ORG/NAME[@VERSION].KERNEL [--in X.npy]... [--out Y.npy]...",
		Short: "Run one kernel on arrays from npy files",
		Long: `Run loads a plugin, after all the checks that a program makes, calls one of its kernels and writes the outputs to the files
of --out, in order, or without --out prints them. It needs the engine (adjoint setup).`,
		Example: "  adjoint plugin run acme/sq.square --in x.npy --out y.npy",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy, err := f.policy()
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), args[0], cmd.OutOrStdout(), plugins.Options{
				Dirs: f.search(), Lock: f.lockPath(), Policy: policy, CallTimeout: r.timeout, Reattach: r.reattach,
				Logger: hclog.New(&hclog.LoggerOptions{Name: "plugin", Level: hclog.Warn, Output: cmd.ErrOrStderr()}),
			})
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&r.in, "in", nil, "the next input is the array in npy `FILE` (once for each input)")
	fl.StringArrayVar(&r.out, "out", nil, "write the next output to npy `FILE` (once for each output, or not at all)")
	fl.DurationVar(&r.timeout, "timeout", time.Minute, "give up after this `TIME`")
	fl.BoolVar(&r.reattach, "reattach", false, "for debugging: use the plugin that $"+plugins.ReattachEnv+" names, unverified")
	return cmd
}

func (r *pluginRun) run(ctx context.Context, name string, out io.Writer, o plugins.Options) (err error) {
	dot := strings.LastIndex(name, ".")
	if dot < 0 {
		return fmt.Errorf("plugin run: %q is not of the form org/name.kernel or org/name@1.2.3.kernel", name)
	}
	if r.timeout <= 0 {
		return fmt.Errorf("plugin run: --timeout is %s; it must be positive", r.timeout)
	}
	reg, err := plugins.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	p, err := reg.Load(ctx, name[:dot])
	if err != nil {
		return err
	}
	k, err := p.Kernel(name[dot+1:])
	if err != nil {
		return err
	}
	want := k.Spec()
	if len(r.in) != len(want.Inputs) {
		return fmt.Errorf("plugin run: kernel %s takes %s %v; give --in as often (it was given %d times)", k, plural(len(want.Inputs), "input"), want.InputNames(), len(r.in))
	}
	if len(r.out) > 0 && len(r.out) != len(want.Outputs) {
		return fmt.Errorf("plugin run: kernel %s has %s; give --out as often, or not at all (it was given %d times)", k, plural(len(want.Outputs), "output"), len(r.out))
	}
	inputs := make([]*core.Array, len(r.in))
	for i, path := range r.in {
		if inputs[i], err = mlxio.LoadNPY(path); err != nil {
			return err
		}
	}
	return r.call(k, inputs, out)
}

func (r *pluginRun) call(k *plugins.Kernel, inputs []*core.Array, out io.Writer) (err error) {
	defer core.Catch(&err)
	outputs := k.Call(inputs...)
	core.Eval(outputs)
	for i, y := range outputs {
		if len(r.out) > 0 {
			if err := mlxio.SaveNPY(r.out[i], y); err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: %s\n", r.out[i], y.Spec())
			continue
		}
		fmt.Fprintf(out, "%s = %v\n", k.Spec().Outputs[i].Name, y)
	}
	return nil
}
