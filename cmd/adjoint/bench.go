package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
		Long: `Measure the speed of set workloads, all whole ones without an argument. The name
ops stands for all operations that are measured one by one.

The time of a workload is that of one step, in the fastest of several batches of
steps. "first" is the first call, which traces the function. "check" are values
computed by the first and by the third step, which other frameworks must agree
with; the folder benchmarks of the repository runs those on the same inputs.

"of peak", for operations, is how near the time comes to what the machine can do:
the time that the operation's bytes take to be copied, or its products' arithmetic
takes in one large product, whichever is longer, as a percentage of its own.
The peak is measured first.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			workloads, err := bench.Select(names...)
			if err != nil {
				return fmt.Errorf("adjoint bench: %w", err)
			}
			if list {
				return listWorkloads(cmd.OutOrStdout(), workloads)
			}
			in := bench.Seeded()
			if cmd.Flags().Changed("data") {
				if in, err = bench.Load(folder); err != nil {
					return fmt.Errorf("adjoint bench: %w", err)
				}
			}
			return runWorkloads(cmd, workloads, in, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON object a line, for programs")
	f.BoolVar(&list, "list", false, "list the workloads in place of running them")
	f.StringVar(&folder, "data", "", "read the inputs from `DIR`, written by benchmarks/data.py, in place of making them")
	return cmd
}

func runWorkloads(cmd *cobra.Command, workloads []bench.Workload, in *bench.Inputs, asJSON bool) error {
	out := cmd.OutOrStdout()
	show := newTable(out, workloads)
	if asJSON {
		show = jsonLines{json.NewEncoder(out)}
	}
	var peak bench.Peak
	if slices.ContainsFunc(workloads, isOp) {
		var err error
		if peak, err = bench.MeasurePeak(in, bench.Timing{}); err != nil {
			return benchError("the peak", err)
		}
		if err := show.peak(peak); err != nil {
			return err
		}
	}
	for _, w := range workloads {
		r, err := w.Run(in, bench.Timing{})
		if err != nil {
			return benchError(w.Name, err)
		}
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		if isOp(w) {
			r.OfPeak = peak.Of(w.Work, r.MS)
		}
		if err := show.result(r); err != nil {
			return err
		}
	}
	return nil
}

func isOp(w bench.Workload) bool { return w.Work != (bench.Work{}) }

func benchError(what string, err error) error {
	var none *native.MissingError
	if errors.As(err, &none) {
		return none
	}
	return fmt.Errorf("adjoint bench: %s: %w", what, err)
}

func listWorkloads(w io.Writer, all []bench.Workload) error {
	for _, b := range all {
		if _, err := fmt.Fprintf(w, "%-*s %s\n", widest(all), b.Name, b.Does); err != nil {
			return err
		}
	}
	return nil
}

// widest is the length of the longest name, at least that of the workloads' own.
func widest(all []bench.Workload) int {
	n := 12
	for _, w := range all {
		n = max(n, len(w.Name))
	}
	return n
}

// shower prints results as they come.
type shower interface {
	peak(p bench.Peak) error
	result(r bench.Result) error
}

// jsonLines prints for programs. The peak is of no peer, which its name says as that
// of the other lines that are no results does.
type jsonLines struct{ *json.Encoder }

func (j jsonLines) peak(p bench.Peak) error {
	return j.Encode(struct {
		Peer string `json:"peer"`
		bench.Peak
	}{"_peak", p})
}

func (j jsonLines) result(r bench.Result) error { return j.Encode(r) }

// table prints for people.
type table struct {
	out    io.Writer
	format string
	begun  bool
}

func newTable(out io.Writer, workloads []bench.Workload) shower {
	return &table{out: out, format: fmt.Sprintf("%%-%ds %%10s %%10s %%10s %%8s  %%s\n", widest(workloads))}
}

func (t *table) peak(p bench.Peak) error {
	_, err := fmt.Fprintf(t.out, "peak: copying %.3g GB/s, products %.3g GFLOP/s\n", p.CopyGBs, p.ProductGFLOPs)
	return err
}

func (t *table) result(r bench.Result) error {
	if !t.begun {
		t.begun = true
		if err := t.row("workload", "time", "median", "first", "of peak", "check after 1 step, 3 steps"); err != nil {
			return err
		}
	}
	first, of, check := "-", "-", "-"
	if r.FirstS > 0 {
		first = shown(r.FirstS * 1e3)
		check = strings.Trim(fmt.Sprint(r.Check), "[]") + ", " + strings.Trim(fmt.Sprint(r.Check3), "[]")
	}
	if r.OfPeak > 0 {
		of = fmt.Sprintf("%.3g %%", r.OfPeak)
	}
	return t.row(r.Workload, shown(r.MS), shown(r.MedianMS), first, of, check)
}

func (t *table) row(cells ...any) error {
	_, err := fmt.Fprintf(t.out, t.format, cells...)
	return err
}

// shown is a time in a unit that suits it.
func shown(ms float64) string {
	if ms < 0.1 {
		return fmt.Sprintf("%.3g µs", ms*1e3)
	}
	return fmt.Sprintf("%.3g ms", ms)
}
