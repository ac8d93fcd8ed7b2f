package main

import (
	"fmt"
	"path"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/internal/scaffold"
)

func newPluginNew() *cobra.Command {
	var c scaffold.Config
	cmd := &cobra.Command{
		Use:   "new ORG/NAME",
		Short: "Write the beginnings of a plugin: a Go module that builds, with a test",
		Long: `New writes a Go module with a kernel, its gradient, GPU sources for Metal and CUDA, a test, a Makefile and a README into
the folder NAME, or that of --dir, which must be empty or missing. The module needs the one of Adjoint in the version of
this program; --replace makes it use the source in a folder instead.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.ID = args[0]
			if c.Dir == "" {
				c.Dir = path.Base(c.ID)
			}
			if c.Version = currentVersions().Adjoint; c.Version == "" || c.Version[0] != 'v' {
				c.Version = "v0.0.0"
			}
			if err := scaffold.Write(c); err != nil {
				return fmt.Errorf("plugin new: %w", err)
			}
			next := "make tidy test dist"
			if c.Replace != "" {
				next = "make test dist"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; next: cd %s && %s\n", c.Dir, c.Dir, next)
			return nil
		},
	}
	cmd.Flags().StringVar(&c.Dir, "dir", "", "write into folder `DIR` (default NAME)")
	cmd.Flags().StringVar(&c.Replace, "replace", "", "use Adjoint's source in folder `DIR`")
	return cmd
}
