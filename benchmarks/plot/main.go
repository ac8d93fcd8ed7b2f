// Command plot draws Adjoint's time over the fastest peer's, a bar for each
// workload. It reads a JSON list of name, ratio and peer, which benchmarks/table.py
// hands it, and writes the SVG or PNG file that its argument names.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader) error {
	if len(args) != 1 {
		return fmt.Errorf("one file to write is wanted, of type .svg or .png; there are %d arguments", len(args))
	}
	var rows []row
	if err := json.NewDecoder(in).Decode(&rows); err != nil {
		return fmt.Errorf("the ratios are malformed: %w", err)
	}
	drawn, err := picture(rows, filepath.Ext(args[0]))
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], drawn, 0o644)
}
