package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/plugins/store"
)

func newPluginVerify(f *pluginFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [ORG/NAME[@VERSION]...]",
		Short: "Compare every file of the plugins with their manifests, the lock file and the signatures",
		Long: `Verify reads every file of the plugins named, or of all, and names what is not as the manifest, the lock file and, with
--signed-by, the signatures say. Without names, what the lock file pins must be there too. It runs nothing, and exits with 1
when something is wrong.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			states, err := f.verify(cmd, args)
			if err != nil {
				return err
			}
			bad := len(slices.DeleteFunc(slices.Clone(states), func(s pluginState) bool { return s.Problem == "" }))
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), states)
			} else {
				for _, s := range states {
					said := "ok, " + s.state()
					if s.Problem != "" {
						said = printable(s.Problem)
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", s.ID, s.Version, said)
				}
				if len(states) == 0 {
					fmt.Fprintf(cmd.OutOrStdout(), "no plugins for %s\n", store.Platform())
				}
			}
			if err == nil && bad > 0 {
				err = fmt.Errorf("plugin verify: %d of %s not as it should be", bad, plural(len(states), "plugin"))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (f *pluginFlags) verify(cmd *cobra.Command, args []string) ([]pluginState, error) {
	policy, err := f.policy()
	if err != nil {
		return nil, err
	}
	lock, err := f.readLock()
	if err != nil {
		return nil, err
	}
	var all []store.Found
	for _, arg := range args {
		ref, err := store.ParseRef(arg)
		if err != nil {
			return nil, err
		}
		found, err := store.Find(f.search(), ref, lock)
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	if len(args) == 0 {
		if all, err = store.List(f.search()); err != nil {
			return nil, err
		}
	}
	states := []pluginState{}
	for _, found := range all {
		s, p := look(found, policy, lock)
		if p != nil {
			wrong := p.Verify(cmd.Context(), store.Platform())
			if err := errors.Join(cmd.Context().Err(), p.Close()); err != nil {
				return nil, err
			}
			if wrong != nil {
				s.wrong(wrong)
			}
		}
		s.alone(found, all)
		states = append(states, s)
	}
	if len(args) > 0 {
		return states, nil
	}
	for _, pin := range lock.Pins() {
		if !slices.ContainsFunc(all, func(x store.Found) bool { return x.ID == pin.ID && x.Version == pin.Version }) {
			states = append(states, pluginState{ID: pin.ID, Version: pin.Version, Locked: true, Problem: "it is pinned in " + lock.Path() + " and not installed"})
		}
	}
	return states, nil
}
