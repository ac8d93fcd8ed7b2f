package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// pluginFlags say where plugins are and what must vouch for them.
type pluginFlags struct {
	dirs     []string
	lock     string
	locked   bool
	signedBy []string
}

func newPlugin() *cobra.Command {
	f := new(pluginFlags)
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Install, check, inspect and run kernel plugins",
		Long: `Plugins are programs of their own that bring kernels. They lie in folders, as DIR/org/name/version/os_arch, and are looked
for in the folders of --plugin-dir, those of $` + store.PathEnv + `, ` + store.ProjectDir + ` in the working folder, and
` + "adjoint/plugins" + ` in the user's data folder. Nothing is run to find a plugin; two folders that provide the same one are an error.

A lock file pins the plugins a project uses by the SHA-256 of their plugin.json, which lists the hash of every file. It is
the one of --lock, else ` + trust.LockName + ` in the working folder, else the user's, beside the user's plugins. What it pins must
match. With --locked what it does not pin is refused too, and with --signed-by what none of the keys has signed.

Every command exits with 0 when it did what it says, and with 1 and one line on standard error when it did not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p := cmd.PersistentFlags()
	p.StringArrayVar(&f.dirs, "plugin-dir", nil, "look for plugins in folder `DIR` first (may be repeated)")
	p.StringVar(&f.lock, "lock", "", "the lock `FILE`")
	p.BoolVar(&f.locked, "locked", false, "refuse plugins that the lock file does not pin")
	p.StringArrayVar(&f.signedBy, "signed-by", nil, "refuse plugins that the key in `FILE` (or another one given so) has not signed")
	cmd.AddCommand(
		newPluginList(f), newPluginInspect(f), newPluginVerify(f), newPluginCertify(f), newPluginInstall(f), newPluginRemove(f), newPluginRun(f),
		newPluginNew(), newPluginKeygen(), newPluginSign(),
	)
	return cmd
}

func (f *pluginFlags) search() []string { return store.Dirs(f.dirs...) }

func userLock() string { return filepath.Join(filepath.Dir(store.UserDir()), trust.LockName) }

// lockPath returns the lock file that is in use, empty if there is none.
func (f *pluginFlags) lockPath() string {
	if f.lock != "" {
		return f.lock
	}
	for _, path := range []string{trust.LockName, userLock()} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
	return ""
}

// readLock reads it; nil is no lock file.
func (f *pluginFlags) readLock() (*trust.Lock, error) {
	path := f.lockPath()
	if path == "" {
		return nil, nil
	}
	return trust.ReadLock(path)
}

func (f *pluginFlags) policy() (trust.Policy, error) {
	p := trust.Policy{RequireLock: f.locked}
	for _, path := range f.signedBy {
		key, err := trust.ReadPublicKey(path)
		if err != nil {
			return p, err
		}
		p.Keys = append(p.Keys, key)
	}
	return p, nil
}

// printable keeps what strangers wrote from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
