package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

func newPluginInstall(f *pluginFlags) *cobra.Command {
	var user bool
	cmd := &cobra.Command{
		Use:   "install PACKAGE",
		Short: "Install a plugin from a folder, a tar or a tar.gz file, and pin it",
		Long: `Install checks a package, copies what this machine needs of it, checks the copy and puts it in place at once. Then it pins
the plugin in the lock file. When it fails or is interrupted, nothing is in place. Nothing is run.

The plugin goes into ` + store.ProjectDir + ` and its pin into ` + trust.LockName + `, both in the working folder; with --user, into the user's;
with --plugin-dir, into the first folder given.

A version that the lock file pins with another digest is refused. If the change is wanted, remove the line of the old one
with adjoint plugin remove.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy, err := f.policy()
			if err != nil {
				return err
			}
			i := store.Installation{Source: args[0], Dir: filepath.FromSlash(store.ProjectDir), Lock: trust.LockName, Policy: policy}
			switch {
			case user && len(f.dirs) > 0:
				return errors.New("plugin install: give --user or --plugin-dir, not both")
			case user:
				i.Dir, i.Lock = store.UserDir(), userLock()
			case len(f.dirs) > 0:
				i.Dir = f.dirs[0]
			}
			if f.lock != "" {
				i.Lock = f.lock
			}
			done, err := store.Install(cmd.Context(), i)
			if err != nil {
				return err
			}
			what := "installed"
			if done.Already {
				what = "was there already:"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s in %s\npinned in %s: sha256:%s\n", what, done.ID, done.Version, done.Dir, i.Lock, done.Digest)
			return nil
		},
	}
	cmd.Flags().BoolVar(&user, "user", false, "install for this user, not for the project in the working folder")
	return cmd
}

func newPluginRemove(f *pluginFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ORG/NAME[@VERSION]",
		Short: "Delete an installed plugin and its line in the lock file",
		Long: `Remove deletes a plugin and its line in the lock file. Where several versions are installed it wants to know which. A
plugin that is not installed any more loses its lines in the lock file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := store.ParseRef(args[0])
			if err != nil {
				return err
			}
			all, err := store.List(f.search())
			if err != nil {
				return err
			}
			meant := func(id, version string) bool { return id == ref.ID && (ref.Version == "" || ref.Version == version) }
			all = slices.DeleteFunc(all, func(x store.Found) bool { return !meant(x.ID, x.Version) })
			if len(all) > 1 && all[0].Version != all[1].Version {
				return fmt.Errorf("plugin remove: %s and %s of %s are installed; name one: %s@%s", all[0].Version, all[1].Version, ref.ID, ref.ID, all[0].Version)
			}
			if len(all) > 1 {
				return fmt.Errorf("plugin remove: %s %s is in two folders; name one with --plugin-dir, or delete it there: %s and %s", ref.ID, all[0].Version, all[0].Dir, all[1].Dir)
			}
			unpinned, err := f.unpin(meant)
			if err != nil {
				return err
			}
			if len(all) == 0 && unpinned == 0 {
				_, err := store.Find(f.search(), ref, nil)
				return err
			}
			for _, found := range all {
				if err := store.Remove(cmd.Context(), found); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "removed %s %s from %s\n", found.ID, found.Version, found.Dir)
			}
			if unpinned > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "removed %s from %s\n", plural(unpinned, "line"), f.lockPath())
			}
			return nil
		},
	}
}

func (f *pluginFlags) unpin(meant func(id, version string) bool) (n int, err error) {
	path := f.lockPath()
	if path == "" {
		return 0, nil
	}
	err = trust.UpdateLock(path, func(l *trust.Lock) error {
		for _, pin := range l.Pins() {
			if meant(pin.ID, pin.Version) {
				l.Delete(pin.ID, pin.Version)
				n++
			}
		}
		return nil
	})
	return n, err
}
