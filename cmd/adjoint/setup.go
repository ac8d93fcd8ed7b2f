package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/internal/engine/native"
	"github.com/adjoint-go/adjoint/internal/install"
)

func newSetup() *cobra.Command {
	var c install.Config
	var download string
	var prune bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make the engine: install MLX's packages, compile the native sources, check the result",
		Long: `Setup makes the engine that programs open at their first operation. It installs MLX's pinned packages with pip into
a folder of this user's cache ($ADJOINT_HOME, else "adjoint" in the cache folder), compiles Adjoint's native sources
against them with the machine's C++20 compiler ($CXX), checks the result in a process of its own and puts it in place.

An engine that is already whole is left alone. Python is needed by setup only.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.Backend == "" {
				c.Backend = os.Getenv("ADJOINT_BACKEND")
			}
			c.Out = cmd.OutOrStdout()
			c.Check = checkInSubprocess
			switch {
			case prune:
				return pruneEngines(cmd)
			case download != "":
				return downloadWheels(cmd, c, download)
			}
			return setup(cmd, c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Backend, "backend", "", "backend: "+strings.Join(native.Backends(), ", ")+" (default: the one that fits this machine)")
	f.StringVar(&c.Offline, "offline", "", "install from the wheels in folder `DIR`, without a network")
	f.StringVar(&download, "download", "", "only fetch the wheels into folder `DIR`, for --offline on another machine of this kind")
	f.StringVar(&c.MLXC, "mlxc", "", "use the official mlx-c that is installed under `PREFIX`")
	f.BoolVar(&c.Force, "force", false, "make the engine anew even when it is whole")
	f.BoolVar(&prune, "prune", false, "only remove the engines of other versions of Adjoint")
	cmd.MarkFlagsMutuallyExclusive("offline", "download", "prune")
	cmd.MarkFlagsMutuallyExclusive("force", "download", "prune")
	return cmd
}

func setup(cmd *cobra.Command, c install.Config) error {
	start := time.Now()
	r, err := install.Run(cmd.Context(), c)
	if err != nil {
		return err
	}
	m, out := r.Manifest, cmd.OutOrStdout()
	if r.Why != "" && !r.Already {
		fmt.Fprintf(out, "backend %s: %s\n", m.Backend, r.Why)
	}
	if m.Official != nil {
		fmt.Fprintf(out, "official mlx-c: %s; from Adjoint's own: %s\n", m.Official.Library, listed(m.Official.Fallback))
	}
	state := fmt.Sprintf("is ready after %.1f s", time.Since(start).Seconds())
	if r.Already {
		state = "is whole, nothing to do"
	}
	fmt.Fprintf(out, "the %s engine of MLX %s %s: %s\n", m.Backend, m.MLX, state, r.Dir)
	return nil
}

func downloadWheels(cmd *cobra.Command, c install.Config, dir string) error {
	if err := install.Download(cmd.Context(), c, dir); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "the wheels are in %s; with them: adjoint setup --offline %s\n", dir, dir)
	return nil
}

func pruneEngines(cmd *cobra.Command) error {
	removed, freed, err := install.Prune(cmd.Context(), "")
	for _, dir := range removed {
		fmt.Fprintf(cmd.OutOrStdout(), "removed %s\n", dir)
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "freed %.0f MB\n", float64(freed)/1e6)
	}
	return err
}

// checkInSubprocess tries an engine in a process of its own: one that crashes or hangs takes only that process down.
func checkInSubprocess(ctx context.Context, dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(limited, exe, "self-check", dir).CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return &install.CheckError{Last: "it did not end within 2 minutes"}
	}
	said := strings.TrimSpace(string(out))
	if said == "" {
		return &install.CheckError{Last: err.Error()}
	}
	// A crash prints its reason first, an error is the only line.
	first, _, _ := strings.Cut(said, "\n")
	return &install.CheckError{Last: first}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
