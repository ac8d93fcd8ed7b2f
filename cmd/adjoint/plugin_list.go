package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// A pluginState is an entry of what `adjoint plugin list --json` and `verify
// --json` print.
type pluginState struct {
	ID      string   `json:"id"`
	Version string   `json:"version"`
	Dir     string   `json:"dir,omitempty"`
	Digest  string   `json:"digest,omitempty"` // SHA-256 of the manifest
	Locked  bool     `json:"locked"`           // the lock file pins it
	Signers []string `json:"signers,omitempty"`
	Kernels []string `json:"kernels,omitempty"`
	Problem string   `json:"problem,omitempty"`
}

func (s *pluginState) state() string {
	switch {
	case s.Problem != "":
		return "problem"
	case s.Locked:
		return "locked"
	}
	return "not locked"
}

// wrong notes what is wrong, in one line and without the name that the entry has.
func (s *pluginState) wrong(err error) { s.Problem = withoutName(s.ID, s.Version, err) }

func withoutName(id, version string, err error) string {
	return strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "plugin "+id+" "+version+": ")
}

// look reads a plugin's manifest and asks the policy. It does not read the other
// files. The package is nil if there is a problem.
func look(found store.Found, policy trust.Policy, lock *trust.Lock) (pluginState, *store.Package) {
	s := pluginState{ID: found.ID, Version: found.Version, Dir: found.Dir}
	p, err := found.Open()
	if err != nil {
		s.wrong(err)
		return s, nil
	}
	s.describe(p)
	s.Locked = lock.Check(found.ID, found.Version, p.Text) == nil
	if err := policy.Check(p.Claim(), lock); err != nil {
		_ = p.Close()
		s.wrong(err)
		return s, nil
	}
	return s, p
}

// alone notes that another folder provides the same plugin.
func (s *pluginState) alone(found store.Found, all []store.Found) {
	i := slices.IndexFunc(all, func(x store.Found) bool { return x.ID == found.ID && x.Root != found.Root })
	if i >= 0 && s.Problem == "" {
		s.wrong(&store.Error{Path: "plugin " + s.ID + " " + s.Version, Err: store.ErrAmbiguous, Detail: found.Dir + " and " + all[i].Dir})
	}
}

func (s *pluginState) describe(p *store.Package) {
	s.Digest = manifest.Digest(p.Text)
	for _, k := range p.Manifest.Kernels {
		s.Kernels = append(s.Kernels, k.Name)
	}
	if p.Signatures != nil {
		signers, err := trust.Signers(p.Text, p.Signatures)
		for _, k := range signers {
			s.Signers = append(s.Signers, k.String())
		}
		if err != nil {
			s.Signers = []string{"wrong: " + err.Error()}
		}
	}
}

func newPluginList(f *pluginFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the plugins for this machine",
		Long: `List reads the manifests of the plugins in all folders and says what the lock file thinks of them. It runs nothing, and
reads no other files: to compare those with the manifests, use adjoint plugin verify.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			policy, err := f.policy()
			if err != nil {
				return err
			}
			lock, err := f.readLock()
			if err != nil {
				return err
			}
			all, err := store.List(f.search())
			if err != nil {
				return err
			}
			states := []pluginState{}
			for _, found := range all {
				s, p := look(found, policy, lock)
				if p != nil {
					_ = p.Close()
				}
				s.alone(found, all)
				states = append(states, s)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), states)
			}
			if len(states) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "no plugins for %s\n", store.Platform())
				return nil
			}
			return printStates(cmd.OutOrStdout(), states)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printStates(w io.Writer, states []pluginState) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "plugin\tversion\tstate\tkernels\tfolder")
	for _, s := range states {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", s.ID, s.Version, s.state(), len(s.Kernels), printable(s.Dir))
	}
	err := t.Flush()
	for _, s := range states {
		if s.Problem != "" {
			fmt.Fprintf(w, "problem   %s\n", printable(s.Problem))
		}
	}
	return err
}
