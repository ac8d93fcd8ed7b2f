package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/certify"
	"github.com/adjoint-go/adjoint/plugins/store"
)

// pluginCertify is what `adjoint plugin certify` is told.
type pluginCertify struct {
	*pluginFlags
	options    certify.Options
	json, html string
}

// distDir is what `make dist` of a new plugin builds.
const distDir = "dist"

func newPluginCertify(f *pluginFlags) *cobra.Command {
	c := pluginCertify{pluginFlags: f}
	cmd := &cobra.Command{
		Use:   "certify [ORG/NAME[@VERSION] | PACKAGE | PROGRAM]",
		Short: "Hold a plugin's kernels to what they say: shapes, gradients, batches, compiled programs, leaks",
		Long: `Certify calls every kernel of a plugin as its description says it may be called, and compares each answer with one that was
found another way: gradients with central differences, batches with loops, compiled with eager, and with --emulate-metal the
Metal source with the program. The plugin is an installed one by its name, a package (a folder, a tar or tar.gz file) or a
program by its path; without an argument it is the package in ` + distDir + `.

What fails is printed with the smallest input that shows it. The certificate of --json and --html holds every check; it is
bound to the SHA-256 of plugin.json and of the program. Inputs are random but belong to the seed. It exits with 1 when a
check fails or could not be made. It needs the engine (adjoint setup).`,
		Example: "  adjoint plugin certify --emulate-metal --html certificate.html --json certificate.json acme/sq",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := distDir
			if len(args) > 0 {
				what = args[0]
			}
			if f := os.Stderr; term.IsTerminal(int(f.Fd())) {
				c.options.Progress = certifyProgress(f)
				defer fmt.Fprint(f, clearLine)
			}
			return c.run(cmd.Context(), what, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&c.options.EmulateMetal, "emulate-metal", false, "run the Metal sources too, emulated; needs a C++ compiler")
	fl.StringVar(&c.json, "json", "", "write the certificate to `FILE`")
	fl.StringVar(&c.html, "html", "", "write the certificate for people to `FILE`")
	fl.StringArrayVar(&c.options.Kernels, "kernel", nil, "check only this `KERNEL` (may be repeated)")
	fl.Uint64Var(&c.options.Seed, "seed", 1, "seed of the random inputs")
	fl.BoolVar(&c.options.Quick, "quick", false, "fewer samples and calls")
	fl.DurationVar(&c.options.Timeout, "timeout", 10*time.Second, "a call that takes longer `TIME` is a failure")
	return cmd
}

func certifyProgress(terminal io.Writer) func(done, total int, kernel, check string) {
	return func(done, total int, kernel, check string) {
		fmt.Fprintf(terminal, "%s%d/%d %s %s", clearLine, done, total, printable(kernel), check)
	}
}

func (c *pluginCertify) run(ctx context.Context, what string, out, log io.Writer) (err error) {
	if c.options.Timeout <= 0 {
		return fmt.Errorf("plugin certify: --timeout is %s; it must be positive", c.options.Timeout)
	}
	o := plugins.Options{Logger: hclog.New(&hclog.LoggerOptions{Name: "plugin", Level: hclog.Error, Output: log})}
	load, clean, err := c.loader(ctx, what, &o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	reg, err := plugins.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	cert, err := certify.Run(ctx, func(ctx context.Context) (*plugins.Plugin, error) { return load(ctx, reg) }, c.options)
	if err != nil {
		return err
	}
	if err := c.write(cert); err != nil {
		return err
	}
	printCertificate(out, cert)
	if !cert.Passed() {
		return fmt.Errorf("plugin certify: %d of %s failed, %d could not be made", cert.Count(certify.Failed), plural(len(cert.Checks), "check"), cert.Count(certify.Error))
	}
	return nil
}

type loadFunc func(context.Context, *plugins.Registry) (*plugins.Plugin, error)

// loader finds out what is meant: an installed plugin, a package, which is installed
// in a folder of its own for the time, or a program.
func (c *pluginCertify) loader(ctx context.Context, what string, o *plugins.Options) (loadFunc, func() error, error) {
	nothing := func() error { return nil }
	policy, err := c.policy()
	if err != nil {
		return nil, nil, err
	}
	byName := func(name string) loadFunc {
		return func(ctx context.Context, reg *plugins.Registry) (*plugins.Plugin, error) { return reg.Load(ctx, name) }
	}
	_, missing := os.Stat(what)
	if _, err := store.ParseRef(what); err == nil {
		ref, _ := store.ParseRef(what)
		lock, err := c.readLock()
		if err != nil {
			return nil, nil, err
		}
		if _, err := store.Find(c.search(), ref, lock); missing != nil || !errors.Is(err, store.ErrNotFound) {
			o.Dirs, o.Lock, o.Policy = c.search(), c.lockPath(), policy
			return byName(what), nothing, nil
		}
	}
	if missing != nil && what == distDir {
		return nil, nil, fmt.Errorf("plugin certify: there is no package in %s; build one, with make dist, or name a plugin", distDir)
	}
	if isProgram(what) {
		o.Policy = policy
		return func(ctx context.Context, reg *plugins.Registry) (*plugins.Plugin, error) {
			return reg.LoadFile(ctx, what)
		}, nothing, nil
	}
	p, err := store.Open(ctx, what)
	if err != nil {
		return nil, nil, err
	}
	lock, err := c.readLock()
	if err == nil {
		err = policy.Check(p.Claim(), lock)
	}
	if err = errors.Join(err, p.Close()); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "adjoint-certify-")
	if err != nil {
		return nil, nil, err
	}
	clean := func() error { return os.RemoveAll(dir) }
	in, err := store.Install(ctx, store.Installation{Source: what, Dir: dir})
	if err != nil {
		return nil, nil, errors.Join(err, clean())
	}
	o.Dirs = []string{dir}
	return byName(in.ID + "@" + in.Version), clean, nil
}

// isProgram tells a program from an archive: one that may be run.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func (c *pluginCertify) write(cert *certify.Certificate) error {
	if c.json != "" {
		text, err := cert.Encode()
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.json, text, 0o644); err != nil {
			return err
		}
	}
	if c.html == "" {
		return nil
	}
	f, err := os.Create(c.html)
	if err != nil {
		return err
	}
	return errors.Join(cert.WriteHTML(f), f.Close())
}

func printCertificate(out io.Writer, cert *certify.Certificate) {
	say := func(format string, args ...any) { fmt.Fprint(out, printable(fmt.Sprintf(format, args...))) }
	for _, verdict := range []certify.Verdict{certify.Failed, certify.Error} {
		for _, x := range cert.Checks {
			if x.Verdict != verdict {
				continue
			}
			say("%s: %s %s: %s\n", verdict, x.Kernel, x.Name, x.Reason)
			if x.Input != "" {
				say("        with %s\n", x.Input)
			}
		}
	}
	if n := len(cert.Kernels) - len(cert.Checked()); n > 0 {
		say("%s of %d not checked\n", plural(n, "kernel"), len(cert.Kernels))
	}
	say("%s, in %.1f s\n", cert.Summary(), cert.Seconds)
	if cert.Manifest != "" {
		say("plugin.json sha256:%s\n", cert.Manifest)
	}
	say("program     sha256:%s\n", cert.Program)
}
