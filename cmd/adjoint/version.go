package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// versions is what `adjoint version --json` prints.
type versions struct {
	Adjoint string            `json:"adjoint"`
	MLX     string            `json:"mlx"`
	Go      string            `json:"go"`
	System  string            `json:"system"`
	Keys    map[string]string `json:"keys"` // of the engine, by backend
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Adjoint, MLX and Go, and the keys of the engines",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, out := currentVersions(), cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, v)
			}
			fmt.Fprintf(out, "adjoint %s, MLX %s, %s, %s\n", v.Adjoint, v.MLX, v.Go, v.System)
			for _, b := range native.Supported(runtime.GOOS, runtime.GOARCH) {
				fmt.Fprintf(out, "engine %-6s %s\n", b, v.Keys[b])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func currentVersions() versions {
	v := versions{
		Adjoint: "(devel)",
		MLX:     native.MLXVersion,
		Go:      runtime.Version(),
		System:  runtime.GOOS + "/" + runtime.GOARCH,
		Keys:    map[string]string{},
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v.Adjoint = info.Main.Version
	}
	for _, b := range native.Supported(runtime.GOOS, runtime.GOARCH) {
		v.Keys[b] = native.Key(b)
	}
	return v
}
