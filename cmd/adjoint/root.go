package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "adjoint",
		Short:         "Install and inspect the engine of the Adjoint framework",
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%s: %w; for its flags see: %s --help", cmd.CommandPath(), err, cmd.CommandPath())
	})
	root.AddCommand(
		newSetup(),
		newDoctor(),
		newBench(),
		newConformance(),
		newGraph(),
		newPlugin(),
		newVersion(),
		newSelfCheck(),
	)
	return root
}

// printJSON writes v for programs to read.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
