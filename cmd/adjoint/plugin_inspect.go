package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/plugins/certify"
	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// An inspection is what `adjoint plugin inspect --json` prints.
type inspection struct {
	Path     string             `json:"path"`
	Digest   string             `json:"digest"`
	Locked   bool               `json:"locked"` // the lock file pins it
	Lock     string             `json:"lock"`   // what the lock file thinks of it, in words
	Signers  []string           `json:"signers"`
	Manifest *manifest.Manifest `json:"manifest"`

	Certificate *certify.Certificate `json:"certificate,omitempty"`
}

func newPluginInspect(f *pluginFlags) *cobra.Command {
	var asJSON bool
	var certificate string
	cmd := &cobra.Command{
		Use:   "inspect ORG/NAME[@VERSION] | PATH",
		Short: "Show what a plugin brings: kernels, GPU sources, files and hashes; nothing is run",
		Long: `Inspect prints what the manifest of a plugin says, of an installed one by its name or of a package that is not installed,
a folder or a tar or tar.gz file, by its path. (The path of a package is ./org/name where a plugin is installed as org/name.)
It never runs the plugin. The GPU sources are printed whole: they are what the host compiles.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lock, err := f.readLock()
			if err != nil {
				return err
			}
			p, err := f.open(cmd, args[0], lock)
			if err != nil {
				return err
			}
			defer p.Close()
			i := inspect(p, lock)
			if certificate != "" {
				if i.Certificate, err = certify.Read(certificate); err != nil {
					return err
				}
				if err := i.Certificate.Matches(p); err != nil {
					return fmt.Errorf("%s: %w", certificate, err)
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), i)
			}
			i.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&certificate, "certificate", "", "show what the certificate in `FILE` says; that of another package is an error")
	return cmd
}

// open opens an installed plugin or a package.
func (f *pluginFlags) open(cmd *cobra.Command, arg string, lock *trust.Lock) (*store.Package, error) {
	ref, err := store.ParseRef(arg)
	if err != nil {
		return store.Open(cmd.Context(), arg)
	}
	found, err := store.Find(f.search(), ref, lock)
	if errors.Is(err, store.ErrNotFound) {
		if _, missing := os.Stat(arg); missing == nil {
			return store.Open(cmd.Context(), arg)
		}
	}
	if err != nil {
		return nil, err
	}
	return found.Open()
}

func inspect(p *store.Package, lock *trust.Lock) *inspection {
	var s pluginState
	s.describe(p)
	i := &inspection{Path: p.Path, Digest: s.Digest, Signers: s.Signers, Manifest: p.Manifest, Lock: "pins it"}
	if i.Signers == nil {
		i.Signers = []string{}
	}
	err := lock.Check(p.Manifest.ID, p.Manifest.Version, p.Text)
	if i.Locked = err == nil; err != nil {
		i.Lock = withoutName(p.Manifest.ID, p.Manifest.Version, err)
	}
	return i
}

func (i *inspection) print(out io.Writer) {
	m := i.Manifest
	say := func(format string, args ...any) { fmt.Fprint(out, printable(fmt.Sprintf(format, args...))) }
	say("plugin    %s %s\n", m.ID, m.Version)
	if m.Build != "" {
		say("build     %s\n", m.Build)
	}
	say("package   %s\n", i.Path)
	say("digest    sha256:%s\n", i.Digest)
	say("lock      %s\n", i.Lock)
	for _, s := range i.Signers {
		say("signed by %s\n", s)
	}
	if c := i.Certificate; c != nil {
		say("certified %s, on %s, %s\n", c.Summary(), c.System, c.Time.Format(time.DateOnly))
	}
	say("protocol  %s\n", strings.Trim(fmt.Sprint(m.Protocols), "[]"))
	for _, platform := range m.Platforms() {
		f := m.Executables[platform]
		say("program   %s: %s, %d bytes, sha256:%s\n", platform, f.Path, f.Size, f.SHA256)
	}
	for _, f := range m.Files {
		say("file      %s, %d bytes, sha256:%s\n", f.Path, f.Size, f.SHA256)
	}
	for _, k := range m.Kernels {
		say("\nkernel    %s\n", signatureOf(k))
		if k.Doc != "" {
			say("          %s\n", strings.ReplaceAll(k.Doc, "\n", "\n          "))
		}
		say("          %s\n", rulesOf(k))
		for _, s := range k.Sources {
			say("  %s, grid %s%s, sha256:%s\n", s.Backend, strings.Join(s.Grid, " x "), threadsOf(s), manifest.Digest([]byte(s.Code)))
			say("    | %s\n", strings.ReplaceAll(strings.TrimRight(s.Code, "\n"), "\n", "\n    | "))
		}
	}
}

func signatureOf(k spec.Kernel) string {
	var in, out []string
	for _, x := range k.Inputs {
		var names []string
		for _, d := range x.DTypes {
			names = append(names, string(d))
		}
		in = append(in, x.Name+" "+strings.Join(names, "|"))
	}
	for _, y := range k.Outputs {
		if k.Asks {
			out = append(out, y.Name)
		} else {
			out = append(out, y.Name+" "+y.DType+" "+y.Shape)
		}
	}
	s := k.Name + "(" + strings.Join(in, ", ") + ") -> " + strings.Join(out, ", ")
	if k.Asks {
		s += " (the program says the types)"
	}
	return s
}

func rulesOf(k spec.Kernel) string {
	named := func(what, kernel string) string {
		if kernel == "" {
			return "no " + what
		}
		return what + " " + kernel
	}
	rules := []string{named("vjp", k.VJP), named("jvp", k.JVP), named("vmap", string(k.VMap))}
	if k.Deterministic {
		rules = append(rules, "deterministic")
	}
	return strings.Join(rules, ", ")
}

func threadsOf(s spec.Source) string {
	if s.Threads == 0 {
		return ""
	}
	return fmt.Sprintf(", %d threads", s.Threads)
}
