package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/internal/bench"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

func newBench() *cobra.Command {
	var asJSON, list bool
	var folder string
	cmd := &cobra.Command{
		Use:   "bench [WORKLOAD...]",
		Short: "Measure the speed of set workloads",
		Long: `Measure the speed of set workloads, all of them without an argument.

The time of a workload is that of one step, in the fastest of several batches of
steps. "first" is the first call, which traces the function. "check" are values
computed by the first and by the third step, which other frameworks must agree
with; the folder benchmarks of the repository runs those on the same inputs.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			workloads, err := bench.Select(names...)
			if err != nil {
				return fmt.Errorf("adjoint bench: %w", err)
			}
			out := cmd.OutOrStdout()
			if list {
				return listWorkloads(out, workloads)
			}
			in := bench.Seeded()
			if cmd.Flags().Changed("data") {
				if in, err = bench.Load(folder); err != nil {
					return fmt.Errorf("adjoint bench: %w", err)
				}
			}
			show := showRow
			if asJSON {
				show = showJSON
			}
			for i, w := range workloads {
				r, err := w.Run(in, bench.Timing{})
				var none *native.MissingError
				switch {
				case errors.As(err, &none):
					return none
				case err != nil:
					return fmt.Errorf("adjoint bench: %s: %w", w.Name, err)
				case cmd.Context().Err() != nil:
					return cmd.Context().Err()
				}
				if i == 0 && !asJSON {
					fmt.Fprintf(out, rowFormat, "workload", "time", "median", "first", "check after 1 step, 3 steps")
				}
				if err := show(out, r); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON object a line, for programs")
	f.BoolVar(&list, "list", false, "list the workloads in place of running them")
	f.StringVar(&folder, "data", "", "read the inputs from `DIR`, written by benchmarks/data.py, in place of making them")
	return cmd
}

func listWorkloads(w io.Writer, all []bench.Workload) error {
	for _, b := range all {
		if _, err := fmt.Fprintf(w, "%-12s %s\n", b.Name, b.Does); err != nil {
			return err
		}
	}
	return nil
}

func showJSON(w io.Writer, r bench.Result) error { return json.NewEncoder(w).Encode(r) }

const rowFormat = "%-12s %10s %10s %10s  %s\n"

func showRow(w io.Writer, r bench.Result) error {
	first, check := "-", "-"
	if r.FirstS > 0 {
		first = shown(r.FirstS * 1e3)
		check = strings.Trim(fmt.Sprint(r.Check), "[]") + ", " + strings.Trim(fmt.Sprint(r.Check3), "[]")
	}
	_, err := fmt.Fprintf(w, rowFormat, r.Workload, shown(r.MS), shown(r.MedianMS), first, check)
	return err
}

// shown is a time in a unit that suits it.
func shown(ms float64) string {
	if ms < 0.1 {
		return fmt.Sprintf("%.3g µs", ms*1e3)
	}
	return fmt.Sprintf("%.3g ms", ms)
}
