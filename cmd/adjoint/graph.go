package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-graphviz"
	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

func newGraph() *cobra.Command {
	var out string
	var trace int
	cmd := &cobra.Command{
		Use:   "graph FILE [-o PICTURE]",
		Short: "Draw a compiled program, or print it",
		Long: `Draw what a compiled function computes.

FILE is a program that a Go program has written, or a function that Adjoint or
MLX has exported, as it was recorded:

	step.Program().WriteFile("step.json")      // step is a *compile.Func
	step.Export("step.mlxfn", params, batch)

The extension of PICTURE says what to make of it: .svg or .png (a picture), .dot
(graphviz' language) or .txt. Without -o the text is printed. In the picture
arguments are green, results blue, captured arrays grey, matrix products and
convolutions orange, and elementwise operations yellow, those that run as one in
a box; the edges say which arrays go along them.`,
		Example: "  adjoint graph step.json -o step.svg",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readProgram(args[0], trace)
			switch {
			case err != nil:
			case out == "":
				fmt.Fprint(cmd.OutOrStdout(), p)
			default:
				err = drawFile(cmd.Context(), p, out)
			}
			if err != nil {
				return fmt.Errorf("adjoint graph: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&trace, "trace", 0, "which of the traces of an .mlxfn file")
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this file: .svg, .png, .dot or .txt")
	return cmd
}

// readProgram reads a program, or a trace of an .mlxfn file.
func readProgram(path string, trace int) (*ir.Program, error) {
	if !strings.EqualFold(filepath.Ext(path), ".mlxfn") {
		return ir.Read(path)
	}
	f, err := mlxio.LoadFunction(path)
	if err != nil {
		return nil, err
	}
	if trace < 0 || trace >= len(f.Traces) {
		return nil, fmt.Errorf("%s has %d traces, and no trace %d", path, len(f.Traces), trace)
	}
	return ir.Recorded(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), &f.Traces[trace]), nil
}

func drawFile(ctx context.Context, p *ir.Program, path string) error {
	var picture []byte
	var err error
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".dot", ".txt":
		return p.WriteFile(path)
	case ".svg":
		picture, err = layOut(ctx, p, graphviz.SVG)
	case ".png":
		if picture, err = layOut(ctx, p, graphviz.Format("json")); err == nil {
			var b bytes.Buffer
			err = drawPNG(&b, picture, 144)
			picture = b.Bytes()
		}
	case "":
		return fmt.Errorf("%s has no extension; want .svg, .png, .dot or .txt", path)
	default:
		return fmt.Errorf("the extension %s is not known; want .svg, .png, .dot or .txt", ext)
	}
	if err != nil {
		return fmt.Errorf("drawing %s: %w", p.Name, err)
	}
	return os.WriteFile(path, picture, 0o644)
}

// layOut has graphviz, which runs inside this process, arrange a program.
func layOut(ctx context.Context, p *ir.Program, format graphviz.Format) (picture []byte, err error) {
	g, err := graphviz.New(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	graph, err := graphviz.ParseBytes([]byte(p.DOT()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, graph.Close()) }()
	var b bytes.Buffer
	if err := g.Render(ctx, graph, format, &b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
