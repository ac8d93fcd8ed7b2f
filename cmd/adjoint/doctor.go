package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/internal/engine/native"
	"github.com/adjoint-go/adjoint/internal/install"
)

// A diagnosis is what `adjoint doctor --json` prints.
type diagnosis struct {
	Versions versions         `json:"versions"`
	Home     string           `json:"home"`
	Settings []setting        `json:"settings"`
	Machine  machine          `json:"machine"`
	Engines  []engineStatus   `json:"engines"`
	Uses     string           `json:"uses"` // the folder of the engine that programs open; "" without one
	Official *native.Official `json:"official_mlxc,omitempty"`
	Measured *figures         `json:"measured,omitempty"`
	Problems []problem        `json:"problems"`
}

type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type machine struct {
	CPUs    int    `json:"cpus"`
	Driver  string `json:"nvidia_driver,omitempty"`
	Backend string `json:"backend"` // the one that setup picks
	Why     string `json:"why"`
}

type engineStatus struct {
	Dir       string    `json:"dir"`
	Backend   string    `json:"backend"`
	State     string    `json:"state"` // ok, stale or damaged
	MLX       string    `json:"mlx,omitempty"`
	BLAS      string    `json:"blas,omitempty"`
	Compiler  string    `json:"compiler,omitempty"`
	Installed time.Time `json:"installed,omitzero"`
}

// A problem is one thing that is wrong, and what mends it.
type problem struct {
	What string `json:"what"`
	Mend string `json:"mend"`
}

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is installed, what is wrong and which command mends it",
		Long: `Doctor lists the engines, reads every file of those that this version of Adjoint would use, and names what is wrong
together with the command that mends it. It changes nothing, and exits with 1 when programs cannot run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, unusable := diagnose(cmd)
			if err := d.print(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			return unusable
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// diagnose looks at everything. The error says why programs cannot open an engine.
func diagnose(cmd *cobra.Command) (*diagnosis, error) {
	d := &diagnosis{
		Versions: currentVersions(),
		Home:     native.Home(),
		Machine:  machine{CPUs: runtime.NumCPU()},
		Settings: []setting{},
		Engines:  []engineStatus{},
		Problems: []problem{},
	}
	for _, name := range []string{"ADJOINT_HOME", "ADJOINT_BACKEND", "ADJOINT_CPU", "ADJOINT_VECTORS", "ADJOINT_DISABLE_COMPILE", "CXX", "PYTHON"} {
		if value := os.Getenv(name); value != "" {
			d.Settings = append(d.Settings, setting{name, value})
		}
	}
	host := install.ThisHost(cmd.Context())
	d.Machine.Driver = host.Driver
	d.Machine.Backend, d.Machine.Why, _ = install.Pick(host)
	for _, e := range native.Engines(d.Home) {
		d.Engines = append(d.Engines, d.examine(e))
	}
	dir, m, err := native.Locate()
	if err != nil {
		d.wrong(err, repair(err))
		return d, err
	}
	d.Uses, d.Official = dir, m.Official
	// Opening an engine does not see every damage that reading all its files does.
	if _, err := native.Check(dir, true); err != nil {
		return d, err
	}
	if d.Measured, err = probeInSubprocess(cmd.Context(), dir); err != nil {
		d.wrong(err, native.SetupCommand+" --backend "+m.Backend+" --force")
	}
	return d, err
}

// States of an engine.
const (
	ok      = "ok"
	stale   = "stale"
	damaged = "damaged"
)

func (d *diagnosis) examine(e native.Engine) engineStatus {
	s := engineStatus{Dir: e.Dir, Backend: e.Backend, State: ok}
	if m := e.Manifest; m != nil {
		s.MLX, s.Compiler, s.Installed = m.MLX, m.Compiler, m.Installed
		s.BLAS = "Accelerate"
		if m.OpenBLAS != "" {
			s.BLAS = "OpenBLAS " + m.OpenBLAS
		}
	}
	if !e.Current {
		s.State = stale
		return s
	}
	err := e.Err
	if err == nil {
		_, err = native.Check(e.Dir, true)
	}
	if err != nil {
		s.State = damaged
		d.wrong(err, native.SetupCommand+" --backend "+e.Backend+" --force")
	}
	return s
}

// wrong adds a problem, unless it is there already.
func (d *diagnosis) wrong(err error, mend string) {
	for _, p := range d.Problems {
		if p.What == err.Error() {
			return
		}
	}
	d.Problems = append(d.Problems, problem{What: err.Error(), Mend: mend})
}

// repair returns the command that mends what keeps programs from opening an engine.
func repair(err error) string {
	var missing *native.MissingError
	var old *native.StaleError
	backend := ""
	switch {
	case errors.As(err, &missing):
		backend = missing.Backend
	case errors.As(err, &old):
		backend = old.Backend
	}
	if backend != "" {
		return native.SetupCommand + " --backend " + backend
	}
	return native.SetupCommand
}

func (d *diagnosis) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, d)
	}
	fmt.Fprintf(w, "adjoint   %s, MLX %s, %s, %s\n", d.Versions.Adjoint, d.Versions.MLX, d.Versions.Go, d.Versions.System)
	fmt.Fprintf(w, "home      %s\n", d.Home)
	for _, s := range d.Settings {
		fmt.Fprintf(w, "setting   %s=%s\n", s.Name, s.Value)
	}
	fmt.Fprintf(w, "machine   %d CPUs; setup picks %s: %s\n", d.Machine.CPUs, d.Machine.Backend, d.Machine.Why)
	for _, e := range d.Engines {
		mark := " "
		if e.Dir == d.Uses {
			mark = "*"
		}
		fmt.Fprintf(w, "engine  %s %s, %s", mark, e.Backend, e.State)
		if e.MLX != "" {
			fmt.Fprintf(w, ", MLX %s, %s, %s, made %s", e.MLX, e.BLAS, e.Compiler, e.Installed.Local().Format(time.DateTime))
		}
		fmt.Fprintf(w, "\n            %s\n", e.Dir)
	}
	if len(d.Engines) == 0 {
		fmt.Fprintln(w, "engine    none")
	}
	if o := d.Official; o != nil {
		fmt.Fprintf(w, "mlx-c     %s; from Adjoint's own: %s\n", o.Library, listed(o.Fallback))
	}
	if f := d.Measured; f != nil {
		for _, v := range f.Devices {
			fmt.Fprintf(w, "device    %s %s: matmul of 1024x1024 float32 %.0f GFLOP/s\n", v.Type, v.Name, v.GFLOPS)
		}
		fmt.Fprintf(w, "dispatch  %.0f ns for an addition\n", f.Add)
	}
	if slices.ContainsFunc(d.Engines, func(e engineStatus) bool { return e.State == stale }) {
		fmt.Fprintf(w, "note      stale engines serve other versions of Adjoint; to remove them: %s --prune\n", native.SetupCommand)
	}
	for _, p := range d.Problems {
		fmt.Fprintf(w, "problem   %s\n          mend it with: %s\n", p.What, p.Mend)
	}
	if len(d.Problems) == 0 {
		fmt.Fprintln(w, "all is well")
	}
	return nil
}
