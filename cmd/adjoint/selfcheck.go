package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// newSelfCheck is the hidden command by which setup tries an engine, and doctor measures it, in a process of its own.
func newSelfCheck() *cobra.Command {
	var measure bool
	cmd := &cobra.Command{
		Use:    "self-check DIR",
		Short:  "Open the engine in DIR and compute with it",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := engine.Open(args[0]); err != nil {
				return err
			}
			if err := engine.Enter(); err != nil {
				return err
			}
			defer engine.Leave()
			if err := checkArithmetic(); err != nil || !measure {
				return err
			}
			p, err := probe()
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), p)
		},
	}
	cmd.Flags().BoolVar(&measure, "measure", false, "measure speed too, and print JSON")
	return cmd
}

// checkArithmetic computes what BLAS, LAPACK and, where there is one, the GPU are for, on numbers with exact answers.
func checkArithmetic() error {
	engine.StreamUse(engine.StreamDefault(deviceCPU, 0))
	// A symmetric matrix whose Cholesky factor is [[2, 0], [1, 2]]: LAPACK.
	if err := checkOp("a Cholesky factor", engine.OpLinalgCholesky, []float32{2, 0, 1, 2}, []float32{4, 2, 2, 5}); err != nil {
		return err
	}
	for typ := range []int{deviceCPU, deviceGPU} {
		if engine.Devices(typ) == 0 {
			continue
		}
		engine.StreamUse(engine.StreamDefault(typ, 0))
		err := checkOp("a matrix product", engine.OpMatmul, []float32{19, 22, 43, 50}, []float32{1, 2, 3, 4}, []float32{5, 6, 7, 8})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkOp runs an op on 2x2 matrices and compares the result. Words that the op reads after its arrays are zero.
func checkOp(what string, op engine.Op, want []float32, args ...[]float32) error {
	words := make([]uint64, len(args)+1)
	for i, a := range args {
		h, err := matrix(a, 2)
		if err != nil {
			return err
		}
		defer engine.Free([]engine.Handle{h})
		words[i] = uint64(h)
	}
	got, err := compute(what, op, words)
	if err != nil {
		return err
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("%s is %v, not %v", what, got, want)
		}
	}
	return nil
}
